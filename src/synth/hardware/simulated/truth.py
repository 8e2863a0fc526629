"""What the simulator knows and the cell does not; read by the simulated devices and by tests, by nothing
else.

Renderer and simulated devices share the cell's description. Lest captured pictures look like rendered ones by
construction, the simulated world is a little otherwise than the cell says: lamps, room, surfaces and the
camera's place differ by about as much as a careful person's figures would.
"""

from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from synth.cell.cameras import Lens
from synth.cell.model import Cell, Lamp, Surface
from synth.cell.section_file import load_section
from synth.cell.values import CameraMatrix, Finite, Transform
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

Six = tuple[Finite, Finite, Finite, Finite, Finite, Finite]
Five = tuple[Finite, Finite, Finite, Finite, Finite]
Factor = Annotated[float, Field(ge=0.5, le=2)]
AnySurface = TypeVar("AnySurface", bound=Surface)

# Intrinsics like those an L515 reports, colour at 1280×720, depth at 640×480; those of others are as far off
# their nominal ones.
_COLOR, _DEPTH = Lens(905.0, (1280, 720)), Lens(460.3, (640, 480))
_COLOR_K_1280 = ((905.1, 0.0, 645.7), (0.0, 904.6, 358.9), (0.0, 0.0, 1.0))
_COLOR_DIST = (0.166, -0.51, -0.0005, -0.0007, 0.468)
_DEPTH_K_640 = ((460.3, 0.0, 321.4), (0.0, 460.9, 242.7), (0.0, 0.0, 1.0))


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DhOffsets(_Section):
    """What each joint's Denavit–Hartenberg parameters differ from the published ones: metres and radians."""

    a_m: Six = (0.00008, -0.00093, 0.00071, 0.00004, -0.00003, 0.0)
    d_m: Six = (0.00042, 0.00021, -0.00035, 0.00027, 0.00019, -0.00008)
    alpha_rad: Six = (0.0006, -0.0009, 0.0011, -0.0004, 0.0005, 0.0)
    theta_rad: Six = (0.0, 0.0013, -0.0017, 0.0009, -0.0006, 0.0)


class MountTilt(_Section):
    """How mount and part together are turned about an axis through the TCP, in the tool frame."""

    angle_deg: Annotated[float, Field(ge=-20, le=20)] = 0.0
    axis: tuple[Finite, Finite, Finite] = (1.0, 0.0, 0.0)

    @field_validator("axis")
    @classmethod
    def _has_direction(cls, axis: tuple[float, float, float]) -> tuple[float, float, float]:
        if not any(axis):
            raise ValueError("is 0 0 0: give the direction that the mount is turned about")
        return axis

    @property
    def T_tool_tilted(self) -> Array:
        axis = np.asarray(self.axis, dtype=float)
        return se3.from_rotvec(np.radians(self.angle_deg) * axis / np.linalg.norm(axis), np.zeros(3))


class LampDeviation(_Section):
    """How a lamp differs from the cell's: a factor of its brightness, and what is added to its colour
    temperature.
    """

    brightness: Factor = 1.0
    temperature_k: Annotated[float, Field(ge=-400, le=400)] = 0.0

    def of(self, lamp: Lamp) -> Lamp:
        """The lamp as it really is."""
        update = {
            "brightness": lamp.brightness * self.brightness,
            "temperature_k": lamp.temperature_k + self.temperature_k,
        }
        return lamp.model_copy(update=update)


class SurfaceDeviation(_Section):
    """How a surface differs from the cell's: factors of its sRGB values and of its roughness."""

    colour: tuple[Factor, Factor, Factor] = (1.0, 1.0, 1.0)
    roughness: Factor = 1.0

    def of(self, surface: AnySurface) -> AnySurface:
        """The surface as it really is, within 0-255 and 0-1."""
        colour = np.clip(np.rint(np.multiply(surface.colour_rgb, self.colour)), 0, 255).astype(int)
        update = {
            "colour_rgb": tuple(colour.tolist()),
            "roughness": min(surface.roughness * self.roughness, 1.0),
        }
        return surface.model_copy(update=update)


class SurfaceDeviations(_Section):
    """Of each thing that the cell, or the arm's model, gives a surface."""

    arm: SurfaceDeviation = SurfaceDeviation(colour=(0.96, 0.95, 0.93), roughness=0.85)
    mount: SurfaceDeviation = SurfaceDeviation(colour=(1.08, 1.06, 1.03), roughness=1.15)
    part: SurfaceDeviation = SurfaceDeviation(colour=(0.97, 1.03, 1.10), roughness=1.15)
    table: SurfaceDeviation = SurfaceDeviation(colour=(0.985, 0.98, 0.965), roughness=0.9)


class Truth(_Section):
    """The simulated world as it really is.

    Whatever is None is as the cell says, or, where the cell is silent too, as an L515 would report it.
    T_cam_depth maps points of the depth sensor to the colour camera's frame. camera_offset: how the colour
    camera stands, in its axes where the cell puts it; as far off as `synth calibrate` leaves it
    (docs/results.md), and without meaning where T_base_cam is given. board_offset: how a calibration board is
    held, or how it stands, in the axes of the place where it is thought to be. T_tool_cam: of a camera that
    is on the arm, T_base_part: of the part that stands before it. lamps: in the cell's order, from the first
    again where it has more. room_light: factor of all that the room around sends. decoys: how many lids of
    the part's own colour lie on the bench, larger in the picture than the part.
    """

    dh_offsets: DhOffsets = DhOffsets()
    mount_tilt: MountTilt = MountTilt()
    repeatability_m: Annotated[float, Field(ge=0, le=0.01)] = 3e-5
    T_base_cam: Transform | None = None
    T_tool_cam: Transform | None = None
    T_tool_part: Transform | None = None
    T_base_part: Transform | None = None
    T_tool_mount: Transform | None = None
    color_K: CameraMatrix | None = None
    color_dist: Five | None = None
    depth_K: CameraMatrix | None = None
    T_cam_depth: Transform = Field(
        default_factory=lambda: se3.from_rotvec([0.0021, -0.0014, 0.0008], [-0.0003, -0.0141, 0.0021])
    )
    depth_scale_m: Annotated[float, Field(gt=0, le=0.01)] | None = None
    board_offset: Transform = Field(
        default_factory=lambda: se3.from_rotvec([0.02, -0.015, 0.03], [0.003, -0.002, 0.0015])
    )
    camera_offset: Transform = Field(
        default_factory=lambda: se3.from_rotvec([3.2e-5, -3.0e-5, 2.9e-5], [1.6e-5, -1.4e-5, 2.1e-5])
    )
    lamps: Annotated[tuple[LampDeviation, ...], Field(min_length=1)] = (
        LampDeviation(brightness=0.88, temperature_k=-250.0),
        LampDeviation(brightness=1.13, temperature_k=300.0),
    )
    room_light: Annotated[float, Field(ge=0, le=4)] = 1.2
    surfaces: SurfaceDeviations = SurfaceDeviations()
    decoys: Annotated[int, Field(ge=0, le=3)] = 0

    def T_base_cam_of(self, cell: Cell) -> Array:
        """The true [4,4] pose of the colour camera."""
        if self.T_base_cam is None:
            return np.asarray(np.asarray(cell.camera.T_base_cam) @ self.camera_offset, dtype=np.float64)
        return np.asarray(self.T_base_cam, dtype=np.float64)

    def T_tool_cam_of(self, cell: Cell) -> Array:
        """The true [4,4] place of a colour camera on the arm."""
        if self.T_tool_cam is None:
            return np.asarray(np.asarray(cell.camera.T_tool_cam) @ self.camera_offset, dtype=np.float64)
        return np.asarray(self.T_tool_cam, dtype=np.float64)

    def lamps_of(self, cell: Cell) -> list[Lamp]:
        """The cell's lamps as they really shine."""
        return [
            deviation.of(lamp) for deviation, lamp in zip(cycle(self.lamps), cell.bench.lamps, strict=False)
        ]

    def color_camera_of(self, cell: Cell) -> Pinhole:
        """The true colour intrinsics at the cell's resolution."""
        size_wh = cell.camera.color_size_wh
        K = self.color_K if self.color_K is not None else cell.camera.K
        dist = self.color_dist if self.color_dist is not None else cell.camera.dist
        if K is None:
            K = _as_far_off(_COLOR_K_1280, _COLOR, cell.camera.known.color, size_wh)
            dist = dist or _COLOR_DIST
        return Pinhole(size_wh, np.asarray(K, dtype=float), np.asarray(dist or np.zeros(5), dtype=float))

    def depth_camera_of(self, cell: Cell) -> Pinhole:
        """The true depth intrinsics at the cell's resolution; the sensor reports no distortion."""
        size_wh = cell.camera.depth_size_wh
        K = self.depth_K
        if K is None:
            K = _as_far_off(_DEPTH_K_640, _DEPTH, cell.camera.known.depth or _DEPTH, size_wh)
        return Pinhole(size_wh, np.asarray(K, dtype=float))


def _as_far_off(K: Any, nominal: Lens, lens: Lens, size_wh: tuple[int, int]) -> Array:
    """K [3,3] of another lens read out at a size: as far off its nominal one as ``K`` is off ``nominal``."""
    found: Array = np.array(K, dtype=np.float64)
    found[[0, 1], [0, 1]] *= lens.f_px / nominal.f_px
    found[:2, :2] *= lens.scale_to(size_wh)
    for axis in range(2):
        off_px = found[axis, 2] - (nominal.sensor_wh[axis] - 1) / 2
        found[axis, 2] = off_px * lens.scale_to(size_wh) + (size_wh[axis] - 1) / 2
    return found


def load_truth(cell: Cell) -> Truth:
    """The truth file that the cell names (beside the cell file), or the default truth.

    Raises InputError when it lies elsewhere, cannot be read, or holds what it must not.
    """
    if cell.simulation.truth is None:
        return Truth()
    path = (cell.folder / cell.simulation.truth).resolve()
    if not path.is_relative_to(Path(cell.folder).resolve()):
        raise InputError(f"simulation.truth is {cell.simulation.truth}: give a file inside the cell's folder")
    return load_section(path, Truth, "the truth file", "correct simulation.truth")
