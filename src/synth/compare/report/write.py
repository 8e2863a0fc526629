"""Everything that a comparison leaves: report.json, report.html, CSV, figures as files, the best networks."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from synth import __version__
from synth.compare.advice import write_advice
from synth.compare.best_model import export_best
from synth.compare.collect import Results, collect_figures
from synth.compare.conclusion import write_conclusions
from synth.compare.explain.attention import Looks, measure_attention
from synth.compare.explain.colours import measure_colours
from synth.compare.figures import Figures
from synth.compare.plan import Contest, Plan
from synth.compare.report import sections, tables
from synth.compare.report.content import Section
from synth.compare.report.curves import draw_overview
from synth.compare.report.keys import list_sentences, to_json
from synth.compare.verdict import Sentence, rank, write_verdict
from synth.compute.versions import list_versions
from synth.errors import InputError
from synth.storage.atomic import write_bytes
from synth.train.tasks import TASKS

REPORT_JSON, REPORT_HTML, FIGURES_CSV, PREDICTIONS_CSV = (
    "report.json",
    "report.html",
    "figures.csv",
    "predictions.csv",
)
FIGURES = "figures"
_PACKAGES = (
    "synth-robotics",
    "torch",
    "torchvision",
    "ultralytics",
    "pycocotools",
    "captum",
    "numpy",
    "opencv-python",
)
_TITLE = "What each kind of training image is worth"


def write_report(plan: Plan, results: Results) -> tuple[Path, list[Sentence]]:
    """Write all files into the plan's folder; returns the page's path and, conclusions first, the verdict.

    report.json depends on data, settings and seeds alone. Raises InputError, StorageError.
    """
    figures = collect_figures(plan, results)
    conclusions = write_conclusions(figures)
    verdict = write_verdict(figures, plan.gaps)
    advice = write_advice(figures)
    looks = {c: measure_attention(plan, c) for c in plan.contests if TASKS[c.task].reads_crops}
    for found in looks.values():
        figures += found.figures
    colours, means = measure_colours(plan)
    figures += colours
    shown_figures = to_json(figures)
    content = {
        "title": _TITLE,
        "config": plan.to_config(),
        "figures": shown_figures,
        "verdict": list_sentences([*conclusions, *verdict]),
        "next": advice,
        "versions": list_versions(_PACKAGES),
    }
    write_bytes(plan.out / REPORT_JSON, (json.dumps(content, indent=2) + "\n").encode())
    write_bytes(plan.out / FIGURES_CSV, _to_csv(_figure_rows(shown_figures)))
    write_bytes(plan.out / PREDICTIONS_CSV, _to_csv(_prediction_rows(results)))
    files = _export_all(plan, results, figures)
    first = Section("At a glance", pictures=[draw_overview(c, rank(figures, c)) for c in figures.contests])
    shown = _list_sections(plan, results, figures, looks, means)
    for section in (first, *shown):
        for picture in section.pictures:
            write_bytes(plan.out / FIGURES / f"{picture.name}.png", picture.png)
            if picture.svg is not None:
                write_bytes(plan.out / FIGURES / f"{picture.name}.svg", picture.svg.encode())
    path = plan.out / REPORT_HTML
    write_bytes(path, _render(plan, conclusions, verdict, advice, first, shown, files).encode())
    return path, [*conclusions, *verdict]


def _list_sections(
    plan: Plan, results: Results, figures: Figures, looks: dict[Contest, Looks], means: dict[str, Any]
) -> list[Section]:
    shown: list[Section | None] = [
        sections.show_contest(plan, contest, results, figures) for contest in plan.contests
    ]
    shown += sections.show_paper_tables(plan, figures)
    shown += [sections.show_attention(plan, c, found, figures) for c, found in looks.items()]
    shown += [sections.show_twins(plan, c) for c in looks]
    shown.append(sections.show_colours(means, figures))
    shown.append(sections.show_samples(plan))
    shown.append(sections.show_costs(plan, results))
    lineage = Section("Where this comes from")
    if plan.baseline is not None:
        lineage.text.append(plan.baseline.describe())
    lineage.text += (*plan.accepted_near_copies, *plan.lost_images, *plan.forecasts)
    lineage.tables.append(tables.list_lineage(plan))
    shown.append(lineage)
    return [section for section in shown if section is not None]


def _export_all(plan: Plan, results: Results, figures: Figures) -> list[str]:
    """Names of the files that hold the best networks; a sentence instead where ONNX cannot be written."""
    names = []
    for contest in plan.contests:
        try:
            names += [path.name for path in export_best(plan, contest, results, figures)]
        except InputError as error:
            names.append(f"no network was exported: {error}")
    return list(dict.fromkeys(names))


def _render(
    plan: Plan,
    conclusions: Sequence[Sentence],
    verdict: Sequence[Sentence],
    advice: Sequence[str],
    first: Section,
    shown: Sequence[Section],
    files: Sequence[str],
) -> str:
    environment = Environment(
        loader=PackageLoader("synth.compare.report", "."), autoescape=True, undefined=StrictUndefined
    )
    versions = ", ".join(f"{name} {number}" for name, number in list_versions(_PACKAGES).items())
    return environment.get_template("template.html").render(
        title=_TITLE,
        is_simulated=plan.is_simulated,
        conclusions=[sentence.text for sentence in conclusions],
        verdict=list_sentences(verdict),
        first=first,
        advice=advice,
        sections=shown,
        files=[REPORT_JSON, FIGURES_CSV, PREDICTIONS_CSV, f"{FIGURES}/", *files],
        versions=versions,
        version=__version__,
    )


def _figure_rows(figures: dict[str, Any]) -> list[list[Any]]:
    columns = ("value", "low", "high", "p", "p_holm", "n_images", "n_seeds")
    rows: list[list[Any]] = [["key", *columns]]
    rows += [
        [key, *(f.get(column, "") for column in columns)]
        for key, f in figures.items()
        if isinstance(f, dict) and "value" in f
    ]
    return rows


def _prediction_rows(results: Results) -> list[list[Any]]:
    rows: list[list[Any]] = [["task", "network", "mix", "seed", "image", "predicted", "true"]]
    rows += [
        [r.task, r.model, trial.mix.name, r.seed, name, json.dumps(predicted), json.dumps(true)]
        for trial, r in results
        for name, predicted, true in zip(r.names, r.predicted, r.true, strict=True)
    ]
    return rows


def _to_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
