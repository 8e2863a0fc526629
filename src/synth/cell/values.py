"""Values that cell files are made of: numbers with bounds, matrices that are checked, and sections."""

from typing import Annotated, Any

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from synth.geometry import se3
from synth.geometry.se3 import Array


def _numbers(value: Any, shape: tuple[int, int]) -> Array:
    rows, columns = shape
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"must be {rows} rows of {columns} finite numbers")
    return array


def _rigid(value: Any) -> Array:
    T = _numbers(value, (4, 4))
    if not se3.is_rigid(T, tolerance=1e-4):
        determinant = float(np.linalg.det(T[:3, :3]))
        raise ValueError(
            f"is no rigid transform (the determinant of its 3×3 part is {determinant:.4g}): that part must "
            "be a rotation, orthonormal with determinant +1, and the last row 0 0 0 1"
        )
    return T


def _matrix3(value: Any) -> Array:
    K = _numbers(value, (3, 3))
    if K[0, 0] <= 0 or K[1, 1] <= 0 or K[1, 0] or not np.array_equal(K[2], [0, 0, 1]):
        raise ValueError("is not a camera matrix: give fx 0 cx, 0 fy cy, 0 0 1, with fx and fy above 0")
    return K


_ARRAY_JSON = WithJsonSchema({"type": "array", "items": {"type": "array", "items": {"type": "number"}}})
_AS_LIST = PlainSerializer(lambda a: np.asarray(a).tolist())
Transform = Annotated[Any, BeforeValidator(_rigid), _AS_LIST, _ARRAY_JSON]
CameraMatrix = Annotated[Any, BeforeValidator(_matrix3), _AS_LIST, _ARRAY_JSON]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Vector3 = tuple[Finite, Finite, Finite]
ColourRGB = tuple[
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
    Annotated[int, Field(ge=0, le=255)],
]


class Section(BaseModel):
    """Unknown keys are refused; nothing can be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
