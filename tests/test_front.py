"""`import synth`: the verbs as functions, light until they are called, typed for who calls them."""

import importlib
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.main import get_command

import synth
from contracts.part_set import write_part_set
from small_cell import write_small_cell
from synth import front
from synth.cli import app
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.store import DatasetWriter
from synth.errors import CellError, DatasetError, InputError

ROOT = Path(__file__).parents[1]
HEAVY = {"numpy", "pydantic", "torch", "typer", "rich", "cv2", "open3d", "scipy", "yaml"}
VERBS = (
    *("capture", "render", "compose", "translate", "paint"),
    *("train", "predict", "label", "balance", "compare"),
)

USER_FILE = """
from pathlib import Path

import synth
from synth.capture.settings import CaptureSettings
from synth.front import Comparison, Prediction, Training

cell = synth.load_cell("cell.yaml")
real = synth.capture(8, Path("data/real"), cell=cell, label="both", progress=False)
twins = synth.render(out="data/synthetic", real=real, shares={"twin": 4, "fresh": 2}, count=8)
over = synth.render(120, over=Path("data/photographs"))
composited = synth.compose([real, "data/more"], count=4)
translated = synth.translate(twins, real, method="cyclegan", preset="quick")
painted = synth.paint("data/maps", real, method="spade", checkpoint=Path("a.safetensors"))
training: Training = synth.train("detection", ["data/real", twins], net="yolov5n")
found: list[Prediction] = synth.predict(training.run, [Path("a.png"), "b.png"])
card_width: int = real.draw("000012").width
shown: list[Prediction] = synth.predict(training.run, real.load_rgb(real[0]))
labelled = synth.label("data/footage", [training.run, "runs/other"], min_confidence=0.8)
mapped = synth.label(real, twins="data/twins")
balanced = synth.balance(labelled, "add-multi", target=["Pole=2%"], paste=True)
compared: Comparison = synth.compare(
    {"real": real, "rendered": twins}, mixes=["real", "rendered"], tasks=["detection"], preset="quick"
)
dataset = synth.open_dataset("data/real")
names: list[str] = [sample.name for sample in dataset] + [dataset[-1].name, dataset["000012"].name]
rgb = dataset.load_rgb(dataset[0])
width: int = rgb.shape[1]
sentence: str = compared.verdict[0]
settings = CaptureSettings(cell, Path("data/real"))
"""

MISTAKES = """
import synth
synth.capture("many")
synth.capture(8, label="colours")
synth.open_dataset(12)
synth.compare(data=["data/real"])
synth.train("detection").weights
synth.predict("runs/train/detection")
synth.no_such_verb()
"""


def run(code: str, **environment: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def test_the_front_loads_nothing_heavy() -> None:
    """To import synth and to name every function of it costs no numeric library, no terminal library."""
    code = (
        f"import sys, synth; [getattr(synth, n) for n in synth.__all__]; print({HEAVY!r} & set(sys.modules))"
    )
    assert run(code) == "set()"


def test_only_what_is_asked_for_is_loaded() -> None:
    """`import synth` alone loads no module of it."""
    code = "import sys, synth; print([m for m in sys.modules if m.startswith('synth.')])"
    assert run(code) == "[]"


def test_the_front_is_what_synth_offers() -> None:
    """Every verb that makes, learns or judges, documented, and nothing beside; a wrong name is an error."""
    assert set(synth.__all__) == {"load_cell", "open_dataset", *VERBS}
    assert set(synth.__all__) <= set(front.__all__)
    assert set(synth.__all__) <= set(dir(synth))
    for name in synth.__all__:
        assert len(inspect.getdoc(getattr(front, name)) or "") > 100, name
    with pytest.raises(AttributeError, match="no attribute 'captures'"):
        _ = synth.captures  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", VERBS)
def test_defaults_are_those_of_the_command(name: str) -> None:
    """What a function and its command both take has one default."""
    in_its_help = {
        *(("compose", "datasets"), ("train", "data"), ("compare", "ask"), ("compare", "tasks")),
        *(("label", "run"), ("balance", "classes"), ("balance", "target"), ("balance", "at_least")),
    }
    command: Any = get_command(app)
    options = {p.name: p.default for p in command.commands[name].params}
    parameters = inspect.signature(getattr(front, name)).parameters
    shared = set(options) & set(parameters)
    assert len(shared) >= 2
    for option in shared:
        asked, given = options[option], parameters[option].default
        if (name, option) in in_its_help or given is inspect.Parameter.empty:
            continue
        asked = asked.value if isinstance(asked, Enum) else str(asked) if isinstance(asked, Path) else asked
        assert given == asked, option


@pytest.mark.parametrize(
    "before",
    [
        "",
        "import synth.capture",
        "import synth.capture.commands as c",
        "from synth.capture.commands import capture",
    ],
    ids=lambda text: text or "nothing",
)
def test_a_verb_can_be_called_whatever_was_imported(before: str) -> None:
    """synth.capture is a package too: both hold at once, in any order."""
    code = (
        f"import synth\n{before}\n"
        "import synth.front.making as making\n"
        "import synth.front\n"
        "synth.front.capture = lambda *a, **k: (a, k)\n"
        "from synth import capture as verb\n"
        "assert synth.capture is verb\n"
        "assert synth.capture(8, out='x') == ((8,), {'out': 'x'})\n"
        "import synth.capture.commands as module\n"
        "assert synth.capture(8) == ((8,), {})\n"
        "assert synth.capture.commands is module and callable(module.capture)\n"
        "print('good')"
    )
    assert run(code) == "good"


@pytest.mark.parametrize("name", ["capture", "train", "balance", "compare"])
def test_a_callable_package_is_a_package_like_others(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how it is called, is pickled by name; what it holds is found and replaced by dotted name."""
    package: Any = importlib.import_module(f"synth.{name}")
    assert inspect.ismodule(package)
    assert inspect.signature(package) == inspect.signature(getattr(front, name))
    assert pickle.loads(pickle.dumps(package)) is package
    assert pickle.loads(pickle.dumps(getattr(front, name))) is getattr(front, name)
    monkeypatch.setattr(f"synth.{name}.commands.typer", "replaced")
    assert importlib.import_module(f"synth.{name}.commands").typer == "replaced"
    monkeypatch.setattr(f"synth.front.{name}", lambda *given: given)
    assert package(1, 2) == (1, 2)


def test_a_cell_is_found_as_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """./cell.yaml where there is one, else the simulated cell; a str is a path."""
    monkeypatch.chdir(tmp_path)
    assert synth.load_cell().is_simulated
    write_small_cell(tmp_path)
    for found in (synth.load_cell(), synth.load_cell("cell.yaml"), synth.load_cell(tmp_path / "cell.yaml")):
        assert found.folder == tmp_path
    with pytest.raises(CellError, match=r"absent\.yaml"):
        synth.load_cell("absent.yaml")


def test_what_is_no_dataset_is_a_sentence(tmp_path: Path) -> None:
    """As on the command line."""
    with pytest.raises(DatasetError, match="there is no dataset at"):
        synth.open_dataset(str(tmp_path / "none"))
    for call in (
        lambda: synth.compose(tmp_path / "none"),
        lambda: synth.render(real=tmp_path / "none"),
        lambda: synth.translate(tmp_path / "none"),
        lambda: synth.train("detection", tmp_path / "none"),
        lambda: synth.compare({"real": tmp_path / "none", "other": tmp_path}),
    ):
        with pytest.raises(InputError, match="there is no dataset at"):
            call()


def test_a_wrong_name_is_answered_with_the_right_ones(tmp_path: Path) -> None:
    """Of a task, a preset, a method, a source."""
    real = tmp_path / "real"
    info = DatasetInfo(kind="real", classes=("part",), made_by=MadeBy(verb="capture", simulated=True))
    DatasetWriter.create_or_resume(real, info).close()
    with pytest.raises(InputError, match=r"task 'depth': choose among .*"):
        synth.train("depth", tmp_path)
    with pytest.raises(InputError, match=r"task 'depth': choose among .*"):
        synth.compare({"real": real, "other": real}, tasks=["depth"])
    with pytest.raises(InputError, match=r"preset 'slow'.*quick.*default.*paper"):
        synth.compare({"real": real, "other": real}, preset="slow")
    with pytest.raises(InputError, match=r"method 'gan'.*cyclegan"):
        synth.translate(tmp_path, tmp_path, method="gan")
    with pytest.raises(InputError, match=r"source 'twins'.*twin"):
        synth.render(shares={"twins": 3})


def test_a_wrong_value_is_a_sentence(tmp_path: Path) -> None:
    """Words and numbers that the command line would not take, before anything is written."""
    for call, said in (
        (lambda: synth.capture(3, tmp_path / "a", label="colours"), "label must be one of colour, cad, both"),  # type: ignore[arg-type]
        (lambda: synth.capture(3, tmp_path / "a", seed=-1), "seed must be 0 or more, got -1"),
        (lambda: synth.capture(0, tmp_path / "a"), "0"),
        (lambda: synth.render(quality="best"), "quality must be one of draft, normal, reference"),  # type: ignore[arg-type]
        (lambda: synth.render(over=tmp_path, cell="cell.yaml"), "cell is for renderings of a cell"),
        (lambda: synth.translate(images=0), "images must be 1 or more, got 0"),
        (lambda: synth.compare(choose="test"), "choose must be one of own-val, real-val"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match=said):
            call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_was_captured_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """The same call finishes what stopped, and only reads what is finished; quiet where that is asked for."""
    monkeypatch.chdir(tmp_path)
    write_small_cell(tmp_path)
    stop = "synth.capture.run.Session._settle"
    with monkeypatch.context() as patched:
        patched.setattr(stop, lambda _self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            synth.capture(3, "real", plates=1, pace=400, progress=False)
    dataset = synth.capture(3, "real", plates=1, pace=400, progress=False)
    assert len(dataset) == 3
    assert repr(dataset).startswith("<dataset real: real, simulated, 3 samples (")
    lines = (tmp_path / "real/samples.jsonl").read_bytes()
    assert [s.name for s in synth.capture(3, "real", plates=1, progress=False)] == [s.name for s in dataset]
    assert (tmp_path / "real/samples.jsonl").read_bytes() == lines
    assert capfd.readouterr() == ("", "")
    cards = [dataset.draw(which) for which in (dataset[1], dataset[1].name, 1)]
    assert all(card.tobytes() == cards[0].tobytes() for card in cards)
    assert dataset.draw(0).tobytes() != cards[0].tobytes()
    composited = synth.compose(dataset, "composited", count=2)
    assert (composited.info.kind, len(composited)) == ("composited", 2)
    assert "2 of 2 samples" in capfd.readouterr().err


@pytest.mark.slow
def test_what_was_trained_can_be_asked(tmp_path: Path) -> None:
    """A training's folder and figures come back, and its network answers for pictures in their order."""
    real = write_part_set(tmp_path / "real", "real", seed=0)
    crops = [real.root / str(real[i].instances[0].crop) for i in (1, 0)]
    asked = {"test": real, "out": tmp_path / "run", "side": 64, "images": 32, "device": "cpu"}
    training = synth.train("normals", real, net="paper", progress=False, **asked)  # type: ignore[arg-type]
    assert training.step > 0
    assert all(isinstance(value, float) for value in training.figures.values())
    assert synth.train("normals", real, net="paper", progress=False, **asked) == training  # type: ignore[arg-type]
    predictions = synth.predict(training.run, crops, device="cpu")
    assert [p.picture for p in predictions] == crops
    assert sum(x * x for x in predictions[0].found) == pytest.approx(1, abs=1e-5)
    assert synth.predict(training.run, []) == []
    assert synth.predict(training.run, crops[0], device="cpu")[0].found == pytest.approx(predictions[0].found)
    array = cv2.imread(str(crops[0]))[..., ::-1]
    of_array, *of_dataset = synth.predict(training.run, [array, crops[0].parent], device="cpu")
    assert of_array.picture is None
    assert of_array.found == pytest.approx(predictions[0].found)
    by_file = {prediction.picture: prediction.found for prediction in of_dataset}
    assert by_file[crops[1]] == pytest.approx(predictions[1].found)
    with pytest.raises(InputError, match="RGB, uint8 of height×width×3, got float64 of 4×4"):
        synth.predict(training.run, array[:4, :4, 0] / 255)


HEAVY_STUBS = ",".join(f"mypy-{name}.*" for name in ("torch", "torchvision", "scipy", "matplotlib", "cv2"))
"""What no function of the front has in its signature, and takes most of the check's time."""


@pytest.mark.slow
def test_a_users_file_passes_a_strict_type_check(tmp_path: Path) -> None:
    """Every function with plain values, README's example too; each mistake is found in its line."""
    pytest.importorskip("mypy", reason="mypy is not installed: it comes with the extra dev")
    readme = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert readme is not None
    (tmp_path / "readme.py").write_text(readme[1])
    (tmp_path / "user.py").write_text(USER_FILE)
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = true\n[{HEAVY_STUBS}]\nfollow_imports = skip\n")
    options = ["--follow-imports=silent", "--output=json"]
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "readme.py", "user.py", "mistakes.py"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=280,
    )
    found = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]
    assert [f for f in found if f["file"] != "mistakes.py"] == [], answer.stdout
    wrong = {f["line"] for f in found if f["file"] == "mistakes.py" and f["severity"] == "error"}
    assert wrong == set(range(3, 10)), answer.stdout + answer.stderr
