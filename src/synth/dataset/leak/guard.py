"""Keeps test images, and whatever was made from them, out of every training.

A guard looks three ways, always at the decoded image and never at the hash that a record claims for it:
ancestry (``origin.parents``, as far back as the given datasets tell), equal pixels, and likeness (`Gallery`).
A label map without an image is judged by ancestry and by equal pixels alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from synth.dataset import codecs
from synth.dataset.codecs import Rgb
from synth.dataset.leak.gallery import Entry, Gallery
from synth.dataset.leak.look import SMALL, Look
from synth.dataset.origin import Parent
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import DatasetError

OnProgress = Callable[[int, int], None]

_N_THREADS = 2
_N_NAMED = 5
_N_PICTURES = 8
"""Looked at for what stands still before a dataset's camera, others where it has fewer test images."""

_IS_NEAR = "is a near copy of"
_SPLIT_FILMS = (
    ". Near copies are neighbouring frames of one film, copies that were changed much, or what looks like a "
    "test image below 80 pixels: "
    "`synth dataset split --test FILM` keeps a film together, and where there is no other film, "
    "`synth dataset accept-near-copies FOLDER --because WHY` lets them train and says so"
)


@dataclass(frozen=True, eq=False)
class _TestImage:
    path: Path
    pixels_sha256: str
    entry: Entry
    accepts_near: bool


class Shown(NamedTuple):
    """A test image that a picture shows, the words that say so, and whether its dataset accepts that."""

    path: Path
    words: str
    is_accepted: bool = False


class LeakGuard:
    """Knows every test image of some datasets, and refuses samples that show one or come from one."""

    def __init__(
        self, datasets: Sequence[DatasetReader], images: Sequence[_TestImage], others: Sequence[Look] = ()
    ) -> None:
        self._images = tuple(images)
        self._gallery = Gallery([image.entry for image in images], others)
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
        """A guard of the test images of these datasets; every one is decoded (20 ms at 1280×720), and some of
        the others where a dataset tests with fewer than eight.

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
            others = [dataset_sample for dataset in datasets for dataset_sample in _list_others(dataset)]
            looks = list(pool.map(lambda other: Look.of(other[0].load_rgb(other[1])), others))
        return cls(datasets, images, looks)

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
        that show a test image, be it in another folder, re-compressed, resized, mirrored, brighter, of
        another cast, blurred, shifted, turned or cropped by some percent. Also raises DatasetError for an
        image that does not open. on_progress: as in ``of``.
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
            is_film = any(_IS_NEAR in leak for leak in leaks)
            split = _SPLIT_FILMS if is_film else ""
            listed = "".join(f"\n  {leak}" for leak in leaks[:_N_NAMED])
            raise DatasetError(
                f"{len(leaks)} of {len(samples)} samples of {dataset.root} must not train, for test images "
                f"would leak: take them out with `synth dataset reject`, or make the dataset again{split}"
                f"{listed}{more}"
            )

    def find_shown(self, rgb_u8: Rgb) -> Shown | None:
        """The test image that a picture [H,W,3] shows; None where it shows none."""
        if (path := self._by_hash.get(codecs.pixels_sha256(rgb_u8))) is not None:
            return Shown(path, f"shows test image {path} (the very pixels)")
        if (match := self._gallery.find(Look.of(rgb_u8))) is None:
            return None
        image = self._images[match.i]
        # In so few cells what is alike, such as two digits, cannot be told from what is the same.
        is_near = match.is_near or image.entry.look.side == SMALL
        verb = _IS_NEAR if is_near else "shows"
        words = f"{verb} test image {image.path} ({match.share:.0%} of what tells pictures apart agrees)"
        return Shown(image.path, words, is_near and image.accepts_near)

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
        shown = self.find_shown(dataset.load_rgb(sample))
        return None if shown is None or shown.is_accepted else shown.words

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
    boxes = np.array([instance.box_xyxy_px for instance in sample.instances], np.float64).reshape(-1, 4)
    entry = Entry(Look.of(rgb_u8), boxes / (2 * sample.size_wh))
    accepts_near = dataset.info.near_copies_accepted is not None
    return _TestImage(dataset.root / sample.image, codecs.pixels_sha256(rgb_u8), entry, accepts_near)


def _list_others(dataset: DatasetReader) -> list[tuple[DatasetReader, Sample]]:
    """Some pictures beside the test images, spread over a dataset, where it tests with a few."""
    n = _N_PICTURES - len(dataset.of_split("test"))
    others = [s for s in dataset.samples if s.split != "test" and "image" in s.layers]
    if n <= 0 or n == _N_PICTURES or not others:
        return []
    return [(dataset, others[i]) for i in np.unique(np.linspace(0, len(others) - 1, n).astype(int))]
