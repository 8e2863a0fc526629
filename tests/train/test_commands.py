"""`synth train`, `synth evaluate` and `synth predict` as they are typed: what they say, leave and refuse."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from toy_sets import write_detection_set, write_normal_set

from synth.cli import main
from synth.compute.checkpoint import save_weights
from synth.dataset.reader import DatasetReader

NORMALS = ("train", "normals", "--data", "rendered", "--test", "real", "--net", "paper", "--side", 32)
BOXES = ("train", "detection", "--data", "boxes", "--test", "boxes", "--side", 64, "--images", 16)
SHORT = (*NORMALS, "--images", 64, "--device", "cpu")
LEFT = {"config.json", "stats.jsonl", "weights.safetensors", "result.json", "early.json"}


@dataclass(frozen=True)
class Answer:
    """What a command left on the screen."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """All of it, however lines were broken."""
        return " ".join((self.out + self.err).split())


Type = Callable[..., Answer]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with datasets of crops and of boxes, and a training of each: runs/normals, runs/boxes."""
    folder = tmp_path_factory.mktemp("desk")
    write_normal_set(folder / "real", seed=0, kind="real")
    write_normal_set(folder / "rendered", seed=1, first=100)
    write_detection_set(folder / "boxes", seed=2, kind="real")
    write_detection_set(folder / "tight", seed=3, box_kind="tight")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in ((*SHORT, "--out", "runs/normals"), (*BOXES, "--out", "runs/boxes", "--device", "cpu")):
            patch.setattr(sys, "argv", ["synth", *map(str, words)])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 0
    return folder


@pytest.fixture
def synth(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """The command, typed on the desk."""
    monkeypatch.chdir(desk)

    def type_in(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["synth", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, said.out, said.err)

    return type_in


def is_refused(answer: Answer, *words: str) -> bool:
    """One sentence on the error stream with these words, exit code 2."""
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert answer.err.startswith("synth: ")
    said = " ".join(answer.err.split())
    for word in words:
        assert word in said, said
    return True


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


# --- train --------------------------------------------------------------------------------------------------


def test_a_training_says_what_comes_next(synth: Type, tmp_path: Path) -> None:
    """Files of a training, the step that is kept, the next command, that the images are simulated; the next
    command runs.
    """
    out = tmp_path / "run"
    answer = synth(*SHORT, "--out", out)
    assert answer.code == 0, answer
    assert files_in(out) == LEFT
    assert "SIMULATED" in answer.words
    kept = json.loads((out / "result.json").read_text())["best"]["step"]
    assert f"Step {kept} of 2 is kept" in answer.words
    next_words = "".join(answer.out.split("Next: synth ")[1].splitlines())
    assert next_words.replace(" ", "") == f"evaluate--run{out}--datareal"
    assert synth("evaluate", "--run", out, "--data", "real").code == 0


def test_a_folder_is_named_after_the_task(synth: Type, desk: Path) -> None:
    """Without --out it is runs/train/TASK."""
    assert synth(*SHORT, "--seed", 7).code == 0
    assert files_in(desk / "runs" / "train" / "normals") == LEFT


def test_no_minutes_left_and_the_same_command_goes_on(synth: Type, desk: Path, tmp_path: Path) -> None:
    """--max-minutes 0 stops after a step, says at which and how to go on; the command ends what it began, as
    an undisturbed one does.
    """
    out = tmp_path / "run"
    stopped = synth(*SHORT, "--out", out, "--max-minutes", 0)
    assert stopped.code == 0, stopped
    assert "Stopped after 0 min at step 1 of 2; the same command goes on" in stopped.words
    assert "Next:" not in stopped.words
    assert not (out / "result.json").exists()
    ended = synth(*SHORT, "--out", out)
    assert ended.code == 0, ended
    assert "Next: synth evaluate" in ended.words
    assert files_in(out) == LEFT
    weights = [folder / "weights.safetensors" for folder in (out, desk / "runs" / "normals")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_test_image_that_would_train_is_named(synth: Type, tmp_path: Path) -> None:
    """A rendered train picture overwritten with a captured test picture: both are named, nothing is made."""
    shutil.copytree("rendered", tmp_path / "leaky")
    victim, place = (
        DatasetReader(Path(root)).of_split(split)[0]
        for root, split in (("real", "test"), ("rendered", "train"))
    )
    shutil.copy(Path("real") / victim.image, tmp_path / "leaky" / place.image)
    answer = synth(*SHORT, "--data", tmp_path / "leaky", "--out", tmp_path / "run")
    assert is_refused(answer, place.image, f"real/{victim.image}")
    assert not (tmp_path / "run").exists()


def test_data_are_mixed_and_then_tuned(synth: Type, tmp_path: Path) -> None:
    """Two --data make one pool of 12 + 12 train images; --then brings 12 more, whose 3 val images choose."""
    for words, counts in (((), (24, 6)), (("--then", "real"), (36, 3))):
        out = tmp_path / f"run{len(words)}"
        answer = synth(*SHORT, "--data", "real", *words, "--out", out)
        assert answer.code == 0, answer
        result = json.loads((out / "result.json").read_text())
        assert (result["n_train"], result["n_val"]) == counts
    stages = json.loads((out / "config.json").read_text())["stages"]
    assert stages == [[["rendered", None], ["real", None]], [["real", None]]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("train", "poses"), ("no task 'poses'", "normals, detection")),
        ((*SHORT, "--net", "resnet99"), ("'resnet99'", "paper")),
        ((*SHORT, "--side", 33), ("multiple", "33")),
        ((*BOXES, "--net", "yolov8n"), ("'yolov8n'", "yolov5n")),
        ((*BOXES, "--side", 100), ("multiple of 32", "100")),
        ((*BOXES, "--data", "tight"), ("tight boxes", "square")),
        ((*BOXES, "--pretrained", "absent.pt"), ("no checkpoint at absent.pt",)),
        ((*BOXES, "--pretrained", "runs/normals/weights.safetensors"), ("weights.safetensors fits 0 of",)),
        ((*SHORT, "--pretrained", "runs/boxes/weights.safetensors"), ("--pretrained", "detection")),
        ((*BOXES, "--plain-crops"), ("--plain-crops", "normals")),
        ((*SHORT, "--data", "absent"), ("absent",)),
        ((*SHORT, "--test", "absent"), ("absent",)),
        ((*SHORT, "--data", "boxes"), ("boxes has no crops",)),
        ((*SHORT, "--device", "abacus"), ("abacus",)),
    ],
)
def test_trainings_that_cannot_be(
    synth: Type, tmp_path: Path, words: tuple[object, ...], says: tuple[str, ...]
) -> None:
    """One sentence that names what was wrong; no folder is left in the way of the next try."""
    assert is_refused(synth(*words, "--out", tmp_path / "run"), *says)
    assert not (tmp_path / "run").exists()


def test_other_settings_leave_a_training_as_it_is(synth: Type, desk: Path) -> None:
    """Another seed in the same folder is refused by what differs, and the weights stay."""
    weights = desk / "runs" / "normals" / "weights.safetensors"
    before = weights.read_bytes()
    assert is_refused(synth(*SHORT, "--seed", 5, "--out", "runs/normals"), "seed: 0 became 5")
    assert weights.read_bytes() == before


# --- evaluate -----------------------------------------------------------------------------------------------


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
    """A detector has eight figures and three losses, rests on as many images as the split has, and all of
    them are numbers; the table has a row for each.
    """
    effects = json.loads(
        synth("evaluate", "--run", "runs/boxes", "--data", "boxes", "--split", "train", "--json").out,
        parse_constant=lambda word: pytest.fail(f"{word} is no JSON"),
    )
    losses = {name for name in effects if name.endswith("_loss")}
    assert losses == {"box_loss", "cls_loss", "dfl_loss"}
    assert len(effects) == 11
    assert effects["standard_map50_95"]["n_images"] == len(DatasetReader(desk / "boxes").of_split("train"))
    assert all(0 <= effect["value"] <= 1 for name, effect in effects.items() if name not in losses)
    assert all(effects[name] > 0 for name in losses)
    table = synth("evaluate", "--run", "runs/boxes", "--data", "boxes", "--split", "train")
    assert {line.split()[0].rstrip(",") for line in table.out.splitlines() if line.strip()} >= set(effects)


def test_evaluate_on_data_that_were_never_trained_on(synth: Type, tmp_path: Path) -> None:
    """Another dataset than that of the training, of another size, has figures of its own."""
    write_normal_set(tmp_path / "other", seed=9, n=40)
    answer = synth("evaluate", "--run", "runs/normals", "--data", tmp_path / "other", "--json")
    own = synth("evaluate", "--run", "runs/normals", "--data", "real", "--json")
    assert answer.code == own.code == 0
    found, known = (json.loads(a.out)["median_deg"] for a in (answer, own))
    assert (found["n_images"], known["n_images"]) == (10, 5)
    assert found["value"] != known["value"]


def write_foreign_weights(path: Path) -> None:
    """Weights of another program's network in the same format."""
    save_weights(path, {"conv.weight": torch.zeros(3, 3)}, {"kind": "instance", "width": "4"})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("evaluate", "--run", "runs/normals", "--data", "real", "--split", "exam"),
            ("train, val, test", "'exam'"),
        ),
        (("evaluate", "--run", "runs/nothing", "--data", "real"), ("runs/nothing",)),
        (("evaluate", "--run", "real", "--data", "real"), ("no checkpoint at real/weights.safetensors",)),
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


# --- predict ------------------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three pictures of other sizes than any dataset's, one upright, one a few pixels."""
    rng = np.random.default_rng(0)
    paths = []
    for name, (h, w) in {"wide": (90, 200), "upright": (150, 70), "tiny": (5, 7)}.items():
        paths.append(tmp_path / "photos" / f"{name}.png")
        paths[-1].parent.mkdir(exist_ok=True)
        cv2.imwrite(str(paths[-1]), rng.integers(0, 256, (h, w, 3)).astype(np.uint8))
    return paths


def test_predict_draws_boxes_over_the_confidence(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """Every picture is drawn at its own size; boxes lie inside it, and those under --confidence are neither
    listed nor drawn.
    """
    answer = synth("predict", "--run", "runs/boxes", *photos, "--out", tmp_path / "all", "--confidence", 0)
    assert answer.code == 0, answer
    assert "3 pictures drawn in" in answer.words
    every = json.loads((tmp_path / "all" / "predictions.json").read_text())
    assert list(every) == [str(path) for path in photos]
    for path, boxes in zip(photos, every.values(), strict=True):
        picture, drawn = (cv2.imread(str(p)) for p in (path, tmp_path / "all" / path.name))
        assert drawn.shape == picture.shape
        h, w = picture.shape[:2]
        assert all(0 <= x0 <= x1 <= w and 0 <= y0 <= y1 <= h for x0, y0, x1, y1, _ in boxes)
    sure = sorted(box[4] for boxes in every.values() for box in boxes)
    assert len(set(sure)) > 5
    middle = sure[len(sure) // 2]
    synth("predict", "--run", "runs/boxes", *photos, "--out", tmp_path / "some", "--confidence", middle)
    some = json.loads((tmp_path / "some" / "predictions.json").read_text())
    assert some == {path: [box for box in boxes if box[4] >= middle] for path, boxes in every.items()}
    synth("predict", "--run", "runs/boxes", *photos, "--out", tmp_path / "none", "--confidence", 1)
    for path in photos:
        picture, all_drawn, none_drawn = (
            cv2.imread(str(p)) for p in (path, tmp_path / "all" / path.name, tmp_path / "none" / path.name)
        )
        assert (picture == none_drawn).all()
        assert (picture != all_drawn).any() == bool(every[str(path)])
    assert files_in(tmp_path / "none") == {"predictions.json", *(path.name for path in photos)}


def test_predict_draws_normals(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """A unit normal for every picture, and an arrow drawn into it."""
    crops = sorted(Path("real").rglob("crops/*.png"))[:2]
    answer = synth("predict", "--run", "runs/normals", *photos, *crops, "--out", tmp_path / "out")
    assert answer.code == 0, answer
    said = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert list(said) == [str(path) for path in (*photos, *crops)]
    assert np.linalg.norm(list(said.values()), axis=1) == pytest.approx(1, abs=1e-5)
    for path in crops:
        drawn = cv2.imread(str(tmp_path / "out" / path.name)).astype(int)
        changed = np.abs(drawn - cv2.imread(str(path))).max(axis=2) > 60
        assert 10 < changed.sum() < changed.size / 20
        u, v, _ = said[str(path)]
        ys, xs = np.nonzero(changed)
        if np.hypot(u, v) > 0.1:  # The arrow lies to the side that the normal leans to, v up.
            assert u * (xs.mean() - 112) - v * (ys.mean() - 112) > 0


def test_pictures_of_one_name_do_not_overwrite_each_other(
    synth: Type, photos: list[Path], tmp_path: Path
) -> None:
    """Two files that would be drawn under one name, or one given twice: refused, nothing drawn."""
    twin = tmp_path / "others" / "wide.png"
    twin.parent.mkdir()
    shutil.copy(photos[1], twin)
    for second in (twin, photos[0]):
        answer = synth("predict", "--run", "runs/boxes", photos[0], second, "--out", tmp_path / "out")
        assert is_refused(answer, str(photos[0]), str(second), "wide.png")
        assert not (tmp_path / "out").exists()


def test_a_picture_is_not_drawn_over_itself(synth: Type, photos: list[Path]) -> None:
    """--out that is the pictures' own folder is refused, and they stay as they are."""
    before = [path.read_bytes() for path in photos]
    answer = synth("predict", "--run", "runs/boxes", *photos, "--out", photos[0].parent)
    assert is_refused(answer, str(photos[0]), "--out")
    assert [path.read_bytes() for path in photos] == before
    assert files_in(photos[0].parent) == {path.name for path in photos}


@pytest.mark.parametrize(
    ("weights", "picture", "says"),
    [
        ("runs/boxes", "absent.png", "no picture at absent.png"),
        ("runs/boxes", "real/dataset.json", "real/dataset.json is not a readable"),
        ("runs/boxes", "real", "real"),
        ("runs/boxes", "grey.png", "grey.png is not an 8-bit RGB image"),
        ("runs/nothing", "good.png", "runs/nothing"),
        ("real", "good.png", "no checkpoint at real/weights.safetensors"),
        ("foreign.safetensors", "good.png", "synth train wrote"),
    ],
)
def test_predictions_that_cannot_be(
    synth: Type, desk: Path, tmp_path: Path, weights: str, picture: str, says: str
) -> None:
    """Absent or damaged pictures, after a good one, and weights of something else: one sentence, no file."""
    write_foreign_weights(desk / "foreign.safetensors")
    cv2.imwrite(str(desk / "good.png"), np.full((40, 40, 3), 90, np.uint8))
    cv2.imwrite(str(desk / "grey.png"), np.full((40, 40), 90, np.uint8))
    others = [] if picture == "good.png" else ["good.png"]
    assert is_refused(synth("predict", "--run", weights, *others, picture, "--out", tmp_path / "out"), says)
    assert not (tmp_path / "out").exists()


def test_a_confidence_is_a_share(synth: Type, tmp_path: Path) -> None:
    """Above 1: refused by the option's name."""
    answer = synth(
        "predict", "--run", "runs/boxes", "good.png", "--confidence", 1.5, "--out", tmp_path / "out"
    )
    assert answer.code == 2
    assert "--confidence" in answer.err
    assert not (tmp_path / "out").exists()
