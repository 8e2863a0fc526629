"""Signs as drawn, as translated and real, side by side: SYN-MTGAN's Figures 8 and 9.

    python benchmarks/signs_sheet.py runs/signs/G1 --out looks.png
    python benchmarks/signs_sheet.py runs/signs/G1 --looks g0/X,g0/mtgan --least --out least.png

A row a class: one instance in each look, with the same surroundings, then real train signs of the class where
there are any. ``--least``: a row for each of the translations that the frozen classifier reads worst, with
how sure it is.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.geometry.squares import cut, square_round
from synth.storage.atomic import write_bytes

SIDE_PX, GAP_PX, TITLE_PX, WORDS_PX = 128, 4, 20, 220
N_REAL, N_LEAST, MIN_SIDE_PX = 3, 12, 60
Rgb = NDArray[np.uint8]


def crop(dataset: DatasetReader, sample: Sample, i: int) -> Rgb:
    """A square round an instance [S,S,3]."""
    square = square_round(sample.instances[i].box_xyxy_px)
    return cut(dataset.load_rgb(sample), square, SIDE_PX)


def list_shared(looks: Sequence[DatasetReader]) -> list[str]:
    """Names of train samples that every look has."""
    names = [{sample.name for sample in look.of_split("train")} for look in looks]
    return sorted(set.intersection(*names))


def rows_by_class(looks: Sequence[DatasetReader], real: DatasetReader) -> Iterator[tuple[str, list[Rgb]]]:
    """The first instance of each class that is not small, and real ones."""
    names = list_shared(looks)
    first = {sample.name: sample for sample in looks[0].samples}
    for class_name in looks[0].info.classes:
        places = [
            (name, i)
            for name in names
            for i, instance in enumerate(first[name].instances)
            if instance.class_name == class_name and _side(instance.box_xyxy_px) >= MIN_SIDE_PX
        ]
        if places:
            yield class_name, [*_in_looks(looks, *places[0]), *_real(real, class_name)]


def rows_least(looks: Sequence[DatasetReader], real: DatasetReader) -> Iterator[tuple[str, list[Rgb]]]:
    """Translations by the last look whose least readable instance is least sure; the largest is shown."""
    names = set(list_shared(looks))
    known = [s for s in looks[-1].samples if s.name in names and "class_sure" in s.quality]
    for sample in sorted(known, key=lambda s: float(s.quality["class_sure"]))[:N_LEAST]:
        i = max(range(len(sample.instances)), key=lambda k: _side(sample.instances[k].box_xyxy_px))
        name = str(sample.instances[i].class_name)
        said = f"{name}, {float(sample.quality['class_sure']):.2f}"
        yield said, [*_in_looks(looks, sample.name, i), *_real(real, name)]


def _in_looks(looks: Sequence[DatasetReader], name: str, i: int) -> list[Rgb]:
    return [crop(look, next(s for s in look.samples if s.name == name), i) for look in looks]


def _real(real: DatasetReader, class_name: str) -> list[Rgb]:
    found = [
        (sample, i)
        for sample in real.of_split("train")
        for i, instance in enumerate(sample.instances)
        if instance.class_name == class_name
    ]
    return [crop(real, sample, i) for sample, i in found[:: max(len(found) // N_REAL, 1)][:N_REAL]]


def _side(box_xyxy_px: Sequence[float]) -> float:
    x0, y0, x1, y1 = box_xyxy_px
    return max(x1 - x0, y1 - y0)


def make_sheet(titles: Sequence[str], rows: Sequence[tuple[str, list[Rgb]]]) -> Rgb:
    """All rows below the titles of their columns [H,W,3]."""
    step = SIDE_PX + GAP_PX
    n_columns = len(titles) + N_REAL
    sheet = np.full((TITLE_PX + step * len(rows), WORDS_PX + step * n_columns, 3), 255, np.uint8)
    for k, title in enumerate((*titles, *["real"] * N_REAL)):
        _write(sheet, title, WORDS_PX + step * k, TITLE_PX - 6)
    for row, (words, crops) in enumerate(rows):
        y = TITLE_PX + step * row
        _write(sheet, words, 2, y + SIDE_PX // 2)
        for k, each in enumerate(crops):
            x = WORDS_PX + step * k
            sheet[y : y + SIDE_PX, x : x + SIDE_PX] = each
    return sheet


def _write(sheet: Rgb, words: str, x: int, y: int) -> None:
    cv2.putText(sheet, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)


def main() -> None:
    """Draw one of the two sheets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("fold", type=Path, help="the folder of a fold of signs.py")
    parser.add_argument("--looks", default="g0/X,g0/coloured,g0/cyclegan,g0/mtgan", help="its datasets")
    parser.add_argument("--least", action="store_true", help="what is read worst")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    names = given.looks.split(",")
    looks, real = [DatasetReader(given.fold / name) for name in names], DatasetReader(given.fold / "real")
    rows = list((rows_least if given.least else rows_by_class)(looks, real))
    if not rows:
        raise SystemExit(f"no train sample is in all of {given.looks}: name datasets made of one another")
    sheet = make_sheet(names, rows)
    write_bytes(given.out, cv2.imencode(".png", sheet[..., ::-1])[1].tobytes())


if __name__ == "__main__":
    main()
