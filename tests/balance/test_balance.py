"""Balanced label maps: what may lie where, which shares come out, where they come from, what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from lanes import CLASSES, COLOURS, SIZE_WH, write_lanes

from synth.balance.adjacency import Adjacency, measure_adjacency
from synth.balance.bank import Found, Spot, make_bank
from synth.balance.canvas import Canvas
from synth.balance.goal import Goal
from synth.balance.label_map import LabelMap, list_maps, read_map
from synth.balance.layouts import Layouts, clear_classes, see_coarsely
from synth.balance.pieces import Piece
from synth.balance.place import find_refusal
from synth.balance.run import Balanced, balance
from synth.balance.settings import BalanceSettings
from synth.balance.study import Study, measure_maps
from synth.balance.tally import Tally
from synth.balance.verdict import list_rows, list_sentences
from synth.balance.ways import WAYS
from synth.balance.ways.way import Material
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from typed import synth

SKY, ROAD, CAR, POST, BOAT = range(5)
VOID = 5


class Silent:
    """A progress that stops the work after so many maps, as Ctrl-C does."""

    def __init__(self, stop_after: int | None = None) -> None:
        self._left = stop_after

    def begin(self, *, total: int, done: int) -> None: ...
    def end(self) -> None: ...

    def advanced(self, n: int) -> None:
        if self._left is not None:
            self._left -= n
            if not self._left:
                raise KeyboardInterrupt


def run(
    data: Path, out: Path, *, is_dry: bool = False, stop_after: int | None = None, **asked: object
) -> Balanced:
    settings = BalanceSettings(**{"data": DatasetReader(data), "out": out, "way": "add-single"} | asked)
    return balance(settings, lambda verb, _: Silent(stop_after if verb == "balance" else None), is_dry=is_dry)


def content_of(root: Path) -> Mapping[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def material(lanes: Path) -> Material:
    """What the train maps of the lanes are to every way."""
    data = DatasetReader(lanes / "data/lanes")
    maps = [read_map(data, sample) for sample in list_maps(data)]
    study = measure_maps(maps.__getitem__, [0] * len(maps), CLASSES, (CAR, POST), (), lambda: None)
    return Material(study, maps.__getitem__, [0] * len(maps), (CAR, POST), 3, Goal(), frozenset(range(5)))


@pytest.mark.parametrize("way", WAYS)
def test_what_is_laid_is_whole_in_order_and_never_over_void(material: Material, way: str) -> None:
    """Void stays to the pixel; no id but a class's; nothing laid touches the border; where things overlap the
    one that stands lower is seen; every pair of neighbours is one of train maps; equal seeds, equal maps.
    """
    n_laid = 0
    for seed in range(8):
        made, again = (
            WAYS[way].make(seed % 5, material, Tally.nothing(5), np.random.default_rng(seed))
            for _ in range(2)
        )
        canvas, base = made.canvas, material.read(made.base)
        assert np.array_equal(canvas.ids, again.canvas.ids)
        assert np.array_equal(canvas.ids == VOID, base.ids == VOID)
        assert set(np.unique(canvas.ids)) <= {SKY, ROAD, CAR, POST, VOID}
        assert not material.study.adjacency.list_unseen(canvas.ids)
        for number in canvas.laid:
            piece, n_laid = canvas.pieces[number - 1], n_laid + 1
            assert piece.top >= 1
            assert piece.left >= 1
            assert piece.bottom < SIZE_WH[1]
            assert piece.left + piece.mask.shape[1] < SIZE_WH[0]
            seen = canvas.owner[piece.window][piece.mask]
            assert (seen > 0).all()
            assert min(canvas.pieces[owner - 1].bottom for owner in seen) >= piece.bottom
            own = canvas.ids[piece.window][piece.mask][seen == number]
            assert (own == piece.class_id).all()
    assert n_laid > 8


def _study(adjacency: Adjacency, n_posts: int) -> Study:
    pixels = np.array([900, 900, 100, n_posts, 0])
    return Study(CLASSES, Tally(1, pixels, pixels, pixels), (CAR, POST), None, adjacency, [], [], None)


@pytest.mark.parametrize(
    ("why", "top", "left", "ground"),
    [
        (None, 30, 10, ROAD),
        ("border", 30, 0, ROAD),
        ("border", 58, 10, ROAD),
        ("void", 30, 85, ROAD),
        ("nearer", 40, 30, ROAD),
        ("alike", 51, 36, ROAD),
        ("rarer", 34, 60, ROAD),
        ("ground", 30, 10, SKY),
        ("unseen", 15, 10, ROAD),
    ],
)
def test_a_place_is_refused_for_its_reason(why: str | None, top: int, left: int, ground: int) -> None:
    """A car of 8×6: not over void, behind what stands lower, at its like, over a rare post, on another
    ground, nor beside the sky, where no train map has one.
    """
    ids = np.zeros(SIZE_WH[::-1], np.uint16)
    ids[21:], ids[:, 90:92] = ROAD, VOID
    canvas = Canvas(5, ids, np.zeros(ids.shape, np.int32))
    for class_id, y, x, height in ((CAR, 42, 30, 14), (POST, 30, 62, 8)):
        piece = Piece(class_id, y, x, np.ones((height, 6), bool), True)
        canvas.lay(piece, 0)
    train = np.array(ids)
    train[30:36, 10:18] = CAR
    train[30:34, 60:64], train[34:40, 60:68] = POST, CAR
    adjacency = measure_adjacency(train, 5)
    piece = Piece(CAR, top, left, np.ones((6, 8), bool), True)
    assert find_refusal(canvas, piece, ground, _study(adjacency, 50)) == why
    if why == "rarer":  # A common post may be hidden.
        assert find_refusal(canvas, piece, ground, _study(adjacency, 500)) is None


def test_pairs_that_no_map_has_are_found_in_each_direction() -> None:
    """Sky above road says nothing of road above sky; side by side there is no left and right."""
    seen = measure_adjacency(np.array([[0, 0, 2], [1, 1, 2]], np.uint16), 5)
    assert seen.list_unseen(np.array([[0, 0], [1, 1]], np.uint16)) == []
    assert seen.list_unseen(np.array([[1, 1], [0, 0]], np.uint16)) == [(ROAD, SKY)]
    assert seen.list_unseen(np.array([[2, 0], [2, 1]], np.uint16)) == []


def test_stopped_and_gone_on_with_it_ends_in_the_same_bytes(lanes: Path, tmp_path: Path) -> None:
    """Whole maps stay, also where what is made depends on what was; another seed makes others."""
    data, asked = lanes / "data/lanes", {"exact": ("post=2.5%",), "each": 1}
    whole = run(data, tmp_path / "whole", **asked)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "again", **asked, stop_after=2)
    assert len(DatasetReader(tmp_path / "again")) == 2
    again = run(data, tmp_path / "again", **asked)
    assert content_of(tmp_path / "whole") == content_of(tmp_path / "again")
    assert (again.n_new, list_rows(again)) == (whole.made.n_maps - 2, list_rows(whole))
    run(data, tmp_path / "other", **asked, seed=1)
    first, other = (DatasetReader(tmp_path / name)[0].pixels_sha256 for name in ("whole", "other"))
    assert first != other


@pytest.mark.parametrize("measure", ["pixels", "components"])
def test_a_share_is_hit_or_said_not_to_be(lanes: Path, tmp_path: Path, measure: str) -> None:
    """Within a tenth, counted anew from the files; what cannot be is told with what was reached."""
    data = DatasetReader(lanes / "data/lanes")
    target = {"pixels": 0.022, "components": 0.3}[measure]
    done = run(data.root, tmp_path / "made", exact=(f"post={target}",), measure=measure, count=4)
    assert all(": hit within 10%" in sentence for sentence in list_sentences(done))
    made = DatasetReader(tmp_path / "made")
    both = [data.load_semantic(s) for s in list_maps(data)] + [made.load_semantic(s) for s in made]
    (row,) = (r for r in list_rows(done) if r.target is not None)
    assert abs(row.after / target - 1) < 0.1
    if measure == "pixels":
        assert row.after == pytest.approx(
            sum((m == POST).sum() for m in both) / sum((m != 255).sum() for m in both)
        )
    (sentence,) = list_sentences(run(data.root, tmp_path / "no", exact=("post=40%",), is_dry=True, each=1))
    assert "NOT hit" in sentence
    assert "no number of them reaches it" in sentence
    assert not (tmp_path / "no").exists()


def test_instances_that_are_known_stay_and_what_is_laid_becomes_one(lanes: Path, tmp_path: Path) -> None:
    """Masks and boxes say what the map says; the dataset is sound and of the kind maps."""
    run(lanes / "data/known", tmp_path / "made", classes=("post",))
    made = DatasetReader(tmp_path / "made")
    assert (made.info.kind, made.info.classes) == ("maps", ("car", "post"))
    for sample in made:
        ids, mask = made.load_semantic(sample), made.load_mask(sample)
        assert len(sample.instances) == 4
        for number, instance in enumerate(sample.instances, 1):
            assert (ids[mask == number] == CLASSES.index(instance.class_name)).all()
            assert (mask == number).any()
    assert not verify(made.root)


def test_what_is_pasted_looks_as_it_did(lanes: Path, tmp_path: Path) -> None:
    """Each pixel that was laid has its class's colour; all others are those of the train picture; the maps
    are those that are made without pictures.
    """
    data = DatasetReader(lanes / "data/lanes")
    asked = {"way": "add-multi", "classes": ("car", "post"), "each": 2}
    run(data.root, tmp_path / "bare", **asked)
    run(data.root, tmp_path / "made", **asked, paste=True)
    made, bare = DatasetReader(tmp_path / "made"), DatasetReader(tmp_path / "bare")
    assert made.info.kind == "composited"
    assert not verify(made.root)
    for sample, alone in zip(made, bare, strict=True):
        ids = made.load_semantic(sample)
        assert np.array_equal(ids, bare.load_semantic(alone))
        picture = made.load_rgb(sample)
        base = data.load_rgb(data[str(sample.origin.steps[-1].params["base"])])
        assert np.array_equal(picture[0], base[0])
        assert np.array_equal(picture[1:], np.array((*COLOURS, (0, 0, 0)))[np.minimum(ids, len(CLASSES))][1:])
        assert all(set(parent.used) == {"pixels", "labels"} for parent in sample.origin.parents)


def test_maps_say_what_they_are_of(lanes: Path, tmp_path: Path) -> None:
    """Of train maps alone, with the step, the seed and what all were measured on; all are train samples."""
    run(lanes / "data/lanes", tmp_path / "made", way="reconstruct", seed=3)
    made, trains = DatasetReader(tmp_path / "made"), {f"{i:06d}" for i in range(5)}
    for sample in made:
        (step,) = sample.origin.steps
        assert (step.verb, step.method, step.seed, sample.split) == ("balance", "reconstruct", 3, "train")
        assert {parent.name for parent in sample.origin.parents} <= trains
        assert all(parent.used == ("labels",) for parent in sample.origin.parents)
        assert set(sample.layers) == {"semantic"}
    (reading,) = made.info.made_by.readings
    assert (set(reading.names), reading.used) == (trains, ("labels",))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--paste",), "leaves no train picture as it is to paste into: choose add-single or add-multi"),
        (("--way", "add-single", "--classes", "tram"), "there is no class 'tram' in the label maps"),
        (("--way", "add-single", "--classes", "boat"), "no train map of data/lanes shows boat"),
        (("--way", "add-single", "--classes", "sky"), "shows sky whole"),
        (("--way", "add-single"), "give --classes, among sky, road, car, post, boat"),
        (("--way", "add-single", "--classes", "car,post"), "--way add-multi adds several"),
        (("--way", "add-multi", "--classes", "car", "--target", "post=2%"), "post is not among --classes"),
        (("--way", "glue"), "there is no way 'glue'"),
        (("--target", "post=140%"), "a share is above 0 and below 1"),
        (("--target", "post=60%,car=50%"), "add up to 1.1, which is more than all pixels"),
        (("--target", "post"), "--target takes CLASS=SHARE"),
        (("--target", "post=1%", "--at-least", "post=1%"), "post has a --target and an --at-least"),
        (("--count", "0"), "--count must be 1 or more, got 0"),
        (("--things", "tram"), "there is no class 'tram'"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(
    lanes: Path, words: tuple[str, ...], said: str
) -> None:
    """Exit code 2, and no folder."""
    answer = synth("balance", "data/lanes", *words, cwd=lanes)
    assert (answer.returncode, said in answer.stderr) == (2, True), answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert not (lanes / "data/balanced").exists()
    assert not (lanes / "data/balanced.log").exists()


def test_data_that_has_no_train_maps_is_refused(tmp_path: Path) -> None:
    """Without any map; with those of other splits alone."""
    write_lanes(tmp_path / "bare", with_maps=False)
    write_lanes(tmp_path / "val", splits=("val", "test"))
    for name, said in (("bare", "has no label maps to balance"), ("val", "has no train label maps")):
        answer = synth("balance", name, cwd=tmp_path)
        assert (answer.returncode, said in answer.stderr) == (2, True), answer.stderr


def test_the_command_tells_what_came_of_it(lanes: Path, tmp_path: Path) -> None:
    """A dry run says the same and writes nothing; the report holds the rows; then nothing is left to do."""
    words = ("balance", lanes / "data/lanes", "--at-least", "post=2%", "--out", "made")
    dry, wet, again = (synth(*words, *more, cwd=tmp_path) for more in (("--dry-run",), (), ()))
    assert not dry.returncode
    assert "Nothing was written." in dry.stdout
    assert "Taken for things (by the data; --things names others): car, post." in wet.stdout
    table = dry.stdout[dry.stdout.index("Taken") : dry.stdout.index("Nothing")]
    assert table in wet.stdout
    assert table in again.stdout
    assert ", 0 new." in again.stdout
    report = json.loads((tmp_path / "made/balance.json").read_text())
    (row,) = (r for r in report["shares"] if r["target"] is not None)
    assert (row["class_name"], row["is_hit"]) == ("post", True)
    assert {"balance.png", "shares.png", "shares.svg"} <= {p.name for p in (tmp_path / "made").iterdir()}


def test_a_share_of_the_ground_leaves_it_in_place(lanes: Path, tmp_path: Path) -> None:
    """What is no thing is chosen among mixes, never cleared away, though a share of it is asked for."""
    asked = {"way": "reconstruct", "exact": ("sky=45%",), "count": 2, "things": ("car", "post")}
    made = run(lanes / "data/lanes", tmp_path / "no", is_dry=True, **asked).made
    assert made.shares("pixels")[SKY] > 0.3


def test_a_map_without_instances_has_none_of_them() -> None:
    """What no instance is known of is told by its label map alone."""
    canvas = Canvas(5, np.zeros((4, 4), np.uint16), np.zeros((4, 4), np.int32))
    assert isinstance(canvas.to_map(()), LabelMap)
    assert canvas.to_map(()).instance is None


def test_maps_that_are_laid_out_alike_come_first() -> None:
    """By the pixels that agree; of another size none; a class begins where it is a fiftieth of the width."""
    drawn = [np.zeros((64, 96), np.uint16) for _ in range(3)]
    for ids, horizon in zip(drawn, (24, 40, 32), strict=True):
        ids[horizon:] = ROAD
    drawn[0][8, 0:8] = ROAD  # A slip of a brush, nearer than coarse eyes see it.
    layouts = Layouts([*map(see_coarsely, drawn), np.zeros((4, 4), np.uint16)], 5)
    assert layouts.list_alike(0, [1, 2, 3]) == [2, 1]
    found = layouts.find_beginnings(ROAD)
    assert found[1:3].tolist() == [40 / 64, 32 / 64]
    assert np.isnan(found[3])
    cleared = clear_classes(np.array([[SKY, CAR, ROAD, VOID]], np.uint16), [CAR], VOID)
    assert cleared[0, 1] in (SKY, ROAD)
    assert cleared[0, [0, 2, 3]].tolist() == [SKY, ROAD, VOID]


def test_what_hangs_or_stands_oddly_is_not_laid() -> None:
    """Of posts at a kerb one that ends in the air, one amid the road; where most do so, all are kept."""
    post = Piece(POST, 0, 0, np.ones((20, 3), bool), True)

    def found(bottom: float, beside: set[int]) -> Found:
        return Found(0, post, Spot(bottom, 0.5, 0.3, ROAD, 0, frozenset(beside)), {})

    kerb = [found(0.6, {ROAD, SKY}) for _ in range(4)]
    odd = [found(0.2, {ROAD, SKY}), found(0.6, {ROAD, CAR})]
    horizons = np.array([0.5])
    assert len(make_bank([*kerb, *odd], 5, (CAR, POST), horizons).spots[POST]) == 4
    assert len(make_bank([odd[0], *[odd[1]] * 3], 5, (CAR, POST), np.array([np.nan])).spots[POST]) == 4
    assert len(make_bank([*kerb[:1], *[odd[0]] * 3], 5, (CAR, POST), horizons).spots[POST]) == 4
