"""What the page that explores is told, without a browser."""

from pathlib import Path

import numpy as np
import pytest
from look_pair import write_look

from synth.app.exploring import ExploreSettings, Exploring
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.train.run import load_result
from synth.train.tasks import TASKS
from typed import synth


@pytest.mark.slow
def test_samples_are_sorted_by_the_error_of_a_training(tmp_path: Path) -> None:
    """Of the test images of the dataset that it was tested on, as its task measures it; others have none."""
    real = write_look(tmp_path / "data/real", "real", 12, seed=0)
    other = write_look(tmp_path / "data/other", "real", 12, seed=1)
    words = ("train", "detection", "--data", "data/other", "--test", "data/real", "--out", "runs/boxes")
    trained = synth(*words, "--images", 8, "--side", 64, "--preset", "quick", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    run = tmp_path / "runs/boxes"
    exploring = Exploring(ExploreSettings((other, real), run))
    rows = exploring.list_samples()
    errors = {
        (rows["dataset"][i], name): rows["figures"]["error of boxes"][i]
        for i, name in enumerate(rows["name"])
    }
    result, task = load_result(run), TASKS["detection"]
    wanted = {
        (1, name): round(task.badness(said, true), 6)
        for name, said, true in zip(result.names, result.predicted, result.true, strict=True)
    }
    assert {where: error for where, error in errors.items() if error is not None} == wanted
    assert set(result.names) == {sample.name for sample in real.of_split("test")}
    name = result.names[0]
    assert exploring.tell("real", name)["figures"]["error of boxes"] == wanted[1, name]
    assert exploring.said("real", name).shape == exploring.picture("real", name).shape


def test_labels_are_told_as_they_are_drawn(tmp_path: Path) -> None:
    """Boxes by their edges, outlines within half a pixel of the mask, twins by name."""
    real = write_look(tmp_path / "real", "real", 3, seed=0)
    twins = write_look(tmp_path / "synthetic", "rendered", 2, seed=0, parent=real)
    strangers = write_look(tmp_path / "strangers", "rendered", 3, seed=4)
    exploring = Exploring(ExploreSettings((real, twins, strangers)))
    told = exploring.tell("real", "000001")
    assert told["twins"] == ["real", "synthetic"]
    assert exploring.tell("real", "000002")["twins"] == ["real"]
    (part, *_), sample = told["parts"], real["000001"]
    x0, y0, x1, y1 = sample.instances[0].box_xyxy_px
    assert tuple(part["box"]) == (x0, y0, x1, y1)
    corners = np.array(part["outlines"][0])
    np.testing.assert_allclose(corners.min(axis=0), (x0, y0), atol=0.5)
    np.testing.assert_allclose(corners.max(axis=0), (x1 - 1, y1 - 1), atol=0.5)


def test_two_datasets_of_one_name_are_refused(tmp_path: Path) -> None:
    """One would stand for the other."""
    roots = [tmp_path / folder / "real" for folder in "ab"]
    datasets = tuple(write_look(root, "real", 3, seed=0) for root in roots)
    with pytest.raises(InputError, match="two of the datasets are called real"):
        ExploreSettings(datasets)
    with pytest.raises(InputError, match="there is no sample 000009 in real"):
        Exploring(ExploreSettings((DatasetReader(roots[0]),))).tell("real", "000009")
