"""One composite: parts and patches of bench laid on a plate, and the boxes and mask that follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Counts, Rgb
from synth.dataset.origin import Origin, Parent, Step, merge_parents
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Split
from synth.dataset.sample import Draft, Instance, Sample
from synth.errors import InputError
from synth.geometry.boxes import Mask, inside_image, square_box, tight_box
from synth.sim.colour import Linear, linear_of_u8, u8_of_linear
from synth.sim.cutout import Cutout, cut_out, lay, lay_mask, soft_edge, turned
from synth.sim.look import fit_gradient, gradient_terms
from synth.sim.sharpness import measure_edge_sigma

Corner = tuple[int, int]
T = TypeVar("T", bound=np.generic)

_MAX_TRIES = 60
_DEFAULT_EDGE_SIGMA_PX = 0.9
_EDGES_PICTURES = 4
_SHADOW_SPREAD, _SHADOW_REACH, _SHADOW_DEPTH = 0.18, 0.18, (0.14, 0.30)
_GRAIN_PX = 8.0
_CLUTTER_RATIO, _MAX_CLUTTER = 0.05, 0.002


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What composites are made of, and how; InputError for numbers out of range.

    datasets: whose parts are cut out, captured, rendered or translated. plates: the one whose empty bench
    they are laid on; None for the first of the others that has plates, or else the first that holds
    photographs with masks, of which plates are made. max_parts: 1 to this many a picture.
    min_visible: share of each part that no other may hide.
    """

    datasets: tuple[DatasetReader, ...]
    plates: DatasetReader | None = None
    max_parts: int = 4
    min_visible: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.max_parts <= 20:
            raise InputError(f"the number of parts must be 1 to 20, got {self.max_parts}")
        if not 0.25 <= self.min_visible <= 1:
            raise InputError(f"the visible share must be 0.25 to 1, got {self.min_visible:g}")


@dataclass(frozen=True, eq=False)
class Bench:
    """What parts are laid on. rgb_u8: plates [H,W,3]. parents: what records say of each."""

    rgb_u8: tuple[Rgb, ...]
    parents: tuple[Parent, ...]


@dataclass(frozen=True, eq=False)
class Pick:
    """One instance that can be cut out."""

    dataset: DatasetReader
    sample: Sample
    i_instance: int

    def load(self) -> tuple[Linear, Mask]:
        """The whole picture [H,W,3] in linear light and the instance's pixels [H,W]."""
        mask = self.dataset.load_mask(self.sample)
        assert mask is not None
        return linear_of_u8(self.dataset.load_rgb(self.sample)), np.asarray(mask == self.i_instance + 1)

    @property
    def parent(self) -> Parent:
        """The record of where it came from."""
        return self.dataset.as_parent(self.sample, "pixels", "labels", "mask")


class CompositeMaker:
    """Makes composites of the parts of some datasets on one bench.

    picks: what may be cut out, by split. shares: the plates of each split, by number. max_parts: 1 to this
    many a picture. min_visible: share of each part that no other hides.
    """

    def __init__(
        self,
        bench: Bench,
        picks: dict[Split, list[Pick]],
        shares: dict[Split, tuple[int, ...]],
        *,
        seed: int,
        max_parts: int,
        min_visible: float,
    ) -> None:
        self._bench, self._picks, self._shares = bench, picks, shares
        self._seed, self._max_parts, self._min_visible = seed, max_parts, min_visible
        self._plates = [linear_of_u8(rgb_u8) for rgb_u8 in bench.rgb_u8]
        height, width = self._plates[0].shape[:2]
        self._size_wh = (width, height)
        median = np.maximum(np.median(np.stack(self._plates[:5]), axis=0), 1e-3).astype(np.float32)
        coefficients = np.asarray(fit_gradient(np.log(median)), np.float32)
        self._gradient = np.exp(gradient_terms(self._size_wh) @ coefficients.T)
        self._clutter = _find_clutter(median)
        self._edge_px: dict[Path, float] = {}

    def make(self, i: int, split: Split) -> tuple[Draft, Rgb, Counts]:
        """Composite ``i``: record, picture [H,W,3] and mask [H,W]; they depend on the seed and ``i`` alone.

        Raises InputError where no part can be cut out or none can be placed.
        """
        rng = np.random.default_rng([self._seed, i])
        number = int(rng.choice(self._shares[split]))
        picks, cutouts = self._choose(split, rng)
        for _ in range(_MAX_TRIES):
            corners = [self._draw_corner(cutout.mask, rng) for cutout in cutouts]
            ids, instances = self._label(picks, cutouts, corners)
            if instances is not None:
                break
        else:
            raise InputError(
                f"composite {i}: {len(cutouts)} parts find no place where their square boxes lie inside the "
                f"picture and {self._min_visible:g} of each stays visible: allow fewer parts"
            )
        picture = self._plates[number].copy()
        edge_px = self._edge_of(picks[0].dataset)
        patches = self._lay_bench(picture, split, [c.mask for c in cutouts], edge_px, rng)
        _cast_shadows(picture, cutouts, corners, rng)
        for cutout, corner in zip(cutouts, corners, strict=True):
            gain = self._at(_middle(cutout.mask, corner)) / self._at(_middle(cutout.mask, cutout.corner_xy))
            lay(picture, cutout.light * gain, cutout.alpha, corner)
        draft = Draft(
            name=f"{i:06d}",
            split=split,
            size_wh=self._size_wh,
            instances=tuple(instances),
            origin=self._origin(picks, number, patches),
            quality={"plate": number, "bench_patches": len(patches)},
        )
        return draft, u8_of_linear(picture), ids

    def _origin(self, picks: Sequence[Pick], plate: int, patches: Sequence[int]) -> Origin:
        """Of parts, each with what was done to its picture before, on a plate with patches of others."""
        before = [parent for pick in picks for parent in pick.sample.origin.parents]
        steps = [
            step.model_copy(update={"region": i})
            for i, pick in enumerate(picks)
            for step in pick.sample.origin.steps
        ]
        return Origin(
            parents=merge_parents(
                *before,
                *(pick.parent for pick in picks),
                self._bench.parents[plate],
                *(self._bench.parents[number].model_copy(update={"used": ("pixels",)}) for number in patches),
            ),
            steps=(*steps, Step(verb="compose", seed=self._seed)),
        )

    def _choose(self, split: Split, rng: np.random.Generator) -> tuple[list[Pick], list[Cutout]]:
        """One to max_parts parts, each of another picture where there are enough."""
        n = int(rng.integers(1, self._max_parts + 1))
        candidates = self._picks[split]
        picks, cutouts = [], []
        for k in [*rng.permutation(len(candidates)), *rng.integers(len(candidates), size=n)]:
            light, mask = candidates[k].load()
            cutout = cut_out(light, mask, self._edge_of(candidates[k].dataset))
            if cutout is not None:
                picks.append(candidates[k])
                cutouts.append(turned(cutout, int(rng.integers(4))))
            if len(cutouts) == n:
                break
        if not cutouts:
            raise InputError(f"no part of the {split} pictures can be cut out: their masks are too thin")
        return picks, cutouts

    def _edge_of(self, dataset: DatasetReader) -> float:
        """Spread of the edges in a dataset's pictures, pixels; measured once a dataset, on train first."""
        if dataset.root not in self._edge_px:
            picks = [p for split in SPLITS for p in self._picks[split] if p.dataset is dataset]
            sigmas = [s for p in picks[:_EDGES_PICTURES] for s in measure_edge_sigma(*p.load())]
            measured = float(np.median(sigmas)) if len(sigmas) >= 5 else _DEFAULT_EDGE_SIGMA_PX
            self._edge_px[dataset.root] = float(np.clip(measured, 0.5, 2.0))
        return self._edge_px[dataset.root]

    def _draw_corner(self, mask: Mask, rng: np.random.Generator) -> Corner:
        """Where a patch may begin so that the square around its mask lies inside the picture."""
        box = tight_box(mask)
        assert box is not None
        square = square_box(box)
        low, high = np.ceil(-square[:2]), np.floor(np.asarray(self._size_wh) - square[2:])
        if (low > high).any():
            raise InputError(f"a part of {square[2] - square[0]:.0f} px is larger than the picture")
        x, y = rng.integers(low, high + 1)
        return int(x), int(y)

    def _label(
        self, picks: Sequence[Pick], cutouts: Sequence[Cutout], corners: Sequence[Corner]
    ) -> tuple[Counts, list[Instance] | None]:
        """The mask [H,W] and instances of parts laid in this order; None where one is too hidden."""
        ids = np.zeros(self._size_wh[::-1], dtype=np.uint16)
        for value, (cutout, corner) in enumerate(zip(cutouts, corners, strict=True), start=1):
            lay_mask(ids, cutout.mask, value, corner)
        instances = []
        for value, (pick, cutout) in enumerate(zip(picks, cutouts, strict=True), start=1):
            visible = np.asarray(ids == value)
            share = float(visible.sum() / cutout.mask.sum())
            box = tight_box(visible)
            if box is None or share < self._min_visible or not inside_image(square_box(box), self._size_wh):
                return ids, None
            source = pick.sample.instances[pick.i_instance]
            instances.append(
                Instance(
                    class_name=source.class_name,
                    box_xyxy_px=box,
                    square_xyxy_px=square_box(box),
                    visib_fract=round(share * source.visib_fract, 6),
                )
            )
        return ids, instances

    def _lay_bench(
        self, picture: Linear, split: Split, masks: list[Mask], edge_px: float, rng: np.random.Generator
    ) -> list[int]:
        """Lay up to max_parts patches of bare bench, cut like these parts, in place; returns their plates.

        Each comes out of any plate of the split, at the brightness of where it goes. Nothing that lies on the
        bench is cut through or covered, for no photograph shows half a screw.
        """
        laid = []
        for _ in range(int(rng.integers(self._max_parts + 1))):
            mask = np.rot90(masks[int(rng.integers(len(masks)))], int(rng.integers(4)))
            number = int(rng.choice(self._shares[split]))
            plate = self._plates[number]
            for _ in range(_MAX_TRIES):
                corner = self._draw_corner(mask, rng)
                source = self._draw_corner(mask, rng)
                if self._is_bare(mask, corner) and self._is_bare(mask, source):
                    break
            else:
                continue
            taken, covered = _cut_block(plate, mask, source), _cut_block(picture, mask, corner)
            lay(picture, taken * (_smooth(covered) / _smooth(taken)), soft_edge(mask, edge_px), corner)
            laid.append(number)
        return laid

    def _is_bare(self, mask: Mask, corner: Corner) -> bool:
        block = _cut_block(self._clutter, mask, corner)
        return block.shape == mask.shape and bool(block.mean() < _MAX_CLUTTER)

    def _at(self, xy: tuple[float, float]) -> Linear:
        """[3] smooth brightness of the bench at a pixel."""
        width, height = self._size_wh
        x, y = np.clip(np.round(xy).astype(int), 0, (width - 1, height - 1))
        return np.asarray(self._gradient[y, x])


def _find_clutter(bench: Linear) -> Mask:
    """[H,W] where something lies on the bench or is drawn on it."""
    log = np.log(cv2.GaussianBlur(bench, (0, 0), 1.5))
    return np.asarray(np.abs(log - cv2.GaussianBlur(log, (0, 0), 20.0)).max(axis=-1) > _CLUTTER_RATIO)


def _cast_shadows(
    picture: Linear, cutouts: Sequence[Cutout], corners: Sequence[Corner], rng: np.random.Generator
) -> None:
    """Darken the bench softly beside each part, all from one side, in place."""
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(*_SHADOW_DEPTH)
    for cutout, corner in zip(cutouts, corners, strict=True):
        pad = max(cutout.mask.shape)
        soft = cv2.GaussianBlur(np.pad(cutout.mask.astype(np.float32), pad), (0, 0), _SHADOW_SPREAD * pad)
        reach = _SHADOW_REACH * pad
        x = corner[0] - pad + round(reach * np.cos(angle))
        y = corner[1] - pad + round(reach * np.sin(angle))
        lay(picture, np.zeros((*soft.shape, 3), np.float32), np.asarray(depth * soft, np.float32), (x, y))


def _smooth(light: Linear) -> Linear:
    return np.asarray(np.maximum(cv2.GaussianBlur(light, (0, 0), _GRAIN_PX), 1e-4), dtype=np.float32)


def _cut_block(image: NDArray[T], mask: Mask, corner: Corner) -> NDArray[T]:
    (x, y), (height, width) = corner, mask.shape
    return image[max(y, 0) : y + height, max(x, 0) : x + width]


def _middle(mask: Mask, corner: Corner) -> tuple[float, float]:
    height, width = mask.shape
    return corner[0] + (width - 1) / 2, corner[1] + (height - 1) / 2
