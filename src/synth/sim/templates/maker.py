"""One picture: signs laid into an area of a photograph, among things that are none, partly hidden."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import JsonValue

from synth.dataset.choices import BoxKind
from synth.dataset.codecs import Counts, Rgb
from synth.dataset.origin import Origin, Parent, Step, merge_parents
from synth.dataset.record import Split
from synth.dataset.sample import Draft, Instance
from synth.errors import InputError
from synth.geometry.boxes import Mask, inside_image, square_box
from synth.geometry.se3 import Array
from synth.sim.colour import Linear, linear_of_u8, u8_of_linear
from synth.sim.cutout import lay, lay_mask
from synth.sim.templates.distractors import draw_distractor
from synth.sim.templates.homography import Turns, box_of, draw_homography, moved, project
from synth.sim.templates.jpeg import find_spread, pressed
from synth.sim.templates.layers import FINE, Layer, Visible, blurred, cut, find_visible, warp
from synth.sim.templates.likeness import Grain, Likeness, Seen, measure_around, measure_grain
from synth.sim.templates.scenes import SceneArea
from synth.sim.templates.template import Template

_STREAM = 0x51615
_MAX_TRIES, _MAX_PLACES = 40, 30
_HIDDEN = 0.35
_MAX_HIDDEN = 0.5
_SHRINK = 0.93
_MAX_FIT, _MAX_OVERLAP = 3.0, 0.25
_SHADING = 0.12


@dataclass(frozen=True, eq=False)
class Manner:
    """How signs are laid. edge_sigma_px, grain: None for as measured. max_parts: 1 to this many a picture, of
    signs, of distractors and of patches each. min_visible: share of each sign that nothing hides.
    """

    likeness: Likeness
    turns: Turns = field(default_factory=Turns)
    edge_sigma_px: float | None = None
    grain: Grain | None = None
    max_parts: int = 2
    min_visible: float = 0.5
    box_kind: BoxKind = "tight"


@dataclass(frozen=True, eq=False)
class _Laid:
    """A sign in its place."""

    template: Template
    H: Array
    layer: Layer

    @property
    def box(self) -> Array:
        """Around the whole of it, pixels."""
        return box_of(project(self.H, self.template.outline))


class SceneMaker:
    """Makes pictures of some templates and scenes; what it draws depends on seed and number alone.

    distractors: pictures that are no class; none for plain shapes.
    """

    def __init__(
        self,
        templates: Sequence[Template],
        distractors: Sequence[Template],
        scenes: Sequence[SceneArea],
        manner: Manner,
        *,
        seed: int,
    ) -> None:
        self._templates = {t.class_name: t for t in templates}
        self._distractors, self._scenes, self._manner, self._seed = distractors, scenes, manner, seed
        self._grains: dict[SceneArea, Grain] = {}

    def make(self, i: int, split: Split, classes: Sequence[str]) -> tuple[Draft, Rgb, Counts]:
        """Picture ``i``: record, picture [H,W,3] and mask [H,W]. Raises InputError where signs find no
        place.
        """
        rng = np.random.default_rng([self._seed, _STREAM, i])
        scenes = [s for s in self._scenes if s.split == split]
        shrink = 1.0
        for _ in range(_MAX_TRIES):
            scene = scenes[int(rng.integers(len(scenes)))]
            scene_u8 = scene.open()
            other = scenes[int(rng.integers(len(scenes)))]
            picture = _Picture(scene, scene_u8, other, self._manner, self._grain_of(scene, scene_u8), rng)
            made = self._try(picture, [self._templates[name] for name in classes], shrink)
            if made is not None:
                return self._write(i, picture, *made)
            shrink *= _SHRINK
        raise InputError(
            f"picture {i}: {len(classes)} signs ({', '.join(classes)}) find no place in any scene: allow "
            "fewer with --max-parts, or smaller ones with --size"
        )

    def _try(
        self, picture: "_Picture", templates: Sequence[Template], shrink: float
    ) -> tuple[list[_Laid], list[Visible]] | None:
        """The signs and what is seen of each; None where one finds no place or is too hidden."""
        rng, least = picture.rng, self._manner.min_visible
        laid: list[_Laid] = []
        for template in templates:
            sign = picture.place(template, shrink, apart=[other.box for other in laid])
            if sign is None:
                return None
            laid.append(sign)
        n_distractors, n_patches = rng.integers(0, self._manner.max_parts + 1, size=2)
        for _ in range(int(n_patches)):
            picture.add_patch(laid[int(rng.integers(len(laid)))].template, shrink)
        for _ in range(int(n_distractors)):
            template = (
                self._distractors[int(rng.integers(len(self._distractors)))]
                if self._distractors
                else draw_distractor(rng)
            )
            if (distractor := picture.place(template, shrink)) is not None:
                picture.layers.append(distractor.layer)
        first = len(picture.layers)
        picture.layers += [sign.layer for sign in laid]
        for sign in laid:
            if rng.uniform() < _HIDDEN:
                picture.hide(sign.layer, float(rng.uniform(0, min(1 - least, _MAX_HIDDEN))))
        seen = [find_visible(picture.layers, first + k) for k in range(len(laid))]
        return (laid, seen) if all(self._is_good(v, picture.scene) for v in seen) else None

    def _is_good(self, visible: Visible, scene: SceneArea) -> bool:
        """Enough of it is seen, and the box that labels hold lies in the picture."""
        box = visible.box_xyxy_px
        if box is None or visible.share < self._manner.min_visible or not visible.mask.any():
            return False
        return inside_image(box if self._manner.box_kind == "tight" else square_box(box), scene.size_wh)

    def _write(
        self, i: int, picture: "_Picture", laid: Sequence[_Laid], seen: Sequence[Visible]
    ) -> tuple[Draft, Rgb, Counts]:
        scene = picture.scene
        ids = np.zeros(scene.size_wh[::-1], np.uint16)
        instances = []
        for value, (sign, visible) in enumerate(zip(laid, seen, strict=True), start=1):
            lay_mask(ids, visible.mask, value, visible.corner_xy)
            box = visible.box_xyxy_px
            assert box is not None
            square = square_box(box)
            instances.append(
                Instance(
                    class_name=sign.template.class_name,
                    box_xyxy_px=box,
                    square_xyxy_px=square if inside_image(square, scene.size_wh) else None,
                    visib_fract=round(visible.share, 6),
                )
            )
        steps = [_step(k, sign, self._seed) for k, sign in enumerate(laid)]
        parents = [p for p in (scene.parent, *picture.taken) if p is not None]
        draft = Draft(
            name=f"{i:06d}",
            split=scene.split,
            group=scene.group[:200],
            size_wh=scene.size_wh,
            instances=tuple(instances),
            origin=Origin(
                parents=merge_parents(*parents), steps=(*steps, Step(verb="compose", seed=self._seed))
            ),
            quality={"scene": scene.name, "region": "{},{},{},{}".format(*scene.rectangle)},
        )
        return draft, picture.finish(), ids

    def _grain_of(self, scene: SceneArea, scene_u8: Rgb) -> Grain:
        if self._manner.grain is not None:
            return self._manner.grain
        if scene not in self._grains:
            self._grains[scene] = measure_grain(scene_u8)
        return self._grains[scene]


class _Picture:
    """One try: the scene, and what is laid on it from the back to the front."""

    def __init__(
        self,
        scene: SceneArea,
        scene_u8: Rgb,
        other: SceneArea,
        manner: Manner,
        grain: Grain,
        rng: np.random.Generator,
    ) -> None:
        self.scene, self.rng, self.layers = scene, rng, list[Layer]()
        self.taken: list[Parent] = []
        self._other, self._manner, self._grain = other, manner, grain
        self._scene_u8, self._light = scene_u8, linear_of_u8(scene_u8)

    def place(self, template: Template, shrink: float, apart: Sequence[Array] = ()) -> _Laid | None:
        """A template in a random place of the scene, in its light; None where it has none, or is too thin
        to be seen.

        apart: boxes that its own may hardly meet.
        """
        H = self._find_place(template, shrink, apart)
        laid = None if H is None else _Laid(template, H, self._lit(template, H))
        return laid if laid is not None and laid.layer.cover.any() else None

    def _find_place(self, template: Template, shrink: float, apart: Sequence[Array] = ()) -> Array | None:
        likeness, (width, height) = self._manner.likeness, self.scene.size_wh
        room = self.scene.room_for(template.aspect)
        for _ in range(_MAX_PLACES):
            side = likeness.draw_side(min(max(room * shrink, likeness.sides_px[0]), room), self.rng)
            if side is None:
                return None
            H = draw_homography(
                template.aspect,
                template.outline,
                side,
                max(self.scene.size_wh),
                self._manner.turns,
                self.rng,
            )
            box = box_of(project(H, template.outline))
            low, high = -box[:2], np.array([width, height]) - box[2:]
            if (low <= high).all():
                shift = self.rng.uniform(low, high)
                if all(_overlap(box + np.tile(shift, 2), other) <= _MAX_OVERLAP for other in apart):
                    return moved(H, shift)
        return None

    def _lit(self, template: Template, H: Array) -> Layer:
        """The layer of a template in the light, with the edges and the noise of its surroundings."""
        rng, likeness = self.rng, self._manner.likeness
        around = measure_around(self._light, box_of(project(H, template.outline)))
        borrowed = likeness.borrow(around, self.scene.group, rng)
        layer = blurred(warp(template.light, H), self._edge_of(borrowed))
        height, width = layer.alpha.shape
        slope = rng.uniform(-_SHADING, _SHADING, 2)
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        shading = (1 + slope[0] * x + slope[1] * y)[..., None]
        light = np.clip(borrowed.light_of(layer.light) * np.float32(shading), 0, None)
        return Layer(light + self._grain.draw(light, rng), layer.alpha, layer.cover, layer.corner_xy)

    def add_patch(self, template: Template, shrink: float) -> None:
        """A patch of another scene in the shape of a sign, as bright as what it covers and with such an
        edge.
        """
        H = self._find_place(template, shrink)
        if H is None:
            return
        shape = warp(template.light, H)
        cover, corner = shape.cover, shape.corner_xy
        size_wh = (cover.shape[1] // FINE, cover.shape[0] // FINE)
        texture = self._texture(size_wh, self._other)
        if texture is None:
            return
        there, taken = (max(float(np.median(p)), 1e-3) for p in (self._under(corner, size_wh), texture))
        fit = np.float32(np.clip(there / taken, 1 / _MAX_FIT, _MAX_FIT))
        self._lay_texture(texture * fit, cover, corner)
        if self._other.parent is not None:
            self.taken.append(self._other.parent.model_copy(update={"used": ("pixels",)}))

    def hide(self, sign: Layer, share: float) -> None:
        """Lay a slab of the scene over about this share of a sign, from any side."""
        cover, corner = _slab(sign, share, self.rng)
        texture = self._texture((cover.shape[1] // FINE, cover.shape[0] // FINE), self.scene)
        if texture is not None:
            self._lay_texture(texture, cover, corner)

    def _lay_texture(self, light: Linear, cover: Mask, corner: tuple[int, int]) -> None:
        edge = self._edge_of(self._manner.likeness.borrow(0.3, self.scene.group, self.rng))
        self.layers.append(blurred(cut(light, cover, corner), edge, edge_only=True))

    def _edge_of(self, borrowed: Seen) -> float:
        """Spread of an edge before it is pressed, pixels: as given, or as a real sign's."""
        edge = self._manner.edge_sigma_px
        if edge is None:
            edge = self._manner.likeness.draw_edge(borrowed, self.rng)
        return float(np.sqrt(max(edge**2 - find_spread(self.scene.path), 0)))

    def _texture(self, size_wh: tuple[int, int], scene: SceneArea) -> Linear | None:
        """Light [h,w,3] from anywhere in a scene; None where that is smaller."""
        room = np.array(scene.size_wh) - np.array(size_wh)
        if (room < 0).any():
            return None
        x, y = self.rng.integers(0, room + 1)
        scene_u8 = self._scene_u8 if scene == self.scene else scene.open()
        return linear_of_u8(scene_u8[y : y + size_wh[1], x : x + size_wh[0]])

    def _under(self, corner: tuple[int, int], size_wh: tuple[int, int]) -> Linear:
        """What a window covers of the scene; beyond its edge what is nearest."""
        xs = np.clip(np.arange(corner[0], corner[0] + size_wh[0]), 0, self._light.shape[1] - 1)
        ys = np.clip(np.arange(corner[1], corner[1] + size_wh[1]), 0, self._light.shape[0] - 1)
        return self._light[np.ix_(ys, xs)]

    def finish(self) -> Rgb:
        """The 8-bit picture [H,W,3] with all that is laid on it, pressed as its photograph was."""
        light = self._light.copy()
        for layer in self.layers:
            lay(light, layer.light, layer.alpha, layer.corner_xy)
        return pressed(u8_of_linear(light), self.scene.path)


def _overlap(a: Array, b: Array) -> float:
    """Of two boxes, as a share of the smaller."""
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    return float(np.prod(sides) / min(np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2])))


def _step(k: int, sign: _Laid, seed: int) -> Step:
    params: dict[str, JsonValue] = {
        "template": sign.template.file,
        "sha256": sign.template.sha256,
        "licence": sign.template.licence,
        "H": [[round(float(v), 9) for v in row] for row in sign.H],
    }
    return Step(verb="compose", method="templates", params=params, seed=seed, region=k)


def _slab(sign: Layer, share: float, rng: np.random.Generator) -> tuple[Mask, tuple[int, int]]:
    """A turned rectangle [h·FINE,w·FINE] of which one edge leaves about ``share`` of a sign behind it, and
    its first pixel.
    """
    side = max(sign.alpha.shape)
    pad, angle = side // 2, rng.uniform(0, 2 * np.pi)
    cover = np.pad(sign.cover, pad * FINE)
    ys, xs = np.mgrid[: cover.shape[0], : cover.shape[1]]
    along, across = xs * np.cos(angle) + ys * np.sin(angle), ys * np.cos(angle) - xs * np.sin(angle)
    edge, middle = np.quantile(along[cover], share), np.median(across[cover])
    length, width = rng.uniform([0.25, 0.5], [0.6, 0.7]) * side * FINE
    slab = (along < edge) & (along > edge - length) & (np.abs(across - middle) < width)
    rows, columns = (np.flatnonzero(slab.any(axis=axis)) // FINE for axis in (1, 0))
    (top, bottom), (left, right) = ((int(n[0]), int(n[-1]) + 1) for n in (rows, columns))
    slab = slab[top * FINE : bottom * FINE, left * FINE : right * FINE]
    return np.asarray(slab), (sign.corner_xy[0] - pad + left, sign.corner_xy[1] - pad + top)
