"""What the page that explores is told, without a browser."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from look_pair import write_look

from synth.app.exploring import ExploreSettings, Exploring
from synth.dataset import codecs
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError, InputError
from synth.storage.atomic import write_bytes
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


def test_label_maps_are_told_and_shown(tmp_path: Path) -> None:
    """In their classes' colours, the largest first; one with an id of no class is named."""
    real = write_look(tmp_path / "real", "real", 3, seed=0, with_maps=True, classes=("cover", "lid"))
    exploring = Exploring(ExploreSettings((real,)))
    sample = real.samples[0]
    ids, semantic = real.load_semantic(sample), real.info.semantic
    assert ids is not None
    assert semantic is not None
    told = exploring.tell("real", sample.name)["map"]
    counts = {name: int((ids == i).sum()) for i, name in enumerate(semantic.names)}
    assert [one["name"] for one in told] == sorted((n for n in counts if counts[n]), key=lambda n: -counts[n])
    shown = exploring.map("real", sample.name)
    for one in told:
        of_it = ids == semantic.names.index(one["name"])
        assert (shown[of_it] == (*one["colour"], 255)).all()
    assert (shown[ids == semantic.void][:, 3] == 0).all()
    write_bytes(
        real.root / sample.layers["semantic"], codecs.encode_semantic(np.full_like(ids, 300, np.uint16))
    )
    with pytest.raises(
        DatasetError, match=rf"{sample.name}.png has the id 300, and void is 255: synth dataset verify"
    ):
        exploring.map("real", sample.name)


def test_what_somebody_else_takes_out_is_gone_at_the_next_look(tmp_path: Path) -> None:
    real = write_look(tmp_path / "real", "real", 3, seed=0)
    exploring = Exploring(ExploreSettings((real,), verdicts=tmp_path / "kept.jsonl"))
    with DatasetWriter.open(real.root) as writer:
        writer.reject("000001", "glare")
    exploring.look_again()
    assert exploring.list_samples()["name"] == ["000000", "000002"]


def test_verdicts_are_of_pixels_and_read_again(tmp_path: Path) -> None:
    """A kept sample stays kept until its picture is another; other files are refused, torn lines mended."""
    real = write_look(tmp_path / "real", "real", 2, seed=0)
    other = write_look(tmp_path / "others/real", "real", 2, seed=5)
    path = tmp_path / "runs/kept.jsonl"
    settings = ExploreSettings((real,), writable=True, verdicts=path)
    Exploring(settings).keep("real", "000000", " fine ")
    with path.open("a") as file:
        file.write('{"torn')
    Exploring(settings).keep("real", "000001", "fine too")
    assert Exploring(settings).list_samples()["kept"] == [True, True]
    assert Exploring(replace(settings, datasets=(other,))).list_samples()["kept"] == [False, False]
    with pytest.raises(InputError, match="with its reason"):
        Exploring(settings).keep("real", "000000", " ")
    with pytest.raises(InputError, match="start it with --write"):
        Exploring(replace(settings, writable=False)).keep("real", "000000", "fine")
    path.write_text("[1]\n")
    with pytest.raises(InputError, match="holds other lines than verdicts"):
        Exploring(settings)


def test_two_datasets_of_one_name_are_refused(tmp_path: Path) -> None:
    """One would stand for the other."""
    roots = [tmp_path / folder / "real" for folder in "ab"]
    datasets = tuple(write_look(root, "real", 3, seed=0) for root in roots)
    with pytest.raises(InputError, match="two of the datasets are called real"):
        ExploreSettings(datasets)
    with pytest.raises(InputError, match="there is no sample 000009 in real"):
        Exploring(ExploreSettings((DatasetReader(roots[0]),))).tell("real", "000009")
