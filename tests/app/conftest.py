"""A folder with label maps of two classes and a painter that needs nothing but them; a real browser."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
for folder in (TESTS, TESTS / "gan", TESTS / "app"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs in data/real, maps in data/maps, a painter of drawn weights at `CHECKPOINT`."""
    import torch
    from look_pair import write_look
    from page_server import CHECKPOINT
    from painter_desk import small

    from synth.gan.checkpoint import SIMULATED
    from synth.gan.methods import METHODS

    folder = tmp_path_factory.mktemp("desk")
    photos = write_look(folder / "data/real", "real", 5, seed=0, with_maps=True, classes=("cover", "lid"))
    write_look(folder / "data/maps", "rendered", 3, seed=1, with_maps=True, classes=("cover", "lid"))
    method, settings = METHODS["spade"](), small(photos, planes=(), edges_where_known=False)
    networks = method.make_networks(settings, torch.Generator().manual_seed(0))
    networks.G.last.weight.data *= 40  # Fresh weights paint next to nothing.
    method.save_generators(folder / CHECKPOINT, networks.generators, settings, {SIMULATED: "true"})
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium without a window. Gone after each file: Playwright's loop is in the way of others."""
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium, which make brings")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a browser that knows nothing yet; no page may say anything on its
    console but what begins as a line of ``open_page.allowed`` does.
    """
    contexts: list[Any] = []
    lines: list[str] = []

    def open_one(address: str, ready: str = "#classes [role=radio]", **kinds: Any) -> Any:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | kinds))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: lines.append(message.text))
        page.on("pageerror", lambda error: lines.append(str(error)))
        page.goto(address)
        page.wait_for_selector(ready)
        return page

    open_one.allowed = []  # type: ignore[attr-defined]
    yield open_one
    for context in contexts:
        context.close()
    allowed = tuple(open_one.allowed)  # type: ignore[attr-defined]
    assert [line for line in lines if not line.startswith(allowed)] == []
