"""What balance.py lays beside real pictures: made datasets, each by the commands that a user types."""

import json
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from one_thread import synth
from streets_folds import BY_DRIVE, write_pictures

from synth.dataset.info import MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.gan.keep import keep

FOLD = BY_DRIVE[0]
RARE = "Bicyclist,Pedestrian,Pole,SignSymbol"
"""Of the train pictures those with fewest pixels of which things can be laid; Fence, as rare, has none."""

SINGLE = ("--way", "add-single", "--classes", "Bicyclist")
MULTI = ("--way", "add-multi", "--classes", RARE)
RECONSTRUCT = ("--way", "reconstruct", "--classes", RARE)
READER = "deeplabv3plus-lite0"
"""Reads paintings; it is no judge, and learnt from the real pictures alone."""

NOISE_SEED = 20_261_130


@dataclass(frozen=True)
class Mix:
    """balance: how maps are made; None for the train maps as they are. training: of the judge."""

    balance: tuple[str, ...] | None = None
    is_painted: bool = False
    is_noise: bool = False
    unread_void: bool = False
    training: tuple[str, ...] = ()

    @property
    def is_real(self) -> bool:
        """Whether it has nothing but real pictures."""
        return self.balance is None and not self.is_painted


REAL, COPY_PASTE, PAINTED_MULTI = "real", "real + copy-paste", "real + painted, add multi"
MIXES: Mapping[str, Mix] = {
    REAL: Mix(),
    "real, no photometric change": Mix(training=("--photometric", "0")),
    "real, rare classes more often": Mix(training=("--set", "sampling=rare")),
    COPY_PASTE: Mix((*MULTI, "--paste")),
    "real + noise, add multi": Mix(MULTI, is_noise=True),
    "real + painted, train maps": Mix(is_painted=True),
    "real + painted, add single": Mix(SINGLE, is_painted=True),
    PAINTED_MULTI: Mix(MULTI, is_painted=True),
    "real + painted, add multi, unread void": Mix(MULTI, is_painted=True, unread_void=True),
    "real + painted, reconstruct": Mix(RECONSTRUCT, is_painted=True),
}


class Mixes:
    """Makes each dataset once, in one folder. tiny: a few pictures each, to see that it runs."""

    def __init__(self, data: Path, out: Path, *, tiny: bool) -> None:
        self._camvid, self._out, self._tiny = (data / "camvid").resolve(), out, tiny
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    @property
    def data(self) -> Path:
        """The real pictures of the fold, all splits."""
        return self._out / "data"

    @property
    def _maps(self) -> Path:
        """Its train pictures alone, whose maps are painted as they are."""
        return self._out / "train_maps"

    def make_real(self) -> None:
        """The real pictures, and their train pictures once more by themselves."""
        pictures = self._out / "pictures"
        if self._maps.is_dir() and not pictures.is_dir():
            return
        write_pictures(self._camvid, pictures, FOLD)
        head, *rows = (pictures / "splits.csv").read_text(encoding="utf-8").splitlines()
        rows = [head, *rows[:: 12 if self._tiny else 1]]
        for out, kept in (
            (self.data, rows),
            (self._maps, [row for row in rows if not row.endswith(("val", "test"))]),
        ):
            by = pictures / f"{out.name}.csv"
            by.write_text("\n".join(kept) + "\n", encoding="utf-8")
            names = {row.partition(",")[0] for row in kept}
            for file in [*pictures.glob("images/*"), *pictures.glob("labels/*")]:
                if file.stem not in names:
                    file.unlink()
            words = ("--palette", "camvid", "--by", str(by), "--out", str(out))
            synth("import", "semantic", f"{pictures}/images", f"{pictures}/labels", *words)
        shutil.rmtree(pictures)

    def make(self, name: str, generator: int, *, half: bool = False) -> Path | None:
        """The dataset that stands beside the real pictures; None for a mix of these alone.

        half: painted by a painter that saw half as many photographs.
        """
        mix = MIXES[name]
        if mix.is_real:
            return None
        maps = self._maps if mix.balance is None else self._balance(mix.balance, generator)
        if mix.is_noise:
            return self._fill_with_noise(maps)
        if not mix.is_painted:
            return maps
        painter = self._train_painter(generator, half=half)
        if mix.balance is None and not mix.unread_void:
            return painter.parent / maps.name
        words: tuple[str, ...] = ()
        if mix.unread_void:
            words = ("--reader", str(self._train_reader()), "--void-unread", "--data", str(self.data))
            words += ("--least-agreement", "0")
        out = painter.parent / f"{maps.name}{'_void' if mix.unread_void else ''}"
        with self._locks[str(out)]:
            checkpoint = painter / json.loads((painter / "result.json").read_text())["checkpoint"]
            seed = ("--seed", str(generator), "--device", "cpu", "--out", str(out))
            synth("paint", str(maps), "--checkpoint", str(checkpoint), *words, *seed)
        return out

    @staticmethod
    def count(made: Path) -> int:
        """How many pictures were made."""
        return len(DatasetReader(made))

    def _balance(self, words: tuple[str, ...], generator: int) -> Path:
        """As many maps as there are train pictures."""
        out = self._out / f"{words[1]}{'_pasted' if '--paste' in words else ''}_{generator}"
        n = 4 if self._tiny else len(DatasetReader(self.data).of_split("train"))
        with self._locks[str(out)]:
            synth(
                "balance",
                str(self.data),
                *words,
                *("--count", str(n), "--seed", str(generator), "--out", str(out)),
            )
        return out

    def _fill_with_noise(self, maps: Path) -> Path:
        """The same maps under pictures of noise."""
        out, source = maps.with_name(f"{maps.name}_noise"), DatasetReader(maps)
        with self._locks[str(out)]:
            made_by = MadeBy(
                verb="noise", parents=(source.name,), readings=source.info.made_by.readings, simulated=False
            )
            info = source.info.model_copy(update={"kind": "painted", "made_by": made_by})
            with DatasetWriter.create_or_resume(out, info) as writer:
                done = writer.done_names()
                for i, sample in enumerate(source):
                    width, height = sample.size_wh
                    noise = np.random.default_rng((NOISE_SEED, i)).integers(
                        0, 256, (height, width, 3), np.uint8
                    )
                    if sample.name not in done:
                        keep(writer, source, sample, noise, [], used=("labels",), quality={})
        return out

    def _train_painter(self, generator: int, *, half: bool) -> Path:
        """spade by its quick preset, and the train maps painted by it; the folder of the run."""
        run = self._out / f"painter_{generator}{'_half' if half else ''}" / "run"
        n = "16" if self._tiny else "3000" if half else "6000"
        words = ("--data", str(self.data), "--method", "spade", "--preset", "quick", "--images", n)
        with self._locks[str(run)]:
            own = ("--run", str(run), "--seed", str(generator), "--device", "cpu")
            synth("paint", str(self._maps), *words, *own, "--out", str(run.parent / self._maps.name))
        return run

    def _train_reader(self) -> Path:
        """A segmenter that learnt from the real pictures; the folder of its training."""
        out = self._out / "reader"
        n = "16" if self._tiny else "6400"
        words = ("--set", "crop_px=224", "--set", "least_scale=0.6", "--set", "most_scale=1.4")
        with self._locks[str(out)]:
            if not (out / "result.json").is_file():
                small = ("--side", "96") if self._tiny else ()
                synth(
                    *("train", "segmentation", "--data", str(self.data), "--test", str(self.data)),
                    *("--net", READER, "--images", n, *words, *small, "--device", "cpu", "--out", str(out)),
                )
        return out
