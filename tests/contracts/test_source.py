"""The contract of every source: what it plans, how it describes itself, that chance and kills do not show.

`toys/toy_source.py` is a source of one file that only the tests have; it runs from the command line to a
dataset that verifies. With any other source taken out of the registry, everything else still works.
"""

import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

TESTS = Path(__file__).parents[1]
for folder in (TESTS, TESTS / "sim", TESTS / "contracts" / "toys"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from captured_set import write_captured  # noqa: E402
from photographed_set import write_photographed  # noqa: E402
from template_set import write_templates  # noqa: E402

from in_process_engine import InProcessEngine  # noqa: E402
from synth.cli import app  # noqa: E402
from synth.compute.engines import DEFAULT_ENGINE, ENGINES  # noqa: E402
from synth.compute.engines.engine import Resources  # noqa: E402
from synth.compute.progress import make_progress  # noqa: E402
from synth.dataset.codecs import file_sha256  # noqa: E402
from synth.dataset.difference import list_differences  # noqa: E402
from synth.dataset.reader import DatasetReader  # noqa: E402
from synth.dataset.store import DatasetWriter  # noqa: E402
from synth.dataset.verify import verify  # noqa: E402
from synth.errors import DatasetError, InputError  # noqa: E402
from synth.sim.blender import Blender  # noqa: E402
from synth.sim.ingredients import Ingredients  # noqa: E402
from synth.sim.run import count_done, describe, make_plan, produce, render  # noqa: E402
from synth.sim.settings import RenderSettings  # noqa: E402
from synth.sim.shares import choose_shares, say_shares  # noqa: E402
from synth.sim.sources import SOURCES  # noqa: E402
from synth.sim.sources.source import N_NAMES, Order  # noqa: E402
from synth.sim.templates.pasting import Pasting  # noqa: E402
from synth.sim.templates.scenes import list_scenes  # noqa: E402
from synth.sim.templates.template import read_templates  # noqa: E402

from .part_set import write_part_set  # noqa: E402

BUILT_IN = list(SOURCES)
DRAWN_BY_BLENDER = ("twin", "fresh", "bin", "photographs")
QUIET = make_progress(Console(quiet=True))


@pytest.fixture(autouse=True)
def toy():
    """The toy is there for these tests alone."""
    import toy_source

    SOURCES["squares"] = toy_source.Squares()
    yield
    del SOURCES["squares"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A captured dataset and one of photographs."""
    folder = tmp_path_factory.mktemp("inputs")
    return {"real": write_captured(folder / "real"), "over": write_photographed(folder / "photographed")}


@pytest.fixture(scope="module")
def settings_of(inputs, tmp_path_factory):
    """Settings that a source can do, for two samples."""
    folder = tmp_path_factory.mktemp("none")
    real = DatasetReader(inputs["real"])
    signs = write_templates(folder / "signs")
    own = {
        "composites": Ingredients((real,)),
        "templates": Pasting(
            read_templates(signs), list_scenes(real.root, None, seed=0).areas, size_px=(12, 40)
        ),
    }

    @cache
    def make(name):
        given = "over" if name == "photographs" else "real"
        return RenderSettings(
            out=folder / name,
            shares={name: 2},
            quality="draft",
            n_workers=1,
            own=own,
            **{given: DatasetReader(inputs[given])},
        )

    return make


@pytest.fixture(scope="module")
def plan_of(settings_of):
    """The plan of those settings, made once."""
    return cache(lambda name: make_plan(settings_of(name)))


every_source = pytest.mark.parametrize("name", [*BUILT_IN, "squares"])


@every_source
def test_it_says_what_it_is(name, settings_of):
    """One and several in words, how many there can be, what it takes of a count."""
    source, settings = SOURCES[name], settings_of(name)
    one, several = source.words
    assert one != several
    assert say_shares({name: 1}) == f"1 {one}"
    n, what = source.most(settings)
    assert n >= 2
    assert what
    assert source.portion(settings) >= 0


@every_source
def test_a_plan_is_the_same_for_equal_settings(name, settings_of, plan_of):
    """So many orders, each of a name of its own; the same bytes again, others for another seed."""
    plan, again = plan_of(name), make_plan(settings_of(name))
    assert len({order.name for order in plan.orders}) == 2
    assert all(isinstance(order, Order) for order in plan.orders)
    assert all(len(order.name) == 6 and order.name.isdigit() for order in plan.orders)
    assert [pickle.dumps(o) for o in again.orders] == [pickle.dumps(o) for o in plan.orders]
    other = make_plan(replace(settings_of(name), seed=9))
    assert [o.name for o in other.orders] == [o.name for o in plan.orders]
    assert pickle.dumps(other.orders) != pickle.dumps(plan.orders) or other.studio.info != plan.studio.info


@every_source
def test_more_of_a_source_that_grows_are_the_same_and_others(name, settings_of, plan_of):
    """The order of one is among those of two; of other sources no folder may be asked for more."""
    settings, two = settings_of(name), plan_of(name).orders
    more = describe(settings)
    fewer = describe(replace(settings, shares={name: 1}))
    assert list_differences(fewer, more, ("shares",)) == []
    assert list_differences(more, fewer, ("shares",)) == [f"made_by.config.shares.{name}: 2 became 1"]
    if SOURCES[name].grows:
        (one,) = make_plan(replace(settings, shares={name: 1})).orders
        assert pickle.dumps(one) in [pickle.dumps(order) for order in two]
    else:
        with DatasetWriter.create_or_resume(settings.out, fewer):
            pass
        with pytest.raises(DatasetError, match="cannot grow; ask for what it was begun for, or choose"):
            count_done(settings)
        shutil.rmtree(settings.out)


@every_source
def test_names_begin_at_a_number_of_its_own(name, plan_of):
    """A parent's name, or one that counts up from a multiple of `N_NAMES`."""
    first, second = (int(order.name) for order in plan_of(name).orders)
    stands_for_another = first < N_NAMES and name not in ("composites", "templates")
    assert stands_for_another or (first % N_NAMES, second) == (0, first + 1)


@every_source
def test_it_describes_a_dataset_that_can_be_gone_on_with(name, settings_of, plan_of):
    """Equal settings differ in nothing, another seed or number does; nothing is written meanwhile."""
    settings = settings_of(name)
    info = describe(settings)
    assert list_differences(info, describe(settings)) == []
    assert info.made_by.config["shares"] == {name: 2}
    assert any("seed" in d for d in list_differences(info, describe(replace(settings, seed=1))))
    assert any("shares" in d for d in list_differences(info, describe(replace(settings, shares={name: 1}))))
    assert not settings.out.exists()


@every_source
def test_it_brings_the_models_that_it_names(name, plan_of):
    """Each is the file that dataset.json names; what is drawn from meshes brings those of its classes."""
    studio = plan_of(name).studio
    found = {
        mesh: file_sha256(content if isinstance(content, bytes) else content.read_bytes())
        for mesh, content in studio.models.items()
    }
    assert found == {model.mesh: model.sha256 for model in studio.info.models}
    if name in DRAWN_BY_BLENDER:
        assert {model.class_name for model in studio.info.models} == set(studio.info.classes)


@every_source
def test_studio_and_orders_travel_to_a_child(name, plan_of):
    """Both survive pickling, which is how child processes get them."""
    studio, orders = pickle.loads(pickle.dumps((plan_of(name).studio, plan_of(name).orders)))
    assert studio.info == plan_of(name).studio.info
    assert [order.name for order in orders] == [order.name for order in plan_of(name).orders]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if n in DRAWN_BY_BLENDER else [])
        for n in [*BUILT_IN, "squares"]
    ],
)
@pytest.mark.usefixtures("in_this_process")
def test_what_it_makes_verifies_and_does_not_depend_on_a_kill(name, inputs, settings_of, plan_of, tmp_path):
    """Two samples, none of them test; one made again in another run is the same but for the time it took.

    Each says by which step it was made and of what, and the dataset what all of them share.
    """
    plan = plan_of(name)
    out = tmp_path / "data" / name
    here = {"engine": ENGINES[DEFAULT_ENGINE]} if hasattr(plan.studio, "engine") else {}
    plan = replace(plan, settings=replace(plan.settings, out=out), studio=replace(plan.studio, **here))
    assert render(plan, QUIET).n_new == 2
    assert verify(out) == []
    before = DatasetReader(out).samples
    assert [s.name for s in before] == [order.name for order in plan.orders]
    assert {s.split for s in before} <= {"train", "val", *(p.split for s in before for p in s.origin.parents)}
    _look_at_origins(DatasetReader(out), [DatasetReader(path) for path in inputs.values()])
    with DatasetWriter.open(out) as writer:
        writer.reject(before[0].name, "to be made again")
    assert render(plan, QUIET).n_new == 1
    after = DatasetReader(out).samples
    assert [s.model_copy(update={"timing": {}}) for s in after] == [
        s.model_copy(update={"timing": {}}) for s in before
    ]


def _look_at_origins(made, inputs):
    """Steps end with the verb's; parents and readings are things that there are, with what was taken."""
    known = {(i.digest(), x.pixels_sha256): i for i in inputs for x in (*i.samples, *i.plates)}
    for sample in made:
        assert sample.origin.steps[-1].verb == made.info.made_by.verb
        assert sample.origin.steps[-1].seed is not None
        for parent in sample.origin.parents:
            dataset = known[parent.digest, parent.pixels_sha256]
            assert (parent.dataset, parent.kind) == (dataset.root.name, dataset.info.kind)
            assert parent.used
    for reading in made.info.made_by.readings:
        (dataset,) = [i for i in inputs if i.digest() == reading.digest]
        assert reading.used
        assert all(name in dataset for name in reading.names)


def _run(*words):
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    return " ".join(answer.output.split())


@pytest.mark.slow
def test_a_source_of_one_file_runs_from_the_command_line(tmp_path, monkeypatch):
    """Sixteen squares without a cell, a captured dataset or Blender; the same command has nothing to add."""

    def refuse(*words, **more):
        raise AssertionError("Blender was asked for")

    monkeypatch.setattr(Blender, "__init__", refuse)
    monkeypatch.chdir(tmp_path)
    words = ("render", "--share", "squares=16", "--out", "data/toy")
    assert "data/toy will hold 16 squares" in _run(*words)
    _run("dataset", "verify", "data/toy")
    assert "has all 16 samples already" in _run(*words)
    toy = DatasetReader(Path("data/toy"))
    assert {s.split for s in toy} == {"train", "val"}
    for sample in toy:
        (square,) = sample.instances
        assert square.normal_uvw is not None
        assert toy.load_crop(sample, 0).shape == (224, 224, 3)
        assert (toy.load_mask(sample) == 1).sum() == (square.box_xyxy_px[2] - square.box_xyxy_px[0]) ** 2
    _run("render", "--share", "squares=16", "--out", "data/by_two", "--workers", "2")
    assert [s.to_line() for s in DatasetReader(Path("data/by_two"))] == [s.to_line() for s in toy]


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_rendering_grows_and_never_shrinks(tmp_path, monkeypatch):
    """Six squares and then nine are nine at once, file for file; five are refused by a number to ask for."""

    def list_files(folder):
        files = (path for path in (folder / "toy").rglob("*") if path.is_file() and path.name != ".lock")
        return {path.relative_to(folder): path.read_bytes() for path in files}

    for n, folder in ((9, "at_once"), (6, "grown"), (9, "grown")):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        _run("render", "--share", f"squares={n}", "--out", "toy", "--workers", "1")
    grown, at_once = (list_files(tmp_path / folder) for folder in ("grown", "at_once"))
    assert grown == at_once
    refused = CliRunner().invoke(app, ["render", "--share", "squares=5", "--out", "toy"]).exception
    assert isinstance(refused, DatasetError)
    assert "toy was begun for 9 squares, and 5 squares are asked for: it may grow" in str(refused)
    assert "has all 9 samples already" in _run("render", "--out", "toy"), "as many as it was begun for"
    assert list_files(tmp_path / "grown") == grown


def test_renderings_from_before_a_capture_do_not_grow_after_it(inputs, tmp_path):
    """The camera and the scenes of a cell go by its captures; more poses alone are not the reason."""
    alone = RenderSettings(out=tmp_path / "made", shares={"fresh": 2}, look="plain")
    with DatasetWriter.create_or_resume(alone.out, describe(alone)):
        pass
    assert count_done(replace(alone, shares={"fresh": 3})) == 0
    after = replace(alone, shares={"fresh": 3}, real=DatasetReader(inputs["real"]))
    with pytest.raises(DatasetError, match=r"begun before there were captures, and now there is .*--out"):
        count_done(after)


@pytest.mark.parametrize("name", [*BUILT_IN, "squares"])
def test_an_engine_that_was_asked_for_makes_the_samples(name, settings_of, plan_of, monkeypatch, tmp_path):
    """It is told what each worker of the source needs and how many there are; the usual one is left alone."""
    asked = []

    class Asked(InProcessEngine):
        def count_workers(self, resources, at_most, asked=None):
            return 3

        def run_shards(self, shards, open_worker, n_workers, on_done, **how):
            asked.append((len(shards), n_workers, how["resources"]))

    monkeypatch.setitem(ENGINES, "asked", Asked())
    settings = replace(settings_of(name), out=tmp_path / name, engine="asked")
    plan = replace(plan_of(name), settings=settings)
    produce(plan.orders, plan.studio, None, QUIET, settings)
    needs = Resources(cores=4, memory_gb=3.0) if name in DRAWN_BY_BLENDER else Resources(cores=1)
    assert asked == [(2, 3, needs)]
    with pytest.raises(InputError, match="no engine 'cloud': choose among local, ray, asked"):
        replace(settings, engine="cloud")


def test_a_rendering_takes_its_engine_from_the_command_line(tmp_path, monkeypatch):
    """The toy engine makes the toy's samples, the same as the usual one makes."""
    monkeypatch.setitem(ENGINES, "in_process", InProcessEngine())
    monkeypatch.chdir(tmp_path)
    words = ("render", "--share", "squares=3", "--seed", "4", "--out")
    _run(*words, "data/usual")
    monkeypatch.setitem(ENGINES, "local", "nowhere:ENGINE")  # Whoever asks for it is answered.
    _run(*words, "data/toy", "--engine", "in_process")
    usual, toy = (DatasetReader(Path("data") / name) for name in ("usual", "toy"))
    assert len(toy) == 3
    assert [s.to_line() for s in toy] == [s.to_line() for s in usual]


@pytest.mark.slow
@pytest.mark.usefixtures("coarse_maps", "unexported")
def test_the_toy_goes_from_command_line_to_report(tmp_path, monkeypatch):
    """Squares train, on an engine that was asked for, and are held against a captured set on the page."""
    trained = []

    class Counting(InProcessEngine):
        def run_shards(self, shards, *words, resources, **how):
            trained.append((len(shards), resources))
            super().run_shards(shards, *words, resources=resources, **how)

    monkeypatch.setitem(ENGINES, "counting", Counting())
    monkeypatch.chdir(tmp_path)
    write_part_set(Path("data/real"), "real", seed=0)
    _run("render", "--share", "squares=40", "--out", "data/squares")
    data = ("--data", "real=data/real", "--data", "synthetic=data/squares")
    few = ("--tasks", "normals", "--seeds", "1", "--images", "64", "--device", "cpu", "--engine", "counting")
    _run("compare", "--preset", "quick", "--no-baseline", *data, *few)
    assert trained == [(2, Resources(cores=1))]
    assert "synthetic" in Path("runs/compare/report.html").read_text()
    verdict = json.loads(Path("runs/compare/report.json").read_text())["verdict"]
    assert "no network learned anything" in verdict[0]["text"]
    assert "synthetic" in verdict[1]["text"]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.usefixtures("in_this_process")
def test_without_it_everything_else_works(name, settings_of, monkeypatch, tmp_path):
    """Help, status, a count shared out among the others, and the others' renderings do not miss it."""
    others = {other: SOURCES[other] for other in SOURCES if other != name}
    monkeypatch.setattr(SOURCES, "_members", others)  # As `del`, but for the order when it comes back.
    monkeypatch.chdir(tmp_path)
    for words in (("render", "--help"), ("compose", "--help"), ("status",)):
        _run(*words)
    for given in ("fresh", "photographs"):
        settings = settings_of(given)
        shares = choose_shares(3, {}, replace(settings, shares={}))
        assert name not in shares
        assert sum(shares.values()) == 3
        assert len(make_plan(replace(settings, shares=shares)).orders) == 3
    _run("render", "--share", "squares=1", "--out", "data/toy")
    refused = CliRunner().invoke(app, ["render", "--share", f"{name}=1"])
    assert f"there is no source '{name}': choose among" in str(refused.exception)


def test_help_lists_what_the_registry_holds():
    """The option that names sources names just those that there are, without importing one."""
    code = (
        "import sys; from synth.sim.sources import SOURCES; del SOURCES['bin']; from synth.cli import app\n"
        "sys.argv = ['synth', 'render', '--help']\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print('MEMBERS', [m for m in sys.modules if m.startswith('synth.sim.sources.')])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "twin, fresh, photographs, composites" in " ".join(said.stdout.split())
    assert said.stdout.splitlines()[-1] == "MEMBERS []"
