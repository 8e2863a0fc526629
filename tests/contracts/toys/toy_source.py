"""A toy source of images: one coloured square a picture, whose colour says where its normal points."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from synth.dataset.crops import recut
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import Origin, Step
from synth.dataset.sample import Draft, Instance
from synth.geometry.boxes import square_box, tight_box
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import crop_rotation
from synth.geometry.pinhole import Pinhole
from synth.sim.furnish import scene_seed, training_split
from synth.sim.settings import RenderSettings
from synth.sim.sources import SOURCES
from synth.sim.sources.source import N_NAMES, MadeSample, Order, Studio

SIZE_WH = (160, 120)
K = ((150.0, 0.0, 79.5), (0.0, 150.0, 59.5), (0.0, 0.0, 1.0))
FIRST = 3 * N_NAMES
STREAM = 7


class Squares:
    """Needs no cell, no other dataset and no renderer."""

    words = ("square", "squares")
    grows = True

    def studio_of(self, settings: RenderSettings) -> "Callable[[RenderSettings], Easel]":
        return open_easel

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        return N_NAMES, "that have names"

    def portion(self, settings: RenderSettings) -> float:
        return 0.0

    def plan(self, studio: "Easel", n: int, *, seed: int) -> Sequence[Order]:
        return [Order(f"{FIRST + i:06d}", (i, seed)) for i in range(n)]


@dataclass(frozen=True, eq=False)
class Easel(Studio):
    """Where squares are drawn."""

    info: DatasetInfo

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], MadeSample]]:
        yield draw


def open_easel(settings: RenderSettings) -> Easel:
    made_by = MadeBy(verb="render", config={"side_px": [24, 60]}, seed=settings.seed, simulated=True)
    return Easel(DatasetInfo(kind="rendered", classes=("square",), made_by=made_by))


def draw(order: Order) -> MadeSample:
    """The sample of one number and seed."""
    i, seed = order.job
    own_seed = scene_seed(seed, STREAM, i)
    rng = np.random.default_rng(own_seed)
    side = int(rng.integers(24, 61))
    x, y = (int(rng.integers(0, length - side + 1)) for length in SIZE_WH)
    u, v = rng.uniform(-0.6, 0.6, 2)
    normal_uvw = (u, v, np.sqrt(1 - u**2 - v**2))
    mask = np.zeros(SIZE_WH[::-1], np.uint16)
    mask[y : y + side, x : x + side] = 1
    picture = rng.normal(110, 8, (*SIZE_WH[::-1], 3))
    picture[mask > 0] += np.array([u, v, 0.7]) * 100
    rgb_u8 = np.clip(picture, 0, 255).astype(np.uint8)
    box = tight_box(mask > 0)
    turn = crop_rotation(Pinhole(SIZE_WH, np.array(K)), (x + side / 2 - 0.5, y + side / 2 - 0.5))
    square = Instance(
        class_name="square",
        box_xyxy_px=box,
        square_xyxy_px=square_box(box),
        normal_uvw=normal_uvw,
        point_xy=((x + side / 2) / SIZE_WH[0], (y + side / 2) / SIZE_WH[1]),
        visib_fract=1.0,
        R_crop_cam=turn.tolist(),
        normal_crop_uvw=uvw_from_cam(turn @ cam_from_uvw(normal_uvw)).tolist(),
        point_crop_xy=(0.5, 0.5),
    )
    draft = Draft(
        name=order.name,
        split=training_split(seed, STREAM, i),
        size_wh=SIZE_WH,
        K=K,
        instances=(square,),
        origin=Origin(steps=(Step(verb="render", method="squares", seed=own_seed),)),
    )
    return MadeSample(draft, {"image": rgb_u8, "mask": mask}, crops=recut(draft, rgb_u8))


SOURCES["squares"] = Squares()
