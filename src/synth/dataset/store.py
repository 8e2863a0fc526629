"""Writing a dataset so that it survives anything: a sample is its line in samples.jsonl, and the line comes
last.

The order of every write is files, then line, so a process killed at any instant leaves at most the files of
one unfinished sample; the next writer sweeps them. Taking a sample out goes the other way round: first the
line in rejected/, then samples.jsonl without it, then the files move; the next writer finishes what was
begun.
"""

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from synth.dataset import codecs
from synth.dataset.codecs import Counts, Rgb
from synth.dataset.difference import grow, list_differences
from synth.dataset.folder import (
    INFO_FILE,
    PLATES_FILE,
    REJECTED_FILE,
    SAMPLES_FILE,
    check_classes,
    check_layers,
    encode_info,
    list_unknown_ids,
    read_info,
    read_plates,
    read_rejections,
    read_samples,
    refuse_older,
    refuse_strangers,
    rejected_path,
    remember_command,
)
from synth.dataset.info import DatasetInfo
from synth.dataset.layers import LAYERS, LayerName
from synth.dataset.record import Figure, Split
from synth.dataset.sample import Draft, Plate, Rejection, Sample
from synth.dataset.sweep import sweep
from synth.dataset.views import write_views, yolo_label
from synth.errors import DatasetError
from synth.geometry.normals import CROP_SIDE_PX
from synth.storage.atomic import LineLog, link_file, storage, write_bytes
from synth.storage.lock import acquire


class DatasetWriter:
    """The one writer of a dataset folder; a context manager. Use create_or_resume or open.

    Not for use from several threads at once. notes: sentences on what opening the folder mended.
    """

    def __init__(self, root: Path, info: DatasetInfo, lock: int) -> None:
        self.root = root
        self.info = info
        self.notes: list[str] = []
        self._lock: int | None = lock
        self._log = LineLog(root / SAMPLES_FILE)
        self._plate_log = LineLog(root / PLATES_FILE)
        self._rejection_log = LineLog(root / REJECTED_FILE)
        for log in (self._log, self._plate_log, self._rejection_log):
            if log.mend():
                self.notes.append(f"cut off a torn last line of {log.path}")
        self._samples = {s.name: s for s in read_samples(root, info)}
        self._plates = read_plates(root)
        self._rejections = read_rejections(root, info)
        for rejection in self._rejections:
            self._finish_taking_out(rejection)
        self.notes += sweep(root, self.samples, self._plates, self._rejections)
        write_views(root, info, self.samples)

    @classmethod
    def create_or_resume(cls, root: Path, info: DatasetInfo, growing: Collection[str] = ()) -> Self:
        """Begin a dataset in an empty folder, or go on with the one that was made the same way.

        growing: keys of the configuration whose numbers may have risen since.
        Raises DatasetError when the folder holds something else, was made otherwise (the message lists every
        difference), is being written, or cannot be written; StorageError when the disk is full.
        """
        lock = acquire(root, create=True, refusal=DatasetError)
        try:
            if (root / INFO_FILE).exists():
                found = read_info(root)
                refuse_older(root, found)
                if differences := list_differences(found, info, growing):
                    lines = "".join(f"\n  {d}" for d in differences)
                    raise DatasetError(
                        f"{root} was made otherwise: go back to its settings or choose another folder with "
                        f"--out{lines}"
                    )
                info = grow(found, remember_command(info, root), growing)
                if info != found:
                    write_bytes(root / INFO_FILE, encode_info(info))
            else:
                refuse_strangers(root)
                info = remember_command(info, root)
                write_bytes(root / INFO_FILE, encode_info(info))
            return cls(root, info, lock)
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open an existing dataset, mending what a killed writer left; raises DatasetError."""
        info = read_info(root)
        refuse_older(root, info)
        lock = acquire(root, create=False, refusal=DatasetError)
        try:
            return cls(root, info, lock)
        except BaseException:
            os.close(lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Every sample on disk, in the order written."""
        return tuple(self._samples.values())

    @property
    def plates(self) -> tuple[Plate, ...]:
        """Every plate on disk."""
        return tuple(self._plates)

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Every refused shot and every sample taken out."""
        return tuple(self._rejections)

    def done_names(self) -> set[str]:
        """Names of the samples on disk."""
        return set(self._samples)

    def append(
        self,
        draft: Draft,
        *,
        layers: Mapping[LayerName, NDArray[Any]],
        crops: Sequence[Rgb | Path | None] = (),
        files: Mapping[LayerName, Path | bytes] = MappingProxyType({}),
    ) -> Sample:
        """Write one sample, durably, and return its record.

        layers: as `LAYERS` has them, [H,W] or [H,W,3]; an image or a semantic map at least. crops: one
        [224,224,3], or the PNG file of one, or None an instance, one wherever R_crop_cam is given; empty for
        no crops. files: files elsewhere that decode to just these layers, hard-linked instead of being
        encoded again, or the bytes of such files. Raises DatasetError when arrays and draft do not agree or
        the name is taken, StorageError when the disk refuses; then nothing of the sample is left behind.
        """
        where = f"sample {draft.name}"
        if draft.name in self._samples:
            raise DatasetError(f"{where} is in {self.root} already")
        check_classes(draft, self.info, where)
        self._check_layers(draft, layers)
        self._check_crops(draft, crops)
        paths: dict[LayerName, str] = {}
        contents: dict[str, bytes | Path] = {}
        for name in LAYERS:
            if name in layers:
                content = files[name] if name in files else LAYERS[name].encode(layers[name])
                paths[name] = f"{LAYERS[name].folder}/{draft.name}{_suffix(content)}"
                contents[paths[name]] = content
        instances = list(draft.instances)
        for i, crop in enumerate(crops):
            if crop is not None:
                path = f"crops/{draft.name}_{i}.png"
                contents[path] = crop if isinstance(crop, Path) else codecs.encode_rgb(crop)
                instances[i] = instances[i].model_copy(update={"crop": path})
        fields: dict[str, Any] = {key: getattr(draft, key) for key in Draft.model_fields}
        sample = Sample(
            **fields | {"instances": tuple(instances)},
            layers=paths,
            sha256={path: codecs.file_sha256(_read(content)) for path, content in contents.items()},
            pixels_sha256=codecs.pixels_sha256(layers["image" if "image" in layers else "semantic"]),
        )
        contents[f"labels/{draft.name}.txt"] = yolo_label(sample, self.info).encode()
        self._commit(contents, self._log, sample.to_line())
        self._samples[sample.name] = sample
        return sample

    def add_models(self, files: Mapping[str, Path | bytes]) -> None:
        """Put the meshes that dataset.json names in place, where they are not yet.

        files: by their paths in the folder, each elsewhere, to be linked, or its bytes; those that
        dataset.json does not name are left out. Raises StorageError.
        """
        for mesh in (model.mesh for model in self.info.models if model.mesh in files):
            if not (self.root / mesh).is_file():
                self._put(mesh, files[mesh])

    def add_plate(self, rgb_u8: Rgb, depth_counts: Counts | None = None, *, inpainted: bool = False) -> Plate:
        """Write one image of the bench without the part; ``inpainted`` when the arm was painted out of it."""
        stem = f"plates/{len(self._plates):06d}"
        contents = {f"{stem}.png": codecs.encode_rgb(rgb_u8)}
        if depth_counts is not None:
            contents[f"{stem}_depth.png"] = codecs.encode_depth(depth_counts)
        plate = Plate(
            number=len(self._plates),
            image=f"{stem}.png",
            depth=None if depth_counts is None else f"{stem}_depth.png",
            inpainted=inpainted,
            sha256={path: codecs.file_sha256(content) for path, content in contents.items()},
            pixels_sha256=codecs.pixels_sha256(rgb_u8),
        )
        self._commit(contents, self._plate_log, plate.to_line())
        self._plates.append(plate)
        return plate

    def add_rejected(
        self,
        *,
        reason: str,
        detail: str = "",
        name: str | None = None,
        split: Split | None = None,
        pose_index: int | None = None,
        attempt: int | None = None,
        rgb_u8: Rgb | None = None,
        quality: Mapping[str, Figure] | None = None,
        timing: Mapping[str, float] | None = None,
    ) -> Rejection:
        """Keep a shot that a gate refused: the image where there is one, and one line in
        rejected/rejected.jsonl.

        reason: a short cause that can be counted (``blur``). detail: the sentence. name, split: the sample it
        would have become. pose_index, attempt: which pose of the plan, and which try at it.
        """
        number = len(self._rejections)
        contents = {} if rgb_u8 is None else {f"rejected/{number:06d}_image.png": codecs.encode_rgb(rgb_u8)}
        rejection = Rejection(
            number=number,
            reason=reason,
            detail=detail,
            name=name,
            split=split,
            pose_index=pose_index,
            attempt=attempt,
            quality=dict(quality or {}),
            timing=dict(timing or {}),
            sha256={path: codecs.file_sha256(content) for path, content in contents.items()},
        )
        self._commit(contents, self._rejection_log, rejection.to_line())
        self._rejections.append(rejection)
        return rejection

    def add_refused(self, refused: Sequence[Mapping[str, Any]]) -> None:
        """Keep any number of refusals without an image, each fields of a Rejection, by one write."""
        rejections = [
            Rejection(number=n, **fields) for n, fields in enumerate(refused, len(self._rejections))
        ]
        if rejections:
            self._commit({}, self._rejection_log, "\n".join(r.to_line() for r in rejections))
            self._rejections += rejections

    def reject(self, name: str, reason: str) -> Rejection:
        """Take a sample out by hand: its files move to rejected/, its record and the reason stay there."""
        if name not in self._samples:
            raise DatasetError(f"{self.root} has no sample {name!r} to take out")
        sample = self._samples[name]
        number = len(self._rejections)
        rejection = Rejection(
            number=number,
            reason="by hand",
            detail=reason,
            name=name,
            split=sample.split,
            sample=sample,
            sha256={rejected_path(number, path): sha for path, sha in sample.sha256.items()},
        )
        self._rejection_log.append(rejection.to_line())
        self._rejections.append(rejection)
        self._finish_taking_out(rejection)
        return rejection

    def discard(self) -> None:
        """Remove the folder of a dataset that has no sample yet, and let go of it."""
        assert self._lock is not None
        assert not self._samples
        shutil.rmtree(self.root)
        os.close(self._lock)
        self._lock = None

    def close(self) -> None:
        """Sort samples by name, bring the views up to date, let go of the folder; may be called twice."""
        if self._lock is not None:
            try:
                self._sort()
                write_views(self.root, self.info, self.samples)
            finally:
                os.close(self._lock)
                self._lock = None

    def _sort(self) -> None:
        names = sorted(self._samples)
        if names != list(self._samples):
            self._samples = {name: self._samples[name] for name in names}
            self._log.rewrite([s.to_line() for s in self._samples.values()])

    def _commit(self, contents: Mapping[str, bytes | Path], log: LineLog, line: str) -> None:
        if self._lock is None:
            raise DatasetError(f"the writer of {self.root} is closed")
        before = log.size()
        try:
            for path, content in contents.items():
                self._put(path, content)
            log.append(line)
        except BaseException:
            log.truncate(before)
            for path in contents:
                with suppress(OSError):
                    (self.root / path).unlink(missing_ok=True)
            raise

    def _put(self, path: str, content: bytes | Path) -> None:
        if isinstance(content, Path):
            link_file(self.root / path, content)
        else:
            write_bytes(self.root / path, content)

    def _finish_taking_out(self, rejection: Rejection) -> None:
        sample = rejection.sample
        if sample is None:
            return
        live = self._samples.get(sample.name)
        moved = (self.root / rejected_path(rejection.number, sample.files[0])).exists()
        if live is not None and (live != sample or moved):
            return  # A newer sample has taken the name; this one's files moved before that.
        if live is not None:
            del self._samples[sample.name]
            self._log.rewrite([s.to_line() for s in self._samples.values()])
        for path in sample.files:
            target = self.root / rejected_path(rejection.number, path)
            with storage(target):
                # What stands here after the move is an unfinished shot of the same name, for the sweep.
                if not target.exists() and (self.root / path).exists():
                    (self.root / path).replace(target)
        label = self.root / f"labels/{sample.name}.txt"
        with storage(label):
            label.unlink(missing_ok=True)

    def _check_layers(self, draft: Draft, layers: Mapping[LayerName, NDArray[Any]]) -> None:
        where = f"sample {draft.name}"
        check_layers(layers, self.info, where)
        if "depth" in layers and (self.info.camera is None or self.info.camera.depth_scale_m is None):
            raise DatasetError("depth needs camera.depth_scale_m in the dataset's description")
        for name, layer in layers.items():
            if layer.shape[1::-1] != tuple(draft.size_wh):
                width, height = draft.size_wh
                got = "×".join(str(n) for n in layer.shape[1::-1])
                raise DatasetError(f"{where}: the {name} must be {width}×{height} as size_wh says, got {got}")
        if "mask" in layers and int(layers["mask"].max()) > len(draft.instances):
            raise DatasetError(
                f"{where}: mask values go up to the number of instances, {len(draft.instances)}, "
                f"got {int(layers['mask'].max())}"
            )
        if "semantic" in layers and (unknown := list_unknown_ids(layers["semantic"], self.info)):
            raise DatasetError(f"{where}: {unknown[0]} in its semantic map is no id of a class")

    def _check_crops(self, draft: Draft, crops: Sequence[Rgb | Path | None]) -> None:
        where = f"sample {draft.name}"
        if crops and len(crops) != len(draft.instances):
            raise DatasetError(
                f"{where}: give a crop or None for each of its {len(draft.instances)} instances"
            )
        if any(c is not None and _size_of(c) != (CROP_SIDE_PX, CROP_SIDE_PX) for c in crops):
            raise DatasetError(f"{where}: crops must be {CROP_SIDE_PX}×{CROP_SIDE_PX}")
        given = [crop is not None for crop in crops] or [False] * len(draft.instances)
        if any(
            instance.R_crop_cam is not None and not has
            for instance, has in zip(draft.instances, given, strict=True)
        ):
            raise DatasetError(f"{where}: give a crop for each instance that has R_crop_cam")


def _read(content: bytes | Path) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def _size_of(crop: Rgb | Path) -> tuple[int, int]:
    return codecs.png_size_wh(crop.read_bytes()) if isinstance(crop, Path) else crop.shape[1::-1]


def _suffix(content: bytes | Path) -> str:
    is_jpeg = isinstance(content, Path) and content.suffix.lower() in (".jpg", ".jpeg")
    return ".jpg" if is_jpeg else ".png"
