"""Scenes spread around what they were: light, surfaces, camera, and things that lie about on the table."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from synth.geometry import se3
from synth.geometry.boxes import inside_image, square_box
from synth.geometry.se3 import Array
from synth.sim.bin_box import table_below
from synth.sim.furnish import pinhole_of
from synth.sim.meshes import CLUTTER, Meshes
from synth.sim.scene import Finish, Scene, SceneBody, SceneCamera, SceneLamp


@dataclass(frozen=True)
class Spread:
    """How far a value goes to either side at strength 1, evenly drawn; ``is_factor``: as an exponent of e."""

    half_range: float
    is_factor: bool = False


RANGES: dict[str, Spread] = {
    "lamp_brightness": Spread(0.35, is_factor=True),
    "lamp_position_m": Spread(0.12),
    "lamp_temperature_k": Spread(700.0),
    "colour": Spread(8.0),
    "roughness": Spread(0.15),
    "camera_position_m": Spread(0.004),
    "camera_rotation_deg": Spread(0.35),
    "clutter_place": Spread(0.9),
    "clutter_turn_deg": Spread(180.0),
    "clutter_colour": Spread(95.0),
}
"""Every range there is. colour, clutter_colour: of each of R, G and B, 0–255, clutter around a middle grey.
clutter_place: in half widths of the view.
"""

MAX_CLUTTER = 4
"""Things laid on the table at strength 1: none to this many."""

CLUTTER_GAP_M = 0.03
LOW_M = 0.08
"""Clutter keeps CLUTTER_GAP_M from whatever reaches below this height over the table."""

_CAMERA_TRIES = 20
_PLACE_TRIES = 20
_CLUTTER_GREY = 125.0


def randomize(scene: Scene, rng: np.random.Generator, strength: float, meshes: Meshes) -> Scene:
    """The scene with light, surfaces, camera and clutter drawn around their values, every draw recorded.

    strength: 1 for `RANGES` as they stand, 0 for the scene as it was. A part that the scene shows whole stays
    whole in the image: a camera draw that loses its square box is drawn again.
    """
    dice = _Dice(rng, strength)
    lamps = tuple(_lamp(lamp, f"lamp_{i}", dice) for i, lamp in enumerate(scene.lamps))
    finishes = {
        name: _finish(finish, name, dice)
        for name, finish in {
            "table": scene.table_finish,
            **{_surface(body): body.finish for body in scene.bodies},
        }.items()
    }
    bodies = tuple(b.model_copy(update={"finish": finishes[_surface(b)]}) for b in scene.bodies)
    camera = _camera(scene, meshes, dice)
    lit = scene.model_copy(
        update={"lamps": lamps, "bodies": bodies, "camera": camera, "table_finish": finishes["table"]}
    )
    clutter = _clutter(lit, meshes, dice)
    return lit.model_copy(
        update={"bodies": (*bodies, *clutter), "draws": {**scene.draws, "strength": strength, **dice.draws}}
    )


class _Dice:
    """Draws within `RANGES` and remembers them by name."""

    def __init__(self, rng: np.random.Generator, strength: float) -> None:
        self.rng, self.strength = rng, strength
        self.draws: dict[str, float] = {}

    def draw(self, name: str, kind: str) -> float:
        """A difference, or a factor, of one kind of the table."""
        spread = RANGES[kind]
        value = float(self.rng.uniform(-1, 1)) * spread.half_range * self.strength
        self.draws[name] = float(np.exp(value)) if spread.is_factor else value
        return self.draws[name]

    def vector(self, name: str, kind: str) -> Array:
        """Three of them."""
        return np.array([self.draw(f"{name}_{axis}", kind) for axis in "xyz"])


def _lamp(lamp: SceneLamp, name: str, dice: _Dice) -> SceneLamp:
    temperature_k = lamp.temperature_k + dice.draw(f"{name}_temperature_k", "lamp_temperature_k")
    return lamp.model_copy(
        update={
            "brightness": lamp.brightness * dice.draw(f"{name}_brightness", "lamp_brightness"),
            "position_m": tuple(
                (np.array(lamp.position_m) + dice.vector(f"{name}_position_m", "lamp_position_m")).tolist()
            ),
            "temperature_k": float(np.clip(temperature_k, 1500, 12000)),
        }
    )


def _surface(body: SceneBody) -> str:
    """What has one look: all parts together, all that is alike on the arm, else the body's own name."""
    return "part" if body.instance else body.mesh.split("_")[-1]


def _finish(finish: Finish, name: str, dice: _Dice) -> Finish:
    shift = [dice.draw(f"{name}_colour_{channel}", "colour") for channel in "rgb"]
    roughness = finish.roughness + dice.draw(f"{name}_roughness", "roughness")
    return finish.model_copy(
        update={
            "colour_rgb": _rgb(np.add(finish.colour_rgb, shift)),
            "roughness": _share(roughness),
        }
    )


def _camera(scene: Scene, meshes: Meshes, dice: _Dice) -> SceneCamera:
    whole = _shows_square(scene, scene.camera, meshes)
    for _ in range(_CAMERA_TRIES):
        shift_m = dice.vector("camera_position_m", "camera_position_m")
        turn_deg = dice.vector("camera_rotation_deg", "camera_rotation_deg")
        jitter = se3.from_rotvec(np.radians(turn_deg), shift_m)
        T_base_cam = np.asarray(scene.camera.T_base_cam) @ jitter
        camera = SceneCamera(**scene.camera.model_dump() | {"T_base_cam": T_base_cam.tolist()})
        if not whole or _shows_square(scene, camera, meshes):
            return camera
    for name in [n for n in dice.draws if n.startswith("camera_")]:
        dice.draws[name] = 0.0
    return scene.camera


def _shows_square(scene: Scene, camera: SceneCamera, meshes: Meshes) -> bool:
    """Whether the square box of every part lies in the image, one pixel of room included."""
    pinhole = pinhole_of(camera)
    T_cam_base = se3.inverse(np.asarray(camera.T_base_cam))
    for body in scene.bodies:
        if body.instance:
            vertices_m = meshes[body.mesh].vertices_m
            points = se3.transform(T_cam_base @ np.asarray(body.T_base_body), vertices_m)
            if points[:, 2].min() <= 0.05:
                return False
            pixels = pinhole.project(points) + 0.5
            square = square_box(np.concatenate([pixels.min(axis=0) - 1, pixels.max(axis=0) + 1]))
            if not inside_image(square, pinhole.size_wh):
                return False
    return True


def _clutter(scene: Scene, meshes: Meshes, dice: _Dice) -> list[SceneBody]:
    """Things on the table in view of the camera, clear of one another and of what stands or hangs low."""
    count = int(dice.rng.integers(0, round(MAX_CLUTTER * dice.strength) + 1))
    T_base_table = table_below(scene.camera.T_base_cam, scene.table_point_m, scene.table_normal)
    bodies: list[SceneBody] = []
    if T_base_table is not None:
        half_m = _half_view_m(scene, T_base_table)
        discs = [d for body in scene.bodies if (d := _low_disc(body, meshes, T_base_table)) is not None]
        for _ in range(count * _PLACE_TRIES):
            body = _thing(len(bodies), T_base_table, half_m, dice)
            disc = _low_disc(body, meshes, T_base_table)
            if disc is not None and all(_gap_m(disc, other) >= CLUTTER_GAP_M for other in discs):
                bodies.append(body)
                discs.append(disc)
                if len(bodies) == count:
                    break
    for name in [n for n in dice.draws if n.startswith(f"clutter_{len(bodies)}_")]:
        del dice.draws[name]  # What found no place.
    dice.draws["clutter_count"] = float(len(bodies))
    return bodies


def _thing(i: int, T_base_table: Array, half_m: Array, dice: _Dice) -> SceneBody:
    name = f"clutter_{i}"
    kind = int(dice.rng.integers(len(CLUTTER)))
    dice.draws[f"{name}_kind"] = float(kind)
    place = np.clip([dice.draw(f"{name}_place_{axis}", "clutter_place") for axis in "xy"], -1, 1) * half_m
    turn = Rotation.from_rotvec([0, 0, np.radians(dice.draw(f"{name}_turn_deg", "clutter_turn_deg"))])
    tone = [dice.draw(f"{name}_colour_{channel}", "clutter_colour") for channel in "rgb"]
    finish = Finish(
        colour_rgb=_rgb(np.add(_CLUTTER_GREY, tone)),
        roughness=_share(0.5 + dice.draw(f"{name}_roughness", "roughness")),
    )
    T_base_body = T_base_table @ se3.make(turn.as_matrix(), [*place, 0.0])
    return SceneBody(name=name, mesh=CLUTTER[kind], T_base_body=T_base_body.tolist(), finish=finish)


def _half_view_m(scene: Scene, T_base_table: Array) -> Array:
    """Half of what the camera sees of the table, across and along."""
    distance_m = np.linalg.norm(T_base_table[:3, 3] - np.asarray(scene.camera.T_base_cam)[:3, 3])
    K = np.asarray(scene.camera.K)
    return np.asarray(np.array(scene.camera.size_wh) / 2 * distance_m / (K[0, 0], K[1, 1]))


def _low_disc(body: SceneBody, meshes: Meshes, T_base_table: Array) -> tuple[Array, float] | None:
    """Centre [2] and radius on the table of what a body has near it; None for one that is all above."""
    points = se3.transform(
        se3.inverse(T_base_table) @ np.asarray(body.T_base_body), meshes[body.mesh].vertices_m
    )
    low = points[points[:, 2] < LOW_M, :2]
    if len(low) == 0:
        return None
    centre = (low.min(axis=0) + low.max(axis=0)) / 2
    return centre, float(np.linalg.norm(low - centre, axis=1).max())


def _gap_m(a: tuple[Array, float], b: tuple[Array, float]) -> float:
    return float(np.linalg.norm(a[0] - b[0])) - a[1] - b[1]


def _rgb(colour: Array) -> tuple[float, float, float]:
    r, g, b = np.clip(colour, 0, 255).tolist()
    return r, g, b


def _share(value: float) -> float:
    return float(np.clip(value, 0.05, 1.0))
