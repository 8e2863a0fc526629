"""The report's tables, made from the figures and the datasets."""

from collections.abc import Sequence

import numpy as np

from synth.compare.collect import Results
from synth.compare.cost import ImageCost
from synth.compare.explain.regions import REGIONS
from synth.compare.explain.saliency import MAP_KINDS
from synth.compare.figures import (
    Attention,
    BaselineScore,
    ColourDistance,
    ColourFloor,
    Figures,
    InUse,
    Measured,
    MeasuredPart,
    TestLoss,
    UsedData,
)
from synth.compare.mixes import REAL
from synth.compare.plan import Contest, Plan
from synth.compare.report.content import Table
from synth.compare.units import BY_FILM
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS
from synth.metrics.comparison import Effect
from synth.metrics.intervals import Estimate
from synth.metrics.operating_point import MIN_CONFIDENCE, MIN_IOU
from synth.train.tasks import TASKS
from synth.train.tasks.report import Breakdown, Metric


def list_mixes(plan: Plan, contest: Contest, figures: Figures) -> Table:
    """What each mix used, and every metric of its task with its interval."""
    task = TASKS[contest.task]
    columns = task.report.columns
    rows = []
    for mix in plan.mixes:
        used = figures.the(UsedData, contest=contest, mix=mix.name)
        found = {row.metric: row.effect for row in figures.of(Measured, contest=contest, mix=mix.name)}
        rows.append(
            (
                mix.name,
                ", ".join(map(str, used.n_train)),
                ", ".join(map(str, used.n_val)),
                *_say_real(used),
                *(format_figure(found[metric.name], metric.unit) for metric in columns),
            )
        )
    scores = figures.of(BaselineScore, contest=contest)
    for name in dict.fromkeys(row.name for row in scores):
        own = {row.metric: row.effect for row in scores if row.name == name}
        rows.append((name, *("–",) * 4, *(format_figure(own[m.name], m.unit) for m in columns)))
    told = [f"{b.name}: {b.note}" for b in task.baselines if any(row.name == b.name for row in scores)]
    effect = figures.the(Measured, contest=contest, mix=REAL, metric=task.headline.name).effect
    many = effect.n_seeds > 1
    note = (
        f"n = {effect.n_images} test {task.words.unit} of the {REAL} dataset, {effect.n_seeds} "
        f"seed{'s' if many else ''}; in brackets 95 % intervals over images{' and seeds' if many else ''}. "
        f"{contest.settings.n_images} images seen in all by every mix. Weights chosen by "
        f"{_CHOSEN[plan.choose]}. Captured images and labels are all that stand behind a row: "
        "what the network learnt from, what the renderer, the cutting out or the translator read, and what "
        f"weights were chosen by. {' '.join((task.report.note, *told))}"
    )
    header = (
        "trained on",
        "train",
        "val",
        "captured images",
        "captured labels",
        *(metric.title for metric in columns),
    )
    return Table(header, tuple(rows), note.rstrip())


def list_breakdowns(contest: Contest, figures: Figures) -> list[Table]:
    """Part by part, such as class by class, a table a metric and a column a mix; none where nothing is broken
    down. What is of the truth alone stands once, in the last columns of the first table.
    """
    tables = []
    task = TASKS[contest.task]
    for breakdown in (*task.report.breakdowns, Breakdown(BY_FILM, "film", (task.headline,))):
        of_truth = [metric for metric in breakdown.columns if metric.name in breakdown.of_truth]
        for metric in [m for m in breakdown.columns if m not in of_truth]:
            found = _find_parts(contest, figures, breakdown, metric)
            counted = any(row.n_true is not None for row in found)
            mixes = list(dict.fromkeys(row.mix for row in found))
            rows = []
            for part, n_true in dict.fromkeys((row.part, row.n_true) for row in found):
                few = n_true is not None and n_true < breakdown.few
                count = (f"{n_true}{', an indication' if few else ''}",) if counted else ()
                own = (format_figure(row.effect, metric.unit) for row in found if row.part == part)
                alike = (
                    format_figure(row.effect, once.unit)
                    for once in of_truth
                    for row in _find_parts(contest, figures, breakdown, once)
                    if (row.part, row.mix) == (part, mixes[0])
                )
                rows.append((part, *count, *own, *alike))
            if rows:
                counts = ("truths",) if counted else ()
                header = (breakdown.title, *counts, *mixes, *(once.title for once in of_truth))
                note = breakdown.note if metric == breakdown.columns[-1] else ""
                tables.append(Table(header, tuple(rows), note, title=f"{metric.title} by {breakdown.title}"))
                of_truth = []
    return tables


def _find_parts(
    contest: Contest, figures: Figures, breakdown: Breakdown, metric: Metric
) -> Sequence[MeasuredPart]:
    return figures.of(MeasuredPart, contest=contest, breakdown=breakdown.name, metric=metric.name)


def list_use(contest: Contest, figures: Figures) -> list[Table]:
    """What each mix's networks, and baselines, show at one confidence; no table for what finds nothing."""
    points = {row.name: row.point for row in figures.of(InUse, contest=contest)}
    if not points:
        return []
    rows = [
        (
            name,
            ", ".join(f"{n} of {point.n_true}" for n in point.hits),
            ", ".join(map(str, point.false_boxes)),
            f"{point.false_per_image:.2f}",
            "none" if point.median_iou is None else f"{point.median_iou:.2f}",
        )
        for name, point in points.items()
    ]
    notes = [f" {b.name}: {b.note}" for b in TASKS[contest.task].baselines if b.name in points]
    return [
        Table(
            ("trained on", "found, by seed", "false boxes, by seed", "false an image", "median IoU of hits"),
            tuple(rows),
            f"In use, at confidence {MIN_CONFIDENCE:g}: a part is found where a box overlaps it with an IoU "
            f"of {MIN_IOU:g} or more; n = {next(iter(points.values())).n_images} test "
            f"images.{''.join(notes)}",
        )
    ]


def list_paper_table(contests: Sequence[Contest], mix: str, figures: Figures) -> Table:
    """Metrics and losses on test images, a column a network, as the published table has them."""
    paper = TASKS[contests[0].task].report.paper
    assert paper is not None
    found = {
        (row.contest, row.metric): row.effect
        for row in figures.of(Measured, mix=mix)
        if row.contest in contests
    }
    losses = {(row.contest, row.name): row.value for row in figures.of(TestLoss, mix=mix)}
    rows = [
        (title, *(format_figure(found[contest, name], "") for contest in contests))
        for title, name in paper.metrics
    ]
    rows += [
        (title, *(f"{losses[c, name]:.3f}" if (c, name) in losses else "-" for c in contests))
        for title, name in paper.losses
    ]
    n = found[contests[0], paper.metrics[0][1]].n_images
    own = f" ({paper.captions[mix]})" if mix in paper.captions else ""
    return Table(
        ("metric", *(contest.settings.model for contest in contests)),
        tuple(rows),
        f"Trained on {mix} images{own}. {paper.note(n)}",
    )


def list_latency(plan: Plan, results: Results) -> Table:
    """Milliseconds from a loaded image to its prediction."""
    rows = []
    for contest in plan.contests:
        own = [r for trial, r in results if trial.contest == contest]
        ms = np.median([r.latency_ms for r in own])
        rows.append(
            (
                f"{contest.task} {contest.settings.model}",
                f"{contest.settings.side_px} px",
                f"{ms:.1f}",
                own[0].device,
            )
        )
    return Table(
        ("network", "image", "ms an image", "on"),
        tuple(rows),
        "Median over trainings of the median of 20 single images, all that is done to an answer counted in; "
        "on a machine that may have been busy.",
    )


def list_costs(costs: Sequence[ImageCost]) -> Table:
    """What an image of each kind took, as its dataset says."""
    rows = tuple(
        (
            c.dataset,
            str(c.n),
            f"{c.machine_s:.1f}",
            f"{c.human_s / 60:.1f}",
            ", ".join(f"{key.removesuffix('_s')} {value:.1f}" for key, value in c.parts.items()),
        )
        for c in costs
    )
    return Table(
        ("dataset", "images", "machine seconds", "human minutes", "of which, seconds"),
        rows,
        "Medians an image. A captured image's seconds are the cell's own clock (simulated where the cell "
        "is), the others this machine's. Setting up the cell, drawing the CAD part and training a "
        "translator are not counted; human minutes are those that the capture run waited for a person.",
    )


def list_attention(plan: Plan, contest: Contest, figures: Figures) -> list[Table]:
    """Where each mix's network looks, a table a kind of map."""
    tables = []
    for kind in MAP_KINDS:
        found = {row.mix: row for row in figures.of(Attention, contest=contest, kind=kind)}
        rows = []
        for row in (found[mix.name] for mix in plan.mixes):
            regions = [_region(row, region) for region in REGIONS]
            low, high = row.like_quartiles
            rows.append((row.mix, *regions, f"{row.like_median:.2f} ({low:.2f} to {high:.2f})"))
        tables.append(
            Table(
                ("trained on", *REGIONS, "rank correlation with captured"),
                tuple(rows),
                f"{kind}, {found[REAL].n_images} test crops, the network of the first seed: share of "
                "attention in each region, in brackets attention per area (1 = as an even map). Last "
                "column: Spearman's correlation with the map of the network trained on captured images, "
                "median and quartiles. Shadow and arm are estimates by brightness and depth.",
            )
        )
    return tables


def list_colours(figures: Figures) -> Table:
    """Distances of colours from the captured images, above what two halves of those have."""
    rows = [
        (row.dataset, str(row.distance.n), _plain(row.distance), _plain(row.above_floor))
        for row in figures.of(ColourDistance)
    ]
    return Table(
        ("dataset", "images", "colour EMD", "above the floor"),
        tuple(rows),
        "Earth mover's distance from the captured train images, in 8-bit counts, mean of R, G and B. The "
        f"floor, two halves of the captured images, is {_plain(figures.the(ColourFloor).distance)}.",
    )


def list_lineage(plan: Plan) -> Table:
    """Every dataset that took part, and what it came from."""
    rows, seen = [], set()
    for task, roots in plan.roots.items():
        for name in roots:
            for reader in plan.readers(task, name):
                if reader.root not in seen:
                    seen.add(reader.root)
                    rows.append(_lineage(name, reader))
    return Table(
        (
            "dataset",
            "folder",
            "train / val / test",
            "made by",
            "seed",
            "data hash",
            "CAD hash",
            "calibration",
            "synth",
        ),
        tuple(rows),
    )


def format_figure(effect: Effect, unit: str) -> str:
    """Value and interval of a figure, in degrees, percent or as a bare share."""
    if unit == "%":
        return f"{effect.value:.0%} ({effect.low:.0%} to {effect.high:.0%})"
    if unit == "°":
        return f"{effect.value:.1f}° ({effect.low:.1f} to {effect.high:.1f})"
    return f"{effect.value:.3f} ({effect.low:.3f} to {effect.high:.3f})"


_CHOSEN = {
    "own-val": "each mix's own val images (own-val)",
    "real-val": "the captured val images for every mix (real-val)",
}


def _lineage(name: str, reader: DatasetReader) -> tuple[str, ...]:
    made_by = reader.info.made_by
    return (
        name,
        str(reader.root),
        " / ".join(str(len(reader.of_split(split))) for split in SPLITS),
        f"synth {made_by.verb}{', simulated' if made_by.simulated else ''}",
        "" if made_by.seed is None else str(made_by.seed),
        reader.digest()[:12],
        reader.info.part.cad_sha256[:12] if reader.info.part else "",
        ", ".join(f"{k} {v}" for k, v in made_by.calibration.items()) or "none recorded",
        made_by.versions.get("synth-robotics", ""),
    )


def _say_real(used: UsedData) -> tuple[str, str]:
    if used.real is None:
        return "not told", "not told"
    return str(used.real.images), str(used.real)


def _region(row: Attention, region: str) -> str:
    share, per_area = row.share[region], row.per_area[region]
    if share is None:
        return ""
    return f"{share:.0%} ({'none' if per_area is None else f'{per_area:.1f}×'})"


def _plain(found: Estimate) -> str:
    return f"{found.value:.1f} ({found.low:.1f} to {found.high:.1f})"
