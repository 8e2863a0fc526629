"""SVG drawings: read with defusedxml, refused where they hold more than a drawing, drawn by resvg.

What resvg gets is the tree that was looked through, written out again, so nothing reaches it unread.
"""

import io
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, tostring

import defusedxml.ElementTree
import numpy as np
import resvg_py
from defusedxml import DefusedXmlException
from numpy.typing import NDArray
from PIL import Image

from synth.errors import InputError

MAX_BYTES = 2_000_000
MAX_ELEMENTS = 20_000
MAX_ASPECT = 20.0

_CSS_DPI = 96.0

_REFUSED = {
    "script": "a script",
    "foreignObject": "a foreignObject",
    "image": "an embedded picture: save it as PNG instead",
    "text": "text, which other machines draw in other letters: turn it into paths (Inkscape: Object to Path)",
    "animate": "an animation",
    "set": "an animation",
    "animateTransform": "an animation",
    "animateMotion": "an animation",
}
_LENGTH = re.compile(r"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*(?:px|pt|mm|cm|in|pc|q)?\s*", re.IGNORECASE)
_OUTSIDE = re.compile(r"@import|url\(\s*['\"]?(?!\s*['\"]?#)", re.IGNORECASE)


def read_svg(content: bytes, where: str) -> str:
    """The drawing as it may be drawn. where: names it in an InputError, which is raised for anything that
    runs, expands, leads out of the file, depends on the machine, or is a giant.
    """
    if len(content) > MAX_BYTES:
        raise InputError(
            f"{where} has {len(content) / 1e6:.1f} MB, more than the {MAX_BYTES / 1e6:g} MB of a drawing: "
            "simplify it, or save it as PNG"
        )
    try:
        root: Element = defusedxml.ElementTree.fromstring(content, forbid_external=True)
    except DefusedXmlException:
        raise InputError(
            f"{where} declares entities, which can hide anything: save it as plain SVG"
        ) from None
    except (ParseError, ValueError) as error:
        raise InputError(f"{where} is not XML that can be read: {error}") from error
    if _local(root.tag) != "svg":
        raise InputError(f"{where} is {_local(root.tag)!r:.40}, not svg")
    for what in _list_refused(root):
        raise InputError(f"{where} has {what}")
    aspect = _aspect(root)
    if aspect is None or not 1 / MAX_ASPECT <= aspect <= MAX_ASPECT:
        raise InputError(
            f"{where} must have a viewBox, or a width and a height, of which neither is more than "
            f"{MAX_ASPECT:g} times the other"
        )
    return tostring(root, encoding="unicode")


def draw_svg(svg: str, side_px: int, where: str) -> NDArray[np.uint8]:
    """The drawing [H,W,4] uint8, straight alpha, its longer side ``side_px``, of what `read_svg` gave."""
    aspect = _aspect(defusedxml.ElementTree.fromstring(svg))
    assert aspect is not None
    width, height = (side_px, side_px / aspect) if aspect >= 1 else (side_px * aspect, side_px)
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=svg,
            skip_system_fonts=True,
            dpi=_CSS_DPI,
            width=max(round(width), 1),
            height=max(round(height), 1),
        )
        with Image.open(io.BytesIO(bytes(png))) as picture:
            return np.asarray(picture.convert("RGBA"))
    except (ValueError, OSError) as error:
        raise InputError(f"{where} cannot be drawn: {error}") from error


def _list_refused(root: Element) -> Iterator[str]:
    n = 0
    for element in root.iter():
        n += 1
        tag = _local(element.tag)
        if tag in _REFUSED:
            yield _REFUSED[tag]
        for key, value in element.attrib.items():
            name = _local(key)
            if name.startswith("on"):
                yield f"a script ({name})"
            if (name == "href" and not value.strip().startswith("#")) or _OUTSIDE.search(value):
                yield f"a reference that leads out of the file ({value!r:.40})"
        if tag == "style" and _OUTSIDE.search(element.text or ""):
            yield "a style that leads out of the file"
    if n > MAX_ELEMENTS or _count_drawn(root) > MAX_ELEMENTS:
        yield f"more than {MAX_ELEMENTS} elements, copies counted: simplify it, or save it as PNG"


def _count_drawn(root: Element) -> int:
    """How many elements there are once every ``use`` is filled in; a ring of them counts as too many."""
    by_id = {e.attrib["id"]: e for e in root.iter() if "id" in e.attrib}
    known: dict[int, int] = {}

    def count(element: Element, depth: int) -> int:
        if depth > 100:
            return MAX_ELEMENTS + 1
        if id(element) not in known:
            n = 1 + sum(count(child, depth + 1) for child in element)
            if _local(element.tag) == "use":
                names = [v.strip()[1:] for k, v in element.attrib.items() if _local(k) == "href"]
                n += sum(count(by_id[name], depth + 1) for name in names if name in by_id)
            known[id(element)] = min(n, MAX_ELEMENTS + 1)
        return known[id(element)]

    return count(root, 0)


def _aspect(root: Element) -> float | None:
    """Width over height; None where the drawing does not say."""
    numbers = [_number(v) for v in re.split(r"[\s,]+", root.get("viewBox", "").strip())]
    width, height = (_number(root.get(key, "")) for key in ("width", "height"))
    if len(numbers) == 4 and (width is None or height is None):
        width, height = numbers[2:]
    return width / height if width and height else None


def _number(text: str) -> float | None:
    found = _LENGTH.fullmatch(text)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def _local(tag: object) -> str:
    """A name without its namespace."""
    return str(tag).rpartition("}")[2]
