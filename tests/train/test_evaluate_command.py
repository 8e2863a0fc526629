"""`synth evaluate` as it is typed: figures with intervals, and what cannot be measured."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from toy_sets import write_normal_set
from typed_commands import Type, is_refused, write_foreign_weights

from synth.dataset.reader import DatasetReader


def test_evaluate_agrees_with_the_training(synth: Type, desk: Path) -> None:
    """The median angle worked out by hand from result.json stands in --json and in the table, with an
    interval around it and the number of images; --json is JSON and nothing else.
    """
    result = json.loads((desk / "runs" / "normals" / "result.json").read_text())
    cosines = (np.array(result["predicted"]) * np.array(result["true"])).sum(axis=1)
    by_hand = float(np.median(np.degrees(np.arccos(cosines.clip(-1, 1)))))
    effects = json.loads(synth("evaluate", "--run", "runs/normals", "--data", "real", "--json").out)
    assert effects["median_deg"]["value"] == pytest.approx(by_hand, abs=1e-3)
    assert effects["median_deg"]["low"] < by_hand < effects["median_deg"]["high"]
    assert effects["median_deg"]["n_images"] == len(result["names"]) == 5
    table = synth(
        "evaluate", "--run", "runs/normals/weights.safetensors", "--data", "real", "--device", "cpu"
    )
    assert table.code == 0, table
    row = next(line.split() for line in table.out.splitlines() if line.startswith("median_deg"))
    assert float(row[1]) == pytest.approx(by_hand, abs=2e-3)
    assert "SIMULATED" in table.words
    assert "paper on 5 test images of real, 1 network" in table.words


def test_evaluate_boxes_on_every_split(synth: Type, desk: Path) -> None:
    """A detector has ten figures and three losses, rests on as many images as the split has, and all of
    them are numbers; the table has a row for each.
    """
    effects = json.loads(
        synth("evaluate", "--run", "runs/boxes", "--data", "boxes", "--split", "train", "--json").out,
        parse_constant=lambda word: pytest.fail(f"{word} is no JSON"),
    )
    losses = {name for name in effects if name.endswith("_loss")}
    assert losses == {"box_loss", "cls_loss", "dfl_loss"}
    assert len(effects) == 13
    assert effects["standard_map50_95"]["n_images"] == len(DatasetReader(desk / "boxes").of_split("train"))
    assert all(0 <= effect["value"] <= 1 for name, effect in effects.items() if name not in losses)
    assert all(effects[name] > 0 for name in losses)
    table = synth("evaluate", "--run", "runs/boxes", "--data", "boxes", "--split", "train")
    assert {line.split()[0].rstrip(",") for line in table.out.splitlines() if line.strip()} >= set(effects)
    assert re.search(r"At confidence 0\.5: 0 of 18 found.*; \d+ false boxes\.", table.words)
    assert "Next: synth predict boxes --run runs/boxes" in table.words


def test_evaluate_on_data_that_were_never_trained_on(synth: Type, tmp_path: Path) -> None:
    """Another dataset than that of the training, of another size, has figures of its own."""
    write_normal_set(tmp_path / "other", seed=9, n=40)
    answer = synth("evaluate", "--run", "runs/normals", "--data", tmp_path / "other", "--json")
    own = synth("evaluate", "--run", "runs/normals", "--data", "real", "--json")
    assert answer.code == own.code == 0
    found, known = (json.loads(a.out)["median_deg"] for a in (answer, own))
    assert (found["n_images"], known["n_images"]) == (10, 5)
    assert found["value"] != known["value"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("evaluate", "--run", "runs/normals", "--data", "real", "--split", "exam"),
            ("train, val, test", "'exam'"),
        ),
        (("evaluate", "--run", "runs/nothing", "--data", "real"), ("runs/nothing",)),
        (("evaluate", "--run", "real", "--data", "real"), ("no trained network at real",)),
        (("evaluate", "--run", "real/dataset.json", "--data", "real"), ("safetensors' format",)),
        (
            ("evaluate", "--run", "foreign.safetensors", "--data", "real"),
            ("foreign.safetensors", "synth train wrote"),
        ),
        (("evaluate", "--run", "runs/normals", "--data", "absent"), ("absent",)),
        (("evaluate", "--run", "runs/normals", "--data", "boxes"), ("boxes has no crops",)),
        (("evaluate", "--run", "runs/boxes", "--data", "tight"), ("tight boxes",)),
        (("evaluate", "--run", "runs/normals", "--data", "real", "--split", "val"), ("5",)),
    ],
)
def test_measurements_that_cannot_be(
    synth: Type, desk: Path, words: tuple[object, ...], says: tuple[str, ...]
) -> None:
    """Unknown splits, folders without weights, foreign weights, data of another task: one sentence."""
    write_foreign_weights(desk / "foreign.safetensors")
    answer = synth(*words)
    assert is_refused(answer, *says)
    assert "median" not in answer.out
