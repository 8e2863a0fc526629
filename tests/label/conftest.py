"""Gives the tests of this folder streets, frames of them without labels, and networks that tell colours."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from colour_task import COLOUR_TASK, SHAPE_TASK, write_net

from synth.dataset.origin import Reading
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.train.tasks import TASKS
from train.street_sets import CLASSES, COLOURS, write_street


@pytest.fixture(scope="module", autouse=True)
def colour_task() -> Iterator[None]:
    """The tasks, registered while the tests of a file of this folder run."""
    TASKS["colours"], TASKS["shapes"] = COLOUR_TASK, SHAPE_TASK
    yield
    del TASKS["colours"], TASKS["shapes"]


@pytest.fixture(autouse=True)
def small_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of compressing less each time."""
    monkeypatch.setattr("synth.label.sheet._TILE_W", 48)


def strip_labels(street: DatasetReader, root: Path) -> DatasetReader:
    """Its pictures without label maps, as frames of films are."""
    info = street.info.model_copy(update={"semantic": None, "flip_pairs": ()})
    with DatasetWriter.create_or_resume(root, info) as writer:
        for sample in street:
            draft = Draft(name=sample.name, split=sample.split, size_wh=sample.size_wh, group="film.mp4")
            layers = {"image": street.load_rgb(sample), "ignore": street.load_layer(sample, "ignore")}
            writer.append(draft, layers=layers)
    return DatasetReader(root)


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """street, with people's labels; frames, its pictures without; town, of further classes. runs/good tells
    colours as they are, runs/poor takes a sign for the road; both learnt from a street called far.
    """
    folder = tmp_path_factory.mktemp("desk")
    street = write_street(folder / "street", splits=("train",) * 5 + ("val",) * 2)
    strip_labels(street, folder / "frames")
    write_street(folder / "town", classes=(*CLASSES, "tram"))
    far = Reading(dataset="far", kind="imported", used=("pixels", "labels"), names=("000000", "000001"))
    write_net(folder / "runs/good", readings=(far,))
    worse = [COLOURS[0], COLOURS[2], COLOURS[1], COLOURS[3]]
    write_net(folder / "runs/poor", worse, softness=40.0, readings=(far,))
    return folder
