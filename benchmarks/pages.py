"""How quickly the pages answer, in a real browser: `synth draw` and `synth explore`.

    python benchmarks/pages.py --out runs/pages

*draw*: from the end of a stroke to the moment at which the new picture is decoded, 60 strokes on a map of
256×192, by each painter's quick preset of 11 classes; weights are drawn, and cost the time of trained ones.
*explore*: 10,000 samples of 320×240; from the request of the page to the first thumbnails in sight, and after
each of 40 jumps anywhere in the list the time until all in sight are there; and the longest gap between two
frames of the screen meanwhile. Two quiet cores; five minutes, half of them for the 10,000.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import Page, sync_playwright
from result_lines import Line, append

from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.gan.methods import METHODS

FROZEN = "2026-11-30"
RESULTS = Path(__file__).resolve().parent / "results/pages.jsonl"
PAINTERS = ("spade", "oasis", "pix2pixhd")
N_CLASSES, N_STROKES, N_SAMPLES, N_JUMPS = 11, 60, 10_000, 40
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")

_NEXT_PICTURE = """() => new Promise((tell) => {
  const image = document.getElementById('painted');
  const before = image.src;
  const began = performance.now();
  const look = () => {
    if (image.src !== before && image.complete) tell(performance.now() - began);
    else setTimeout(look, 1);
  };
  look();
})"""
_ALL_THERE = """() => new Promise((tell) => {
  const began = performance.now();
  let last = began, gap = 0;
  const look = () => {
    const now = performance.now();
    gap = Math.max(gap, now - last);
    last = now;
    const images = [...document.querySelectorAll('.tile img')];
    if (images.length && images.every((image) => image.complete)) tell([now - began, gap]);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


@contextmanager
def serving(*words: object) -> Iterator[str]:
    """A page's command; gives its address."""
    command = [sys.executable, "-m", "synth", *map(str, words), "--no-browser"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            yield (
                next(line for line in server.stdout if line.startswith("Open ")).removeprefix("Open ").strip()
            )
        finally:
            server.send_signal(signal.SIGINT)


def write_painter(name: str, path: Path) -> None:
    """A painter of the quick preset's shape, with drawn weights."""
    method = METHODS[name]()
    classes = tuple(f"class {i}" for i in range(N_CLASSES))
    colours = tuple((20 * i, 255 - 20 * i, 128) for i in range(N_CLASSES))
    settings = replace(
        method.presets["quick"],
        classes=classes,
        colours=colours,
        planes=(),
        edges_where_known=False,
        **({"perceptual": "none"} if hasattr(method.presets["quick"], "perceptual") else {}),
    )
    networks = method.make_networks(settings, torch.Generator().manual_seed(0))
    method.save_generators(path, networks.generators, settings, {})


def time_strokes(page: Page) -> Line:
    """Milliseconds from strokes to pictures."""
    box = page.locator("#map").bounding_box()
    page.click("text=Bucket")
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    page.wait_for_selector("#painted:not([hidden])")
    page.click("text=Pen")
    rng, took_ms = random.Random(0), []
    for i in range(N_STROKES):
        page.locator("#classes button").nth(1 + i % (N_CLASSES - 1)).click()
        x, y = (box[k] + rng.uniform(0.1, 0.8) * box[side] for k, side in (("x", "width"), ("y", "height")))
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 30, y + 20, steps=4)
        waiting = page.evaluate_handle(f"() => {{ window.next = ({_NEXT_PICTURE})() }}")
        page.mouse.up()
        took_ms.append(page.evaluate("() => window.next"))
        waiting.dispose()
    return {f"p{q}_ms": round(float(np.percentile(took_ms, q)), 1) for q in (50, 95)} | {"strokes": N_STROKES}


def write_many(root: Path) -> None:
    """10,000 samples with a box each."""
    made_by = MadeBy(verb="render", simulated=True)
    info = DatasetInfo(kind="rendered", classes=("plate",), box_kind="tight", made_by=made_by)
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 6, (240, 320, 3))
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i in range(len(writer.samples), N_SAMPLES):
            x, y = (int(v) for v in rng.integers(0, 180, 2))
            picture = np.full((240, 320, 3), rng.uniform(60, 200, 3)) + grain
            picture[y : y + 40, x : x + 60] += 50
            instance = Instance(class_name="plate", box_xyxy_px=(x, y, x + 60, y + 40), visib_fract=1.0)
            draft = Draft(
                name=f"{i:06d}",
                split="train",
                size_wh=(320, 240),
                instances=(instance,),
                quality={"x": x, "y": y},
            )
            writer.append(draft, layers={"image": np.clip(picture, 0, 255).astype(np.uint8)})


def time_exploring(page: Page, address: str) -> Line:
    """Milliseconds to the first thumbnails, and after jumps."""
    page.goto(address, wait_until="commit")
    page.wait_for_selector(".tile")
    page.evaluate(_ALL_THERE)
    first_ms = page.evaluate("() => performance.now()")
    rng, took_ms, gaps_ms = random.Random(0), [], []
    for _ in range(N_JUMPS):
        page.evaluate(f"() => {{ scroller.scrollTop = {rng.random()} * scroller.scrollHeight }}")
        took, gap = page.evaluate(_ALL_THERE)
        took_ms.append(took)
        gaps_ms.append(gap)
    figures = {f"jump_p{q}_ms": round(float(np.percentile(took_ms, q)), 1) for q in (50, 95)}
    return {
        "first_ms": round(first_ms, 1),
        "longest_gap_ms": round(max(gaps_ms), 1),
        "jumps": N_JUMPS,
    } | figures


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/pages"))
    out = parser.parse_args().out
    write_many(out / "many")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for name in PAINTERS:
            write_painter(name, path := out / f"{name}.safetensors")
            with serving("draw", "--checkpoint", path, "--out", out / "drawn") as address:
                page = browser.new_page()
                page.goto(address)
                page.wait_for_selector("#classes [role=radio]")
                line = {"page": "draw", "painter": name} | time_strokes(page)
                page.close()
            print(line, flush=True)
            append(RESULTS, line, FROZEN)
        with serving("explore", out / "many") as address:
            line = {"page": "explore", "samples": N_SAMPLES} | time_exploring(browser.new_page(), address)
        print(line, flush=True)
        append(RESULTS, line, FROZEN)


if __name__ == "__main__":
    main()
