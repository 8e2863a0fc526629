"""From data to sections of a cell, and from pydantic's findings to sentences a person can act on."""

import difflib
import json
import re
from types import UnionType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from synth.cell.model import Cell
from synth.cell.source import Place, Source, describe, dotted

_EITHER = {
    "camera.exposure": "give meter_once, or a fixed exposure up to 10000 (the driver's units, 100 µs each)",
    "part.normal": "give face, or three numbers: an axis in the part frame",
}
_HINTS = [
    (r"label\.h_(min|max)", "OpenCV's hue is half the usual degrees: 30° is 15"),
    (r"label\.[sv]_(min|max)", "OpenCV's S and V run from 0 to 255: 50 % is 128"),
    (r".*colour_rgb.*", "red, green and blue run from 0 to 255: 50 % is 128"),
    (r"robot\.payload_kg", "it is in kilograms: 350 g is 0.35"),
    (r"robot\.(speed|acceleration)_.*", "it is in degrees: 90, not 1.57"),
    (r"robot\.first_sweep_speed", "it is a fraction of the speed: a quarter is 0.25"),
    (r"gates\..*(visible|iou|saturated)", "it is a fraction: 60 % is 0.6"),
    (r".*clearance_m", "it is in metres: 20 mm is 0.02"),
]
_WANTED = {
    "float": "a number",
    "int": "a whole number",
    "string": "a text",
    "bool": "true or false",
    "tuple": "a list in [square brackets]",
    "list": "a list, one `- ` a line",
    "model": "a section of keys",
}
_BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def validate(source: Source) -> Cell | None:
    """The cell that the data describe; None, with the problems noted in the source, where they do not."""
    try:
        return Cell.model_validate_json(json.dumps(source.data), strict=True)
    except ValidationError as error:
        for place, sentence in explain(error, source.data).items():
            source.report(place, sentence)
        return None


def explain(error: ValidationError, data: Any, model: type[BaseModel] = Cell) -> dict[Place, str]:
    """What is wrong with data that should be a section, one sentence a place."""
    sentences: dict[Place, str] = {}
    for detail in error.errors():
        place, value = _locate(data, detail)
        sentences[place] = _sentence(detail, place, value, model)
    return sentences


def sections(source: Source) -> dict[str, BaseModel]:
    """The sections of broken data that are sound by themselves, so that they can be checked further."""
    sound: dict[str, BaseModel] = {}
    data = source.data or {}
    for name, field in Cell.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            try:
                sound[name] = model.model_validate_json(json.dumps(data.get(name, {})), strict=True)
            except ValidationError:
                continue
    return sound


def _locate(data: Any, detail: ErrorDetails) -> tuple[Place, Any]:
    """The place pydantic means, without its names of alternatives, and the value there (None: absent)."""
    place: list[str | int] = []
    for key in detail["loc"]:
        if isinstance(data, dict) and key in data:
            data = data[str(key)]
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            continue
        place.append(key)
        if dotted(tuple(place)) in _EITHER:
            break
    if detail["type"] == "missing" and isinstance(data, dict):
        return (*place, detail["loc"][-1]), None
    return tuple(place), data


def _sentence(detail: ErrorDetails, place: Place, value: Any, model: type[BaseModel]) -> str:
    where = dotted(place)
    context = detail.get("ctx", {})
    hint = next((f" ({text})" for pattern, text in _HINTS if re.fullmatch(pattern, where)), "")
    if where in _EITHER:
        return f"is {describe(value)}; {_EITHER[where]}."
    match detail["type"]:
        case "missing" if isinstance(value, list):
            return f"has {len(value)} numbers; {int(detail['loc'][-1]) + 1} are needed."
        case "missing":
            template = " (`synth cell init` writes a template that explains every key)"
            return f"is missing; add it{template if model is Cell else ''}."
        case "extra_forbidden":
            return _unknown_key(place, model)
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" as kind:
            name, word = _BOUNDS[kind]
            return f"is {describe(value)}; it must be {word} {context[name]:g}{hint}."
        case "finite_number":
            return f"is {describe(value)}; it must be a finite number."
        case "literal_error":
            return f"is {describe(value)}; allowed: {context['expected']}."
        case "value_error":
            return f"{context['error']}{hint}."
        case "string_too_short" | "too_short":
            return "is empty; give at least one."
        case "too_long":
            return f"has {len(value)} numbers; {context['max_length']} are needed."
        case "string_too_long":
            return f"has {len(value)} characters; at most {context['max_length']} are allowed."
        case "string_pattern_mismatch":
            return (
                f"is {describe(value)}; use letters, digits, blanks and . - _ only, a letter or digit first."
            )
        case "string_type" if isinstance(value, int | float) and not isinstance(value, bool):
            return f"is the number {describe(value)} where a text is needed; put it in quotes."
    wanted = next((text for name, text in _WANTED.items() if detail["type"].startswith(f"{name}_")), None)
    return f"is {describe(value)}; it must be {wanted}{hint}." if wanted else f"is wrong: {detail['msg']}."


def _unknown_key(place: Place, model: type[BaseModel]) -> str:
    allowed = _keys_of(place[:-1], model)
    close = difflib.get_close_matches(str(place[-1]), allowed, n=1, cutoff=0.6)
    if close:
        return f"is not a known key; did you mean `{close[0]}`?"
    return f"is not a known key; allowed here: {', '.join(allowed)}."


def _keys_of(place: Place, root: type[BaseModel]) -> list[str]:
    """The keys of the section at a place."""
    model: Any = root
    for key in place:
        if isinstance(key, str):
            model = next(f.annotation for name, f in model.model_fields.items() if key in (name, f.alias))
        elif hasattr(model, "__args__"):
            model = model.__args__[0]
        if isinstance(model, UnionType):  # A section that may be null.
            model = model.__args__[0]
    return [field.alias or name for name, field in model.model_fields.items()]
