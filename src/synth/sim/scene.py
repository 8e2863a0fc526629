"""A scene is plain data; a renderer is a function of it.

Everything is in base, metres, camera axes OpenCV's. Colours are sRGB 0–255 as cell.yaml gives them;
whoever renders makes them linear. Meshes lie in one folder beside the scenes, in metres, under the names that
bodies use.
"""

from pydantic import BaseModel, ConfigDict, Field

from synth.dataset.record import Matrix3, Split, Transform

RGB = tuple[float, float, float]
Vector3 = tuple[float, float, float]

TABLE_REACH_M = 8.0
"""How far a table reaches around its point; a renderer may draw it a little further."""


class Plain(BaseModel):
    """Frozen data without extras."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Finish(Plain):
    """A surface for a principled shader. roughness, metallic: 0–1. coat: weight of a clear coat, 0–1."""

    colour_rgb: RGB
    roughness: float = Field(default=0.5, ge=0, le=1)
    metallic: float = Field(default=0.0, ge=0, le=1)
    coat: float = Field(default=0.0, ge=0, le=1)


class SceneBody(Plain):
    """A mesh in its place.

    mesh: name in the mesh folder. instance: 0 for surroundings, 1, 2, … for parts that are labelled, in the
    order of the sample's instances.
    """

    name: str
    mesh: str
    T_base_body: Transform
    finish: Finish
    instance: int = Field(default=0, ge=0)


class SceneLamp(Plain):
    """A square panel shining from ``position_m`` to ``target_m``; brightness relative to the other lamps."""

    position_m: Vector3
    target_m: Vector3
    side_m: float = Field(gt=0)
    brightness: float = Field(gt=0)
    temperature_k: float = Field(ge=1500, le=12000)


class SceneCamera(Plain):
    """The camera with its lens: intrinsics of the distorted image that is written, OpenCV order."""

    size_wh: tuple[int, int]
    K: Matrix3
    dist: tuple[float, float, float, float, float]
    T_base_cam: Transform


class Scene(Plain):
    """One picture to be made.

    scenario: what kind of scene it is, ``twin``; datasets record it, so what the source photographs makes
    stays ``fresh``. parents: names of the samples it stands for. draws: every random value that
    ``--randomize`` drew, by name. seed: of this scene alone, for noise.
    """

    name: str
    scenario: str
    split: Split
    seed: int
    camera: SceneCamera
    table_point_m: Vector3
    table_normal: Vector3
    table_finish: Finish
    bodies: tuple[SceneBody, ...]
    lamps: tuple[SceneLamp, ...]
    q_rad: tuple[float, float, float, float, float, float] | None = None
    T_base_tool: Transform | None = None
    parents: tuple[str, ...] = ()
    draws: dict[str, float] = Field(default_factory=dict)
