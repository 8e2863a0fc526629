"""A folder that is wrong or empty is answered with the command to type next."""

from collections.abc import Callable
from pathlib import Path

import pytest

from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.store import DatasetWriter
from typed import synth

VERBS: dict[str, tuple[str, Callable[[str], tuple[str, ...]]]] = {
    "translate --sim": ("synth render", lambda d: ("translate", "--sim", d, "--real", "data/real")),
    "translate --real": ("synth capture", lambda d: ("translate", "--sim", "data/other", "--real", d)),
    "paint": ("synth render --maps-only", lambda d: ("paint", d)),
    "render --real": ("synth capture", lambda d: ("render", "--real", d)),
    "render --over": ("synth import bop FOLDER", lambda d: ("render", "--over", d)),
    "compose": ("synth capture", lambda d: ("compose", d)),
    "compare": ("synth capture", lambda d: ("compare", "--data", f"real={d}", "--data", f"other={d}")),
    "train": ("synth capture", lambda d: ("train", "normals", "--data", d, "--test", d)),
}
"""What each needs is made by a command; how it is asked for."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With an empty folder, one of pictures, a file, and in data/ a dataset without samples."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "empty").mkdir()
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.png").touch()
    (folder / "file.zip").touch()
    info = DatasetInfo(kind="real", classes=("part",), made_by=MadeBy(verb="capture", simulated=True))
    for name in ("real", "other"):
        DatasetWriter.create_or_resume(folder / "data" / name, info).close()
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_the_next_command_is_named(verb: str, folder: Path) -> None:
    """Absent or empty: what makes such a dataset there. Pictures, a file: import. Datasets within: those."""
    maker, words = VERBS[verb]
    told = {name: _say(words(name), folder) for name in ("none", "empty", "pictures", "file.zip", "data")}
    for name in ("none", "empty"):
        assert f"there is no dataset at {name}: " in told[name]
        assert f"{maker} --out {name} makes one" in told[name]
    assert "pictures is not a dataset, it has no dataset.json: synth import makes one" in told["pictures"]
    assert "file.zip is a file, and a dataset is a folder: synth import makes one" in told["file.zip"]
    assert "data is not a dataset, but holds some: give data/other or data/real" in told["data"]


@pytest.mark.parametrize("verb", ["translate --sim", "compose", "compare", "train"])
def test_a_dataset_without_samples_names_what_fills_it(verb: str, folder: Path) -> None:
    """A capture that was stopped before its first sample, say."""
    told = _say(VERBS[verb][1]("data/other"), folder)
    assert "data/other has no samples yet: synth capture --out data/other" in told


@pytest.mark.parametrize("words", [("evaluate", "--run"), ("predict", "pictures/a.png", "--run")])
def test_a_run_that_is_none_names_what_trains_one(words: tuple[str, ...], folder: Path) -> None:
    """Absent: the training. One that was begun: that it goes on. A folder of some: those."""
    begun, done = folder / "runs" / "begun", folder / "runs" / "done"
    for path in (begun / "config.json", done / "weights.safetensors"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert "synth train TASK --out none trains one; TASK is " in _say((*words, "none"), folder)
    assert "no trained network at pictures: synth train TASK trains one" in _say((*words, "pictures"), folder)
    assert "the synth train command that began it goes on" in _say((*words, "runs/begun"), folder)
    assert "there is no trained network at runs: give runs/done" in _say((*words, "runs"), folder)


def test_a_checkpoint_that_is_none_names_what_makes_some(folder: Path) -> None:
    """Absent: the translation. A run's folder: its latest."""
    told = _say(("translate", "--checkpoint", "none"), folder)
    assert "no checkpoint at none: synth translate trains a translator" in told
    latest = folder / "runs" / "translate" / "checkpoints" / "step_000400.safetensors"
    latest.parent.mkdir(parents=True)
    latest.touch()
    told = _say(("translate", "--checkpoint", "runs/translate"), folder)
    assert "give one of its checkpoints, such as runs/translate/checkpoints/step_000400.safetensors" in told


def _say(words: tuple[str, ...], folder: Path) -> str:
    answer = synth(*words, cwd=folder)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert answer.stderr.startswith("synth: ")
    assert answer.stderr.count("\n") == 1
    return answer.stderr
