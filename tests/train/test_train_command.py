"""`synth train` as it is typed: what it says, leaves and refuses."""

import json
import shutil
from pathlib import Path

import pytest
from typed_commands import BOXES, SHORT, Type, files_in, is_refused

from synth.dataset.reader import DatasetReader

LEFT = {"config.json", "command.json", "stats.jsonl", "weights.safetensors", "result.json", "early.json"}


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


def test_a_training_that_learned_nothing_says_what_to_do(
    synth: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps teach neither task anything: more images or, where the task has one, a pretrained start. One
    that did better than without a look at its images says nothing of the kind.
    """
    more = "It learned nothing, its figures are those of an untrained network: it needs more images (--images"
    boxes = synth(*BOXES, "--device", "cpu", "--out", tmp_path / "boxes")
    assert f"{more}, 16 now) or a pretrained start (--pretrained). Next:" in boxes.words
    normals = synth(*SHORT, "--out", tmp_path / "normals")
    assert f"{more}, 64 now). Next:" in normals.words
    again = synth(*SHORT, "--out", tmp_path / "normals")
    assert f"{more}, 64 now). Next:" in again.words
    monkeypatch.setattr("synth.train.tasks.normals.learning._score_blind", lambda _train, _val: 180.0)
    assert "nothing" not in synth(*SHORT, "--out", tmp_path / "learned").words


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
    assert "Stopped after 0 min at step 1 of 2, without a network yet; the same command" in stopped.words
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
        ((*BOXES, "--net", "yolov8n-seg"), ("yolov8n-seg is no plain detector", "yolov5n")),
        ((*BOXES, "--side", 100), ("multiple of 32", "100")),
        ((*BOXES, "--net", "frcnn"), ("no detector 'frcnn'", "fasterrcnn_vgg16", "ssd300_vgg16", "yolov5n")),
        ((*BOXES, "--net", "ssd300_vgg16"), ("ssd300_vgg16 takes pictures of 300 px alone, got 64",)),
        (
            (*BOXES, "--net", "ssdlite320_mobilenet_v3", "--pretrained", "runs/boxes/weights.safetensors"),
            ("runs/boxes/weights.safetensors does not fit ssdlite320_mobilenet_v3: it has no backbone.",),
        ),
        ((*BOXES, "--preset", "slow"), ("no preset 'slow' of detection", "paper-faster-rcnn")),
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
