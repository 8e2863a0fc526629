"""What captured pictures look like, as plain data, measured on plates and train images: bench, noise, blur.

The cameras' tone curve is taken to be sRGB's. Test and validation images are never opened.
"""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synth.cell.model import Cell
from synth.dataset import codecs
from synth.dataset.folder import read_inside
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.sim.choices import LookKind
from synth.sim.colour import Linear, linear_of_u8, to_linear, to_srgb
from synth.sim.noise import NO_NOISE, Noise, measure_noise
from synth.sim.sharpness import measure_edge_sigma
from synth.storage.atomic import write_bytes

LOOK_FILE, PLATE_FILE = "look.json", "look_plate.png"
_MAX_PICTURES = 12
_STILL_COUNTS = 2.5
_GROW_PX = 9

# Variance that is left in a per-pixel median of n independent Gaussian pictures, over that of one.
_MEDIAN_LEFT = {1: 1.0, 2: 0.5, 3: 0.449, 4: 0.298, 5: 0.287}


class MeasuredPicture(BaseModel):
    """A picture that was measured: its path in the dataset and the hash of its pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    pixels_sha256: str


class Look(BaseModel):
    """How pictures of one bench come out.

    bench_rgb: median linear light of the bench, 0–1, to which exposure and white balance are set. part_rgb:
    mean linear light of the part. gradient: [3][6], log of the bench's light per channel over 1, x, y, x²,
    xy, y² with x and y from −1 to 1 across the image: lamps and the lens's fall-off together. noise: of one
    picture. edge_sigma_px: spread of an edge, the pixel's own area included; 0 leaves edges as rendered.
    plate_noise: share of one picture's noise variance that the plate still holds. object_gain: how much
    brighter objects are than the bench's exposure makes a render of them. measured_on: the pictures.
    plate: [H,W,3] linear light of the empty bench as captured; None in a plain look.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    kind: LookKind
    size_wh: tuple[int, int]
    bench_rgb: tuple[float, float, float]
    part_rgb: tuple[float, float, float] | None = None
    gradient: tuple[tuple[float, ...], ...] = ()
    noise: Noise = NO_NOISE
    edge_sigma_px: float = Field(default=0.0, ge=0)
    plate_noise: float = Field(default=0.0, ge=0, le=1)
    object_gain: float = Field(default=1.0, gt=0)
    measured_on: tuple[MeasuredPicture, ...] = ()
    plate: NDArray[np.float32] | None = Field(default=None, exclude=True, repr=False)


def plain_look(cell: Cell, size_wh: tuple[int, int]) -> Look:
    """No captured picture at all: the bench comes out in the cell's table colour, without noise or blur."""
    bench = to_linear(np.asarray(cell.bench.table.colour_rgb) / 255)
    return Look(kind="plain", size_wh=size_wh, bench_rgb=_triple(bench))


def measure_look(dataset: DatasetReader) -> Look:
    """The look of a captured dataset, from its plates and train images alone.

    Raises InputError where it has no plate or no train image, DatasetError for files that do not open.
    """
    if not dataset.plates and dataset.info.camera is not None and dataset.info.camera.T_base_cam is None:
        raise InputError(
            f"{dataset.root} was captured by a camera on the arm, to which the bench never looks the same: "
            "there is no look to match, so render with --look plain"
        )
    if not dataset.plates:
        raise InputError(
            f"{dataset.root} has no plate of the empty bench to match: capture again with plates, "
            "or render with --look plain"
        )
    train = choose_measured(dataset)
    if not train:
        raise InputError(f"{dataset.root} has no train images to match: render with --look plain")
    plates = [codecs.decode_rgb(read_inside(dataset.root, p.image), p.image) for p in dataset.plates]
    pictures = [dataset.load_rgb(s) for s in train]
    masks = [dataset.load_mask(s) for s in train]
    plate = _plate(plates)
    sigmas, parts = [], []
    for picture, mask in zip(pictures, masks, strict=True):
        if mask is not None and mask.any():
            linear = linear_of_u8(picture)
            sigmas += measure_edge_sigma(linear, mask > 0)
            inner = cv2.erode((mask > 0).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
            parts.append(linear[inner].mean(axis=0) if inner.any() else linear[mask > 0].mean(axis=0))
    return Look(
        kind="matched",
        size_wh=(plate.shape[1], plate.shape[0]),
        bench_rgb=_triple(np.median(plate.reshape(-1, 3), axis=0)),
        part_rgb=_triple(np.mean(parts, axis=0)) if parts else None,
        gradient=fit_gradient(np.log(np.maximum(plate, 1e-3))),
        noise=_measure_noise(plates, pictures),
        edge_sigma_px=round(float(np.median(sigmas)), 4) if sigmas else 0.0,
        plate_noise=_noise_left(len(plates)) if not dataset.plates[0].inpainted else 0.3,
        measured_on=(
            *(MeasuredPicture(path=p.image, pixels_sha256=p.pixels_sha256) for p in dataset.plates),
            *(MeasuredPicture(path=s.image, pixels_sha256=s.pixels_sha256) for s in train),
        ),
        plate=plate,
    )


def choose_measured(dataset: DatasetReader) -> tuple[Sample, ...]:
    """The train images on which a look is measured."""
    train = dataset.of_split("train")
    return train[:: -(-len(train) // _MAX_PICTURES) or 1]


def save_look(look: Look, folder: Path) -> None:
    """Write look.json and, for a matched look, its plate as a 16-bit sRGB PNG."""
    if look.plate is not None:
        counts = np.asarray(to_srgb(look.plate) * 65535 + 0.5, dtype=np.uint16)
        ok, png = cv2.imencode(".png", cv2.cvtColor(counts, cv2.COLOR_RGB2BGR))
        assert ok
        write_bytes(folder / PLATE_FILE, png.tobytes())
    write_bytes(folder / LOOK_FILE, (look.model_dump_json(indent=2) + "\n").encode())


def load_look(folder: Path) -> Look:
    """The look that save_look wrote; raises InputError where the folder holds none that is whole."""
    try:
        look = Look.model_validate(json.loads((folder / LOOK_FILE).read_bytes()))
        if look.kind == "plain":
            return look
        counts = cv2.imread(str(folder / PLATE_FILE), cv2.IMREAD_UNCHANGED)
    except (OSError, ValueError, ValidationError) as error:
        raise InputError(f"{folder / LOOK_FILE} is not a look: delete it and it is measured again") from error
    if counts is None or counts.dtype != np.uint16 or counts.shape != (*look.size_wh[::-1], 3):
        raise InputError(f"{folder / PLATE_FILE} is not the plate of {LOOK_FILE}: delete both")
    plate = to_linear(cv2.cvtColor(counts, cv2.COLOR_BGR2RGB) / np.float32(65535))
    return look.model_copy(update={"plate": plate})


def gradient_terms(size_wh: tuple[int, int], step: int = 1) -> NDArray[np.float32]:
    """[h,w,6]: 1, x, y, x², xy, y² with x and y from −1 to 1 across the image, at every ``step``-th pixel."""
    width, height = size_wh
    x = (2 * np.arange(0, width, step, dtype=np.float32) + 1) / width - 1
    y = (2 * np.arange(0, height, step, dtype=np.float32) + 1) / height - 1
    x, y = np.meshgrid(x, y)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def fit_gradient(field: NDArray[np.float32]) -> tuple[tuple[float, ...], ...]:
    """Coefficients [3][6] of a smooth surface through a field [H,W,3]; what lies far off it is left out."""
    step = max(1, min(field.shape[:2]) // 120)
    terms = gradient_terms((field.shape[1], field.shape[0]), step).reshape(-1, 6).astype(float)
    result = []
    for c in range(3):
        values = field[::step, ::step, c].reshape(-1).astype(float)
        keep = np.abs(values - np.median(values)) < 1.0
        for _ in range(4):
            solution = np.linalg.lstsq(terms[keep], values[keep], rcond=None)[0]
            rest = np.abs(values - terms @ solution)
            keep = rest < max(3 * 1.4826 * float(np.median(rest)), 1e-6)
        result.append(tuple(float(v) for v in solution))
    return tuple(result)


def _measure_noise(plates: list[NDArray[np.uint8]], pictures: list[NDArray[np.uint8]]) -> Noise:
    """From neighbouring plates; with one plate, from what stays the same between train images."""
    if len(plates) > 1:
        return measure_noise(list(itertools.pairwise(plates[:5])))
    pairs = list(itertools.pairwise(pictures[:5]))
    return measure_noise(pairs, [still(a, b) for a, b in pairs])


def still(a_u8: NDArray[np.uint8], b_u8: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """[H,W] where two pictures show the same: no object and no shadow came or went."""
    change = np.abs(cv2.GaussianBlur(a_u8.astype(np.float32) - b_u8, (0, 0), 3.0)).max(axis=-1)
    moved = (change > _STILL_COUNTS).astype(np.uint8)
    return np.asarray(cv2.dilate(moved, np.ones((_GROW_PX, _GROW_PX), np.uint8)) == 0)


def _plate(plates: list[NDArray[np.uint8]]) -> Linear:
    if len({p.shape for p in plates}) > 1:
        raise InputError("the plates differ in size, so no common picture of the bench can be made of them")
    return to_linear(np.median(np.stack(plates), axis=0) / 255)


def _noise_left(n: int) -> float:
    return _MEDIAN_LEFT.get(n, np.pi / 2 / n)


def _triple(values: NDArray[np.floating]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
