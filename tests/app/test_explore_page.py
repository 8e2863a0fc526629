"""The page that explores, in a real browser: found, sorted, opened beside twins, taken out; real or made?"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import serving

from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify

pytestmark = pytest.mark.slow
N = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty captured samples and as many rendered ones of the same names, below data/."""
    from look_pair import write_look

    folder = tmp_path_factory.mktemp("explored")
    real = write_look(folder / "data/real", "real", N, seed=0)
    write_look(folder / "data/synthetic", "rendered", N, seed=0, parent=real)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder, "explore", "--write") as address:
        yield address


def _names(page: Any) -> list[str]:
    page.wait_for_selector(".tile")
    return [str(text) for text in page.locator(".tile span").all_inner_texts()]


def test_samples_are_found_and_sorted(folder: Path, address: str, open_page: Callable[..., Any]) -> None:
    """By dataset, split, name and figure; of all samples only those in sight are in the page."""
    page = open_page(address, ready=".tile")
    assert "token" not in page.url
    assert page.inner_text("#count") == f"{2 * N} of {2 * N}"
    assert 4 < page.locator(".tile").count() < 2 * N
    page.evaluate("document.getElementById('scroller').scrollTop = 1e6")
    page.wait_for_selector(f"text=synthetic {N - 1:06d}")
    page.uncheck("#datasets >> nth=0 >> input >> nth=1")
    page.select_option("#split", "test")
    real = DatasetReader(folder / "data/real")
    assert page.inner_text("#count") == f"{len(real.of_split('test'))} of {2 * N}"
    assert _names(page) == [f"real {s.name} test" for s in real.of_split("test")]
    page.fill("#name", real.of_split("test")[1].name)
    assert page.inner_text("#count").startswith("1 of")


def test_one_is_opened_beside_its_twins_by_keys_alone(address: str, open_page: Callable[..., Any]) -> None:
    """Enter opens, arrows go on, L takes labels away, Esc closes and leaves the focus where it was."""
    page = open_page(address, ready=".tile")
    page.locator(".tile").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#looks figure >> nth=1")
    assert page.locator("#looks figcaption").all_inner_texts()[0].startswith("real: captured")
    assert page.locator("#looks figcaption").all_inner_texts()[1].startswith("synthetic: rendered")
    assert page.locator("#looks svg").count() == 2
    assert (
        page.locator("#looks img").first.evaluate("image => image.decode().then(() => image.naturalWidth)")
        == 96
    )
    page.keyboard.press("l")
    page.wait_for_function("() => !document.querySelector('#looks svg')")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("text=2 of 120")
    page.keyboard.press("Escape")
    page.wait_for_selector("#one", state="hidden")
    page.wait_for_selector(".tile:focus >> text=synthetic 000000")


def test_a_sample_is_taken_out_with_its_reason(
    folder: Path, address: str, open_page: Callable[..., Any]
) -> None:
    """It goes to rejected/ as by ``synth dataset reject``; the page goes on without it."""
    page = open_page(address, ready=".tile")
    before = len(DatasetReader(folder / "data/real"))
    page.fill("#name", f"{N - 1:06d}")
    page.locator(".tile >> text=real").click()
    page.wait_for_selector("#looks figure >> nth=1")
    page.wait_for_load_state("networkidle")
    page.fill("#reason", "glare on the part")
    page.click("text=Take out")
    page.wait_for_selector(f"text={N - 1:06d} is taken out of real, which has {before - 1} samples left")
    assert len(DatasetReader(folder / "data/real")) == before - 1
    rejected = (folder / "data/real/rejected/rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected[-1])["detail"] == "glare on the part"
    assert verify(folder / "data/real") == []
    page.reload()
    page.wait_for_selector(f"text={2 * N - 1} of {2 * N - 1}")


def test_one_that_is_kept_needs_no_second_look(
    folder: Path, address: str, open_page: Callable[..., Any]
) -> None:
    """Its reason is shown again, the filter passes it over, the page goes on; no dataset changes."""
    page = open_page(address, ready=".tile")
    page.locator(".tile").first.click()
    page.wait_for_selector("#looks figure >> nth=1")
    page.fill("#reason", "only a shadow")
    page.click("text=Keep")
    page.wait_for_selector("text=2 of")
    page.keyboard.press("Escape")
    before = int(page.inner_text("#count").split()[0])
    page.check("#unkept")
    assert int(page.inner_text("#count").split()[0]) == before - 1
    page.uncheck("#unkept")
    page.reload()
    page.wait_for_selector(".tile")
    page.locator(".tile").first.click()
    page.wait_for_selector("text=Kept: only a shadow")
    (line,) = map(json.loads, (folder / "runs/kept.jsonl").read_text().splitlines())
    assert (line["dataset"], line["name"], line["why"]) == ("real", "000000", "only a shadow")
    assert verify(folder / "data/real") == []


def test_classes_of_label_maps_filter(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    """They are read after the page is there; the opened map lies over its picture, with what is in it."""
    from look_pair import write_look

    maps = write_look(tmp_path / "data/maps", "real", 6, seed=3, with_maps=True, classes=("cover", "lid"))
    ids = {s.name: maps.load_semantic(s) for s in maps}
    semantic = maps.info.semantic
    assert semantic is not None
    of_lid = [
        name for name, its in ids.items() if its is not None and (its == semantic.names.index("lid")).any()
    ]
    assert 0 < len(of_lid) < len(ids)
    with serving(tmp_path, "explore") as address:
        page = open_page(address, ready=".tile")
        page.wait_for_selector("#class option[value=lid]", state="attached")
        page.select_option("#class", "lid")
        assert page.inner_text("#count") == f"{len(of_lid)} of {len(ids)}"
        page.locator(".tile").first.click()
        page.wait_for_selector("#looks .map")
        assert {"bench", "lid"} <= {
            text.strip() for text in page.locator("#looks .legend li").all_inner_texts()
        }
        box = page.locator("#looks .picture").bounding_box()
        assert box["height"] < 0.6 * 800
        page.keyboard.press("Escape")
        page.fill("#name", "zzz")
        page.wait_for_selector("text=No sample is like that")


def test_nothing_is_written_unasked(folder: Path, open_page: Callable[..., Any], tmp_path: Path) -> None:
    """Without --write there is no such form, and a request is refused; a small screen holds the page."""
    shutil.copytree(folder / "data/synthetic", tmp_path / "data/only")
    before = (tmp_path / "data/only/samples.jsonl").read_bytes()
    with serving(tmp_path, "explore", "data/only") as address:
        page = open_page(address, ready=".tile", viewport={"width": 390, "height": 844}, has_touch=True)
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390
        page.locator(".tile").first.tap()
        page.wait_for_selector("#looks figure")
        assert not page.locator("#verdict").is_visible()
        open_page.allowed.append("Failed to load resource: the server responded with a status of 400")
        told = page.evaluate(
            "() => fetch('/api/reject/only/000000', {method: 'POST', body: 'x'}).then((a) => a.json())"
        )
        assert told["error"].startswith("nothing is written from this page: start it with --write")
        for path in (
            "/api/picture/only/..%2f..%2fetc",
            "/api/sample/nowhere/000000",
            "/api/said/only/000000",
        ):
            assert page.evaluate("(p) => fetch(p).then((a) => a.status)", path) in (400, 404)
            open_page.allowed.append("Failed to load resource: the server responded with a status of 404")
    assert (tmp_path / "data/only/samples.jsonl").read_bytes() == before


def test_a_person_is_asked_without_being_told(folder: Path, open_page: Callable[..., Any]) -> None:
    """Until the answer nothing tells what a picture is; answers are kept, counted, and gone on with."""
    answers = folder / "runs/blind.jsonl"
    with serving(folder, "explore", "--blind") as address:
        page = open_page(address, ready="#picture[src]")
        for i in range(4):
            page.wait_for_selector("#real:not([disabled])")
            before = page.get_attribute("#picture", "src")
            assert all(word not in str(before) for word in ("real", "synthetic", "0000"))
            page.keyboard.press("rm"[i % 2])
            page.wait_for_selector(f"text={i + 1} answer")
            assert not page.locator("#score").is_visible()
            page.wait_for_selector(f'#picture:not([src="{before}"])')
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [line["said_real"] for line in lines] == [True, False, True, False]
    assert {(line["dataset"], line["is_real"]) for line in lines} <= {("real", True), ("synthetic", False)}
    with serving(folder, "explore", "--blind") as address:
        page = open_page(address, ready="#picture[src]")
        right = sum(line["said_real"] == line["is_real"] for line in lines)
        page.click("text=How it stands")
        page.wait_for_selector(f"text={25 * right} % of 4 answers right (95 % interval")
