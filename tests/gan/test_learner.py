"""A translator that learns in a worker of an engine."""

from functools import partial
from pathlib import Path

import pytest
import torch
from rich.console import Console
from small_training import QUIET, make_settings
from torch import nn

from synth.compute.progress import LineProgress
from synth.compute.spread import HERE, Spread
from synth.dataset.reader import DatasetReader
from synth.gan.checkpoint import last_checkpoint
from synth.gan.learner import learn

pytestmark = pytest.mark.slow

THERE = Spread("local")
Looks = tuple[DatasetReader, DatasetReader]


def note(step: int, _generator: nn.Module, *, judge: nn.Linear, log: Path) -> None:
    with log.open("a") as lines:
        print(step, float(judge(torch.ones(1, 2)).sum()), file=lines)


class Steps(LineProgress):
    """Counts."""

    total = done = 0

    def begin(self, *, total: int, done: int) -> None:
        self.total, self.done = total, done

    def advanced(self, n: int) -> None:
        self.done += n


def test_a_worker_learns_the_same_weights(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, and who judges checkpoints goes there with a network of its own; the bar ends where
    the steps do, and what is learnt already asks for no worker.
    """
    progress = Steps(Console(quiet=True), "steps")
    judge = partial(note, judge=nn.Linear(2, 2), log=tmp_path / "judged")
    learn(make_settings(*looks, tmp_path / "here"), QUIET, HERE)
    learn(make_settings(*looks, tmp_path / "there"), progress, THERE, on_checkpoint=judge)
    judged = [int(line.split()[0]) for line in (tmp_path / "judged").read_text().splitlines()]
    assert judged == [8, 16, 24]
    assert (progress.done, progress.total) == (24, 24)
    files = [last_checkpoint(tmp_path / name) for name in ("here", "there")]
    assert files[0].read_bytes() == files[1].read_bytes()
    monkeypatch.setattr(Spread, "share", lambda *_, **__: pytest.fail("a worker was asked for"))
    assert learn(make_settings(*looks, tmp_path / "there"), QUIET, THERE) == tmp_path / "there"
