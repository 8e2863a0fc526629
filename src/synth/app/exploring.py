"""Behind the page that explores: samples of several datasets, their figures, and what is said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.app.trial import Trial
from synth.app.verdicts import Verdicts
from synth.dataset.codecs import Rgb
from synth.dataset.folder import SAMPLES_FILE
from synth.dataset.reader import DatasetReader
from synth.dataset.record import KIND_WORDS
from synth.dataset.sample import Sample
from synth.dataset.sheet import coloured_map, normal_arrow, outlines_of, picture_of
from synth.dataset.store import DatasetWriter
from synth.errors import InputError

THUMB_PX = 240
_MOST_THUMBS = 4000
_MOST_LETTERS = 500
_OUTLINE_PX = 0.5
"""How far a drawn outline may be from the mask's."""


@dataclass(frozen=True)
class ExploreSettings:
    """What is looked at.

    datasets: of different names. run: a training, by whose errors samples can be sorted, and whose network
    says what it sees in pictures; None for none. writable: whether samples may be taken out, or kept.
    verdicts: where it is written which were kept, and why. Raises InputError for two datasets of one name
    and for none.
    """

    datasets: tuple[DatasetReader, ...]
    run: Path | None = None
    writable: bool = False
    device: str | None = None
    verdicts: Path = Path("runs/kept.jsonl")

    def __post_init__(self) -> None:
        if not self.datasets:
            raise InputError("there is no dataset in data/ to look at: name some, synth explore data/real")
        names = [dataset.name for dataset in self.datasets]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise InputError(f"two of the datasets are called {twice}: give datasets of different names")


class Exploring:
    """Not for several threads at once, but for `thumb` and `picture`, which only read."""

    def __init__(self, settings: ExploreSettings) -> None:
        self.writable = settings.writable
        self.datasets: dict[str, DatasetReader] = {d.name: d for d in settings.datasets}
        self._trial = None if settings.run is None else Trial(settings.run, settings.device)
        self._verdicts = Verdicts(settings.verdicts)
        self.thumb = lru_cache(_MOST_THUMBS)(self._thumb)
        self._take_in()

    def look_again(self) -> None:
        """Read what somebody else has changed since. Raises DatasetError for what is no dataset any more."""
        changed = {name for name, d in self.datasets.items() if self._stamps.get(name) != _stamp(d)}
        if changed:
            self.datasets = {
                name: DatasetReader(d.root) if name in changed else d for name, d in self.datasets.items()
            }
            self.thumb.cache_clear()
            self._take_in()

    def _take_in(self) -> None:
        self._stamps = {name: _stamp(d) for name, d in self.datasets.items()}
        self._samples: dict[tuple[str, str], Sample] = {
            (name, sample.name): sample for name, d in self.datasets.items() for sample in d.samples
        }
        self._errors = {} if self._trial is None else self._trial.list_errors(self.datasets)

    @property
    def is_simulated(self) -> bool:
        """Whether any device was simulated."""
        return any(d.info.made_by.simulated for d in self.datasets.values())

    @property
    def reads(self) -> bool:
        """Whether a network says something of pictures."""
        return self._trial is not None and self._trial.reads_pictures

    def describe(self) -> list[dict[str, Any]]:
        """Of each dataset its name, kind in words, folder and whether it is of the simulated cell."""
        return [
            {
                "name": name,
                "kind": KIND_WORDS[d.info.kind],
                "root": str(d.root),
                "simulated": d.info.made_by.simulated,
            }
            for name, d in self.datasets.items()
        ]

    def list_samples(self) -> dict[str, Any]:
        """Columns, one row a sample: its dataset's place, name, split, classes, and figures that any has."""
        rows = list(self._samples.items())
        places = {name: i for i, name in enumerate(self.datasets)}
        figures = {
            key: [_number(s.quality.get(key)) for _, s in rows]
            for key in sorted({k for _, s in rows for k, v in s.quality.items() if _number(v) is not None})
        }
        if self._trial is not None and self._errors:
            figures = {self._trial.figure: [self._errors.get(where) for where, _ in rows]} | figures
        return {
            "dataset": [places[dataset] for (dataset, _), _ in rows],
            "name": [s.name for _, s in rows],
            "split": [s.split for _, s in rows],
            "classes": [sorted({i.class_name for i in s.instances}) for _, s in rows],
            "kept": [self._verdicts.why_kept(*where, s) is not None for where, s in rows],
            "figures": figures,
        }

    @property
    def has_maps(self) -> bool:
        """Whether any dataset has label maps."""
        return any(d.info.semantic is not None for d in self.datasets.values())

    def list_map_classes(self) -> list[dict[str, Any]]:
        """Of each sample with a label map the classes in it; reads every map."""
        return [
            {
                "dataset": dataset,
                "name": name,
                "classes": [one["name"] for one in _legend(self.datasets[dataset], sample)],
            }
            for (dataset, name), sample in list(self._samples.items())
            if "semantic" in sample.layers
        ]

    def tell(self, dataset: str, name: str) -> dict[str, Any]:
        """A sample's labels for drawing, its figures, and in which datasets it has twins: samples
        of its name that are made of it, or of what it is made of.

        box, square, and normal, tail and tip of an arrow: edges 0..W. outlines: pixel coordinates with
        centres at integers.
        """
        reader, sample = self._find(dataset, name)
        mask = reader.load_mask(sample)
        return {
            "size": sample.size_wh,
            "split": sample.split,
            "layers": list(sample.layers),
            "parts": [
                {
                    "class": instance.class_name,
                    "box": instance.box_xyxy_px,
                    "square": instance.square_xyxy_px,
                    "normal": normal_arrow(sample, instance),
                    "outlines": [] if mask is None else _outline(mask == i + 1),
                }
                for i, instance in enumerate(sample.instances)
            ],
            "map": [] if "semantic" not in sample.layers else _legend(reader, sample),
            "kept": self._verdicts.why_kept(dataset, name, sample),
            "figures": self._list_errors(dataset, name)
            | {key: value for key, value in sample.quality.items() if value is not None},
            "made": [" ".join(filter(None, (step.verb, step.method))) for step in sample.origin.steps],
            "twins": [
                other
                for other in self.datasets
                if (there := self._samples.get((other, name))) is not None
                and (other == dataset or _lineage(there) & _lineage(sample))
            ],
        }

    def picture(self, dataset: str, name: str) -> Rgb:
        """[H,W,3]; a label map in its classes' colours, where there is no picture."""
        return picture_of(*self._find(dataset, name))

    def map(self, dataset: str, name: str) -> NDArray[np.uint8]:
        """The label map as RGBA [H,W,4], void transparent; raises InputError without one."""
        reader, sample = self._find(dataset, name)
        colours, ids, semantic = (
            coloured_map(reader, sample),
            reader.load_semantic(sample),
            reader.info.semantic,
        )
        if colours is None or ids is None or semantic is None:
            raise InputError(f"{name} of {dataset} has no label map")
        return np.dstack([colours, np.where(ids == semantic.void, 0, 255).astype(np.uint8)])

    def said(self, dataset: str, name: str) -> Rgb:
        """The picture with what the network says drawn on it; raises InputError without a network."""
        if self._trial is None:
            raise InputError("no network reads here: name one with --run")
        return self._trial.draw(self.picture(dataset, name))

    def reject(self, dataset: str, name: str, reason: str) -> int:
        """Take a sample out, as ``synth dataset reject`` does; returns how many are left.

        Raises InputError where nothing may be written or no reason is given, DatasetError, StorageError.
        """
        why = self._demand_reason(reason, "taken out")
        reader, _ = self._find(dataset, name)
        with DatasetWriter.open(reader.root) as writer:
            writer.reject(name, why)
        self._stamps[dataset] = _stamp(reader)
        del self._samples[dataset, name]
        return sum(of == dataset for of, _ in self._samples)

    def keep(self, dataset: str, name: str, reason: str) -> str:
        """Write down that a sample was looked at and stays, and why; returns where.

        Raises InputError where nothing may be written or no reason is given, StorageError.
        """
        why = self._demand_reason(reason, "kept")
        _, sample = self._find(dataset, name)
        self._verdicts.keep(dataset, name, sample, why)
        return str(self._verdicts.path)

    def _demand_reason(self, reason: str, what: str) -> str:
        if not self.writable:
            raise InputError("nothing is written from this page: start it with --write to take samples out")
        if not reason.strip():
            raise InputError(f"say why: a sample is {what} with its reason")
        return reason.strip()[:_MOST_LETTERS]

    def _list_errors(self, dataset: str, name: str) -> dict[str, Any]:
        error = self._errors.get((dataset, name))
        return {} if self._trial is None or error is None else {self._trial.figure: error}

    def _find(self, dataset: str, name: str) -> tuple[DatasetReader, Sample]:
        sample = self._samples.get((dataset, name))
        if sample is None:
            raise InputError(f"there is no sample {name} in {dataset}: it may have been taken out")
        return self.datasets[dataset], sample

    def _thumb(self, dataset: str, name: str) -> bytes:
        """A JPEG, `THUMB_PX` wide at most."""
        picture = self.picture(dataset, name)
        scale = min(1.0, THUMB_PX / max(picture.shape[:2]))
        size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return encode(np.asarray(small, np.uint8), ".jpg")


def encode(picture: NDArray[np.uint8], kind: str) -> bytes:
    """RGB [H,W,3] or RGBA [H,W,4] as a PNG or JPEG file."""
    how = {".png": [cv2.IMWRITE_PNG_COMPRESSION, 1], ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 88]}[kind]
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    return cv2.imencode(kind, bgr, how)[1].tobytes()


def _stamp(dataset: DatasetReader) -> tuple[int, int]:
    """Another one once the dataset's records were written to."""
    try:
        told = (dataset.root / SAMPLES_FILE).stat()
    except OSError:
        return 0, 0
    return told.st_mtime_ns, told.st_size


def _legend(dataset: DatasetReader, sample: Sample) -> list[dict[str, Any]]:
    """Of the classes in a sample's map the name and the colour, the largest first."""
    ids, semantic = dataset.load_semantic(sample), dataset.info.semantic
    assert ids is not None
    assert semantic is not None
    counts = np.bincount(ids.ravel(), minlength=len(semantic.names))[: len(semantic.names)]
    largest = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    return [{"name": semantic.names[i], "colour": semantic.colours[i]} for i in largest]


def _lineage(sample: Sample) -> set[str]:
    """The pixels of a sample and of all that it was made of."""
    return {sample.pixels_sha256, *(parent.pixels_sha256 for parent in sample.origin.parents)}


def _outline(region: Any) -> list[list[tuple[float, float]]]:
    """With no more corners than are seen."""
    found: Sequence[Sequence[tuple[float, float]]] = outlines_of(region)
    simpler = (cv2.approxPolyDP(np.array(points, np.float32), _OUTLINE_PX, closed=True) for points in found)
    return [[(float(x), float(y)) for x, y in points[:, 0]] for points in simpler if len(points) > 2]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(float(value), 6)
