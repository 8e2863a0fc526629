"""What a dataset says of each of its samples: the JSON of samples.jsonl, plates.jsonl and rejected.jsonl.

Frames and units are those of CONVENTIONS.md: metres, radians, camera in OpenCV axes, boxes in pixels with
edges 0 to W.
"""

from collections.abc import Iterator
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from synth.dataset.choices import BoxKind
from synth.dataset.layers import LAYERS, LayerName
from synth.dataset.origin import Origin
from synth.dataset.record import (
    BoxXyxyPx,
    ClassName,
    Distortion,
    Figure,
    Matrix3,
    Name,
    Record,
    Row4,
    Sha256,
    SizeWh,
    Split,
    Text,
    Transform,
    UnitVector3,
    Vector2,
    Vector6,
)
from synth.errors import DatasetError
from synth.geometry.frames import cam_from_uvw
from synth.geometry.normals import angle_deg
from synth.geometry.pinhole import Pinhole

MIN_VISIBLE_FOR_LABEL = 0.25
MIN_VISIBLE_FOR_CROP = 0.8
MIN_W_FOR_CROP = 0.2

LABEL, NONE_FOUND = "label", "none found"
"""What a sample's ``quality`` says of a picture for which an import found no label."""


class Instance(Record):
    """One labelled object in an image.

    box_xyxy_px: tight box. square_xyxy_px: the paper's 1:1 box; None where none lies in the image, since the
    tight one is longer than the image is high or wide. normal_uvw, normal_crop_uvw: unit, in camera and crop
    axes. point_xy, point_crop_xy: the point of interest as fractions of image and crop. T_cam_part: part
    points to the camera frame, metres. visib_fract: 0 to 1. crop: path inside the folder, of an instance with
    a normal or without. R_crop_cam: turns camera axes to crop axes, where the crop tells a normal.
    """

    class_name: ClassName
    box_xyxy_px: BoxXyxyPx
    square_xyxy_px: BoxXyxyPx | None = None
    normal_uvw: UnitVector3 | None = None
    normal_sigma_deg: Annotated[float, Field(ge=0)] | None = None
    point_xy: Vector2 | None = None
    T_cam_part: Transform | None = None
    visib_fract: Annotated[float, Field(ge=0, le=1)]
    crop: str | None = None
    R_crop_cam: Matrix3 | None = None
    normal_crop_uvw: UnitVector3 | None = None
    point_crop_xy: Vector2 | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key, (x0, y0, x1, y1) in self.boxes():
            if not (x0 < x1 and y0 < y1):
                raise ValueError(
                    f"{key} is empty: x0 < x1 and y0 < y1 must hold, got {x0:g} {y0:g} {x1:g} {y1:g}"
                )
        if self.square_xyxy_px is not None:
            x0, y0, x1, y1 = self.square_xyxy_px
            if abs((x1 - x0) - (y1 - y0)) > 1e-6:
                raise ValueError(f"square_xyxy_px is not square: {x1 - x0:g} by {y1 - y0:g}")
        turned = (self.R_crop_cam, self.normal_crop_uvw, self.point_crop_xy)
        if any(v is None for v in turned) != all(v is None for v in turned):
            raise ValueError("R_crop_cam, normal_crop_uvw and point_crop_xy go together")
        if self.R_crop_cam is not None:
            if self.square_xyxy_px is None:
                raise ValueError("R_crop_cam needs square_xyxy_px, around which the crop is cut")
            if self.point_xy is None:
                raise ValueError("R_crop_cam needs point_xy, the crop's row in normals.txt")
            if self.normal_uvw is None or self.normal_uvw[2] <= MIN_W_FOR_CROP:
                raise ValueError(f"R_crop_cam needs a normal_uvw with w above {MIN_W_FOR_CROP}")
            if self.visib_fract < MIN_VISIBLE_FOR_CROP:
                raise ValueError(f"R_crop_cam needs visib_fract of {MIN_VISIBLE_FOR_CROP} or more")
        return self

    def box_of(self, box_kind: BoxKind) -> Row4:
        """The box of one kind, xyxy pixels. Raises DatasetError where no 1:1 box lies in the image."""
        if box_kind == "tight":
            return self.box_xyxy_px
        if self.square_xyxy_px is None:
            raise DatasetError(f"an instance of {self.class_name} has no 1:1 box: take its tight one")
        return self.square_xyxy_px

    def boxes(self) -> Iterator[tuple[str, Row4]]:
        """The boxes that it has, by the names of their fields."""
        yield "box_xyxy_px", self.box_xyxy_px
        if self.square_xyxy_px is not None:
            yield "square_xyxy_px", self.square_xyxy_px

    @property
    def normal_crop(self) -> str | None:
        """Its crop, where that tells a normal."""
        return None if self.R_crop_cam is None else self.crop

    @property
    def tilt_deg(self) -> float | None:
        """Angle between the normal and the line of sight to the part's origin; None without a normal.

        Where the part's place is not known the optical axis stands for the line of sight.
        """
        if self.normal_uvw is None:
            return None
        to_camera = np.array([0.0, 0.0, -1.0])
        if self.T_cam_part is not None:
            to_camera = -np.asarray(self.T_cam_part)[:3, 3]
        return float(angle_deg(cam_from_uvw(self.normal_uvw), to_camera))


class RobotReading(Record):
    """The arm at one moment: joints, TCP in the controller's base, host stamp (monotonic) and controller's
    clock.
    """

    q_rad: Vector6
    T_base_tool: Transform
    t_ns: int
    controller_time_s: float


class RobotShot(Record):
    """The arm before and after the shot, and when the two streams were exposed (host's monotonic clock)."""

    before: RobotReading
    after: RobotReading
    t_color_ns: int | None = None
    t_depth_ns: int | None = None


class Draft(Record):
    """A sample before its files are written: all that is known about the image besides the files themselves.

    group: the film or recording that it is of; its samples are alike. shot_id: views taken at one moment
    share it. K: [3,3] pixels. dist: OpenCV order. T_base_cam: camera points to base. quality: figures of the
    gates, free keys. timing: seconds spent (``motion_s``, ``machine_s``, ...).
    """

    name: Name
    split: Split
    group: Text | None = None
    shot_id: Text | None = None
    size_wh: SizeWh
    K: Matrix3 | None = None
    dist: Distortion | None = None
    T_base_cam: Transform | None = None
    robot: RobotShot | None = None
    instances: tuple[Instance, ...] = ()
    origin: Origin = Origin()
    quality: dict[str, Figure] = Field(default_factory=dict)
    timing: dict[str, float] = Field(default_factory=dict)

    @property
    def camera(self) -> Pinhole | None:
        """What it was taken with, where ``K`` is known."""
        if self.K is None:
            return None
        return Pinhole(self.size_wh, np.asarray(self.K), np.asarray(self.dist or np.zeros(5)))

    @model_validator(mode="after")
    def _boxes_inside(self) -> Self:
        width, height = self.size_wh
        for i, instance in enumerate(self.instances):
            for key, (x0, y0, x1, y1) in instance.boxes():
                if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
                    raise ValueError(
                        f"instances.{i}.{key} leaves the {width}×{height} image: {x0:g} {y0:g} {x1:g} {y1:g}"
                    )
        return self


class Sample(Draft):
    """One line of samples.jsonl: a draft, its files and their hashes.

    layers: paths inside the folder. sha256: of every file by path. pixels_sha256: of the decoded image, or of
    the semantic map where there is no image (codecs.pixels_sha256).
    """

    layers: dict[LayerName, str]
    sha256: dict[str, Sha256]
    pixels_sha256: Sha256

    @model_validator(mode="after")
    def _own_files(self) -> Self:
        for name, path in self.layers.items():
            if path not in (allowed := LAYERS[name].paths(self.name)):
                raise ValueError(f"layers.{name} must be {' or '.join(allowed)}, got {path!r}")
        if not self.layers.keys() & {"image", "semantic"}:
            raise ValueError("layers must have an image or a semantic map")
        for i, instance in enumerate(self.instances):
            if instance.crop is not None and instance.crop != f"crops/{self.name}_{i}.png":
                raise ValueError(
                    f"instances.{i}.crop must be crops/{self.name}_{i}.png, got {instance.crop!r}"
                )
        if set(self.sha256) != set(self.files):
            raise ValueError("sha256 must have one hash for each of " + ", ".join(self.files))
        return self

    @property
    def image(self) -> str:
        """The path of its image; raises DatasetError for a label map without one."""
        if "image" not in self.layers:
            raise DatasetError(
                f"sample {self.name} is a label map without an image: give a dataset of images here"
            )
        return self.layers["image"]

    @property
    def depth(self) -> str | None:
        """The path of its depth, where it has one."""
        return self.layers.get("depth")

    @property
    def mask(self) -> str | None:
        """The path of its mask, where it has one."""
        return self.layers.get("mask")

    @property
    def is_labelled(self) -> bool:
        """Whether it has instances, or a label map that no network made."""
        return bool(self.instances) or ("semantic" in self.layers and not self.origin.is_pseudo_labelled)

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the sample, relative to the folder, the image first; labels are views and not among
        them.
        """
        crops = (instance.crop for instance in self.instances)
        layers = (self.layers[name] for name in LAYERS if name in self.layers)
        return (*layers, *(path for path in crops if path is not None))


class Plate(Record):
    """One line of plates/plates.jsonl: the bench without the part. inpainted: the arm was painted out of the
    image.
    """

    number: Annotated[int, Field(ge=0)]
    image: str
    depth: str | None = None
    inpainted: bool = False
    sha256: dict[str, Sha256]
    pixels_sha256: Sha256

    @model_validator(mode="after")
    def _own_files(self) -> Self:
        if self.image != f"plates/{self.number:06d}.png" or self.depth not in (
            None,
            f"plates/{self.number:06d}_depth.png",
        ):
            raise ValueError(f"plate {self.number} must be plates/{self.number:06d}.png (and _depth.png)")
        if set(self.sha256) != {p for p in (self.image, self.depth) if p}:
            raise ValueError("sha256 must have one hash for each file of the plate")
        return self


class Rejection(Record):
    """One line of rejected/rejected.jsonl: a shot that a gate refused, or a sample that was taken out by
    hand.

    reason: a short, countable cause (``blur``); detail: the sentence. sample: the whole record of one taken
    out.
    """

    number: Annotated[int, Field(ge=0)]
    reason: Annotated[str, Field(min_length=1)]
    detail: str = ""
    name: Name | None = None
    split: Split | None = None
    pose_index: int | None = None
    attempt: int | None = None
    quality: dict[str, Figure] = Field(default_factory=dict)
    timing: dict[str, float] = Field(default_factory=dict)
    sample: Sample | None = None
    sha256: dict[str, Sha256] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _own_files(self) -> Self:
        for path in self.sha256:
            if not path.startswith(f"rejected/{self.number:06d}_") or "/" in path[9:] or "\\" in path:
                raise ValueError(
                    f"files of rejection {self.number} must be rejected/{self.number:06d}_…, got {path!r}"
                )
        return self
