"""What every record of a dataset is made of: immutable JSON of finite numbers, with its kinds of values.

Matrices are nested tuples, so that a record is immutable, comparable and exact in JSON;
``np.asarray(sample.K)`` makes an array of one.
"""

import re
from math import isfinite
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue


def plain(value: Any) -> Any:
    """An array or a NumPy number as plain Python values, anything else as it is."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _rigid(value: Any) -> Any:
    value = plain(value)
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
    value = plain(value)
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
Vector2 = Annotated[tuple[float, float], BeforeValidator(plain)]
UnitVector3 = Annotated[Row3, BeforeValidator(_unit)]
Vector6 = Annotated[tuple[float, float, float, float, float, float], BeforeValidator(plain)]
Matrix3 = Annotated[tuple[Row3, Row3, Row3], BeforeValidator(plain)]
Transform = Annotated[tuple[Row4, Row4, Row4, Row4], BeforeValidator(_rigid)]
Distortion = Annotated[tuple[float, float, float, float, float], BeforeValidator(plain)]
BoxXyxyPx = Annotated[Row4, BeforeValidator(plain)]
SizeWh = tuple[Annotated[int, Field(gt=0, le=100_000)], Annotated[int, Field(gt=0, le=100_000)]]
Name = Annotated[str, Field(pattern=r"^[0-9]{6,9}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ClassName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", max_length=60)]


def to_class_name(text: str) -> str:
    """What of a text can name a class; empty where nothing can."""
    return re.sub(r"[^A-Za-z0-9 _.-]+", "_", text).lstrip(" _.-")[:60]


Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=200)]
"""A name of the user's own; it says nothing about files."""

Figure = bool | int | float | str
Kind = Literal["real", "imported", "rendered", "composited", "translated", "painted", "mixed", "maps"]
"""Of a dataset. real: captured. imported: somebody else's pictures. mixed: merged of several of these.
maps: label maps without an image.
"""

KIND_WORDS: dict[Kind, str] = {
    "real": "captured",
    "imported": "photographed",
    "rendered": "rendered",
    "composited": "composed",
    "translated": "translated",
    "painted": "painted",
    "mixed": "mixed",
    "maps": "label map",
}
"""What headings call the images of a kind; those of the simulated cell are captured too, and never real."""

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


class Record(BaseModel):
    """A line or file of JSON: unknown keys refused, finite numbers only, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_line(self) -> str:
        """One line of JSON in field order at full precision, without a line break; absent values are left
        out.
        """
        return self.model_dump_json(exclude_none=True)
