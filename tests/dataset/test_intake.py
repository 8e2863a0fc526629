"""The account of an import costs what it holds, and no more."""

import json
from pathlib import Path
from typing import Any

import pytest
from foreign_pictures import write_picture

from synth.dataset.imports.coco import CocoSettings, import_coco
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.storage.atomic import LineLog

N_THERE = 2


def write_subset(folder: Path, n_listed: int) -> Path:
    """A JSON that lists ``n_listed`` pictures, of which two are there."""
    for i in range(N_THERE):
        write_picture(folder / f"images/{i}.png", i)
    document = {
        "categories": [{"id": 1, "name": "cup"}],
        "images": [{"id": i, "file_name": f"{i}.png", "width": 64, "height": 48} for i in range(n_listed)],
        "annotations": [{"image_id": i, "category_id": 1, "bbox": [24, 12, 16, 24]} for i in range(n_listed)],
    }
    (folder / "all.json").write_text(json.dumps(document))
    return folder


def test_the_cost_of_absent_pictures_grows_with_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each one more costs neither another look through all of them nor another write: 10 and 1000 absent
    pictures cost as many of both.
    """
    calls: list[str] = []

    def count(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def counted(*args: Any, **words: Any) -> Any:
            calls.append(name)
            return (real.fget if isinstance(real, property) else real)(*args, **words)

        monkeypatch.setattr(owner, name, property(counted) if isinstance(real, property) else counted)

    for owner, name in ((DatasetWriter, "rejections"), (DatasetWriter, "done_names"), (LineLog, "append")):
        count(owner, name)
    costs = []
    for n_absent in (10, 1000):
        calls.clear()
        folder, out = write_subset(tmp_path / f"in{n_absent}", N_THERE + n_absent), tmp_path / str(n_absent)
        words = {"train": "0", "test": "1-9999"}
        summary = import_coco(CocoSettings(folder, out, splits=words))  # type: ignore[arg-type]
        assert (summary.n_samples, summary.reasons) == (N_THERE, {"no picture": n_absent})
        assert len(DatasetReader(out).rejections) == n_absent
        costs.append(sorted(calls))
    assert costs[0] == costs[1]
    assert verify(tmp_path / "10") == []
