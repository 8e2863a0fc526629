"""The one compositor: recipes become pictures, and the boxes and masks that follow from their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from synth.dataset.codecs import Counts, Rgb
from synth.dataset.record import SPLITS
from synth.dataset.sample import Instance
from synth.errors import InputError
from synth.geometry.boxes import inside_image, square_box, square_inside, tight_box
from synth.sim.bench_patches import BenchPatches, Patch
from synth.sim.blend import BLENDS, DEFAULT_BLEND, finish, lay_blended
from synth.sim.colour import Linear, linear_of_u8, u8_of_linear
from synth.sim.cutout import Cutout, cut_out, lay, lay_mask
from synth.sim.cutting_table import CuttingTable
from synth.sim.ingredients import Pick
from synth.sim.look import fit_gradient, gradient_terms
from synth.sim.placing.recipe import Recipe, generator_of
from synth.sim.sharpness import measure_edge_sigma
from synth.sim.warp import Laid, lay_out

MIN_SIDE_PX = 6
"""Of the box of what is seen of a part."""

_DEFAULT_EDGE_SIGMA_PX = 0.9
_EDGES_PICTURES = 4
_SHADOW_SPREAD, _SHADOW_REACH, _SHADOW_DEPTH = 0.18, 0.18, (0.14, 0.30)
_KEPT_CUTOUTS = 256


@dataclass(frozen=True, eq=False)
class Labels:
    """What a composite's pixels say.

    ids: [H,W], index of the instance seen + 1. instances: as the parts are laid. fault: why it may not be
    used, in words; None for nothing, and instances are all there then.
    """

    ids: Counts
    instances: tuple[Instance, ...]
    fault: str | None = None


@dataclass(frozen=True, eq=False)
class Composite:
    """A picture [H,W,3], its labels, and the patches of bench laid."""

    rgb_u8: Rgb
    labels: Labels
    patches: tuple[Patch, ...]


class Compositor:
    """Makes composites of what lies on a cutting table."""

    def __init__(self, table: CuttingTable) -> None:
        self.table = table
        self._plates = [linear_of_u8(rgb_u8) for rgb_u8 in table.bench.rgb_u8]
        self._size_wh = table.bench.size_wh
        median = np.maximum(np.median(np.stack(self._plates[:5]), axis=0), 1e-3).astype(np.float32)
        coefficients = np.asarray(fit_gradient(np.log(median)), np.float32)
        self._gradient = np.exp(gradient_terms(self._size_wh) @ coefficients.T)
        self._patches = BenchPatches(median)
        self._edge_px: dict[Path, float] = {}
        self._cut = lru_cache(maxsize=_KEPT_CUTOUTS)(self._cut_out)

    def compose(self, recipe: Recipe) -> Composite:
        """The composite of a recipe; the same for an equal one. Raises InputError for one with a fault."""
        laid = self.lay_out(recipe)
        labels = self.label(recipe, laid)
        if labels.fault is not None:
            raise InputError(f"a composite cannot be made as its recipe says: {labels.fault}")
        rng = generator_of(recipe.chance)
        picture = self._plates[recipe.plate].copy()
        picks = self.picks_of(recipe)
        patches = self._patches.lay(
            picture,
            [(number, self._plates[number]) for number in self.table.shares[recipe.split]],
            [part.mask for part in laid],
            self.edge_of(picks[0]),
            rng,
            at_most=recipe.max_patches,
            blend=recipe.blend,
        )
        _cast_shadows(picture, laid, rng)
        for part, pick in zip(laid, picks, strict=True):
            light = part.light * (self.brightness_at(part.middle_xy) / self.brightness_at(part.source_xy))
            if part.lost_noise is not None:
                grain = rng.standard_normal(light.shape, dtype=np.float32)
                light = np.maximum(light + part.lost_noise * grain, 0)
            soft = recipe.blend == DEFAULT_BLEND
            alpha = part.alpha if soft else BLENDS[recipe.blend](part.mask, self.edge_of(pick))
            lay_blended(picture, light, alpha, part.mask, part.taken, part.corner_xy, recipe.blend)
        return Composite(u8_of_linear(finish(picture, recipe.blend, rng)), labels, tuple(patches))

    def lay_out(self, recipe: Recipe) -> list[Laid]:
        """The parts of a recipe in the picture's pixels. Raises InputError for what cannot be cut out."""
        laid = []
        for part, pick in zip(recipe.parts, self.picks_of(recipe), strict=True):
            cutout = self.cut(pick)
            if cutout is None:
                raise InputError(f"{' '.join(map(str, part.key))} cannot be cut out: its mask is too thin")
            laid.append(lay_out(cutout, part.placement, self.edge_of(pick)))
        return laid

    def picks_of(self, recipe: Recipe) -> list[Pick]:
        """The instances that a recipe names. Raises InputError for one that is not on the table."""
        return [self.table.find(recipe.split, part.key) for part in recipe.parts]

    def label(self, recipe: Recipe, laid: Sequence[Laid]) -> Labels:
        """The labels of parts laid in this order; what leaves the picture is hidden, too."""
        ids = np.zeros(self._size_wh[::-1], dtype=np.uint16)
        for value, part in enumerate(laid, start=1):
            lay_mask(ids, part.mask, value, part.corner_xy)
        instances = []
        for value, (pick, part) in enumerate(zip(self.picks_of(recipe), laid, strict=True), start=1):
            visible = np.asarray(ids == value)
            share, box = float(visible.sum() / part.mask.sum()), tight_box(visible)
            if box is None or share < self.table.min_visible:
                least = self.table.min_visible
                return Labels(ids, (), f"{share:.2f} of a part is seen, and {least:g} must be")
            if (box[2:] - box[:2]).min() < MIN_SIDE_PX:
                return Labels(ids, (), f"a part of which less than {MIN_SIDE_PX} px is seen teaches nothing")
            square = square_inside(box, self._size_wh)
            if self.table.squares_inside and not inside_image(square_box(box), self._size_wh):
                return Labels(ids, (), "the square box of a part leaves the picture")
            source = pick.sample.instances[pick.i_instance]
            instances.append(
                Instance(
                    class_name=source.class_name,
                    box_xyxy_px=box,
                    square_xyxy_px=square,
                    visib_fract=round(share * source.visib_fract, 6),
                )
            )
        return Labels(ids, tuple(instances))

    def cut(self, pick: Pick) -> Cutout | None:
        """One cut-out at full size: light, alpha and mask; None where its mask is too thin."""
        return self._cut(pick)

    def plate(self, number: int, size_wh: tuple[int, int] | None = None) -> Linear:
        """A plate [H,W,3] in linear light, at full size or another."""
        plate = self._plates[number]
        if size_wh is None or size_wh == self._size_wh:
            return plate
        return np.asarray(cv2.resize(plate, size_wh, interpolation=cv2.INTER_AREA), dtype=np.float32)

    def edge_of(self, pick: Pick) -> float:
        """Spread of the edges in a dataset's pictures, pixels; measured once a dataset, on train first."""
        root = pick.dataset.root
        if root not in self._edge_px:
            picks = [p for split in SPLITS for p in self.table.picks[split] if p.dataset is pick.dataset]
            sigmas = [s for p in picks[:_EDGES_PICTURES] for s in measure_edge_sigma(*p.load())]
            measured = float(np.median(sigmas)) if len(sigmas) >= 5 else _DEFAULT_EDGE_SIGMA_PX
            self._edge_px[root] = float(np.clip(measured, 0.5, 2.0))
        return self._edge_px[root]

    def _cut_out(self, pick: Pick) -> Cutout | None:
        light, mask = pick.load()
        return cut_out(light, mask, self.edge_of(pick))

    def brightness_at(self, xy: tuple[float, float]) -> Linear:
        """[3] smooth brightness of the bench at a pixel."""
        width, height = self._size_wh
        x, y = np.clip(np.round(xy).astype(int), 0, (width - 1, height - 1))
        return np.asarray(self._gradient[y, x])


def _cast_shadows(picture: Linear, laid: Sequence[Laid], rng: np.random.Generator) -> None:
    """Darken the bench softly beside each part, all from one side, in place."""
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(*_SHADOW_DEPTH)
    for part in laid:
        pad = max(part.mask.shape)
        soft = cv2.GaussianBlur(np.pad(part.mask.astype(np.float32), pad), (0, 0), _SHADOW_SPREAD * pad)
        reach = _SHADOW_REACH * pad
        x = part.corner_xy[0] - pad + round(reach * np.cos(angle))
        y = part.corner_xy[1] - pad + round(reach * np.sin(angle))
        lay(picture, np.zeros((*soft.shape, 3), np.float32), np.asarray(depth * soft, np.float32), (x, y))
