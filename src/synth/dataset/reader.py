"""Reading a dataset folder: its description, its samples, its images."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from synth.dataset import codecs
from synth.dataset.folder import (
    INFO_FILE,
    read_info,
    read_inside,
    read_plates,
    read_rejections,
    read_samples,
)
from synth.dataset.layers import LAYERS, LayerName
from synth.dataset.origin import LABELS, USES, Origin, Parent, Reading, Role, Used, trace
from synth.dataset.record import SPLITS, Kind, Split
from synth.dataset.sample import Instance, Plate, Sample
from synth.errors import DatasetError

if TYPE_CHECKING:
    from PIL.Image import Image


class DatasetReader:
    """A dataset as it stands on disk at this moment; raises DatasetError when it is not one.

    samples are in the order of their names. As a path it is its folder. made_by: as `read_info` has it.
    """

    def __init__(self, root: str | os.PathLike[str], made_by: str | None = None) -> None:
        self.root = Path(root)
        self.info = read_info(self.root, made_by)
        self.samples = tuple(sorted(read_samples(self.root, self.info), key=lambda s: s.name))
        self.plates = tuple(read_plates(self.root))
        self.rejections = tuple(read_rejections(self.root, self.info))
        self._digests: dict[frozenset[Split], str] = {}

    @property
    def name(self) -> str:
        """What records call it: its folder's own name, also where it was opened as ``.`` or by a link."""
        return self.root.resolve().name

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def __contains__(self, which: object) -> bool:
        """Whether there is a sample of this name, or this sample."""
        return any(which in (sample.name, sample) for sample in self.samples)

    @overload
    def __getitem__(self, which: int | str) -> Sample: ...

    @overload
    def __getitem__(self, which: slice) -> tuple[Sample, ...]: ...

    def __getitem__(self, which: int | str | slice) -> Sample | tuple[Sample, ...]:
        """The sample of a number, from the end where it is negative, or of a name; those of a slice.

        Raises IndexError for a number and DatasetError for a name that there is not.
        """
        if isinstance(which, slice):
            return self.samples[which]
        if isinstance(which, str):
            for sample in self.samples:
                if sample.name == which:
                    return sample
            raise DatasetError(f"{self.root} has no sample {which!r}")
        n = len(self.samples)
        if not -n <= which < n:
            raise IndexError(f"{self.root} has {n} samples, so there is no number {which}")
        return self.samples[which]

    def __fspath__(self) -> str:
        return str(self.root)

    def refuse_empty(self) -> Self:
        """Itself; raises DatasetError, with the command that fills it, where it has no samples."""
        if not self.samples:
            raise DatasetError(
                f"{self.root} has no samples yet: synth {self.info.made_by.verb} --out {self.root}, with the "
                "options that it was begun with, makes them"
            )
        return self

    def __repr__(self) -> str:
        splits = ", ".join(f"{len(self.of_split(split))} {split}" for split in SPLITS)
        simulated = ", simulated" if self.info.made_by.simulated else ""
        classes = ", ".join(self.info.classes)
        return (
            f"<dataset {self.root}: {self.info.kind}{simulated}, {len(self)} samples ({splits}), "
            f"classes {classes}>"
        )

    def of_split(self, split: Split) -> tuple[Sample, ...]:
        """The samples of one split."""
        return tuple(s for s in self.samples if s.split == split)

    @property
    def meshes(self) -> dict[str, Path]:
        """The files of its models, by their paths in the folder."""
        return {model.mesh: self.root / model.mesh for model in self.info.models}

    def digest(self, splits: Collection[Split] = SPLITS) -> str:
        """SHA-256 of which images of some splits there are, in which split, and of their labels and
        mirror pairs.

        What goes on with a dataset, or is made from it, keeps it and is gone on with only while it is the
        same.
        """
        key = frozenset(splits)
        if key not in self._digests:
            lines = "\n".join(
                f"{s.split} {s.name} {s.pixels_sha256} {' '.join(_labels(s))}"
                for s in self.samples
                if s.split in key
            )
            pairs = "".join(f"{left} {right} are mirror images\n" for left, right in self.info.flip_pairs)
            self._digests[key] = hashlib.sha256((pairs + lines).encode()).hexdigest()
        return self._digests[key]

    def kind_of(self, sample: Sample) -> Kind:
        """Of one sample: in a mixed dataset, that of the dataset which the sample was merged from."""
        if self.info.kind != "mixed":
            return self.info.kind
        own = (p.kind for p in reversed(sample.origin.parents) if p.pixels_sha256 == sample.pixels_sha256)
        return next((kind for kind in own if kind is not None), "mixed")

    def as_parent(self, source: Sample | Plate, *used: Used) -> Parent:
        """What the record of something that is made of a sample or a plate says of it."""
        return Parent(
            dataset=self.name,
            kind=self.kind_of(source) if isinstance(source, Sample) else self.info.kind,
            digest=self.digest(),
            name=source.name if isinstance(source, Sample) else f"{source.number:06d}",
            split=source.split if isinstance(source, Sample) else None,
            pixels_sha256=source.pixels_sha256,
            used=_tell(source, used) if isinstance(source, Sample) else used,
        )

    def as_reading(self, samples: Iterable[Sample], *used: Used, role: Role = "made") -> Reading:
        """What is said of some samples by what all of them together have made or chosen.

        Samples of several kinds make a reading of the kind mixed, which counts as real. Of samples whose
        labels a network made, pseudo-labels were used.
        """
        samples = tuple(samples)
        told = {use for sample in samples for use in _tell(sample, used)}
        kinds = {self.kind_of(sample) for sample in samples} or {self.info.kind}
        return Reading(
            dataset=self.name,
            kind=kinds.pop() if len(kinds) == 1 else "mixed",
            digest=self.digest(),
            role=role,
            used=tuple(use for use in USES if use in told) if samples else used,
            names=tuple(sample.name for sample in samples),
        )

    def trace_readings(
        self, samples: Sequence[Sample], *used: Used, role: Role = "made"
    ) -> tuple[Reading, ...]:
        """`as_reading` of each kind of sample, those with pseudo-labels apart, and what was read before of
        real ones to make these.
        """
        behind = trace(map(_origin_behind, samples), role)
        alike: dict[tuple[Kind, tuple[Used, ...]], list[Sample]] = {}
        for sample in samples:
            alike.setdefault((self.kind_of(sample), _tell(sample, used)), []).append(sample)
        own = (self.as_reading(some, *used, role=role) for some in alike.values() or ((),))
        return tuple(dict.fromkeys((*own, *behind, *self.info.made_by.readings)))

    def load_layer(self, sample: Sample, name: LayerName) -> NDArray[Any] | None:
        """A layer [H,W] or [H,W,3] as `LAYERS` has it; None where the sample has none."""
        path = sample.layers.get(name)
        return None if path is None else self._load(sample, name, path)

    def load_labels(self, sample: Sample) -> dict[LayerName, NDArray[Any]]:
        """Every layer that a sample has beside its image."""
        return {
            name: self._load(sample, name, path) for name, path in sample.layers.items() if name != "image"
        }

    def load_rgb(self, sample: Sample) -> NDArray[np.uint8]:
        """The image [H,W,3] uint8, RGB; raises DatasetError for a label map without one."""
        return self._load(sample, "image", sample.image)

    def load_depth_counts(self, sample: Sample) -> NDArray[np.uint16] | None:
        """Depth [H,W] as it stands on disk, 0 = missing; None where the sample has none."""
        return self.load_layer(sample, "depth")

    def load_depth_m(self, sample: Sample) -> NDArray[np.float32] | None:
        """Depth [H,W] float32 in metres along z, 0 = missing; None where the sample has none."""
        counts = self.load_depth_counts(sample)
        if counts is None:
            return None
        scale = self.info.camera.depth_scale_m if self.info.camera else None
        if scale is None:
            raise DatasetError(
                f"{self.root / INFO_FILE} has no camera.depth_scale_m, so {sample.depth} has no unit"
            )
        return codecs.to_depth_m(counts, scale)

    def load_mask(self, sample: Sample) -> NDArray[np.uint16] | None:
        """The mask [H,W] uint16, value = instance index + 1; None where the sample has none."""
        return self.load_layer(sample, "mask")

    def load_semantic(self, sample: Sample) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
        """Class ids [H,W], indices of ``info.semantic.names`` or its void; None where the sample has none.

        Raises DatasetError for a map with ids beyond void.
        """
        ids = self.load_layer(sample, "semantic")
        if ids is not None and self.info.semantic is not None and ids.max() > self.info.semantic.void:
            raise DatasetError(
                f"{self.root / sample.layers['semantic']} has the id {ids.max()}, and void is "
                f"{self.info.semantic.void}: synth dataset verify {self.root} tells what else is wrong"
            )
        return ids

    def load_normals_cam(self, sample: Sample) -> NDArray[np.float32] | None:
        """Unit vectors [H,W,3] in camera axes, 0 0 0 = missing; None where the sample has none."""
        return self.load_layer(sample, "normals")

    def load_crop(self, sample: Sample, i_instance: int) -> NDArray[np.uint8] | None:
        """The crop [224,224,3] uint8, RGB, of one instance; None where it has none."""
        crop = sample.instances[i_instance].crop
        return (
            None if crop is None else codecs.decode_rgb(read_inside(self.root, crop), str(self.root / crop))
        )

    def draw(self, sample: Sample | str | int) -> "Image":
        """A card of a sample, by itself, its name or its number: the picture with its labels drawn.

        Its ``show()`` opens it, ``save("card.png")`` writes it, and a notebook shows it by itself. Raises
        DatasetError and IndexError for a sample that is not there.
        """
        from synth.dataset.sheet import draw_sample

        return draw_sample(self, sample if isinstance(sample, Sample) else self[sample])

    def load_file(self, sample: Sample, path: str) -> bytes:
        """The bytes of one of a sample's files, to be handed on as they are.

        Raises DatasetError for a file that is missing or not the one that the sample's record says.
        """
        content = read_inside(self.root, path)
        if codecs.file_sha256(content) != sample.sha256[path]:
            raise DatasetError(
                f"{self.root / path} is not the file that its record says: synth dataset verify {self.root} "
                "tells more"
            )
        return content

    def _load(self, sample: Sample, name: LayerName, path: str) -> NDArray[Any]:
        layer = LAYERS[name].decode(read_inside(self.root, path), str(self.root / path))
        if (layer.shape[1], layer.shape[0]) != tuple(sample.size_wh):
            recorded = f"{sample.size_wh[0]}×{sample.size_wh[1]}"
            raise DatasetError(
                f"{self.root / path} is {layer.shape[1]}×{layer.shape[0]}, recorded as {recorded}"
            )
        return layer


def _tell(sample: Sample, used: tuple[Used, ...]) -> tuple[Used, ...]:
    """What was taken of a sample: labels that a network made are none."""
    if not sample.origin.is_pseudo_labelled or "labels" not in used:
        return used
    own = {use for use in used if sample.is_labelled or use not in LABELS}
    return tuple(use for use in USES if use in own | {"pseudo-labels"})


def _origin_behind(sample: Sample) -> Origin:
    """Without what the sample is a copy of, since it counts itself."""
    parents = tuple(p for p in sample.origin.parents if p.pixels_sha256 != sample.pixels_sha256)
    return sample.origin.model_copy(update={"parents": parents})


def _labels(sample: Sample) -> Iterator[str]:
    """What a digest holds of a sample's labels."""
    yield from map(Instance.to_line, sample.instances)
    if (path := sample.layers.get("semantic")) is not None:
        yield f"semantic {sample.sha256[path]}"
