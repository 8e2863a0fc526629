"""Where attention lies on a crop, in numbers: how alike two networks look, and what share falls on the part,
on its edge, in its shadow, on the arm that holds it.

Maps [N,S,S] are those of ``synth.compare.explain.saliency.explain``: non-negative, each of sum 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from scipy.stats import spearmanr

from synth.dataset.choices import CropKind
from synth.dataset.codecs import decode_u16, to_depth_m
from synth.dataset.crops import recut
from synth.dataset.folder import read_inside
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError

RegionName = Literal["inside", "edge", "shadow", "arm", "elsewhere"]
REGIONS: tuple[RegionName, ...] = get_args(RegionName)

# Side of the grid on which maps are ranked: 8 px of a 224 px crop, what three poolings make one value of.
_GRID = 28
# Half the width of the band around the outline, as a fraction of the crop's side: 4 px of 224.
_EDGE = 0.02
# A shadow's brightness as a fraction of the bench's; what is darker is black itself.
_SHADOW = (0.4, 0.8)
_BENCH_PERCENTILE = 75
_ABOVE_BENCH_M = 0.03
# Depth is ragged where near hides far: gaps are filled and strips cut away up to twice these fractions wide.
_GAP, _STRIP = 0.015, 0.03

_INSIDE, _ON_EDGE, _IN_SHADOW, _ON_ARM, _ELSEWHERE = range(len(REGIONS))


@dataclass(frozen=True, eq=False)
class Regions:
    """What each pixel of N crops shows.

    labels: [N,S,S], index into REGIONS. part: [N,S,S], the mask, outline included. known: [N], False where
    the sample has no mask, and all of such a crop is ``elsewhere``. names: of each crop's sample and the
    instance in it.
    """

    labels: NDArray[np.uint8]
    part: NDArray[np.bool_]
    known: NDArray[np.bool_]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Shares:
    """How N crops' attention is divided, beside how their area is.

    attention, area: [N,5] in the order of REGIONS, each row of sum 1, or NaN where regions are not known.
    """

    attention: NDArray[np.float64]
    area: NDArray[np.float64]

    @property
    def per_area(self) -> NDArray[np.float64]:
        """Attention per area [5], 1 = as an even map would have; NaN for a region that no crop shows.

        The ratio of the sums over crops, so that a crop with a few pixels of a region does not decide.
        """
        known = ~np.isnan(self.area).any(axis=1)
        attention, area = self.attention[known].sum(axis=0), self.area[known].sum(axis=0)
        empty = np.full(len(REGIONS), np.nan)
        return np.asarray(np.divide(attention, area, out=empty, where=area > 0))


def rank_correlation(maps_a: NDArray[np.float64], maps_b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's correlation [N] of two networks' maps [N,S,S] of the same crops, −1 to 1.

    Maps are averaged to 28×28 first, so that single pixels do not decide (Adebayo et al. 2018, "Sanity checks
    for saliency maps", compare by rank too). NaN where a map is the same everywhere and has no ranks. Raises
    InputError for maps of different shapes.
    """
    if maps_a.shape != maps_b.shape or maps_a.ndim != 3:
        raise InputError(
            f"two sets of maps must both be [N,S,S] of the same crops, got {list(maps_a.shape)} and "
            f"{list(maps_b.shape)}"
        )
    found = np.full(len(maps_a), np.nan)
    for i, pair in enumerate(zip(maps_a, maps_b, strict=True)):
        a, b = (_shrink(one).ravel() for one in pair)
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            found[i] = spearmanr(a, b).statistic
    return found


def load_regions(
    dataset: DatasetReader, samples: Sequence[Sample], side_px: int, crop: CropKind = "rectified"
) -> Regions:
    """Regions of every crop of some samples, in the order of ``load_normal_crops`` with the same arguments.

    Image, mask and depth are cut as the crop was (``dataset.crops.recut``). crop: rectified, or the paper's
    plain cut. Raises InputError when there is no crop, DatasetError for a rectified crop of a sample that has
    a mask and no K.
    """
    bench_m = _load_bench_m(dataset)
    labels, parts, known, names = [], [], [], []
    for sample in samples:
        wanted = [(i, instance) for i, instance in enumerate(sample.instances) if instance.normal_crop]
        mask = dataset.load_mask(sample) if wanted else None
        names += [f"{sample.name}_{i}" for i, _ in wanted]
        known += [mask is not None] * len(wanted)
        if mask is None:
            labels += [np.full((side_px, side_px), _ELSEWHERE, np.uint8)] * len(wanted)
            parts += [np.zeros((side_px, side_px), np.bool_)] * len(wanted)
            continue
        rgb_u8, depth_m = dataset.load_rgb(sample), None if bench_m is None else dataset.load_depth_m(sample)
        above = np.zeros(mask.shape, np.bool_)
        if depth_m is not None and bench_m is not None:
            above = (depth_m > 0) & (depth_m < bench_m - _ABOVE_BENCH_M) & (mask == 0)
        for i, instance in wanted:
            one = instance if crop == "rectified" else instance.model_copy(update={"R_crop_cam": np.eye(3)})
            alone = sample.model_copy(update={"instances": (one,)})
            part, arm = (_cut(alone, where, side_px) for where in (mask == i + 1, above))
            parts.append(part)
            labels.append(find_regions(_recut(alone, rgb_u8, side_px), part, arm))
    if not names:
        raise InputError(f"{dataset.root} has no crops among the {len(samples)} samples asked for")
    return Regions(np.stack(labels), np.stack(parts), np.array(known), tuple(names))


def find_regions(
    crop_u8: NDArray[np.uint8], part: NDArray[np.bool_], arm: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Index into REGIONS of every pixel [S,S] of a crop [S,S,3] with a part [S,S] and an arm [S,S] on it.

    The edge is a band of 2 % of the side to either side of the outline, outlines of through holes among it;
    the crop's own border is none. The arm is what depth shows to stand 3 cm or more above the empty bench
    beside the part, thin cables aside; without depth or plates nothing is. A shadow has no label: it is
    estimated by brightness, as what is neither part nor arm, has 0.4 to 0.8 times the brightness of the bench
    (the upper quartile of such pixels), is wider than a seam and touches the part's edge. So where the arm is
    not known a grey tool passes for shadow, and a shadow that falls clear of the part in the picture counts
    as elsewhere.
    """
    gap, strip, band = (_disc(max(1, round(width * len(part)))) for width in (_GAP, _STRIP, _EDGE))
    grown, core = _is(cv2.dilate(_u8(part), band)), _is(cv2.erode(_u8(part), band))
    labels = np.full(part.shape, _ELSEWHERE, np.uint8)
    arm = _is(cv2.morphologyEx(_u8(arm), cv2.MORPH_CLOSE, gap)) & ~grown
    arm = _is(cv2.morphologyEx(_u8(arm), cv2.MORPH_OPEN, strip))
    labels[arm] = _ON_ARM
    labels[core] = _INSIDE
    labels[grown & ~core] = _ON_EDGE
    rest = ~grown & ~arm
    if part.any() and rest.any():
        grey = cv2.cvtColor(crop_u8, cv2.COLOR_RGB2GRAY)
        low, high = np.percentile(grey[rest], _BENCH_PERCENTILE) * np.array(_SHADOW)
        dark = rest & (grey > low) & (grey < high)
        # Seams of the bench go, narrow shadows along the part stay.
        dark &= _is(cv2.morphologyEx(_u8(dark | grown), cv2.MORPH_OPEN, band))
        n_spots, spots = cv2.connectedComponents(_u8(dark), connectivity=8)
        touching = np.zeros(n_spots, np.bool_)
        touching[spots[_is(cv2.dilate(_u8(grown), _disc(1))) & dark]] = True
        labels[dark & touching[spots]] = _IN_SHADOW
    return labels


def shares(maps: NDArray[np.float64], regions: Regions) -> Shares:
    """How the attention of maps [N,S,S] is divided among their crops' regions, and the area of these.

    Raises InputError where maps and regions are not of the same crops' shape.
    """
    if maps.shape != regions.labels.shape:
        raise InputError(
            f"maps and regions must be of the same crops, got {list(maps.shape)} and "
            f"{list(regions.labels.shape)}"
        )
    members = np.stack([regions.labels == i for i in range(len(REGIONS))], axis=1)  # [N,5,S,S]
    attention = np.einsum("nrij,nij->nr", members, maps)
    area = members.mean(axis=(2, 3))
    attention[~regions.known] = area[~regions.known] = np.nan
    return Shares(attention / attention.sum(axis=1, keepdims=True), area)


def _load_bench_m(dataset: DatasetReader) -> NDArray[np.float32] | None:
    """Depth [H,W] of the empty bench, metres, 0 = missing: the farthest that any plate shows."""
    scale_m = dataset.info.camera.depth_scale_m if dataset.info.camera else None
    paths = [plate.depth for plate in dataset.plates if plate.depth is not None]
    if scale_m is None or not paths:
        return None
    counts = [decode_u16(read_inside(dataset.root, path), str(dataset.root / path)) for path in paths]
    return to_depth_m(np.max(np.stack(counts), axis=0), scale_m)


def _recut(alone: Sample, rgb_u8: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """The crop [side,side,3] of a sample's only instance, from a picture [H,W,3]."""
    (crop,) = recut(alone, rgb_u8)
    assert crop is not None
    small = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _cut(alone: Sample, where: NDArray[np.bool_], side_px: int) -> NDArray[np.bool_]:
    """The same of a yes or no [H,W]: [side,side], yes where half of what a pixel covers is."""
    return _recut(alone, np.repeat(_u8(where)[..., None] * np.uint8(255), 3, axis=2), side_px)[..., 0] > 127


def _disc(radius_px: int) -> NDArray[np.uint8]:
    side_px = 2 * radius_px + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px)), dtype=np.uint8)


def _u8(where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return where.astype(np.uint8)


def _is(where_u8: MatLike) -> NDArray[np.bool_]:
    return np.asarray(where_u8) > 0


def _shrink(one: NDArray[np.float64]) -> NDArray[np.float64]:
    side_px = min(_GRID, len(one))
    return np.asarray(cv2.resize(one, (side_px, side_px), interpolation=cv2.INTER_AREA), dtype=np.float64)
