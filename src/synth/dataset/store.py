"""Writing a dataset so that it survives anything: a sample is its line in samples.jsonl, and the line comes
last.

The order of every write is files, then line, so a process killed at any instant leaves at most the files of
one unfinished sample; the next writer sweeps them. Taking a sample out goes the other way round: first the
line in rejected/, then samples.jsonl without it, then the files move; the next writer finishes what was
begun.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from synth.dataset import codecs
from synth.dataset.codecs import Counts, Rgb
from synth.dataset.difference import list_differences
from synth.dataset.folder import (
    INFO_FILE,
    PLATES_FILE,
    REJECTED_FILE,
    SAMPLES_FILE,
    check_classes,
    read_info,
    read_records,
    read_samples,
    rejected_path,
)
from synth.dataset.info import DatasetInfo
from synth.dataset.record import Figure
from synth.dataset.sample import CROP_SIDE_PX, Draft, Plate, Rejection, Sample, Split
from synth.dataset.sweep import sweep
from synth.dataset.views import write_views, yolo_label
from synth.errors import DatasetError
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
        self._plates = read_records(Plate, self._plate_log.path)
        self._rejections = read_records(Rejection, self._rejection_log.path)
        for rejection in self._rejections:
            self._finish_taking_out(rejection)
        self.notes += sweep(root, self.samples, self._plates, self._rejections)
        write_views(root, info, self.samples)

    @classmethod
    def create_or_resume(cls, root: Path, info: DatasetInfo) -> Self:
        """Begin a dataset in an empty folder, or go on with the one that was made the same way.

        Raises DatasetError when the folder holds something else, was made otherwise (the message lists every
        difference), is being written, or cannot be written; StorageError when the disk is full.
        """
        lock = acquire(root, create=True, refusal=DatasetError)
        try:
            if (root / INFO_FILE).exists():
                found = read_info(root)
                if differences := list_differences(found, info):
                    lines = "".join(f"\n  {d}" for d in differences)
                    raise DatasetError(
                        f"{root} was made otherwise: go back to its settings or choose another folder{lines}"
                    )
                info = found
            else:
                if strangers := sorted(p.name for p in root.iterdir() if not p.name.startswith(".")):
                    raise DatasetError(
                        f"{root} is not empty and has no {INFO_FILE} (found {', '.join(strangers[:3])}): "
                        "choose an empty folder"
                    )
                write_bytes(
                    root / INFO_FILE, (info.model_dump_json(indent=2, exclude_none=True) + "\n").encode()
                )
            return cls(root, info, lock)
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open an existing dataset, mending what a killed writer left; raises DatasetError."""
        info = read_info(root)
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

    def attempts(self, pose_index: int) -> int:
        """How many shots at this pose of the plan were refused."""
        return sum(r.pose_index == pose_index for r in self._rejections)

    def append(
        self,
        draft: Draft,
        *,
        rgb_u8: Rgb,
        depth_counts: Counts | None = None,
        mask: Counts | None = None,
        crops: Sequence[Rgb | None] = (),
        image_file: Path | None = None,
        depth_file: Path | None = None,
        depth_png: bytes | None = None,
        mask_png: bytes | None = None,
    ) -> Sample:
        """Write one sample, durably, and return its record.

        rgb_u8: [H,W,3]. depth_counts: [H,W], times the camera's depth_scale_m is metres. mask: [H,W], value =
        instance index + 1. crops: one [224,224,3] or None an instance, exactly where R_crop_cam is given;
        empty for no crops. image_file, depth_file: files elsewhere that decode to just these arrays; they are
        hard-linked instead of being encoded again. depth_png, mask_png: the bytes of such files,
        taken as they are; with depth_png no depth_counts are needed. Raises DatasetError when arrays and
        draft do not agree or the name is taken, StorageError when the disk refuses; then nothing of the
        sample is left behind.
        """
        where = f"sample {draft.name}"
        if draft.name in self._samples:
            raise DatasetError(f"{where} is in {self.root} already")
        check_classes(draft, self.info, where)
        depth_wh = None if depth_png is None else codecs.png_size_wh(depth_png)
        if depth_counts is not None:
            depth_wh = depth_counts.shape[1], depth_counts.shape[0]
        self._check_arrays(draft, rgb_u8, depth_wh, mask, crops)
        is_jpeg = image_file is not None and image_file.suffix.lower() in (".jpg", ".jpeg")
        image = f"images/{draft.name}{'.jpg' if is_jpeg else '.png'}"
        contents: dict[str, bytes | Path] = {image: image_file or codecs.encode_rgb(rgb_u8)}
        depth, mask_path = f"depth/{draft.name}.png", f"masks/{draft.name}.png"
        if depth_png is not None:
            contents[depth] = depth_png
        elif depth_counts is not None:
            contents[depth] = depth_file or codecs.encode_depth(depth_counts)
        if mask is not None:
            contents[mask_path] = mask_png or codecs.encode_mask(mask)
        instances = list(draft.instances)
        for i, crop in enumerate(crops):
            if crop is not None:
                path = f"crops/{draft.name}_{i}.png"
                contents[path] = codecs.encode_rgb(crop)
                instances[i] = instances[i].model_copy(update={"crop": path})
        fields: dict[str, Any] = {key: getattr(draft, key) for key in Draft.model_fields}
        sample = Sample(
            **fields | {"instances": tuple(instances)},
            image=image,
            depth=depth if depth in contents else None,
            mask=mask_path if mask_path in contents else None,
            sha256={path: codecs.file_sha256(_read(content)) for path, content in contents.items()},
            pixels_sha256=codecs.pixels_sha256(rgb_u8),
        )
        contents[f"labels/{draft.name}.txt"] = yolo_label(sample, self.info).encode()
        self._commit(contents, self._log, sample.to_line())
        self._samples[sample.name] = sample
        return sample

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

    def close(self) -> None:
        """Bring the views up to date and let go of the folder; may be called twice."""
        if self._lock is not None:
            try:
                write_views(self.root, self.info, self.samples)
            finally:
                os.close(self._lock)
                self._lock = None

    def _commit(self, contents: Mapping[str, bytes | Path], log: LineLog, line: str) -> None:
        if self._lock is None:
            raise DatasetError(f"the writer of {self.root} is closed")
        before = log.size()
        try:
            for path, content in contents.items():
                if isinstance(content, Path):
                    link_file(self.root / path, content)
                else:
                    write_bytes(self.root / path, content)
            log.append(line)
        except BaseException:
            log.truncate(before)
            for path in contents:
                with suppress(OSError):
                    (self.root / path).unlink(missing_ok=True)
            raise

    def _finish_taking_out(self, rejection: Rejection) -> None:
        sample = rejection.sample
        if sample is None:
            return
        live = self._samples.get(sample.name)
        moved = (self.root / rejected_path(rejection.number, sample.image)).exists()
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

    def _check_arrays(
        self,
        draft: Draft,
        rgb_u8: Rgb,
        depth_wh: tuple[int, int] | None,
        mask: Counts | None,
        crops: Sequence[Rgb | None],
    ) -> None:
        width, height = draft.size_wh
        mask_wh = None if mask is None else mask.shape[1::-1]
        for what, size_wh in (("image", rgb_u8.shape[1::-1]), ("depth", depth_wh), ("mask", mask_wh)):
            if size_wh is not None and size_wh != (width, height):
                got = "×".join(str(n) for n in size_wh)
                raise DatasetError(
                    f"sample {draft.name}: the {what} must be {width}×{height} as size_wh says, got {got}"
                )
        if depth_wh is not None and (self.info.camera is None or self.info.camera.depth_scale_m is None):
            raise DatasetError("depth needs camera.depth_scale_m in the dataset's description")
        if mask is not None and int(mask.max()) > len(draft.instances):
            raise DatasetError(
                f"sample {draft.name}: mask values go up to the number of instances, {len(draft.instances)}, "
                f"got {int(mask.max())}"
            )
        if any(c is not None and c.shape[:2] != (CROP_SIDE_PX, CROP_SIDE_PX) for c in crops):
            raise DatasetError(f"sample {draft.name}: crops must be {CROP_SIDE_PX}×{CROP_SIDE_PX}")
        given = [crop is not None for crop in crops] or [False] * len(draft.instances)
        if given != [instance.R_crop_cam is not None for instance in draft.instances]:
            raise DatasetError(
                f"sample {draft.name}: give one crop for each instance that has R_crop_cam, else None"
            )


def _read(content: bytes | Path) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content
