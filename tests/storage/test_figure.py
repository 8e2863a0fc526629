"""Figures as files: what is left out is never seen."""

import io

import numpy as np
from matplotlib.figure import Figure

from synth.storage.figure import encode_figure


def make_figure() -> Figure:
    figure = Figure(figsize=(5, 2), layout="constrained")
    for ax, far in zip(figure.subplots(1, 2), (1, 1e6), strict=True):
        ax.plot([1, 2], [0, far], label="loss")
        ax.set(xlabel="images seen", title="A title")
    figure.legend(loc="outside lower center")
    return figure


def test_a_png_is_that_of_savefig() -> None:
    """To the bit, at any resolution."""
    content = io.BytesIO()
    make_figure().savefig(content, dpi=130)
    assert encode_figure(make_figure(), dpi=130) == content.getvalue()


def test_an_svg_stands_as_its_png() -> None:
    """As savefig would lay it out, to a hundredth of its width, and nothing moves for the other kind."""
    figure, other = make_figure(), make_figure()
    assert b"<svg" in encode_figure(figure, "svg", dpi=200)
    places = [ax.get_position().bounds for ax in figure.axes]
    other.savefig(io.BytesIO(), format="svg")
    np.testing.assert_allclose(places, [ax.get_position().bounds for ax in other.axes], atol=0.01)
    encode_figure(figure, dpi=200)
    assert [ax.get_position().bounds for ax in figure.axes] == places
