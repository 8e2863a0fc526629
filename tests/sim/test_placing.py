"""Placing by option: ranges, context, blends, patches and doubtful masks, from the command line on."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from cutting_set import SIZE_WH, write_cutting_set

from synth.dataset.doubt import find_doubt
from synth.dataset.reader import DatasetReader
from synth.errors import DatasetError, InputError
from synth.sim.blend import DWIBEDI
from synth.sim.composite import Composite, Compositor
from synth.sim.cutting_table import open_cutting_table
from synth.sim.ingredients import Ingredients
from synth.sim.placing.placement import Placement
from synth.sim.placing.random import deal
from synth.sim.placing.ranges import Ranges, measure_log_scale, parse_scale
from synth.sim.placing.recipe import Part, Recipe
from typed import synth


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetReader:
    return write_cutting_set(tmp_path_factory.mktemp("placing") / "real")


@pytest.fixture(scope="module")
def compositor(dataset: DatasetReader) -> Compositor:
    """Of parts within wide ranges, ten composites."""
    ranges = Ranges(turn_deg=180, scale=(0.8, 1.2))
    return Compositor(open_cutting_table(Ingredients((dataset,), ranges=ranges), 10, 0))


@pytest.fixture(scope="module")
def blended(compositor: Compositor) -> dict[str, Composite]:
    """One recipe without patches, by blend."""
    recipe = replace(deal(compositor, 0), max_patches=0)
    return {name: compositor.compose(replace(recipe, blend=name)) for name in ("soft", *DWIBEDI)}


@pytest.mark.parametrize("name", DWIBEDI)
def test_a_blend_changes_edges_alone(name: str, blended: dict[str, Composite]) -> None:
    """Labels stay; the picture is another, near the parts alone, but for motion, which blurs all of it."""
    soft, other = blended["soft"], blended[name]
    assert np.array_equal(soft.labels.ids, other.labels.ids)
    assert soft.labels.instances == other.labels.instances
    changed = (soft.rgb_u8 != other.rgb_u8).any(axis=-1)
    assert changed.any()
    deep = cv2.erode((soft.labels.ids > 0).astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(soft.rgb_u8[deep].astype(float) - other.rgb_u8[deep]).mean() < 10
    if name != "motion":
        near = cv2.dilate((soft.labels.ids > 0).astype(np.uint8), np.ones((19, 19))) > 0
        assert not (changed & ~near).any()


def test_all_blends_are_of_one_composite(dataset: DatasetReader) -> None:
    """Five composites after each other differ in their blend alone; the sixth is another."""
    table = open_cutting_table(Ingredients((dataset,), blend="all"), 6, 0)
    compositor = Compositor(table)
    recipes = [deal(compositor, i) for i in range(6)]
    assert tuple(recipe.blend for recipe in recipes[:5]) == DWIBEDI
    assert len({replace(recipe, blend="") for recipe in recipes[:5]}) == 1
    assert recipes[5].parts != recipes[0].parts


def test_without_patches_there_are_none(compositor: Compositor) -> None:
    """Patches are laid into pictures that hold parts; asked not to, none is."""
    recipes = [deal(compositor, i) for i in range(6)]
    assert sum(len(compositor.compose(recipe).patches) for recipe in recipes) > 3
    assert not any(compositor.compose(replace(r, max_patches=0)).patches for r in recipes)


def test_context_is_where_train_boxes_are(dataset: DatasetReader) -> None:
    """Centres lie within three spreads of that of a train box of the class, and so do sizes."""
    ranges = Ranges(truncation=0.5, scale=(0.25, 4))
    table = open_cutting_table(Ingredients((dataset,), where="context", ranges=ranges, max_parts=1), 12, 0)
    compositor = Compositor(table)
    for i in range(12):
        (part,) = (recipe := deal(compositor, i)).parts
        (pick,) = compositor.picks_of(recipe)
        boxes = table.train_boxes[pick.class_name]
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        far = np.abs(middles - part.placement.centre_xy_px) / SIZE_WH
        assert far.max(axis=1).min() < 4 * 0.04


def test_scales_are_those_that_train_boxes_show() -> None:
    """As far as sizes of one class lie apart, whatever the classes' own sizes; one box shows nothing."""
    sides = np.exp(np.linspace(-0.5, 0.3, 81))
    boxes = {
        name: np.stack([sides * 0, sides * 0, s * sides, s * sides], 1) for name, s in (("a", 9), ("b", 40))
    }
    low, high = measure_log_scale(boxes)
    assert (low, high) == pytest.approx((-0.36, 0.36), abs=0.01)
    assert measure_log_scale({"a": boxes["a"][:1]}) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("mask", "box", "doubtful"),
    [
        ((10, 10, 40, 40), (10, 10, 40, 40), False),
        ((12, 12, 40, 40), (10, 10, 40, 40), False),
        ((10, 10, 13, 13), (10, 10, 11.5, 11.5), False),
        ((10, 10, 40, 25), (10, 2, 40, 32), False),
        ((10, 10, 40, 25), (10, 10, 40, 40), True),
        ((10, 10, 40, 25), (0, 0, 50, 50), False),
        ((0, 0, 0, 0), (10, 10, 40, 40), True),
    ],
)
def test_a_mask_that_is_not_of_its_box_is_in_doubt(
    mask: tuple[int, ...], box: tuple[float, ...], doubtful: bool
) -> None:
    """Under an IoU of 0.8 and by more than two pixels; tiny ones differ by rounding, 1:1 boxes fit, and a
    box that is the whole picture tells its class alone.
    """
    pixels = np.zeros((50, 50), bool)
    pixels[mask[1] : mask[3], mask[0] : mask[2]] = True
    assert (find_doubt(box, pixels) is not None) == doubtful


def test_doubtful_parts_are_not_cut_out(tmp_path: Path) -> None:
    """Of an imported set the parts in doubt stay out, unless they are asked for."""
    made = write_cutting_set(tmp_path / "set", kind="imported", grown_box=2)
    clean = open_cutting_table(Ingredients((made,)), 4, 0)
    names = {pick.sample.name for picks in clean.picks.values() for pick in picks}
    assert (clean.n_doubtful, "000002" in names) == (1, False)
    assert open_cutting_table(Ingredients((made,), keep_doubtful=True), 4, 0).n_doubtful == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--place", "nowhere"), "there is no placer 'nowhere': choose among random"),
        (("--blend", "glue"), "'glue' is not one of"),
        (("--scale", "1.4-0.7"), "--scale runs from the least to the greatest"),
        (("--scale", "big"), "--scale says two numbers"),
        (("--scale", "1.2-1.4"), "scales must reach from 1 or less to 1 or more"),
        (("--scale", "1-inf"), "--scale stays within 0.1-10, got 1-inf"),
        (("--shear", "nan"), "--shear must be 0 to 2, got nan"),
        (("--extra-blur", "inf"), "--extra-blur must be 0 to 20 px, got inf"),
        (("--count", "99999999999"), "must be 1000000 or less, got 99999999999"),
        (("--turn", "200"), "cut-outs turn by 0 to 180 degrees, got 200"),
        (("--truncation", "0.7"), "0 to 0.5, got 0.7"),
        (("--gain", "0.5"), "--gain must be 1 to 10"),
        (("--turn", "nan"), "cut-outs turn by 0 to 180"),
    ],
)
def test_what_cannot_be_is_one_sentence(words: tuple[str, str], said: str, dataset: DatasetReader) -> None:
    """Exit code 2, nothing made."""
    done = synth("compose", dataset.root, *words, cwd=dataset.root.parent)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert not (dataset.root.parent / "data").exists()


def test_parts_that_cannot_be_laid_are_said(compositor: Compositor) -> None:
    """A recipe of something else, a part that leaves the picture, and a line that is no recipe."""
    recipe = deal(compositor, 0)
    other = replace(recipe, parts=(replace(recipe.parts[0], sample="999999"),))
    with pytest.raises(InputError, match="part on the cutting table is instance 0 of real 999999"):
        compositor.compose(other)
    gone = replace(recipe, parts=(Part(*recipe.parts[0].key, Placement((-40.0, -40.0))),))
    with pytest.raises(InputError, match="of a part is seen, and 0"):
        compositor.compose(gone)
    with pytest.raises(DatasetError, match="no recipe"):
        Recipe.from_json("{}")


def test_a_class_that_train_images_lack_has_no_context(tmp_path: Path) -> None:
    """It is named; without --where context it can be laid. What finds no place leaves nothing behind."""
    write_cutting_set(tmp_path / "set", splits=("train", "val", "train", "test", "train", "test"))
    done = synth("compose", "set", "--where", "context", "--out", "made", cwd=tmp_path)
    assert (done.returncode, "no train image shows bar" in " ".join(done.stderr.split())) == (2, True)
    packed = ("--max-parts", 20, "--min-visible", 1, "--seed", 3)
    done = synth("compose", "set", "--count", 1, *packed, "--out", "made", cwd=tmp_path)
    assert (done.returncode, "find no place" in done.stderr) == (2, True)
    assert not (tmp_path / "made").exists()


def test_scales_are_read_as_written() -> None:
    """Two numbers and a dash."""
    assert parse_scale("0.7-1.4") == (0.7, 1.4)
    assert parse_scale(None) is None
