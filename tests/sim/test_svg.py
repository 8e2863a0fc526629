"""SVG templates: drawn sharply, and refused before that where they are more than a drawing."""

from pathlib import Path

import pytest

from synth.errors import InputError
from synth.sim.templates.svg import draw_svg, read_svg
from synth.sim.templates.template import read_templates

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"'
SVG = f'<svg {NAMESPACES} viewBox="0 0 40 20">{{}}</svg>'


def test_a_drawing_is_drawn_sharply(tmp_path: Path) -> None:
    """An SVG is a template like any other, of 1024 px, and its edge is one pixel wide."""
    (tmp_path / "disc.svg").write_text(SVG.format('<circle cx="20" cy="10" r="9" fill="#f00"/>'))
    (template,) = read_templates(tmp_path)
    assert (template.class_name, template.aspect) == ("disc", pytest.approx(1, abs=0.01))
    alpha = template.light[..., 3]
    assert ((alpha > 0.02) & (alpha < 0.98)).sum() < 4 * max(alpha.shape)
    assert draw_svg(SVG.format(""), 64, "x").shape == (32, 64, 4)


def test_a_drawing_of_a_drawing_program_is_drawn() -> None:
    """A document type, millimetres, descriptions, styles and gradients that refer to each other."""
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">'
        f'<svg {NAMESPACES} xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" width="100mm" '
        'height="50mm" viewBox="0 0 100 50"><metadata><r:RDF r:about="" r:resource="http://purl.org/a"/></metadata>'
        '<defs><linearGradient id="g"><stop stop-color="red"/><stop offset="1" stop-color="blue"/>'
        '</linearGradient><linearGradient id="h" x:href="#g"/></defs><style>.a{fill:url(#h)}</style>'
        '<path class="a" d="M0 0H100V50H0Z"/></svg>'
    )
    rgba = draw_svg(read_svg(svg.encode(), "a.svg"), 64, "a.svg")
    assert rgba.shape == (32, 64, 4)
    assert rgba[16, 2, 0] > 230
    assert rgba[16, 61, 2] > 230


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ("<script>x()</script>", "has a script"),
        ('<rect onload="x()"/>', r"has a script \(onload\)"),
        ("<foreignObject/>", "has a foreignObject"),
        ('<image x:href="data:image/png;base64,AAAA"/>', "an embedded picture"),
        ('<use x:href="http://a.b/c.svg#d"/>', "leads out of the file"),
        ('<use href="file:///etc/passwd"/>', "leads out of the file"),
        ('<rect fill="url(http://a.b/#c)"/>', "leads out of the file"),
        ("<style>@import 'a.css';</style>", "a style that leads out of the file"),
        ("<text>60</text>", "turn it into paths"),
        ("<set/>", "an animation"),
        ("<g/>" * 20001, "more than 20000 elements"),
        (
            "<defs><g id='a0'><rect/></g>"
            + "".join(
                f"<g id='a{i}'>{f'<use href={chr(34)}#a{i - 1}{chr(34)}/>' * 10}</g>" for i in range(1, 6)
            )
            + "</defs><use href='#a5'/>",
            "more than 20000 elements, copies counted",
        ),
        ("<g id='r'><use href='#r'/></g>", "more than 20000 elements, copies counted"),
    ],
)
def test_a_drawing_that_is_more_is_refused(inner: str, said: str) -> None:
    """Scripts, what leads out, what depends on the machine and giants, before anything is drawn."""
    with pytest.raises(InputError, match=said):
        read_svg(SVG.format(inner).encode(), "a.svg")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE s [<!ENTITY a 'b'>]><svg>&a;</svg>", "declares entities"),
        (b"<!DOCTYPE s [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg>&a;</svg>", "declares entities"),
        (b"<svg", "not XML"),
        (b"<?xml version='1.0' encoding='none-such'?><svg/>", "not XML"),
        (b"<svg width='10mm' height='10in'/>", "more than 20 times"),
        (b"<html/>", "not svg"),
        (SVG.format("").replace("40 20", "1 99").encode(), "more than 20 times"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "must have a viewBox"),
        (b" " * 2_000_001, "more than the 2 MB"),
    ],
)
def test_what_is_no_drawing_is_refused(content: bytes, said: str) -> None:
    """Entities are never expanded, and a size must be told."""
    with pytest.raises(InputError, match=said):
        read_svg(content, "a.svg")


def test_a_drawing_that_ends_its_process_is_refused() -> None:
    """A filter that shows what it filters exhausts resvg's stack; it says so, and nothing else ends."""
    svg = SVG.format(
        '<filter id="f"><feImage href="#q"/></filter>'
        '<g id="q"><rect width="9" height="9" filter="url(#f)"/></g>'
    )
    with pytest.raises(InputError, match=r"a\.svg cannot be drawn within 20 s and 2 GiB"):
        draw_svg(read_svg(svg.encode(), "a.svg"), 64, "a.svg")
    with pytest.raises(InputError, match=r"a\.svg cannot be drawn: "):
        draw_svg('<svg viewBox="0 0 1 1" xmlns="urn:other"/>', 64, "a.svg")
