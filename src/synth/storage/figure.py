"""Matplotlib's figures as files, laid out once and drawn once, where savefig does one of the two again."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def encode_figure(
    figure: "Figure", kind: str = "png", *, dpi: float = 100, metadata: dict[str, str | None] | None = None
) -> bytes:
    """A figure as a PNG, an SVG or a PDF; a PNG is savefig's to the bit.

    What stands where is settled by the first call, as a PNG has it; later ones, of another kind say, keep it.
    """
    if (layout := figure.get_layout_engine()) is not None:
        figure.dpi = dpi
        layout.execute(figure)
        figure.set_layout_engine(None)
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=dpi, metadata=metadata)
    return content.getvalue()
