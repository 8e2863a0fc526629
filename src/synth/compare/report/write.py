"""report.json and report.html of a comparison."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from synth import __version__
from synth.compare.plan import TEST_ARM, Plan
from synth.compare.report.figures import draw_checks, draw_errors, draw_normals, draw_vertical
from synth.compare.run import CellResult, errors_of
from synth.compare.verdict import Sentence, collect_figures, write_verdict
from synth.storage.atomic import write_bytes
from synth.train.tasks.normals import NormalCrops, load_normal_crops

REPORT_JSON, REPORT_HTML = "report.json", "report.html"
N_WORST = 6


def write_report(plan: Plan, results: Sequence[CellResult]) -> tuple[Path, list[Sentence]]:
    """Write both files into the plan's folder; returns the page's path and the verdict.

    report.json depends on data, settings and seeds alone. Raises StorageError.
    """
    errors = {arm: errors_of(results, arm) for arm in plan.arms}
    figures = collect_figures(errors, is_simulated=plan.is_simulated)
    verdict = write_verdict(figures)
    content = {
        "config": plan.to_config(),
        "figures": figures,
        "verdict": [asdict(sentence) for sentence in verdict],
        "versions": {"synth-robotics": __version__},
    }
    write_bytes(plan.out / REPORT_JSON, (json.dumps(content, indent=2) + "\n").encode())
    page = _render(plan, results, errors, figures, verdict)
    path = plan.out / REPORT_HTML
    write_bytes(path, page.encode())
    return path, verdict


def _render(
    plan: Plan,
    results: Sequence[CellResult],
    errors: Mapping[str, NDArray[np.float64]],
    figures: dict[str, Any],
    verdict: list[Sentence],
) -> str:
    environment = Environment(
        loader=PackageLoader("synth.compare.report", "."), autoescape=True, undefined=StrictUndefined
    )
    s, n_test = plan.normals, len(results[0].names)
    test = load_normal_crops(plan.arms[TEST_ARM].dataset, plan.test_samples, s.side_px)
    return environment.get_template("template.html").render(
        title="What each kind of training image is worth",
        is_simulated=plan.is_simulated,
        verdict=verdict,
        rows=[_row(arm, results, figures) for arm in plan.arms],
        how=(
            f"n = {n_test} test crops of the {TEST_ARM} dataset, {len(plan.seeds)} seeds. In brackets: 95 % "
            f"intervals over images and seeds. Network {s.net} at {s.side_px} px, {s.n_images} crops seen in "
            "all by every arm. Each arm's own val crops chose the weights (own-val). Labels of real images "
            "are used by the real arm alone; a translator has seen real train and val images without them."
        ),
        figures=[
            {"svg": draw_errors(errors), "caption": "Share of test crops under each angle error."},
            {
                "svg": draw_checks(results),
                "caption": "Val error throughout training, on each arm's own images: curves of arms "
                "cannot be compared with each other.",
            },
            {
                "svg": draw_vertical(results),
                "caption": "Angle error against how far the part is tilted (as the paper's Figure 24).",
            },
        ],
        strips=[_strip(test, arm, results) for arm in plan.arms],
        lineage=[_lineage(plan, arm) for arm in plan.arms],
        version=__version__,
    )


def _row(arm: str, results: Sequence[CellResult], figures: dict[str, Any]) -> list[str]:
    own = [r for r in results if r.arm == arm]
    cells = [arm, str(own[0].n_train), str(own[0].n_val)]
    for key in ("median_deg", "mean_deg", "p90_deg"):
        f = figures[f"normals.{arm}.{key}"]
        cells.append(f"{f['value']:.1f}° ({f['low']:.1f} to {f['high']:.1f})")
    for limit in (5, 10):
        f = figures[f"normals.{arm}.under_{limit}_deg"]
        cells.append(f"{f['value']:.0%} ({max(0, f['low']):.0%} to {min(1, f['high']):.0%})")
    return [*cells, f"{np.mean([r.seconds for r in own]):.0f}"]


def _strip(test: NormalCrops, arm: str, results: Sequence[CellResult]) -> dict[str, str]:
    """The test crops on which an arm's first seed is farthest off."""
    result = next(r for r in results if r.arm == arm)
    worst = np.argsort(result.errors_deg)[::-1][:N_WORST]
    png = draw_normals(
        [test.crops_u8[i] for i in worst],
        np.array(result.true_uvw)[worst],
        np.array(result.predicted_uvw)[worst],
        [f"{result.names[i]}  {result.errors_deg[i]:.0f} deg" for i in worst],
    )
    caption = (
        f"Trained on {arm} images, seed {result.seed}. Green: truth; magenta: prediction, both as (u, v)."
    )
    return {"png": base64.b64encode(png).decode(), "caption": caption}


def _lineage(plan: Plan, arm: str) -> list[str]:
    dataset = plan.arms[arm].dataset
    counts = [str(len(dataset.of_split(split))) for split in ("train", "val", "test")]
    made_by = dataset.info.made_by
    simulated = ", simulated" if made_by.simulated else ""
    return [arm, str(dataset.root), dataset.info.kind, *counts, f"synth {made_by.verb}{simulated}"]
