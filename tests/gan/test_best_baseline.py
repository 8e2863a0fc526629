"""The nearest baseline is chosen by val images and made once."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from synth.compute.progress import make_progress
from synth.dataset.codecs import file_sha256
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.verify import verify
from synth.gan.baseline import make_baseline
from synth.gan.judge import JudgeSettings
from synth.gan.methods import BASELINES
from synth.witness.drift import DriftLimits
from synth.witness.witness import WitnessSettings


def quietly(*words: str) -> Any:
    return make_progress(Console(quiet=True), *words)


def test_the_nearest_is_made_once(
    looks: tuple[DatasetReader, DatasetReader], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest kernel distance to val images, and no test image is looked at; its dataset is whole and
    says what chose it; the same call again makes nothing.
    """
    witness = partial(WitnessSettings, n_filters=4, n_steps=1, n_error_patches=8)
    anything_goes = DriftLimits(9.0, 9.0, 99.0, 1.0, 180.0, 10_000)
    monkeypatch.setattr("synth.gan.baseline.WitnessSettings", witness)
    monkeypatch.setattr("synth.gan.baseline.JudgeSettings", partial(JudgeSettings, n_patches=8))
    monkeypatch.setattr("synth.gan.baseline.DriftLimits", lambda: anything_goes)
    monkeypatch.setattr("synth.gan.choice.keeps_labels", lambda *_: True)
    shown: set[str] = set()
    load_rgb = DatasetReader.load_rgb

    def note(reader: DatasetReader, sample: Sample) -> Any:
        if reader.root == looks[1].root:
            shown.add(sample.split)
        return load_rgb(reader, sample)

    monkeypatch.setattr("synth.gan.baseline.refuse_leaks", lambda *_: 0)  # It compares with test images.
    monkeypatch.setattr(DatasetReader, "load_rgb", note)
    out = tmp_path / "baseline"
    path = make_baseline(looks[0].root, looks[1].root, out, quietly, device="cpu")
    assert shown == {"train", "val"}
    choice = json.loads(path.read_bytes())
    values = {name: choice["distances"][name]["value"] for name in BASELINES}
    assert choice["method"] == min(values, key=lambda name: values[name])
    assert choice["distances"]["untranslated"]["value"] > values[choice["method"]]
    assert verify(out / choice["method"]) == []
    made_by = DatasetReader(out / choice["method"]).info.made_by
    assert made_by.config["checkpoint_sha256"] == file_sha256(
        (out / f"{choice['method']}.safetensors").read_bytes()
    )
    assert {(r.dataset, r.role) for r in made_by.readings} >= {("real", "made"), ("real", "chosen")}
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("*.*") if p.name != ".lock"}
    assert make_baseline(looks[0].root, looks[1].root, out, quietly, device="cpu") == path
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.*") if p.name != ".lock"} == stamps
