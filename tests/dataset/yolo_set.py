"""A small folder of Ultralytics' layout."""

from pathlib import Path
from typing import Any

from foreign_pictures import write_picture

from synth.dataset.imports.intake import Summary
from synth.dataset.imports.yolo import YoloSettings, import_yolo
from synth.dataset.reader import DatasetReader

BOX = "0 0.5 0.5 0.25 0.5\n"
YAML = "train: images/train\nval: images/val\ntest: images/test\nnames: [cup, lid]\n"


def take(folder: Path, out: Path, **changes: Any) -> Summary:
    return import_yolo(YoloSettings(folder, out, **changes))


def write_set(root: Path, yaml: str = YAML) -> Path:
    """Two pictures a split, each with one cup of 16 by 24 pixels in its middle."""
    seed = 0
    for split in ("train", "val", "test"):
        for i in range(2):
            write_picture(root / f"images/{split}/{split}{i}.png", seed := seed + 1)
            write_label(root, f"{split}/{split}{i}", BOX)
    (root / "data.yaml").write_text(yaml)
    return root


def write_label(root: Path, name: str, text: str) -> None:
    path = root / f"labels/{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def by_source(out: Path) -> dict[str, Any]:
    return {str(s.quality["source"]): s for s in DatasetReader(out)}
