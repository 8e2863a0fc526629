"""Small datasets of streets: sky above, road below, a sign to the left and one to the right."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synth.dataset.info import DatasetInfo, MadeBy, SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter

CLASSES = ("sky", "road", "turn_left", "turn_right")
COLOURS = ((70, 130, 180), (128, 64, 128), (220, 220, 0), (220, 20, 60))
SPLITS = ("train",) * 6 + ("val",) * 2 + ("test",) * 5
SIZE_WH = (48, 32)
VOID = 255


def draw_street(rng: np.random.Generator) -> np.ndarray:
    """Class ids [H,W] with the horizon anywhere in the middle, signs on it, and a border of void."""
    ids = np.zeros(SIZE_WH[::-1], np.uint8)
    horizon = int(rng.integers(10, 22))
    ids[horizon:] = 1
    for place, first in ((2, 2), (3, 24)):
        x = first + int(rng.integers(12))
        ids[horizon - 8 : horizon, x : x + 8] = place
    ids[:, -1] = VOID
    return ids


def write_street(
    root: Path,
    *,
    classes: Sequence[str] = CLASSES,
    splits: Sequence[str] = SPLITS,
    flip_pairs: tuple[tuple[str, str], ...] = (("turn_left", "turn_right"),),
    seed: int = 0,
) -> DatasetReader:
    """Grained pictures in the colours of their classes; void is black; the top row is ignored."""
    rng = np.random.default_rng(seed)
    order = [classes.index(name) for name in CLASSES if name in classes]
    colours = tuple(COLOURS[CLASSES.index(name)] if name in CLASSES else (9, 9, 9) for name in classes)
    info = DatasetInfo(
        kind="imported",
        classes=(),
        semantic=SemanticInfo(names=tuple(classes), colours=colours),
        flip_pairs=flip_pairs,
        made_by=MadeBy(verb="test", simulated=False),
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(splits):
            ids = draw_street(rng)
            if len(order) < len(CLASSES):
                ids[ids != VOID] %= len(order)
            picture = np.append(np.array(COLOURS, np.uint8), [[0, 0, 0]], axis=0)[np.minimum(ids, 4)]
            grain = np.kron(rng.integers(-25, 26, (8, 12, 3)), np.ones((4, 4, 1), int))
            picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
            own = np.append(np.array(order, np.uint8), np.full(256 - len(order), VOID, np.uint8))[ids]
            ignored = np.zeros_like(ids)
            ignored[0] = 255
            draft = Draft.model_validate({"name": f"{i:06d}", "split": split, "size_wh": SIZE_WH})
            writer.append(draft, layers={"image": picture, "semantic": own, "ignore": ignored})
    return DatasetReader(root)
