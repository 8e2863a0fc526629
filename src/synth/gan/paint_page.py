"""The page of a painting in one file: maps, photographs of them, paintings; what a reader read; losses."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import jinja2
import numpy as np

from synth import __version__
from synth.dataset.codecs import Rgb, decode_rgb, encode_preview
from synth.dataset.folder import read_inside
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Rejection, Sample
from synth.dataset.sheet import coloured_map
from synth.gan.logbook import FIGURES, LOSSES
from synth.gan.paint import Painted, PaintSettings
from synth.storage.atomic import write_bytes

PAGE = "painting.html"
N_SPREAD, N_WORST = 6, 4
_WIDTH_PX = 360


@dataclass(frozen=True)
class Row:
    """One painting. pictures: what each is, and its data URI; None where there is none."""

    name: str
    caption: str
    pictures: Sequence[tuple[str, str | None]]


def write_paint_page(settings: PaintSettings, painted: Painted) -> Path:
    """Write painting.html beside what was painted and return its path; raises StorageError.

    Paintings spread over the dataset come first, then, where a reader read them, those of which it read
    least, refused ones too. Losses are there if the painter's training is.
    """
    maps, out, painter = settings.maps, settings.out, settings.painter
    run = painter.parent.parent if isinstance(painter, Path) else painter.out
    made, losses = DatasetReader(out), run / FIGURES / LOSSES
    kept, refused = list(made.samples), [one for one in made.rejections if one.name is not None]
    picks = np.unique(np.linspace(0, len(kept) - 1, min(N_SPREAD, len(kept))).round().astype(int))
    frames: list[Sample | Rejection] = [*kept, *refused]
    read = [frame for frame in frames if "agreement" in frame.quality]
    worst = sorted(read, key=lambda frame: float(frame.quality["agreement"]))[:N_WORST]
    parts = [("Spread over the maps", [kept[i] for i in picks]), ("Read least", worst)]
    semantic = made.info.semantic
    assert semantic is not None
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    page = environment.get_template("painting.html").render(
        title=f"Painted label maps: {out.name}",
        simulated=made.info.made_by.simulated,
        summary=_summarise(made, painted),
        classes=[
            (name, f"rgb{tuple(rgb)}") for name, rgb in zip(semantic.names, semantic.colours, strict=True)
        ],
        parts=[
            (heading, [_make_row(maps, made, frame) for frame in some]) for heading, some in parts if some
        ],
        agreement=[(name, f"{share:.0%}") for name, share in painted.agreement.items()],
        n_read=len(read),
        losses=_embed(losses.read_bytes(), "png") if losses.is_file() else None,
        version=__version__,
    )
    write_bytes(out / PAGE, page.encode())
    return out / PAGE


def _make_row(maps: DatasetReader, made: DatasetReader, frame: Sample | Rejection) -> Row:
    """Of a painting that was kept, or refused."""
    assert frame.name is not None
    source = maps[frame.name]
    colours = coloured_map(maps, source)
    pictures: dict[str, Rgb | None] = {
        "map": colours,
        "photograph": maps.load_rgb(source) if "image" in source.layers else None,
        "painted": made.load_rgb(frame) if isinstance(frame, Sample) else _load_refused(made, frame),
    }
    share = frame.quality.get("agreement")
    said = [frame.name, str(frame.split)]
    said += [] if share is None else [f"{float(share):.0%} of its map is read as it says"]
    said += [f"refused: {frame.reason}"] if isinstance(frame, Rejection) else []
    embedded = [(what, None if rgb is None else _embed_small(rgb)) for what, rgb in pictures.items()]
    return Row(frame.name, ", ".join(said), embedded)


def _find_refused_picture(refused: Rejection) -> str | None:
    """Where in its dataset the picture of a refused painting lies."""
    return next((path for path in refused.sha256 if path.endswith("_image.png")), None)


def _load_refused(made: DatasetReader, refused: Rejection) -> Rgb | None:
    path = _find_refused_picture(refused)
    return None if path is None else decode_rgb(read_inside(made.root, path), path)


def _embed_small(rgb_u8: Rgb) -> str:
    height, width = rgb_u8.shape[:2]
    size = _WIDTH_PX, max(1, round(height * _WIDTH_PX / width))
    how = cv2.INTER_AREA if width > _WIDTH_PX else cv2.INTER_NEAREST_EXACT
    return _embed(encode_preview(np.asarray(cv2.resize(rgb_u8, size, interpolation=how), np.uint8)), "jpeg")


def _embed(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _summarise(made: DatasetReader, painted: Painted) -> str:
    steps = [step for sample in made.samples[:1] for step in sample.origin.steps if step.verb == "paint"]
    by = f" by {steps[-1].method}" if steps and steps[-1].method else ""
    refused = f"; {painted.n_refused} more were refused" if painted.n_refused else ""
    return f"{painted.n_samples} maps are painted{by}{refused}. Each has a style of its own by chance."
