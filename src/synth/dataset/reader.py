"""Reading a dataset folder: its description, its samples, its images."""

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from synth.dataset import codecs
from synth.dataset.folder import (
    INFO_FILE,
    PLATES_FILE,
    REJECTED_FILE,
    read_info,
    read_inside,
    read_records,
    read_samples,
)
from synth.dataset.sample import SPLITS, Plate, Rejection, Sample, Split
from synth.errors import DatasetError


class DatasetReader:
    """A dataset as it stands on disk at this moment; raises DatasetError when it is not one.

    samples are in the order of their names. As a path it is its folder.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.info = read_info(self.root)
        self.samples = tuple(sorted(read_samples(self.root, self.info), key=lambda s: s.name))
        self.plates = tuple(read_records(Plate, self.root / PLATES_FILE))
        self.rejections = tuple(read_records(Rejection, self.root / REJECTED_FILE))
        self._digests: dict[frozenset[Split], str] = {}

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

    def digest(self, splits: Collection[Split] = SPLITS) -> str:
        """SHA-256 of which images of some splits there are, in which split, and of their labels.

        What goes on with a dataset, or is made from it, keeps it and is gone on with only while it is the
        same.
        """
        key = frozenset(splits)
        if key not in self._digests:
            lines = "\n".join(
                f"{s.split} {s.name} {s.pixels_sha256} {' '.join(i.to_line() for i in s.instances)}"
                for s in self.samples
                if s.split in key
            )
            self._digests[key] = hashlib.sha256(lines.encode()).hexdigest()
        return self._digests[key]

    def load_rgb(self, sample: Sample) -> NDArray[np.uint8]:
        """The image [H,W,3] uint8, RGB."""
        rgb_u8 = codecs.decode_rgb(read_inside(self.root, sample.image), str(self.root / sample.image))
        self._demand_size(rgb_u8.shape, sample, sample.image)
        return rgb_u8

    def load_depth_counts(self, sample: Sample) -> NDArray[np.uint16] | None:
        """Depth [H,W] as it stands on disk, 0 = missing; None where the sample has none."""
        if sample.depth is None:
            return None
        return self._load_u16(sample, sample.depth)

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
        if sample.mask is None:
            return None
        return self._load_u16(sample, sample.mask)

    def load_crop(self, sample: Sample, i_instance: int) -> NDArray[np.uint8] | None:
        """The crop [224,224,3] uint8, RGB, of one instance; None where it has none."""
        crop = sample.instances[i_instance].crop
        return (
            None if crop is None else codecs.decode_rgb(read_inside(self.root, crop), str(self.root / crop))
        )

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

    def _load_u16(self, sample: Sample, path: str) -> NDArray[np.uint16]:
        counts = codecs.decode_u16(read_inside(self.root, path), str(self.root / path))
        self._demand_size(counts.shape, sample, path)
        return counts

    def _demand_size(self, shape: tuple[int, ...], sample: Sample, path: str) -> None:
        if (shape[1], shape[0]) != tuple(sample.size_wh):
            recorded = f"{sample.size_wh[0]}×{sample.size_wh[1]}"
            raise DatasetError(f"{self.root / path} is {shape[1]}×{shape[0]}, recorded as {recorded}")
