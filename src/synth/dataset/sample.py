"""What a dataset says about itself and about each of its samples: the JSON of dataset.json and samples.jsonl.

Frames and units are those of CONVENTIONS.md: metres, radians, camera in OpenCV axes, boxes in pixels with
edges 0 to W. Matrices are nested tuples of finite numbers, so that a record is immutable, comparable and
exact in JSON; ``np.asarray(sample.K)`` makes an array of one.
"""

from math import isfinite
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from synth.geometry.frames import cam_from_uvw
from synth.geometry.normals import angle_deg

MIN_VISIBLE_FOR_LABEL = 0.25
MIN_VISIBLE_FOR_CROP = 0.8
MIN_W_FOR_CROP = 0.2
CROP_SIDE_PX = 224
IMAGE_SUFFIXES = (".png", ".jpg")
"""Of images; synth writes PNG, imported photographs may be JPEG."""

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Kind = Literal["real", "rendered", "translated", "composited", "imported"]
BoxKind = Literal["square", "tight"]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _rigid(value: Any) -> Any:
    value = _plain(value)
    try:
        T = np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("is not a 4×4 of numbers") from None
    if T.shape != (4, 4) or not np.isfinite(T).all():
        raise ValueError("is not a 4×4 of finite numbers")
    R = T[:3, :3]
    if not (
        np.allclose(R @ R.T, np.eye(3), atol=1e-4) and np.linalg.det(R) > 0 and (T[3] == (0, 0, 0, 1)).all()
    ):
        raise ValueError("is not a rigid transform")
    return value


def _unit(value: Any) -> Any:
    value = _plain(value)
    try:
        length = float(np.linalg.norm(np.asarray(value, dtype=float)))
    except (TypeError, ValueError, OverflowError):
        raise ValueError("is not a vector of numbers") from None
    if not abs(length - 1.0) < 1e-6:
        raise ValueError(f"is not a unit vector (its length is {length:.6g})")
    return value


def _finite(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("has a number that is not finite")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _finite(part)
    return value


Free = Annotated[JsonValue, AfterValidator(_finite)]
Row3 = tuple[float, float, float]
Row4 = tuple[float, float, float, float]
Vector2 = Annotated[tuple[float, float], BeforeValidator(_plain)]
UnitVector3 = Annotated[Row3, BeforeValidator(_unit)]
Vector6 = Annotated[tuple[float, float, float, float, float, float], BeforeValidator(_plain)]
Matrix3 = Annotated[tuple[Row3, Row3, Row3], BeforeValidator(_plain)]
Transform = Annotated[tuple[Row4, Row4, Row4, Row4], BeforeValidator(_rigid)]
Distortion = Annotated[tuple[float, float, float, float, float], BeforeValidator(_plain)]
BoxXyxyPx = Annotated[Row4, BeforeValidator(_plain)]
SizeWh = tuple[Annotated[int, Field(gt=0, le=100_000)], Annotated[int, Field(gt=0, le=100_000)]]
Name = Annotated[str, Field(pattern=r"^[0-9]{6,9}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ClassName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", max_length=60)]
Figure = bool | int | float | str


class Record(BaseModel):
    """A line or file of JSON: unknown keys refused, finite numbers only, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_line(self) -> str:
        """One line of JSON in field order at full precision, without a line break; absent values are left
        out.
        """
        return self.model_dump_json(exclude_none=True)


class Instance(Record):
    """One labelled object in an image.

    box_xyxy_px: tight box. square_xyxy_px: the paper's 1:1 box. normal_uvw, normal_crop_uvw: unit, in camera
    and crop axes. point_xy, point_crop_xy: the point of interest as fractions of image and crop. T_cam_part:
    part points to the camera frame, metres. R_crop_cam: turns camera axes to crop axes. visib_fract: 0 to 1.
    crop: path inside the folder.
    """

    class_name: ClassName
    box_xyxy_px: BoxXyxyPx
    square_xyxy_px: BoxXyxyPx
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
        for key in ("box_xyxy_px", "square_xyxy_px"):
            x0, y0, x1, y1 = getattr(self, key)
            if not (x0 < x1 and y0 < y1):
                raise ValueError(
                    f"{key} is empty: x0 < x1 and y0 < y1 must hold, got {x0:g} {y0:g} {x1:g} {y1:g}"
                )
        x0, y0, x1, y1 = self.square_xyxy_px
        if abs((x1 - x0) - (y1 - y0)) > 1e-6:
            raise ValueError(f"square_xyxy_px is not square: {x1 - x0:g} by {y1 - y0:g}")
        turned = (self.R_crop_cam, self.normal_crop_uvw, self.point_crop_xy)
        if any(v is None for v in turned) != all(v is None for v in turned):
            raise ValueError("R_crop_cam, normal_crop_uvw and point_crop_xy go together")
        if self.crop is not None and self.R_crop_cam is None:
            raise ValueError("a crop needs R_crop_cam, normal_crop_uvw and point_crop_xy")
        if self.R_crop_cam is not None:
            if self.point_xy is None:
                raise ValueError("a crop needs point_xy, its row in normals.txt")
            if self.normal_uvw is None or self.normal_uvw[2] <= MIN_W_FOR_CROP:
                raise ValueError(f"a crop needs a normal_uvw with w above {MIN_W_FOR_CROP}")
            if self.visib_fract < MIN_VISIBLE_FOR_CROP:
                raise ValueError(f"a crop needs visib_fract of {MIN_VISIBLE_FOR_CROP} or more")
        return self

    def box_of(self, box_kind: BoxKind) -> Row4:
        """The box of one kind, xyxy pixels."""
        return self.square_xyxy_px if box_kind == "square" else self.box_xyxy_px

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


class Parent(Record):
    """A sample that another was made from; the hash finds it even when folders were renamed."""

    dataset: str
    name: Name
    split: Split
    pixels_sha256: Sha256


class Origin(Record):
    """What a sample was made from and how it can be made again."""

    parents: tuple[Parent, ...] = ()
    seed: int | None = None
    checkpoint: str | None = None


class Draft(Record):
    """A sample before its files are written: all that is known about the image besides the files themselves.

    K: [3,3] pixels. dist: OpenCV order. T_base_cam: camera points to base. quality: figures of the gates,
    free keys. timing: seconds spent (``motion_s``, ``machine_s``, ...).
    """

    name: Name
    split: Split
    size_wh: SizeWh
    K: Matrix3 | None = None
    dist: Distortion | None = None
    T_base_cam: Transform | None = None
    robot: RobotShot | None = None
    instances: tuple[Instance, ...] = ()
    origin: Origin = Origin()
    quality: dict[str, Figure] = {}
    timing: dict[str, float] = {}

    @model_validator(mode="after")
    def _boxes_inside(self) -> Self:
        width, height = self.size_wh
        for i, instance in enumerate(self.instances):
            for key in ("box_xyxy_px", "square_xyxy_px"):
                x0, y0, x1, y1 = getattr(instance, key)
                if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
                    raise ValueError(
                        f"instances.{i}.{key} leaves the {width}×{height} image: {x0:g} {y0:g} {x1:g} {y1:g}"
                    )
        return self


class Sample(Draft):
    """One line of samples.jsonl: a draft, its files (paths inside the folder) and their hashes.

    sha256: of every file by path. pixels_sha256: of the decoded image (codecs.pixels_sha256).
    """

    image: str
    depth: str | None = None
    mask: str | None = None
    sha256: dict[str, Sha256]
    pixels_sha256: Sha256

    @model_validator(mode="after")
    def _own_files(self) -> Self:
        expected = {
            "image": [f"images/{self.name}{suffix}" for suffix in IMAGE_SUFFIXES],
            "depth": [f"depth/{self.name}.png"],
            "mask": [f"masks/{self.name}.png"],
        }
        for key, paths in expected.items():
            if (got := getattr(self, key)) is not None and got not in paths:
                raise ValueError(f"{key} must be {' or '.join(paths)}, got {got!r}")
        for i, instance in enumerate(self.instances):
            if instance.crop is not None and instance.crop != f"crops/{self.name}_{i}.png":
                raise ValueError(
                    f"instances.{i}.crop must be crops/{self.name}_{i}.png, got {instance.crop!r}"
                )
        if set(self.sha256) != set(self.files):
            raise ValueError("sha256 must have one hash for each of " + ", ".join(self.files))
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the sample, relative to the folder, the image first; labels are views and not among
        them.
        """
        crops = (instance.crop for instance in self.instances)
        return tuple(p for p in (self.image, self.depth, self.mask, *crops) if p is not None)


class CameraRecord(Record):
    """The camera of a dataset. depth_scale_m: metres per count of depth/, as the sensor reported it."""

    name: str
    serial: str
    size_wh: SizeWh
    K: Matrix3
    dist: Distortion
    T_base_cam: Transform | None = None
    depth_scale_m: Annotated[float, Field(gt=0)] | None = None


class PartRecord(Record):
    """The part that is labelled: its class and the hash of its CAD file."""

    name: str
    cad_sha256: Sha256


class ModelRecord(Record):
    """The surface of one class, where the dataset brings it along.

    mesh: its path inside the folder. units: of its vertices. normal_part, point_part_m: which normal and
    which point of interest the labels tell, in the model's axes.
    """

    class_name: ClassName
    mesh: Annotated[str, Field(pattern=r"^models/[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
    units: Literal["m", "cm", "mm", "inch"]
    sha256: Sha256
    normal_part: UnitVector3 | None = None
    point_part_m: Annotated[Row3, BeforeValidator(_plain)]


class MadeBy(Record):
    """How a dataset came to be: enough to make it again.

    config: the full configuration; going on with a dataset demands the same one. parents: dataset folders it
    was made from. simulated: whether any device was. figures: numbers about the whole set (coverage, nearest
    train–test pose).
    """

    verb: str
    config: dict[str, Free] = {}
    seed: int | None = None
    versions: dict[str, str] = {}
    devices: dict[str, Free] = {}
    calibration: dict[str, Free] = {}
    parents: tuple[str, ...] = ()
    simulated: bool
    figures: dict[str, Free] = {}


class DatasetInfo(Record):
    """dataset.json."""

    schema_version: Literal[1] = 1
    kind: Kind
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1)]
    camera: CameraRecord | None = None
    part: PartRecord | None = None
    models: tuple[ModelRecord, ...] = ()
    box_kind: BoxKind = "square"
    made_by: MadeBy

    @model_validator(mode="after")
    def _classes_differ(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes must differ from one another")
        return self


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
    quality: dict[str, Figure] = {}
    timing: dict[str, float] = {}
    sample: Sample | None = None
    sha256: dict[str, Sha256] = {}

    @model_validator(mode="after")
    def _own_files(self) -> Self:
        for path in self.sha256:
            if not path.startswith(f"rejected/{self.number:06d}_") or "/" in path[9:] or "\\" in path:
                raise ValueError(
                    f"files of rejection {self.number} must be rejected/{self.number:06d}_…, got {path!r}"
                )
        return self
