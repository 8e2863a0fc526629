"""Holding a dataset against its own records: every file, hash, size, view and number."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.dataset import codecs
from synth.dataset.folder import (
    INFO_FILE,
    PLATES_FILE,
    REJECTED_FILE,
    SAMPLES_FILE,
    R,
    check_classes,
    check_layers,
    list_unknown_ids,
    parse,
    read_info,
    read_inside,
    refuse_odd_entries,
)
from synth.dataset.info import DatasetInfo
from synth.dataset.layers import LAYERS
from synth.dataset.record import SizeWh
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Plate, Rejection, Sample
from synth.dataset.sweep import list_unknown
from synth.dataset.views import make_views
from synth.errors import DatasetError
from synth.geometry.normals import CROP_SIDE_PX
from synth.storage.atomic import LineLog, is_temp
from synth.storage.lock import find_writer

_N_THREADS = 2


@dataclass(frozen=True)
class Finding:
    """One thing wrong. where: the file, or file and line, relative to the folder."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


def verify(root: Path, *, on_progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Everything that is wrong with a dataset; empty when nothing is.

    on_progress: called with the number of samples checked and their total. Raises DatasetError when the
    folder is no dataset, is being written, or holds a link that leaves it where synth would write.
    """
    refuse_odd_entries(root)
    if (root / INFO_FILE).is_file() and (writer := find_writer(root)):
        raise DatasetError(f"{root} is being written by process {writer}: verify it when that has ended")
    try:
        info = read_info(root)
    except DatasetError as error:
        if not (root / INFO_FILE).is_file():
            raise
        return [Finding(INFO_FILE, _without_root(root, INFO_FILE, error))]
    findings: list[Finding] = []
    samples = _parse_lines(Sample, root, SAMPLES_FILE, info, findings)
    plates = _parse_lines(Plate, root, PLATES_FILE, None, findings)
    rejections = _parse_lines(Rejection, root, REJECTED_FILE, info, findings)
    all_lines_read = not findings
    known = [s for s in samples if _fits(s, info, findings)]
    findings += _list_doubles(samples)
    findings += _list_misnumbered(PLATES_FILE, [plate.number for plate in plates])
    findings += _list_misnumbered(REJECTED_FILE, [rejection.number for rejection in rejections])
    with ThreadPoolExecutor(_N_THREADS) as pool:
        for done, found in enumerate(pool.map(lambda s: _check_sample(root, info, s), samples), start=1):
            findings += found
            if on_progress:
                on_progress(done, len(samples))
        for found in pool.map(lambda record: _check_extra(root, info, record), [*plates, *rejections]):
            findings += found
    findings += _check_hashes(root, {model.mesh: model.sha256 for model in info.models})[0]
    if all_lines_read:
        if len(known) == len(samples):
            findings += _check_views(root, info, samples)
        findings += [
            Finding(
                str(path.relative_to(root)),
                "is an unfinished write" if is_temp(path.name) else "belongs to no record",
            )
            for path in list_unknown(root, samples, plates, rejections)
        ]
    return findings


def _parse_lines(
    model: type[R], root: Path, name: str, info: DatasetInfo | None, findings: list[Finding]
) -> list[R]:
    log = LineLog(root / name)
    try:
        lines = log.read()
    except OSError as error:
        findings.append(Finding(name, f"cannot be read: {error.strerror}"))
        return []
    if log.size() > sum(len(line) + 1 for line in lines):
        findings.append(Finding(name, "its last line is torn"))
    records = []
    for number, line in enumerate(lines, start=1):
        where = f"{name}:{number}"
        try:
            records.append(parse(model, line, where, info))
        except DatasetError as error:
            findings.append(Finding(where, str(error).removeprefix(f"{where}: ")))
    return records


def _fits(sample: Sample, info: DatasetInfo, findings: list[Finding]) -> bool:
    where = f"{SAMPLES_FILE} {sample.name}"
    try:
        check_classes(sample, info, where)
        check_layers(sample.layers, info, where)
    except DatasetError as error:
        findings.append(Finding(where, str(error).removeprefix(f"{where}: ")))
        return False
    return True


def _list_doubles(samples: Sequence[Sample]) -> Iterable[Finding]:
    names: set[str] = set()
    pixels: dict[str, Sample] = {}
    for sample in samples:
        if sample.name in names:
            yield Finding(f"{SAMPLES_FILE} {sample.name}", "stands there more than once")
        elif sample.pixels_sha256 in pixels:
            twin = pixels[sample.pixels_sha256]
            yield Finding(
                sample.files[0],
                f"shows the very pixels of {twin.files[0]} (splits {sample.split} and {twin.split})",
            )
        names.add(sample.name)
        pixels.setdefault(sample.pixels_sha256, sample)


def _list_misnumbered(name: str, numbers: Sequence[int]) -> Iterable[Finding]:
    for i, number in enumerate(numbers):
        if number != i:
            yield Finding(f"{name}:{i + 1}", f"has number {number}, not {i}")


def _check_sample(root: Path, info: DatasetInfo, sample: Sample) -> list[Finding]:
    findings, contents = _check_hashes(root, sample.sha256)
    hashed = sample.layers.get("image", sample.layers.get("semantic"))
    for name, path in sample.layers.items():
        if path not in contents:
            continue
        found, layer = _decode(LAYERS[name].decode, contents[path], path, sample.size_wh)
        findings += found
        if layer is None:
            continue
        if path == hashed:
            findings += _check_pixels(path, layer, sample.pixels_sha256)
        if name == "mask":
            findings += _check_mask(sample, path, layer)
        if name == "semantic" and (unknown := list_unknown_ids(layer, info)):
            findings.append(Finding(path, f"has value {unknown[0]}, which is no id of a class"))
        if name == "depth" and (info.camera is None or info.camera.depth_scale_m is None):
            findings.append(Finding(path, f"has no unit: {INFO_FILE} lacks camera.depth_scale_m"))
    for instance in sample.instances:
        if instance.crop in contents:
            side = (CROP_SIDE_PX, CROP_SIDE_PX)
            findings += _decode(codecs.decode_rgb, contents[instance.crop], instance.crop, side)[0]
    return findings


def _check_mask(sample: Sample, path: str, mask: codecs.Counts) -> Iterable[Finding]:
    values = set(np.flatnonzero(np.bincount(mask.ravel())).tolist()) - {0}
    if beyond := values - set(range(1, len(sample.instances) + 1)):
        yield Finding(path, f"has value {max(beyond)}, but the sample has {len(sample.instances)} instances")
    for i, instance in enumerate(sample.instances):
        if instance.visib_fract >= MIN_VISIBLE_FOR_LABEL and i + 1 not in values:
            yield Finding(path, f"shows nothing of instance {i} (value {i + 1})")


def _check_extra(root: Path, info: DatasetInfo, record: Plate | Rejection) -> list[Finding]:
    findings, contents = _check_hashes(root, record.sha256)
    size_wh = info.camera.size_wh if info.camera else None
    if isinstance(record, Plate):
        for path in (p for p in (record.image, record.depth) if p in contents):
            decode = codecs.decode_rgb if path == record.image else codecs.decode_u16
            found, layer = _decode(decode, contents[path], path, size_wh)
            findings += found
            if path == record.image and layer is not None:
                findings += _check_pixels(path, layer, record.pixels_sha256)
    return findings


def _check_hashes(root: Path, sha256: dict[str, str]) -> tuple[list[Finding], dict[str, bytes]]:
    findings: list[Finding] = []
    contents: dict[str, bytes] = {}
    for path, sha in sha256.items():
        try:
            content = read_inside(root, path)
        except DatasetError as error:
            findings.append(Finding(path, _without_root(root, path, error)))
            continue
        if codecs.file_sha256(content) == sha:
            contents[path] = content
        else:
            findings.append(Finding(path, "was changed: its SHA-256 is not the recorded one"))
    return findings, contents


def _decode(
    decode: Callable[[bytes, str], NDArray[Any]], content: bytes, path: str, size_wh: SizeWh | None
) -> tuple[list[Finding], NDArray[Any] | None]:
    try:
        layer = decode(content, path)
    except DatasetError as error:
        return [Finding(path, str(error).removeprefix(f"{path} "))], None
    return list(_check_size(path, layer.shape, size_wh)), layer


def _check_pixels(path: str, layer: NDArray[Any], pixels_sha256: str) -> Iterable[Finding]:
    if codecs.pixels_sha256(layer) != pixels_sha256:
        yield Finding(path, "its pixels are not the recorded ones")


def _check_size(path: str, shape: tuple[int, ...], size_wh: SizeWh | None) -> Iterable[Finding]:
    if size_wh is not None and (shape[1], shape[0]) != tuple(size_wh):
        yield Finding(path, f"is {shape[1]}×{shape[0]}, recorded as {size_wh[0]}×{size_wh[1]}")


def _check_views(root: Path, info: DatasetInfo, samples: Sequence[Sample]) -> Iterable[Finding]:
    for path, text in make_views(info, samples).items():
        try:
            if read_inside(root, path) != text.encode():
                yield Finding(path, f"is not what {SAMPLES_FILE} says")
        except DatasetError as error:
            yield Finding(path, _without_root(root, path, error))


def _without_root(root: Path, path: str, error: DatasetError) -> str:
    return str(error).removeprefix(str(root / path)).lstrip(": ")
