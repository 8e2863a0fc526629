"""dataset.json: what a dataset says of itself, and how it was made.

Frames and units are those of CONVENTIONS.md; camera in OpenCV axes.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from synth.cell.units import MeshUnits
from synth.dataset.choices import BoxKind
from synth.dataset.origin import Reading
from synth.dataset.record import (
    ClassName,
    Distortion,
    Free,
    Kind,
    Matrix3,
    Record,
    Row3,
    Sha256,
    SizeWh,
    Transform,
    UnitVector3,
    plain,
)

SCHEMA_VERSION: Literal[2] = 2

Colour = tuple[
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
]


UNLABELLED_KINDS: tuple[Kind, ...] = ("imported", "mixed")
"""What may have no classes: frames of films wait for their labels."""


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
    units: MeshUnits
    sha256: Sha256
    normal_part: UnitVector3 | None = None
    point_part_m: Annotated[Row3, BeforeValidator(plain)]


class SemanticInfo(Record):
    """What the values of semantic/ mean. names: of the ids from 0 on. colours: RGB of each, for drawing.

    void: the id of pixels without a class; 255 in maps of 8 bits, 65535 in those of 16.
    """

    names: Annotated[tuple[ClassName, ...], Field(min_length=1)]
    colours: tuple[Colour, ...]
    void: Literal[255, 65535] = 255

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("names must differ from one another")
        if len(self.names) > self.void:
            raise ValueError(f"{len(self.names)} names leave no id for void, {self.void}: use 65535")
        if len(self.colours) != len(self.names):
            raise ValueError(f"colours must be one a name, {len(self.names)}, got {len(self.colours)}")
        return self


class MadeBy(Record):
    """How a dataset came to be: enough to make it again.

    config: the full configuration; going on with a dataset demands the same one. command: the words after
    ``synth`` that began it and go on with it, None where Python did. typed_in: where, as seen from the
    dataset. parents: dataset folders it was made from. readings: what all its samples share beyond their own
    parents: pictures that gave a look, labels that trained and chose a checkpoint. simulated: whether any
    device was. figures: of the whole set (coverage, nearest train–test pose), a translation's forecast.
    """

    verb: str
    config: dict[str, Free] = Field(default_factory=dict)
    command: tuple[str, ...] | None = None
    typed_in: Annotated[str, Field(pattern=r"^[^\x00]+$")] | None = None
    seed: int | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    devices: dict[str, Free] = Field(default_factory=dict)
    calibration: dict[str, Free] = Field(default_factory=dict)
    parents: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    simulated: bool
    figures: dict[str, Free] = Field(default_factory=dict)


class DatasetInfo(Record):
    """dataset.json.

    schema_version: of the folder's records; those of 1 are read as `schema_1` says, and never written.
    classes: of instances. semantic: of pixels. flip_pairs: classes of either that a mirror swaps, such as
    follow_left and follow_right; all others are taken to look alike in a mirror.
    near_copies_accepted: why near copies of its test images may train; None where they may not.
    """

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    kind: Kind
    classes: tuple[ClassName, ...]
    semantic: SemanticInfo | None = None
    flip_pairs: tuple[tuple[ClassName, ClassName], ...] = ()
    camera: CameraRecord | None = None
    part: PartRecord | None = None
    models: tuple[ModelRecord, ...] = ()
    box_kind: BoxKind = "square"
    near_copies_accepted: Annotated[str, Field(min_length=1)] | None = None
    made_by: MadeBy

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes must differ from one another")
        if not self.classes and self.semantic is None and self.kind not in UNLABELLED_KINDS:
            raise ValueError("there must be a class, of instances or of pixels")
        paired = [name for pair in self.flip_pairs for name in pair]
        if len(set(paired)) != len(paired):
            raise ValueError("flip_pairs must name two classes each, and no class twice")
        for names in (self.classes, () if self.semantic is None else self.semantic.names):
            for left, right in self.flip_pairs:
                if (left in names) != (right in names):
                    missing = right if left in names else left
                    raise ValueError(f"flip_pairs pair {left} with {right}, and there is no class {missing}")
        known = {*self.classes, *(() if self.semantic is None else self.semantic.names)}
        if unknown := [name for name in paired if name not in known]:
            raise ValueError(f"flip_pairs name {unknown[0]}, and there is no class {unknown[0]}")
        return self
