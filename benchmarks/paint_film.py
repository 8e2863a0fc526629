"""A drive as a film, and its frames with labels of people and with those that networks gave them."""

import csv
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
from one_thread import synth
from streets import DEEPLAB, HARDNET
from streets import Bench as Streets
from streets import Trial as StreetsTrial
from streets_folds import BY_DRIVE, thin

from synth.dataset.reader import DatasetReader

FOLD = BY_DRIVE[2]
"""Whose labellers never saw the drive that is filmed."""

LABELLERS = (HARDNET, DEEPLAB)
TRUE, PSEUDO = "true", "pseudo"
SIZE_WH = 480, 360
WHOLE = "--as-it-is", "--train", str(FOLD.tests)
CRF = "12"
"""Of H.264: nothing that an eye finds is lost."""


class Film:
    """Makes both datasets in one folder, each once, from the same frames of the drive that `FOLD` tests."""

    def __init__(self, camvid: Path, streets: Streets, out: Path) -> None:
        self._camvid, self._streets, self._out = camvid, streets, out
        drive = f"{FOLD.tests}_"
        self._names = thin([path.stem for path in (camvid / "images").glob(f"{drive}*.jpg")])

    def data(self, labels: str) -> Path:
        """The dataset with the labels of that kind."""
        return self._out / labels

    def make(self) -> None:
        """The film, its frames, the labellers, their labels, and people's for the same frames."""
        films, frames = self._out / "films", self._out / "frames"
        if not films.is_dir():
            self._write_film(films)
        synth("import", "video", str(films), "--every", "1", *WHOLE, "--out", str(frames))
        if not self.data(PSEUDO).is_dir():
            self._streets.make(FOLD)
            trials = [StreetsTrial(FOLD, net, seed=0) for net in LABELLERS]
            for trial in trials:
                self._streets.train(trial)
            runs = [word for trial in trials for word in ("--run", str(self._streets.folder(trial)))]
            synth("label", str(frames), *runs, "--out", str(self.data(PSEUDO)), "--device", "cpu")
        if not self.data(TRUE).is_dir():
            self._take_true_labels(DatasetReader(frames))

    def _write_film(self, folder: Path) -> None:
        """One picture a second."""
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with av.open(str(part / f"{FOLD.tests}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(1), options={"crf": CRF})
            stream.pix_fmt = "yuv444p"
            stream.width, stream.height = SIZE_WH
            for name in self._names:
                picture = cv2.imread(str(self._camvid / "images" / f"{name}.jpg"))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            container.mux(stream.encode())
        part.rename(folder)

    def _take_true_labels(self, frames: DatasetReader) -> None:
        pictures = self._out / "true_pictures"
        shutil.rmtree(pictures, ignore_errors=True)
        for kind in ("images", "labels"):
            (pictures / kind).mkdir(parents=True)
        splits = []
        for sample in frames.samples:
            name = self._names[round(float(sample.quality["time_s"]))]
            rgb_u8 = frames.load_rgb(sample)
            cv2.imwrite(str(pictures / "images" / f"{sample.name}.png"), rgb_u8[..., ::-1])
            shutil.copy(self._camvid / "labels" / f"{name}.png", pictures / "labels" / f"{sample.name}.png")
            splits.append((sample.name, sample.split))
        with (pictures / "splits.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("image", "split"), *splits])
        words = ("--palette", "camvid", "--by", str(pictures / "splits.csv"), "--out", str(self.data(TRUE)))
        synth("import", "semantic", str(pictures / "images"), str(pictures / "labels"), *words)
        shutil.rmtree(pictures)
