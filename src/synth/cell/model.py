"""A work cell as data: what stands where, what may move, what is labelled and how.

YAML at the border uses metres and degrees; the properties here give radians and 4×4 arrays. Frames are those
of CONVENTIONS.md: base (the controller's), tool (TCP), cam (OpenCV axes), part and mount (their files' axes).
"""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from synth.cell.calibration import Calibration
from synth.cell.cameras import CAMERA_MODELS, DEFAULT_CAMERA, CameraModel
from synth.cell.units import MeshUnits
from synth.cell.values import (
    CameraMatrix,
    ColourRGB,
    Finite,
    Positive,
    Section,
    Transform,
    Vector3,
)
from synth.geometry import se3
from synth.geometry.arm import ArmModel, forward
from synth.geometry.arms import ARM_MODELS, DEFAULT_ARM
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

JOINT_NAMES = ("base", "shoulder", "elbow", "wrist_1", "wrist_2", "wrist_3")
SIMULATED = "simulated"


def _one_of(names: Collection[str], name: str) -> str:
    if name not in names:
        raise ValueError(f"is '{name}'; allowed: {', '.join(names)}")
    return name


class JointRange(Section):
    """Degrees that a joint visits; ``fixed_deg`` for a joint that stays."""

    min_deg: Finite | None = None
    max_deg: Finite | None = None
    fixed_deg: Finite | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.fixed_deg is not None:
            if self.min_deg is not None or self.max_deg is not None:
                raise ValueError("give either fixed_deg or min_deg and max_deg, not both")
        elif self.min_deg is None or self.max_deg is None:
            raise ValueError("give fixed_deg, or both min_deg and max_deg")
        elif self.min_deg >= self.max_deg:
            raise ValueError(f"is empty: min_deg {self.min_deg:g} is not below max_deg {self.max_deg:g}")
        return self

    @property
    def is_fixed(self) -> bool:
        return self.fixed_deg is not None

    @property
    def bounds_rad(self) -> tuple[float, float]:
        """Lower and upper bound in radians; equal for a fixed joint."""
        low, high = (
            (self.min_deg, self.max_deg) if self.fixed_deg is None else (self.fixed_deg, self.fixed_deg)
        )
        assert low is not None
        assert high is not None
        return float(np.radians(low)), float(np.radians(high))


class Joints(Section):
    """The ranges that capture draws poses from."""

    base: JointRange
    shoulder: JointRange
    elbow: JointRange
    wrist_1: JointRange
    wrist_2: JointRange
    wrist_3: JointRange

    @property
    def bounds_rad(self) -> Array:
        """[6,2] lower and upper bounds in radians, base to wrist 3."""
        return np.array([getattr(self, name).bounds_rad for name in JOINT_NAMES])


SixDegrees = tuple[Finite, Finite, Finite, Finite, Finite, Finite]


class RobotCell(Section):
    """The arm: where it answers, what it carries, how it may move."""

    address: str = Field(min_length=1)
    model: str = DEFAULT_ARM
    tcp_pose: tuple[Finite, Finite, Finite, Finite, Finite, Finite]
    payload_kg: Positive
    centre_of_gravity_m: Vector3
    home_deg: SixDegrees
    park_deg: SixDegrees | None = None
    joints: Joints
    speed_deg_s: Positive
    acceleration_deg_s2: Positive
    first_sweep_speed: Annotated[float, Field(gt=0, le=1)] = 0.25
    settle_s: Annotated[float, Field(ge=0, le=10)] = 0.3

    @field_validator("model")
    @classmethod
    def _known(cls, name: str) -> str:
        return _one_of(ARM_MODELS, name)

    @field_validator("payload_kg", "speed_deg_s", "acceleration_deg_s2")
    @classmethod
    def _within_limits(cls, value: float, info: ValidationInfo) -> float:
        if (name := info.data.get("model")) is None:  # It is wrong itself.
            return value
        arm = ARM_MODELS[name]
        most = {
            "payload_kg": arm.payload_kg,
            "speed_deg_s": float(np.degrees(arm.joint_speed_limit_rad_s.min())),
            "acceleration_deg_s2": float(np.degrees(arm.acceleration_limit_rad_s2)),
        }[str(info.field_name)]
        if value > most * (1 + 1e-12):
            raise ValueError(f"is {value:g}; it must be at most {most:g} for a {arm.title}")
        return value

    @property
    def is_simulated(self) -> bool:
        return self.address == SIMULATED

    @property
    def arm(self) -> ArmModel:
        """What is known of its make of arm."""
        return ARM_MODELS[self.model]

    def T_base_tool(self, q_rad: ArrayLike) -> Array:
        """[...,4,4] where the nominal arm holds the tool at joints [...,6]."""
        return np.asarray(forward(q_rad, self.arm.dh) @ self.T_flange_tool)

    @property
    def T_flange_tool(self) -> Array:
        return se3.from_rotvec(self.tcp_pose[3:], self.tcp_pose[:3])

    @property
    def home_q_rad(self) -> Array:
        return np.asarray(np.radians(self.home_deg))

    @property
    def park_q_rad(self) -> Array | None:
        return None if self.park_deg is None else np.asarray(np.radians(self.park_deg))


class Workspace(Section):
    """A box in base that mount and part never leave, and the air kept around every link."""

    min_m: Vector3
    max_m: Vector3
    clearance_m: Annotated[float, Field(ge=0, le=0.5)] = 0.02

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if any(low >= high for low, high in zip(self.min_m, self.max_m, strict=True)):
            raise ValueError("is empty: every number of min_m must be below its partner in max_m")
        return self


class Surface(Section):
    """What a thing looks like: its colour, how rough it is (0 a mirror, 1 chalk), and how much of it is bare
    or dyed metal.
    """

    colour_rgb: ColourRGB
    roughness: Annotated[float, Field(ge=0, le=1)] = 0.5
    metallic: Annotated[float, Field(ge=0, le=1)] = 0.0


class Table(Surface):
    """The bench top: a plane through ``point_m`` with ``normal``, in base."""

    point_m: Vector3 = (0.0, 0.0, 0.0)
    normal: Vector3 = (0.0, 0.0, 1.0)


class Lamp(Section):
    """A square LED panel in base: centre, where it points, side, relative brightness, colour temperature."""

    position_m: Vector3
    target_m: Vector3
    side_m: Positive
    brightness: Positive
    temperature_k: Annotated[float, Field(ge=1500, le=12000)] = 5600.0


class Bench(Section):
    table: Table
    lamps: Annotated[list[Lamp], Field(min_length=1)]


class MeshBody(Section):
    """A mesh file beside the cell file and the units its numbers are in."""

    mesh: str = Field(min_length=1)
    units: MeshUnits


class Mount(MeshBody, Surface):
    """The printed holder between flange and part; its colour must not pass the label filter."""

    T_tool_mount: Transform


class Part(MeshBody, Surface):
    """The part that is labelled.

    T_tool_part: of a part that the arm holds; T_base_part: of one that stands before a camera on the arm.
    normal: ``face`` takes the CAD face under the point of interest, three numbers an axis in the part frame.
    """

    class_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", max_length=60)]
    T_tool_part: Transform | None = None
    T_base_part: Transform | None = None
    point_of_interest_m: Vector3
    normal: Literal["face"] | Vector3 = "face"


Preset = Literal[
    "short_range", "low_ambient", "no_ambient", "max_range", "high_accuracy", "high_density", "default"
]


class CameraCell(Section):
    """The camera: which one, how it is set, where it is.

    mounted: whether it stands (T_base_cam) or the arm holds it (T_tool_cam). Of one on the arm, cable_m: how
    far plug and cable stick out behind its housing; cable_turn_deg: how far wrist 3 turns from home, either
    way, before the cable wraps.
    """

    serial: str = Field(min_length=1)
    model: str = DEFAULT_CAMERA
    mounted: Literal["bench", "tool"] = "bench"
    color_size_wh: tuple[int, int] = (1280, 720)
    depth_size_wh: tuple[int, int] = (640, 480)
    fps: Literal[6, 15, 30] = 30
    preset: Preset = "short_range"
    exposure: Literal["meter_once"] | Annotated[float, Field(gt=0, le=10000)] = "meter_once"
    mains_hz: Literal[50, 60] = 50
    K: CameraMatrix | None = None
    dist: tuple[Finite, Finite, Finite, Finite, Finite] | None = None
    T_base_cam: Transform | None = None
    T_tool_cam: Transform | None = None
    cable_m: Annotated[float, Field(ge=0, le=0.3)] = 0.06
    cable_turn_deg: Annotated[float, Field(gt=0, le=360)] = 180.0

    @field_validator("model")
    @classmethod
    def _known(cls, name: str) -> str:
        return _one_of(CAMERA_MODELS, name)

    @property
    def is_simulated(self) -> bool:
        return self.serial == SIMULATED

    @property
    def is_on_arm(self) -> bool:
        return self.mounted == "tool"

    @property
    def known(self) -> CameraModel:
        """What is known of its make of camera."""
        return CAMERA_MODELS[self.model]

    @property
    def pinhole(self) -> Pinhole:
        """The colour intrinsics of everything that is planned or drawn before a device is opened.

        The cell's calibration where there is one, else the nominal lens, so that a plan does not depend on
        the device's own figures.
        """
        return self.calibrated_pinhole or self.known.color.pinhole(self.color_size_wh)

    @property
    def calibrated_pinhole(self) -> Pinhole | None:
        """The cell's own colour intrinsics, or None to use the device's."""
        if self.K is None:
            return None
        dist = np.zeros(5) if self.dist is None else np.asarray(self.dist)
        return Pinhole(self.color_size_wh, np.asarray(self.K), dist)


class Label(Section):
    """The part's colour in HSV, OpenCV's scale: H 0–179, S and V 0–255; h_min > h_max wraps past red."""

    h_min: Annotated[int, Field(ge=0, le=179)]
    h_max: Annotated[int, Field(ge=0, le=179)]
    s_min: Annotated[int, Field(ge=0, le=255)]
    s_max: Annotated[int, Field(ge=0, le=255)] = 255
    v_min: Annotated[int, Field(ge=0, le=255)]
    v_max: Annotated[int, Field(ge=0, le=255)] = 255

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.s_min > self.s_max or self.v_min > self.v_max:
            raise ValueError("is empty: s_min and v_min must not be above s_max and v_max")
        return self


class Gates(Section):
    """What a shot must pass; everything refused is kept in rejected/ with its reason."""

    max_tilt_deg: Annotated[float, Field(gt=0, lt=90)] = 50.0
    image_margin_px: Annotated[int, Field(ge=0)] = 12
    min_box_px: Annotated[int, Field(ge=4)] = 24
    min_visible: Annotated[float, Field(ge=0, le=1)] = 0.6
    min_sharpness: Annotated[float, Field(ge=0)] = 0.25
    max_saturated: Annotated[float, Field(ge=0, le=1)] = 0.25
    min_box_iou: Annotated[float, Field(ge=0, le=1)] = 0.8
    max_normal_depth_deg: Annotated[float, Field(gt=0, le=90)] = 5.0
    max_shot_motion_mm: Positive = 0.2
    max_shot_rotation_deg: Positive = 0.05
    max_retries: Annotated[int, Field(ge=0, le=10)] = 2
    max_calibration_mm: Positive = 2.0
    max_calibration_deg: Positive = 0.3
    max_calibration_days: Positive = 90.0


class Simulation(Section):
    """How the simulated cell behaves. ``truth``: a file of what the simulator knows and the cell does not."""

    truth: str | None = None
    pace: Annotated[float, Field(gt=0, le=1000)] = 20.0


class Cell(Section):
    """A whole work cell. Meshes and the truth file are found beside ``path``, the file it was read from."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(min_length=1)
    robot: RobotCell
    workspace: Workspace
    bench: Bench
    mount: Mount
    camera: CameraCell
    part: Part
    label: Label
    gates: Gates = Gates()
    simulation: Simulation = Simulation()
    calibration: Calibration = Calibration()

    _path: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path:
        """Where relative names in the cell are looked up."""
        return self._path.parent if self._path else Path.cwd()

    @property
    def is_simulated(self) -> bool:
        """Whether any of its devices is simulated: such data is called simulated wherever it is shown."""
        return self.robot.is_simulated or self.camera.is_simulated
