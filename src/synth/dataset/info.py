"""dataset.json: what a dataset says of itself, and how it was made.

Frames and units are those of CONVENTIONS.md; camera in OpenCV axes.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from synth.dataset.record import (
    BoxKind,
    ClassName,
    Distortion,
    Free,
    Matrix3,
    Record,
    Row3,
    Sha256,
    SizeWh,
    Transform,
    UnitVector3,
    plain,
)

Kind = Literal["real", "rendered", "translated", "composited", "imported"]


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
    point_part_m: Annotated[Row3, BeforeValidator(plain)]


class MadeBy(Record):
    """How a dataset came to be: enough to make it again.

    config: the full configuration; going on with a dataset demands the same one. command: the words after
    ``synth`` that go on with it, where the configuration does not tell them. parents: dataset folders it was
    made from. simulated: whether any device was. figures: numbers about the whole set (coverage, nearest
    train–test pose).
    """

    verb: str
    config: dict[str, Free] = Field(default_factory=dict)
    command: tuple[str, ...] | None = None
    seed: int | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    devices: dict[str, Free] = Field(default_factory=dict)
    calibration: dict[str, Free] = Field(default_factory=dict)
    parents: tuple[str, ...] = ()
    simulated: bool
    figures: dict[str, Free] = Field(default_factory=dict)


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
