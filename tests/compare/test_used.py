"""What of real images stands behind a mix is told by the records of its data, whatever its name is."""

import json
from pathlib import Path

import numpy as np
import pytest

from synth.compare.figures import RealRead
from synth.compare.mixes import parse_mix
from synth.compare.plan import Contest, Plan
from synth.compare.used import find_real_read
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import Origin, Parent, Reading, Step, Used
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind
from synth.dataset.sample import Draft
from synth.dataset.split import assign_splits
from synth.dataset.store import DatasetWriter
from synth.train.tasks.normals.learning import NormalSettings

N = 8
RENDER, TRANSLATE = Step(verb="render", method="twin"), Step(verb="translate", checkpoint_sha256="b" * 64)


def write(
    root: Path, kind: Kind, readings: tuple[Reading, ...] = (), origins: dict[str, Origin] | None = None
) -> DatasetReader:
    """Pictures without parts; origins by name."""
    made_by = MadeBy(verb="test", simulated=True, readings=readings)
    info = DatasetInfo(kind=kind, classes=("cover",), made_by=made_by)
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(assign_splits(N, rng=np.random.default_rng(0))):
            origin = (origins or {}).get(f"{i:06d}", Origin())
            draft = Draft(name=f"{i:06d}", split=split, size_wh=(8, 8), origin=origin)
            writer.append(draft, layers={"image": np.full((8, 8, 3), i, np.uint8)})
    return DatasetReader(root)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """real; twins of it, in a look measured on three masks; these translated by what two labels chose."""
    folder = tmp_path_factory.mktemp("used")
    real = write(folder / "real", "real")

    def take(name: str, *used: Used) -> Parent:
        sample = real[name]
        return Parent(
            dataset="real",
            kind="real",
            name=name,
            split=sample.split,
            pixels_sha256=sample.pixels_sha256,
            used=used,
        )

    names = [sample.name for sample in real if sample.split != "test"]
    twins = {name: Origin(parents=(take(name, "pose"),), steps=(RENDER,)) for name in names}
    look = Reading(dataset="real", kind="real", used=("mask", "look"), names=tuple(names[:3]))
    made = Reading(
        dataset="real", kind="real", used=("pixels",), names=tuple(names), checkpoint_sha256="b" * 64
    )
    chosen = made.model_copy(update={"role": "chosen", "used": ("labels",), "names": tuple(names[:2])})
    translated = {name: twin.then(TRANSLATE) for name, twin in twins.items()}
    write(folder / "synthetic", "rendered", (look,), twins)
    write(folder / "translated", "translated", (look, made, chosen), translated)
    write(folder / "told_nothing", "translated", (look,), translated)
    datasets = ("real", "synthetic", "translated", "told_nothing")
    roots = {name: (folder / name,) for name in datasets}
    return Plan(
        tuple(parse_mix(name, roots) for name in (*datasets, "real+synthetic")),
        (Contest("normals", NormalSettings(), (0,)),),
        {"normals": roots},
        folder / "run",
    )


@pytest.mark.parametrize(
    ("mix", "found", "said"),
    [
        ("real", RealRead(images=6, labels=6, masks=0, poses=0), "6"),
        ("synthetic", RealRead(images=6, labels=0, masks=3, poses=6), "masks of 3, poses of 6"),
        (
            "translated",
            RealRead(images=6, labels=2, masks=3, poses=6),
            "boxes and normals of 2, masks of 3, poses of 6",
        ),
        (
            "real+synthetic",
            RealRead(images=6, labels=6, masks=3, poses=6),
            "boxes and normals of 6, masks of 3, poses of 6",
        ),
        ("told_nothing", None, None),
    ],
)
def test_what_was_read_of_real_images_is_told(
    plan: Plan, mix: str, found: RealRead | None, said: str | None
) -> None:
    """Twins have read poses and masks although their network reads no real label; a translation what its
    renderings have, and what chose it; a checkpoint that lists nothing leaves it untold.
    """
    (trial,) = [trial for trial in plan.trials if trial.mix.name == mix]
    assert find_real_read(plan, trial) == found
    if found is not None:
        assert str(found) == said


def test_a_mix_that_lost_images_is_told(tmp_path: Path) -> None:
    """More than one in ten refused: how many are left, and how others get as many; fewer say nothing."""
    roots = {}
    for name, kind, n_refused in (("real", "real", 8), ("few", "translated", 8), ("most", "translated", 0)):
        roots[name] = (tmp_path / name,)
        reader = write(tmp_path / name, kind)
        with DatasetWriter.create_or_resume(tmp_path / name, reader.info) as writer:
            for i in range(n_refused):
                writer.add_rejected(reason="artefacts", name=f"9{i:05d}")
    contest = Contest("normals", NormalSettings(), (0,))
    mixes = tuple(parse_mix(name, roots) for name in roots)
    plan = Plan(mixes, (contest,), {"normals": roots}, tmp_path / "run")
    (said,) = plan.lost_images
    assert said.startswith(f"{tmp_path / 'few'} lost 8 of 16 images")
    assert f"NAME@{N} in --mixes" in said


def test_what_was_foretold_of_a_translation_is_told(tmp_path: Path) -> None:
    """As its dataset says it; datasets that say nothing add nothing."""
    roots = {}
    for name, kind in (("real", "real"), ("translated", "translated")):
        roots[name] = (tmp_path / name,)
        write(tmp_path / name, kind)
    path = tmp_path / "translated" / "dataset.json"
    info = json.loads(path.read_text())
    info["made_by"]["figures"]["forecast"] = "a translator can still close 3.0% of the gap"
    path.write_text(json.dumps(info))
    contest = Contest("normals", NormalSettings(), (0,))
    mixes = tuple(parse_mix(name, roots) for name in roots)
    plan = Plan(mixes, (contest,), {"normals": roots}, tmp_path / "run")
    assert plan.forecasts == (
        f"{tmp_path / 'translated'}, foretold by how pictures look: a translator can still close 3.0% of "
        "the gap.",
    )
