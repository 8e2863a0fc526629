"""The page in a real browser: drawing, painting, keeping, by pointer, by touch and by keys alone."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_server import CHECKPOINT, drawing
from PIL import Image

from synth.app.drawing import Drawing, DrawSettings
from synth.dataset.origin import Reading
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(desk: Path) -> Iterator[str]:
    """Of a page with maps of 96×80, whose drawings go to drawn/; whole in the end."""
    with drawing(desk, "--out", "drawn", "--maps", "data/maps", "--size", "96x80") as address:
        yield address
    assert verify(desk / "drawn") == []


def _keep(page: Any, desk: Path) -> tuple[DatasetReader, Sample]:
    """What was kept now; no less where it was kept before."""
    page.click("#keep")
    page.wait_for_selector("text=Kept as")
    drawn = DatasetReader(desk / "drawn")
    return drawn, drawn[page.inner_text("#status").split()[2]]


def _drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From a place on the map to another, both 0 to 1 across it."""
    box = page.locator("#map").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=5)
    page.mouse.up()


def _wait_painted(page: Any, before: str | None = None) -> str:
    """Until the picture is another one than ``before``; returns its address."""
    page.wait_for_selector("#painted:not([hidden])")
    deadline = time.monotonic() + 20
    while (address := page.get_attribute("#painted", "src")) == before:
        assert time.monotonic() < deadline, "the picture never follows"
        page.wait_for_timeout(20)
    return str(address)


def test_what_is_drawn_is_what_is_kept(desk: Path, address: str, open_page: Callable[..., Any]) -> None:
    """Rectangle, bucket, eraser and undo; the map that was kept is equal id for id."""
    page = open_page(address)
    assert "token" not in page.url
    page.click("text=Bucket")
    _drag(page, (0.5, 0.5), (0.5, 0.5))
    page.click("#classes >> text=lid")
    page.click("text=Rectangle")
    _drag(page, (0.25, 0.25), (0.7499, 0.7499))
    first = _wait_painted(page)
    _drag(page, (0.0, 0.0), (0.1, 0.1))
    page.click("#undo")
    page.keyboard.press("e")
    _drag(page, (0.0, 0.99), (0.0, 0.99))
    _wait_painted(page, first)
    drawn, sample = _keep(page, desk)
    ids = drawn.load_semantic(sample)
    wanted = np.zeros((80, 96), np.uint8)
    wanted[20:60, 24:72] = 2
    assert ids is not None
    assert (ids[:70] == wanted[:70]).all()
    assert ids[79, 0] == 255
    assert set(np.unique(ids)) == {0, 2, 255}, "no id that was not drawn"
    assert (drawn.info.kind, [step.verb for step in sample.origin.steps]) == ("painted", ["draw", "paint"])
    assert sample.split == "train"


def test_a_map_of_a_dataset_is_begun_with(desk: Path, address: str, open_page: Callable[..., Any]) -> None:
    """It comes as it is, keeps its split and is named as parent; in a mirror; in another style."""
    maps = DatasetReader(desk / "data/maps")
    source = maps.samples[1]
    there = maps.load_semantic(source)
    assert there is not None
    page = open_page(address)
    page.click("text=Begin with a map")
    page.fill("#sample", source.name)
    page.click("#load-sample")
    first = _wait_painted(page)
    kept = [_keep(page, desk)]
    page.click("#mirror")
    _wait_painted(page, first)
    page.click("#another")
    page.wait_for_selector("#status:empty", state="attached")
    kept.append(_keep(page, desk))
    for (drawn, sample), wanted, seed in zip(kept, (there, there[:, ::-1]), (0, 1), strict=True):
        np.testing.assert_array_equal(drawn.load_semantic(sample), wanted)
        (parent,) = sample.origin.parents
        assert (parent.name, parent.used, sample.split) == (source.name, ("labels",), source.split)
        assert sample.origin.steps[-1].seed == seed
    page.click("#undo")
    page.click("#undo")
    page.click("text=Bucket")
    _drag(page, (0.5, 0.5), (0.5, 0.5))
    drawn, alone = _keep(page, desk)
    assert (alone.origin.parents, alone.split) == ((), "train"), "it is of no map after all"
    page.reload()
    page.wait_for_selector(f"text=drawn has {len(drawn)} drawings")


def test_keys_alone_do(desk: Path, address: str, open_page: Callable[..., Any]) -> None:
    """From the first Tab on: a class, a rectangle by two corners, undo and redo, kept; no pointer moves."""
    page = open_page(address)

    def tab_to(selector: str) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.locator(f"{selector}:focus").count():
                return
        raise AssertionError(f"Tab never comes to {selector}")

    tab_to("#classes [role=radio]")
    page.keyboard.press("ArrowRight")
    tab_to("#map")
    page.keyboard.press("r")
    page.keyboard.press("Space")
    for key in ("ArrowRight", "ArrowDown"):
        for _ in range(5):
            page.keyboard.press(key)
    assert "column 63, row 55: no class" in page.inner_text("#status")
    page.keyboard.press("Space")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    _wait_painted(page)
    tab_to("#keep")
    page.keyboard.press("Enter")
    drawn, sample = _keep(page, desk)
    wanted = np.full((80, 96), 255)
    wanted[40:56, 48:64] = 1
    np.testing.assert_array_equal(drawn.load_semantic(sample), wanted)


def test_keys_choose_and_what_cannot_be_undone_says_so(
    desk: Path, address: str, open_page: Callable[..., Any]
) -> None:
    """A digit picks a class, K keeps; undo and redo show whether there is anything; nothing kept is lost
    unasked.
    """
    page = open_page(address)

    def can(what: str) -> bool:
        return bool(page.get_attribute(f"#{what}", "aria-disabled") == "false")

    assert not can("undo")
    page.keyboard.press("2")
    page.keyboard.press("b")
    _drag(page, (0.5, 0.5), (0.5, 0.5))
    _wait_painted(page)
    assert (can("undo"), can("redo")) == (True, False)
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.evaluate("setTimeout(() => location.reload())")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"], "a reload would take the drawing away"
    page.keyboard.press("Control+z")
    assert (can("undo"), can("redo")) == (False, True)
    page.keyboard.press("Control+y")
    page.keyboard.press("k")
    page.wait_for_selector("text=Kept as")
    drawn = DatasetReader(desk / "drawn")
    ids = drawn.load_semantic(drawn[page.inner_text("#status").split()[2]])
    assert ids is not None
    assert (ids == 1).all()
    page.reload()
    page.wait_for_selector("#classes [role=radio]")


def test_next_begins_with_the_first(desk: Path, address: str, open_page: Callable[..., Any]) -> None:
    """And goes on from the one that is there; what was begun with stays said."""
    page = open_page(address)
    page.click("text=Begin with a map")
    for name in ("000000", "000001"):
        page.click("#load-next")
        page.wait_for_selector(f"text=Begun with maps {name}.")
        page.wait_for_timeout(300)
        assert page.inner_text("#status") == f"Begun with maps {name}."


def test_a_line_that_is_drawn_leaves_no_trace_of_its_tries(
    desk: Path, address: str, open_page: Callable[..., Any]
) -> None:
    """What stands on the screen is the map, pixel for pixel: a rectangle grown and shrunk within one drag."""
    page = open_page(address)
    page.click("text=Rectangle")
    box = page.locator("#map").bounding_box()
    for i, (x, y) in enumerate([(0.5, 0.5), (0.9, 0.9), (1.5, 0.2), (0.2, 0.2), (0.6249, 0.6249)]):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if i == 0:
            page.mouse.down()
    page.mouse.up()
    shown = page.evaluate(
        "() => [...document.getElementById('map').getContext('2d').getImageData(0, 0, 96, 80).data]"
    )
    drawn, sample = _keep(page, desk)
    ids = drawn.load_semantic(sample)
    assert ids is not None
    alpha = np.array(shown, np.uint8).reshape(80, 96, 4)[..., 3]
    np.testing.assert_array_equal(alpha > 0, ids == 0)
    assert (ids == 0).sum() == 12 * 10


def test_a_finger_draws_on_a_small_screen(address: str, open_page: Callable[..., Any]) -> None:
    """At 390 px nothing stands out to the side; a tap draws."""
    page = open_page(address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#map").tap()
    _wait_painted(page)


def test_a_folder_that_cannot_be_drawn_into_is_refused(desk: Path, tmp_path: Path) -> None:
    """Before anything is drawn; one that is taken away meanwhile is told, and nothing is written."""
    ids = np.zeros((64, 64), np.uint16)
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thing").touch()
    with pytest.raises(InputError, match="file is a file"):
        Drawing(DrawSettings(desk / CHECKPOINT, out=tmp_path / "file"))
    with pytest.raises(DatasetError, match="is not empty"):
        Drawing(DrawSettings(desk / CHECKPOINT, out=tmp_path / "other"))
    with Drawing(DrawSettings(desk / CHECKPOINT, out=tmp_path / "gone")) as drawing:
        with pytest.raises(InputError, match="no class anywhere"):
            drawing.keep(np.full((64, 64), drawing.void, np.uint16), 0, None)
        drawing.keep(ids, 0, None)
        shutil.rmtree(tmp_path / "gone")
        with pytest.raises(InputError, match="was taken away since"):
            drawing.keep(ids, 1, None)
    assert not (tmp_path / "gone").exists()


def test_maps_may_come_later(desk: Path) -> None:
    """A folder begun without maps is gone on with maps, unless these were made by what it does not tell."""
    kept = np.zeros((64, 64), np.uint16)
    settings = DrawSettings(desk / CHECKPOINT, out=desk / "later")
    with Drawing(settings) as drawing:
        assert drawing.keep(kept, 0, None) == "000000"
    maps = DatasetReader(desk / "data/maps")
    with Drawing(replace(settings, maps=(maps,))) as drawing:
        assert drawing.keep(kept, 0, None) == "000000", "it is there already"
        assert drawing.keep(kept + 1, 0, ("maps", "000000")) == "000001"
    assert verify(desk / "later") == []
    read = Reading(dataset="other", names=("000000",))
    made_by = maps.info.made_by.model_copy(update={"readings": (read,)})
    maps.info = maps.info.model_copy(update={"made_by": made_by})
    with pytest.raises(InputError, match=r"later was begun without .*choose another folder with --out"):
        Drawing(replace(settings, maps=(maps,)))


def test_a_file_is_begun_with_or_refused(desk: Path, address: str, open_page: Any, tmp_path: Path) -> None:
    """A PNG of ids is taken; one with a colour of no class is refused by that, and changes nothing."""
    ids = np.zeros((80, 96), np.uint8)
    ids[:, 32:] = 2
    coloured = np.zeros((80, 96, 3), np.uint8)
    coloured[:] = (1, 2, 3)
    for name, picture in (("ids.png", ids), ("other.png", coloured)):
        Image.fromarray(picture).save(tmp_path / name)
    page = open_page(address)
    open_page.allowed.append("Failed to load resource: the server responded with a status of 400")
    page.click("text=Begin with a map")
    page.set_input_files("#file", tmp_path / "ids.png")
    _wait_painted(page)
    page.set_input_files("#file", tmp_path / "other.png")
    page.wait_for_selector("text=the file has the colour (1, 2, 3), which is no class's")
    drawn, sample = _keep(page, desk)
    np.testing.assert_array_equal(drawn.load_semantic(sample), ids)
