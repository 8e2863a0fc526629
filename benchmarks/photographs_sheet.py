"""README's picture: what a detector learnt from, and what it found in photographs that it never saw.

    python benchmarks/photographs_sheet.py runs/photographs --out docs/figurine.jpg

Of photographs.py, fold forward, seed 0: renderings of the mesh without poses above, with their labels; below
test photographs with every box found at confidence 0.5 and how sure the network is.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.reader import DatasetReader
from synth.sim.backdrop import evenly
from synth.storage.atomic import write_bytes
from synth.train.drawing import draw_boxes
from synth.train.trained import load_trained, predict_pictures

FOLD, RUN = "figurine/forward", "rendered_without_poses/seed_0"
N_COLUMNS, WIDTH_PX, GAP_PX, CONFIDENCE, QUALITY = 3, 420, 6, 0.5, 90
Rgb = NDArray[np.uint8]


def draw_learnt(folder: Path) -> list[Rgb]:
    """Renderings with their boxes."""
    made = DatasetReader(folder / FOLD / "unposed")
    return [
        draw_boxes(made.load_rgb(s), "", [i.box_xyxy_px for i in s.instances], [], WIDTH_PX)
        for s in evenly(made.of_split("train"), N_COLUMNS)
    ]


def draw_found(folder: Path) -> list[Rgb]:
    """Test photographs with what was found."""
    real = DatasetReader(folder / FOLD / "real")
    pictures = [real.load_rgb(sample) for sample in evenly(real.of_split("test"), N_COLUMNS)]
    said = predict_pictures(load_trained(folder / "runs" / FOLD / RUN, "cpu"), pictures)
    return [
        draw_boxes(rgb_u8, "", [], [box for box in boxes if box[4] >= CONFIDENCE], WIDTH_PX)
        for rgb_u8, boxes in zip(pictures, said, strict=True)
    ]


def stack(rows: list[list[Rgb]]) -> Rgb:
    """Pictures of one size with gaps between them."""
    gap = ((0, GAP_PX), (0, GAP_PX), (0, 0))
    wide = [np.hstack([np.pad(picture, gap, constant_values=255) for picture in row]) for row in rows]
    return np.vstack(wide)[:-GAP_PX, :-GAP_PX]


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    sheet = stack([draw_learnt(given.run), draw_found(given.run)])
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    write_bytes(given.out, cv2.imencode(".jpg", sheet[..., ::-1], quality)[1].tobytes())
    print(f"Look at {given.out}")


if __name__ == "__main__":
    main()
