"""Keeps test images, and whatever was made from them, out of every training.

A guard looks three ways, always at the decoded image and never at the hash that a record claims for it:
ancestry (``origin.parents``, as far back as the given datasets tell), equal pixels, and likeness.
A label map without an image is judged by ancestry and by equal pixels alone.

Likeness is judged twice. A coarse look, 64×64 luminance, finds candidates. It cannot decide, since it dilutes
a small part on a static bench: captures are 2.6 counts apart and more, a copy of a small picture up to 5 from
its original. A fine look decides: luminance averaged over cells of 4×4 pixels or more, and the cell that
differs most. A picture that was compressed or resized changes a little everywhere; another pose changes the
cells along its outlines a lot. Largest difference of copies of 25 test images, and
smallest of all pairs of 400 captures of the simulated bench, in counts::

    picture   cells    JPEG q70  q30  half and back  (nearest)  quarter and back   two captures   bound
    1280×720  160×160    1.7     4.1       7.5          18            22              80            25
    640×360    80×80     1.6     3.6       9.1          15            22              54            20
    320×180    40×40     1.6     3.7       6.9          14            17              21            12
    160×90     20×20     1.4     3.4       6.7          13            16              11             8.5

One picture stored in two of these sizes: 2.5. A second shot of one pose, off by noise or by a pixel, stays
below the bound and counts as a copy. Cut-outs, mirror images and changed exposures are not looked for.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset import codecs
from synth.dataset.codecs import Rgb
from synth.dataset.origin import Parent
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import DatasetError

OnProgress = Callable[[int, int], None]
Luminance = NDArray[np.float32]

COARSE_SIDE, COARSE_COUNTS = 64, 16.0
FINE_COUNTS = {160: 25.0, 80: 20.0, 40: 12.0, 20: 8.5}
"""Cells on a side, and the difference up to which two fine looks of them show one picture. Each side is half
of the one before, so that cells of a larger picture join to those of a smaller one."""

_MIN_CELL_PX = 4
_N_THREADS = 2
_N_NAMED = 5


@dataclass(frozen=True, eq=False)
class Look:
    """What two pictures are compared by, in 8-bit counts of luminance, whatever their sizes.

    coarse: [64,64]. fine: [S,S], S being the first side of FINE_COUNTS whose cells have 4×4 pixels or more.
    """

    coarse: Luminance
    fine: Luminance

    @classmethod
    def of(cls, rgb_u8: Rgb) -> "Look":
        """The look of an image [H,W,3]."""
        luminance = cv2.cvtColor(rgb_u8, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fitting = [side for side in FINE_COUNTS if side * _MIN_CELL_PX <= min(luminance.shape)]
        return cls(
            _shrink(luminance, COARSE_SIDE), _shrink(luminance, fitting[0] if fitting else min(FINE_COUNTS))
        )


def coarse_distance(a: Look, b: Look) -> float:
    """Root mean square difference of the 64×64 luminances, counts."""
    return float(np.sqrt(np.mean((a.coarse - b.coarse) ** 2)))


def fine_distance(a: Look, b: Look) -> float:
    """Difference of the cell that differs most, counts; the finer look is brought to the other's cells."""
    side = min(len(a.fine), len(b.fine))
    return float(np.abs(_shrink(a.fine, side) - _shrink(b.fine, side)).max())


def fine_bound(a: Look, b: Look) -> float:
    """The fine distance up to which two looks are of one picture, or of two shots of one pose."""
    return FINE_COUNTS[min(len(a.fine), len(b.fine))]


@dataclass(frozen=True, eq=False)
class _TestImage:
    path: Path
    pixels_sha256: str
    look: Look


class LeakGuard:
    """Knows every test image of some datasets, and refuses samples that show one or come from one."""

    def __init__(self, datasets: Sequence[DatasetReader], images: Sequence[_TestImage]) -> None:
        self._images = tuple(images)
        self._coarse = np.array([i.look.coarse for i in images], np.float32).reshape(-1, COARSE_SIDE**2)
        self._by_hash = {i.pixels_sha256: i.path for i in images}
        self._by_place: dict[tuple[str, str], Path] = {}
        self._samples = [sample for dataset in datasets for sample in dataset.samples]
        for dataset in datasets:
            for sample in dataset.of_split("test"):
                path = dataset.root / sample.files[0]
                self._by_hash.setdefault(sample.pixels_sha256, path)
                self._by_place[dataset.name, sample.name] = path

    @classmethod
    def of(cls, datasets: Sequence[DatasetReader], *, on_progress: OnProgress | None = None) -> "LeakGuard":
        """A guard of the test images of these datasets; every one is decoded (20 ms at 1280×720).

        datasets: those whose test images count, and those through which parents are followed.
        on_progress: called with the number of images looked at and their total. Raises DatasetError for an
        image that does not open.
        """
        tests = [
            (dataset, sample)
            for dataset in datasets
            for sample in dataset.of_split("test")
            if "image" in sample.layers
        ]
        images = []
        with ThreadPoolExecutor(_N_THREADS) as pool:
            for image in pool.map(lambda test: _open_test_image(*test), tests):
                images.append(image)
                if on_progress:
                    on_progress(len(images), len(tests))
        return cls(datasets, images)

    def __len__(self) -> int:
        return len(self._images)

    def check(
        self,
        dataset: DatasetReader,
        samples: Iterable[Sample],
        *,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Let samples that will train pass, or raise DatasetError naming each test image and where it stands.

        Refused are: samples of the test split or for analysis only, descendants of test images, and pictures
        that show a test image, be it renamed, re-compressed, resized or in another folder. Also raises
        DatasetError for an image that does not open. on_progress: as in ``of``.
        """
        samples = tuple(samples)
        parents_of: dict[str, list[Parent]] = {}
        for sample in (*self._samples, *dataset.samples):
            parents_of.setdefault(sample.pixels_sha256, []).extend(sample.origin.parents)
        leaks = []
        with ThreadPoolExecutor(_N_THREADS) as pool:
            found = pool.map(lambda sample: self._find_leak(dataset, sample, parents_of), samples)
            for done, (sample, leak) in enumerate(zip(samples, found, strict=True), start=1):
                if leak:
                    leaks.append(f"{dataset.root / sample.files[0]} {leak}")
                if on_progress:
                    on_progress(done, len(samples))
        if leaks:
            more = f"\n  and {len(leaks) - _N_NAMED} more" if len(leaks) > _N_NAMED else ""
            listed = "".join(f"\n  {leak}" for leak in leaks[:_N_NAMED])
            raise DatasetError(
                f"{len(leaks)} of {len(samples)} samples of {dataset.root} must not train, for test images "
                f"would leak: take them out with `synth dataset reject`, or make the dataset again"
                f"{listed}{more}"
            )

    def find_shown(self, rgb_u8: Rgb) -> tuple[Path, str] | None:
        """The test image that a picture [H,W,3] shows and how that was seen; None where it shows none."""
        if (path := self._by_hash.get(codecs.pixels_sha256(rgb_u8))) is not None:
            return path, "the very pixels"
        look = Look.of(rgb_u8)
        distances = np.sqrt(((self._coarse - look.coarse.ravel()) ** 2).mean(axis=1))
        for i in np.argsort(distances):
            if distances[i] > COARSE_COUNTS:
                break
            image = self._images[i]
            if (counts := fine_distance(look, image.look)) <= fine_bound(look, image.look):
                return image.path, f"no cell differs by more than {counts:.1f} counts"
        return None

    def _find_leak(
        self, dataset: DatasetReader, sample: Sample, parents_of: Mapping[str, Sequence[Parent]]
    ) -> str | None:
        if sample.split == "test":
            return "is a test image itself"
        if sample.quality.get("analysis_only"):
            return "is for analysis only"
        if (ancestor := self._find_ancestor(sample, parents_of)) is not None:
            return f"was made from test image {ancestor}"
        if "image" not in sample.layers:
            path = self._by_hash.get(sample.pixels_sha256)
            return None if path is None else f"shows test map {path} (the very pixels)"
        if (shown := self.find_shown(dataset.load_rgb(sample))) is not None:
            return f"shows test image {shown[0]} ({shown[1]})"
        return None

    def _find_ancestor(self, sample: Sample, parents_of: Mapping[str, Sequence[Parent]]) -> str | None:
        ahead, seen = list(sample.origin.parents), set()
        while ahead:
            parent = ahead.pop()
            path = self._by_hash.get(parent.pixels_sha256)
            is_plate = parent.split is None
            if path is None and not is_plate and parent.pixels_sha256 not in parents_of:
                path = self._by_place.get((parent.dataset, parent.name))
            if path is not None:
                return str(path)
            if parent.split == "test":
                return f"{parent.name} of {parent.dataset}"
            if parent.pixels_sha256 not in seen:
                seen.add(parent.pixels_sha256)
                ahead += parents_of.get(parent.pixels_sha256, ())
        return None


def _open_test_image(dataset: DatasetReader, sample: Sample) -> _TestImage:
    rgb_u8 = dataset.load_rgb(sample)
    return _TestImage(dataset.root / sample.image, codecs.pixels_sha256(rgb_u8), Look.of(rgb_u8))


def _shrink(luminance: Luminance, side: int) -> Luminance:
    if luminance.shape == (side, side):
        return luminance
    return np.asarray(cv2.resize(luminance, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)
