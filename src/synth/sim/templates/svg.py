"""SVG drawings: read with defusedxml, refused where they hold more than a drawing, drawn by resvg in its own
process.

What it gets is the tree that was looked through, written out again, so nothing reaches it unread.
"""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, tostring

import defusedxml.ElementTree
import numpy as np
from defusedxml import DefusedXmlException
from numpy.typing import NDArray
from PIL import Image

from synth.errors import InputError
from synth.sim.templates import resvg_process

MAX_BYTES = 2_000_000
MAX_ELEMENTS = 20_000
MAX_ASPECT = 20.0

_MAX_DEPTH = 100
_MAX_WAIT_S = 3 * resvg_process.MAX_SECONDS
_PX = {"": 1, "px": 1, "pt": 96 / 72, "pc": 16, "in": 96, "mm": 96 / 25.4, "cm": 96 / 2.54, "q": 96 / 101.6}

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
_LENGTH = re.compile(r"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*(px|pt|mm|cm|in|pc|q)?\s*", re.IGNORECASE)
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
    except (ParseError, ValueError, LookupError) as error:
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
    size = [str(max(round(length), 1)) for length in (width, height)]
    try:
        drawn = subprocess.run(
            [sys.executable, "-P", resvg_process.__file__, *size],
            input=svg.encode(),
            capture_output=True,
            timeout=_MAX_WAIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _giant(where) from None
    if drawn.returncode == 1:
        raise InputError(f"{where} cannot be drawn: {drawn.stderr.decode(errors='replace').strip()}")
    if drawn.returncode:
        raise _giant(where)
    with Image.open(io.BytesIO(drawn.stdout)) as picture:
        return np.asarray(picture.convert("RGBA"))


def _giant(where: str) -> InputError:
    return InputError(
        f"{where} cannot be drawn within {resvg_process.MAX_SECONDS} s and "
        f"{resvg_process.MAX_BYTES >> 30} GiB: simplify it, its filters and patterns first, or save it as PNG"
    )


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
        yield (
            f"more than {MAX_ELEMENTS} elements, copies counted, or {_MAX_DEPTH} in one another: simplify it"
        )


def _count_drawn(root: Element) -> int:
    """How many elements there are once every ``use`` is filled in; a ring of them counts as too many."""
    by_id = {e.attrib["id"]: e for e in root.iter() if "id" in e.attrib}
    known: dict[int, int] = {}

    def count(element: Element, depth: int) -> int:
        if depth > _MAX_DEPTH:
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
        return float(found[1]) * _PX[(found[2] or "").lower()] if found else None
    except ValueError:
        return None


def _local(tag: object) -> str:
    """A name without its namespace."""
    return str(tag).rpartition("}")[2]
