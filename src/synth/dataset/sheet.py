"""A contact sheet: many samples at a glance, their labels drawn on them."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from synth.dataset.origin import REAL_KINDS
from synth.dataset.reader import DatasetReader
from synth.dataset.record import KIND_WORDS, Split
from synth.dataset.sample import Instance, Sample
from synth.errors import DatasetError
from synth.geometry import frames
from synth.storage.atomic import write_bytes

Colour = tuple[int, int, int]
Point = tuple[float, float]

TIGHT: Colour = (64, 196, 255)
SQUARE: Colour = (255, 193, 7)
OUTLINE: Colour = (118, 255, 122)
NORMAL: Colour = (255, 64, 129)
_LEGEND = {"normal": NORMAL, "mask": OUTLINE, "tight box": TIGHT, "1:1 box": SQUARE}
_PAPER: Colour = (22, 24, 29)
_CARD: Colour = (33, 36, 43)
_TEXT: Colour = (232, 234, 237)
_DIM: Colour = (150, 156, 166)
_SPLIT: dict[Split, Colour] = {"train": (66, 133, 244), "val": (171, 71, 188), "test": (230, 81, 0)}

_SIMULATED: Colour = (255, 179, 0)

_TILE_W, _MAX_TILE_H, _CAPTION_H, _GAP, _TITLE_H = 480, 1440, 34, 14, 92
_INSET, _INSET_ZOOM_PAD = 132, 1.5
_SUPERSAMPLING = 2
_MAP_SHARE = 0.5


def write_sheet(dataset: DatasetReader, path: Path, *, n_samples: int, n_columns: int) -> None:
    """Write a PNG of ``n_samples`` samples spread over the dataset, ``n_columns`` side by side."""
    buffer = io.BytesIO()
    make_sheet(dataset, n_samples=n_samples, n_columns=n_columns).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


def write_looks(
    datasets: Sequence[DatasetReader], path: Path, *, n_samples: int, only: str | None = None
) -> None:
    """Write a PNG of samples that all datasets have, a row each, a dataset a column: captured, rendered, ….

    only: the name of the one sample to show; otherwise ``n_samples`` are spread over the datasets.
    Raises DatasetError where they have no sample's name in common.
    """
    common = set.intersection(*({s.name for s in dataset} for dataset in datasets))
    if not common:
        roots = ", ".join(str(dataset.root) for dataset in datasets)
        raise DatasetError(
            f"{roots} have no sample of one name: give a set, its twins and their translations"
        )
    if only is not None and only not in common:
        raise DatasetError(f"sample {only} is not in every one of these datasets: give another name")
    names = sorted(common) if only is None else [only]
    picks = np.unique(np.linspace(0, len(names) - 1, min(n_samples, len(names))).round().astype(int))
    shown = [[dataset[names[i]] for dataset in datasets] for i in picks]
    rows = [[draw_sample(*pair) for pair in zip(datasets, samples, strict=True)] for samples in shown]
    width = len(datasets) * (_TILE_W + _GAP) + _GAP
    height = _TITLE_H + sum(max(t.height for t in row) + _GAP for row in rows)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, dataset in enumerate(datasets):
        x = _GAP + i * (_TILE_W + _GAP)
        draw.text((x, 30), KIND_WORDS[dataset.info.kind], fill=_TEXT, font=_font(26), anchor="lm")
        end = x + draw.textlength(KIND_WORDS[dataset.info.kind], font=_font(26)) + 14
        if dataset.info.made_by.simulated:
            _draw_pill(draw, (end, 30), "SIMULATED cell", _SIMULATED, 15, text=(20, 20, 20))
    _draw_legend(draw, width, list_drawn(sample for samples in shown for sample in samples))
    y = _TITLE_H
    for row in rows:
        for i, tile in enumerate(row):
            sheet.paste(tile, (_GAP + i * (_TILE_W + _GAP), y))
        y += max(t.height for t in row) + _GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    write_bytes(path, buffer.getvalue())


def make_sheet(dataset: DatasetReader, *, n_samples: int, n_columns: int) -> Image.Image:
    """The contact sheet as an image; raises DatasetError when the dataset is empty."""
    if not dataset.samples:
        raise DatasetError(f"{dataset.root} holds no samples to draw")
    picks = np.unique(np.linspace(0, len(dataset) - 1, min(n_samples, len(dataset))).round().astype(int))
    shown = [dataset.samples[i] for i in picks]
    tiles = [draw_sample(dataset, sample) for sample in shown]
    columns = min(n_columns, len(tiles))
    width = max(columns * (_TILE_W + _GAP) + _GAP, 2 * _TILE_W)
    places, height = place_tiles([t.height for t in tiles], columns)
    names = any(_shows_map(dataset, sample) for sample in shown)
    legend = draw_classes(dataset, width) if names else Image.new("RGB", (width, 0), _PAPER)
    sheet = Image.new("RGB", (width, height + legend.height), _PAPER)
    _draw_title(ImageDraw.Draw(sheet), dataset, shown, width)
    sheet.paste(legend, (0, height))
    for tile, place in zip(tiles, places, strict=True):
        sheet.paste(tile, place)
    return sheet


def place_tiles(heights: Sequence[int], columns: int) -> tuple[list[tuple[int, int]], int]:
    """Where each tile begins, next in the column that ends first, and the height of the sheet: rows where all
    are equally high, no holes where they are not.
    """
    ends, places = [_TITLE_H] * columns, []
    for height in heights:
        column = ends.index(min(ends))
        places.append((_GAP + column * (_TILE_W + _GAP), ends[column]))
        ends[column] += height + _GAP
    return places, max(ends)


def draw_sample(dataset: DatasetReader, sample: Sample) -> Image.Image:
    """A card, `_TILE_W` px wide: the picture with its labels, its first part large in a corner, a caption."""
    rgb_u8, mask = _with_map(dataset, sample), dataset.load_mask(sample)
    width, height = sample.size_wh
    scale = _SUPERSAMPLING * min(_TILE_W / width, _MAX_TILE_H / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(rgb_u8).resize(size, Image.Resampling.LANCZOS)
    _draw_labels(picture, sample, mask, (0.0, 0.0), scale, width=_SUPERSAMPLING)
    if sample.instances:
        _paste_inset(picture, rgb_u8, sample, mask, scale)
    shown = [max(1, round(side / _SUPERSAMPLING)) for side in size]
    picture = picture.resize((shown[0], shown[1]), Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (_TILE_W, picture.height + _CAPTION_H), _CARD)
    tile.paste(picture, ((_TILE_W - picture.width) // 2, 0))
    _draw_caption(ImageDraw.Draw(tile), sample, picture.height)
    return tile


def picture_of(dataset: DatasetReader, sample: Sample) -> NDArray[np.uint8]:
    """The image [H,W,3], or the semantic map in its classes' colours, where there is none."""
    if "image" not in sample.layers and (colours := coloured_map(dataset, sample)) is not None:
        return colours
    return dataset.load_rgb(sample)


def _with_map(dataset: DatasetReader, sample: Sample) -> NDArray[np.uint8]:
    """The image [H,W,3] with its semantic map laid over it, half of each; as it is where the map is void.

    Pictures that were made of their maps, or with them, are looked at for their look: no map hides it.
    """
    rgb_u8, ids = picture_of(dataset, sample), dataset.load_semantic(sample)
    colours = coloured_map(dataset, sample)
    if ids is None or colours is None or dataset.info.semantic is None or not _shows_map(dataset, sample):
        return rgb_u8
    laid = np.asarray(_MAP_SHARE * colours + (1 - _MAP_SHARE) * rgb_u8, np.uint8)
    return np.where((ids == dataset.info.semantic.void)[..., None], rgb_u8, laid)


def _shows_map(dataset: DatasetReader, sample: Sample) -> bool:
    return "image" not in sample.layers or dataset.info.kind in REAL_KINDS


def coloured_map(dataset: DatasetReader, sample: Sample) -> NDArray[np.uint8] | None:
    """The semantic map [H,W,3] in its classes' colours, void black; None where the sample has none."""
    ids, semantic = dataset.load_semantic(sample), dataset.info.semantic
    if ids is None or semantic is None:
        return None
    colours = np.zeros((semantic.void + 1, 3), np.uint8)
    colours[: len(semantic.names)] = semantic.colours
    return np.asarray(colours[ids])


def _paste_inset(
    picture: Image.Image,
    rgb_u8: NDArray[np.uint8],
    sample: Sample,
    mask: NDArray[np.uint16] | None,
    scale: float,
) -> None:
    """An enlargement of the first instance, in the corner farthest from it."""
    first = sample.instances[0]
    x0, y0, x1, y1 = first.square_xyxy_px or first.box_xyxy_px
    side = max(x1 - x0, y1 - y0) * _INSET_ZOOM_PAD
    left, top = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2
    pixels = _INSET * _SUPERSAMPLING
    if pixels / side < 1.5 * scale:
        return
    inset = Image.fromarray(rgb_u8).transform(
        (pixels, pixels),
        Image.Transform.EXTENT,
        (left, top, left + side, top + side),
        Image.Resampling.BICUBIC,
    )
    _draw_labels(inset, sample, mask, (left, top), pixels / side, width=_SUPERSAMPLING * 3 // 2)
    margin = 4 * _SUPERSAMPLING
    to_right = (x0 + x1) / 2 < sample.size_wh[0] / 2
    to_bottom = (y0 + y1) / 2 < sample.size_wh[1] / 2
    x = picture.width - pixels - margin if to_right else margin
    y = picture.height - pixels - margin if to_bottom else margin
    frame = (x - 2 * _SUPERSAMPLING, y - 2 * _SUPERSAMPLING, x + pixels + 3, y + pixels + 3)
    ImageDraw.Draw(picture).rectangle(frame, fill=(255, 255, 255))
    picture.paste(inset, (x, y))


def _draw_labels(
    picture: Image.Image,
    sample: Sample,
    mask: NDArray[np.uint16] | None,
    origin: Point,
    scale: float,
    width: int,
) -> None:
    """Draw every instance on a picture of the image from ``origin`` (box pixels), enlarged by ``scale``."""
    draw = ImageDraw.Draw(picture)

    def place(x: float, y: float) -> Point:
        return (x - origin[0]) * scale, (y - origin[1]) * scale

    for i, instance in enumerate(sample.instances):
        if mask is not None:
            for outline in outlines_of(mask == i + 1):
                points = [place(x + 0.5, y + 0.5) for x, y in outline]
                draw.line([*points, points[0]], fill=OUTLINE, width=width, joint="curve")
        for box, colour, w in (
            (instance.square_xyxy_px, SQUARE, 2 * width),
            (instance.box_xyxy_px, TIGHT, width),
        ):
            if box is None:
                continue
            draw.rectangle((place(*box[:2]), place(*box[2:])), outline=colour, width=w)
        if (ends := normal_arrow(sample, instance)) is not None:
            _draw_arrow(draw, place(*ends[0]), place(*ends[1]), width)


def normal_arrow(sample: Sample, instance: Instance) -> tuple[Point, Point] | None:
    """Tail and tip, box coordinates, of the normal at the point of interest, as long as a box is wide.

    In perspective where the part's distance and K are known, else orthographic; None without normal or point.
    """
    if instance.normal_uvw is None or instance.point_xy is None:
        return None
    x, y = (p * n for p, n in zip(instance.point_xy, sample.size_wh, strict=True))
    x0, y0, x1, y1 = instance.box_xyxy_px
    length_px = 0.9 * max(x1 - x0, y1 - y0)
    n_cam = frames.cam_from_uvw(instance.normal_uvw)
    if (camera := sample.camera) is not None and instance.T_cam_part is not None:
        z_m = instance.T_cam_part[2][3]
        point_m = camera.unproject([[x - 0.5, y - 0.5]])[0] * z_m
        tip_m = point_m + n_cam * length_px * z_m / camera.K[0, 0]
        if tip_m[2] > 0.05 * z_m > 0:
            tip = camera.project(tip_m)[0] + 0.5
            return (x, y), (float(tip[0]), float(tip[1]))
    return (x, y), (x + float(n_cam[0]) * length_px, y + float(n_cam[1]) * length_px)


def outlines_of(region: NDArray[np.bool_]) -> list[list[Point]]:
    """The outer borders of a region [H,W], pixel coordinates with centres at integers."""
    contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [[(float(x), float(y)) for x, y in c[:, 0]] for c in contours if len(c) > 2]


def _draw_arrow(draw: ImageDraw.ImageDraw, tail: Point, tip: Point, width: int) -> None:
    radius = 2.2 * width
    a, b = np.asarray(tail), np.asarray(tip)
    length = float(np.linalg.norm(b - a))
    draw.ellipse(
        (*(a - radius), *(a + radius)), fill=NORMAL, outline=(255, 255, 255), width=max(1, width // 2)
    )
    if length < 2 * radius:
        return
    along = (b - a) / length
    across = np.array([-along[1], along[0]])
    head = min(6.0 * width, 0.6 * length)
    neck = b - head * along
    draw.line([tuple(a), tuple(neck)], fill=NORMAL, width=round(1.5 * width))
    draw.polygon(
        [tuple(b), tuple(neck + 0.5 * head * across), tuple(neck - 0.5 * head * across)], fill=NORMAL
    )


def _draw_caption(draw: ImageDraw.ImageDraw, sample: Sample, top: int) -> None:
    middle = top + _CAPTION_H / 2
    draw.text((12, middle), sample.name, fill=_TEXT, font=_font(17), anchor="lm")
    x = _draw_pill(draw, (92, middle), sample.split, _SPLIT[sample.split], 14)
    if sample.instances:
        first = sample.instances[0]
        facts = [first.class_name if len(sample.instances) == 1 else f"{len(sample.instances)} instances"]
        if (tilt_deg := first.tilt_deg) is not None:
            facts.append(f"tilt {tilt_deg:.0f}°")
        if first.T_cam_part is not None:
            facts.append(f"{1000 * float(np.linalg.norm([row[3] for row in first.T_cam_part[:3]])):.0f} mm")
        draw.text((x + 12, middle), "   ".join(facts), fill=_DIM, font=_font(15), anchor="lm")


def _draw_title(
    draw: ImageDraw.ImageDraw, dataset: DatasetReader, shown: Sequence[Sample], width: int
) -> None:
    info = dataset.info
    name = dataset.name
    draw.text((_GAP, 28), name, fill=_TEXT, font=_font(30), anchor="lm")
    x = _GAP + draw.textlength(name, font=_font(30)) + 18
    if info.made_by.simulated:
        _draw_pill(draw, (x, 28), "SIMULATED: no real camera or arm", _SIMULATED, 17, text=(20, 20, 20))
    splits = ", ".join(f"{len(dataset.of_split(s))} {s}" for s in _SPLIT)
    samples = "1 sample" if len(dataset) == 1 else f"{len(dataset)} samples"
    counts = f"{samples} ({splits})   {len(dataset.rejections)} rejected   {len(shown)} shown"
    draw.text((_GAP, 66), f"{KIND_WORDS[info.kind]}   {counts}", fill=_DIM, font=_font(17), anchor="lm")
    _draw_legend(draw, width, list_drawn(shown))


def list_drawn(samples: Iterable[Sample]) -> dict[str, Colour]:
    """What is drawn on any of some samples, with its colour."""
    is_there = dict.fromkeys(_LEGEND, False)
    for sample in samples:
        for instance in sample.instances:
            is_there["normal"] |= normal_arrow(sample, instance) is not None
            is_there["mask"] |= sample.mask is not None
            is_there["tight box"] = True
            is_there["1:1 box"] |= instance.square_xyxy_px is not None
    return {label: colour for label, colour in _LEGEND.items() if is_there[label]}


def draw_classes(dataset: DatasetReader, width: int) -> Image.Image:
    """The colours of its classes of pixels, in as many lines as they need; of no height without any."""
    semantic = dataset.info.semantic
    if semantic is None:
        return Image.new("RGB", (width, 0), _PAPER)
    sizes = [24 + round(_font(16).getlength(name)) + 22 for name in semantic.names]
    places, x, y = [], _GAP, 0
    for size in sizes:
        if x > _GAP and x + size > width:
            x, y = _GAP, y + 26
        places.append((x, y))
        x += size
    strip = Image.new("RGB", (width, y + 26 + _GAP), _PAPER)
    draw = ImageDraw.Draw(strip)
    for name, colour, (x, y) in zip(semantic.names, semantic.colours, places, strict=True):
        draw.rounded_rectangle((x, y + 6, x + 14, y + 20), radius=3, fill=colour)
        draw.text((x + 24, y + 13), name, fill=_TEXT, font=_font(16), anchor="lm")
    return strip


def _draw_legend(draw: ImageDraw.ImageDraw, width: int, drawn: Mapping[str, Colour]) -> None:
    x: float = width - _GAP
    for label, colour in drawn.items():
        x -= draw.textlength(label, font=_font(16))
        draw.text((x, 66), label, fill=_TEXT, font=_font(16), anchor="lm")
        draw.rounded_rectangle((x - 22, 59, x - 8, 73), radius=3, fill=colour)
        x -= 40


def _draw_pill(
    draw: ImageDraw.ImageDraw,
    left_middle: Point,
    label: str,
    fill: Colour,
    size: int,
    text: Colour = (255, 255, 255),
) -> float:
    """A rounded label; returns where it ends."""
    x, y = left_middle
    end = x + draw.textlength(label, font=_font(size)) + 1.2 * size
    draw.rounded_rectangle((x, y - 0.8 * size, end, y + 0.8 * size), radius=0.8 * size, fill=fill)
    draw.text((x + 0.6 * size, y), label, fill=text, font=_font(size), anchor="lm")
    return end


def _font(size: int) -> Any:
    return ImageFont.load_default(size=size)
