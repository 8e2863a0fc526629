"""benchmarks/affnist.py on a few hundred digits: what it lays, what it keeps, what it says of a curve."""

import importlib
from argparse import Namespace
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from synth.compute.checkpoint import load_state
from synth.sim.placing.cache import Cache
from synth.sim.placing.learned.light import to_linear
from synth.sim.placing.material import lay, try_out
from synth.train.tasks.classification.target import ClassTarget

HARD_AT = 0.501
"""Networks that saw 280 digits three times are sure of nothing."""

N_LEARNT, N_LOOKED_AT, N_STEPS, PER_STEP = 280, 10, 2, 20


@pytest.fixture(scope="module")
def bench():
    """The benchmark's modules, for 280 digits, 10 val ones, and 20 pictures in each of 2 steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
        names = ("affnist_digits", "affnist", "affnist_table")
        digits, affnist, table = map(importlib.import_module, names)
        for module in (digits, affnist):
            patch.setattr(module, "N_TRAIN", N_LEARNT)
        for name, n in {
            "N_VAL": N_LOOKED_AT,
            "N_TEST": N_LOOKED_AT,
            "PER_STEP": PER_STEP,
            "BATCH": 32,
            "BASE_EPOCHS": 3,
            "N_LEARN": 2,
        }.items():
            patch.setattr(affnist, name, n)
        ways = {name: replace(way, hard_at=HARD_AT) for name, way in affnist.WAYS.items()}
        patch.setattr(affnist, "WAYS", ways)
        yield Namespace(digits=digits, affnist=affnist, table=table)


@pytest.fixture(scope="module")
def digits(bench):
    """300 of MNIST's."""
    stored = np.load(Path(__file__).parents[2] / "data/digits.npz")
    return bench.digits.Digits(stored["pictures"], stored["labels"])


def test_a_laid_digit_is_whole_and_the_same_by_one_warp(bench, digits):
    """At the ends of all ranges no light leaves the picture, and a bilinear warp of the light agrees."""
    material = bench.digits.DigitMaterial(digits)
    ends = torch.from_numpy(np.random.default_rng(0).choice([-1.0, 1.0], (60, 1, 9)).astype(np.float32))
    batch = material.load([*range(60)])
    pasted, _ = lay(material, batch, ends)
    assert pasted.visible.min() > 0.95
    wide = [i for i in range(60) if not (bench.digits.find_boxes(digits.grey_u8[i : i + 1])[0] % 2).any()]
    assert len(wide) >= 2
    for i in wide:  # Boxes of even sides are the same to both.
        placement = material.place(i, ends[i].tolist())[0]
        linear_u8 = (255 * to_linear(torch.from_numpy(digits.grey_u8[i] / 255)).numpy()).round()
        warped = bench.digits.warp(
            linear_u8.astype(np.uint8), placement, bench.digits.find_boxes(digits.grey_u8)[i]
        )
        difference = np.abs(warped / 255 - to_linear(pasted.images[i, 0]).numpy())
        assert difference.sum() < 0.06 * warped.sum() / 255


@pytest.fixture(scope="module")
def run(bench, digits, tmp_path_factory):
    """A base and both hard curves."""
    out = tmp_path_factory.mktemp("affnist")
    for name, rows in {"train": slice(None), "t10k": slice(N_LOOKED_AT)}.items():
        part = digits.part(rows)
        bench.digits._write_idx(out / f"{name}-images-idx3-ubyte.gz", part.grey_u8)
        bench.digits._write_idx(out / f"{name}-labels-idx1-ubyte.gz", part.labels)
    benched = bench.affnist.Bench(out, out / "run")
    benched.write_affine()
    trials = [bench.affnist.Trial(method, 0) for method in ("random-hard", "learned")]
    return benched, {trial: benched.run(trial, N_STEPS) for trial in trials}


def test_what_is_kept_is_what_the_network_got_wrong(bench, digits, run):
    """2 of each class a step, all wrong by the criterion for the network that the step before left."""
    benched, lines = run
    material = bench.digits.DigitMaterial(digits.part(slice(N_LEARNT)))
    for trial, line in lines.items():
        assert line["kept"] == [PER_STEP] * N_STEPS
        folder = benched._out / trial.name
        kept = Cache(folder).kept
        assert len(kept) == PER_STEP * N_STEPS
        net = bench.affnist.make_class_net("digits", 40, 10, 0)
        for step in range(N_STEPS):
            net.load_state_dict(load_state(folder / f"nets/{step}.pt"))
            own = kept[step * PER_STEP : (step + 1) * PER_STEP]
            batch = material.load([candidate.key for candidate in own])
            unit = torch.tensor([candidate.unit for candidate in own])
            tried = try_out(material, ClassTarget(net, bench.digits.CLASSES), batch, unit)
            assert float(tried.hardness.min()) > HARD_AT - 1e-4
            counts = Counter(material.kind_of(candidate.key) for candidate in own)
            assert set(counts.values()) == {PER_STEP // 10}
            assert len(counts) == 10


def test_the_same_command_adds_nothing(run):
    """A finished curve is only read."""
    benched, lines = run
    trial, line = next(iter(lines.items()))
    began = (benched._out / trial.name / "cache.jsonl").read_bytes()
    assert benched.run(trial, N_STEPS) == line
    assert (benched._out / trial.name / "cache.jsonl").read_bytes() == began


@pytest.mark.parametrize(
    ("accuracies", "reach"), [([0.2, 0.6, 0.8], 750.0), ([0.2, 0.5, 0.69], None), ([0.7, 0.8, 0.9], 0.0)]
)
def test_pictures_to_reach_are_interpolated_or_censored(bench, accuracies, reach):
    """Halfway between two steps is halfway between their pictures; never reached is None."""
    base, *rest = accuracies
    found = bench.table.find_reach({"base": {"test": base}, "accuracy": {"test": rest}}, 0.7)
    assert found == pytest.approx(reach) if reach is not None else found is None
