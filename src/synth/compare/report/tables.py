"""The report's tables, made from report.json's figures and the datasets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from synth.compare.arms import REAL
from synth.compare.baseline import FILTER
from synth.compare.collect import HEADLINE, IN_USE, START, Results
from synth.compare.cost import ImageCost
from synth.compare.plan import Contest, Plan
from synth.compare.report.content import Table
from synth.compare.verdict import read_point
from synth.metrics.detection import PROTOCOLS
from synth.metrics.operating_point import MIN_CONFIDENCE, MIN_IOU
from synth.train.attention import REGIONS

Figures = Mapping[str, Any]

_NORMALS = (
    ("median", "median_deg", "°"),
    ("mean", "mean_deg", "°"),
    ("90th percentile", "p90_deg", "°"),
    ("under 5°", "under_5_deg", "%"),
    ("under 10°", "under_10_deg", "%"),
)
_DETECTION = (("P", "precision"), ("R", "recall"), ("mAP50", "map50"), ("mAP50-95", "map50_95"))
_PAPER_TABLES = {REAL: " (the paper's Table 1)", START: " (the paper's Table 2)"}
_LOSSES = {"detection": ("box", "cls", "dfl"), "normals": ("",)}


def list_arms(plan: Plan, contest: Contest, figures: Figures) -> Table:
    """What each arm used, and every metric of its task with its interval."""
    columns = _NORMALS if contest.task == "normals" else _detection_columns("standard")
    rows = []
    for arm in plan.arms:
        data = figures[f"{contest.key}.{arm.name}.data"]
        used = (arm.name, *(str(data[key]) for key in ("n_train", "n_val", "n_real_labels")))
        rows.append(
            (
                *used,
                *(
                    format_figure(figures[f"{contest.key}.{arm.name}.{key}"], unit)
                    for _, key, unit in columns
                ),
            )
        )
    f = figures[f"{contest.key}.{REAL}.{HEADLINE[contest.task].name}"]
    protocol = (
        "" if contest.task == "normals" else " Protocol standard: confidence from 0.001, 100 boxes an image."
    )
    note = (
        f"n = {f['n_images']} test {'crops' if contest.task == 'normals' else 'images'} of the {REAL} "
        "dataset, "
        f"{f['n_seeds']} seed{'s' if f['n_seeds'] > 1 else ''}; in brackets 95 % intervals over images"
        f"{' and seeds' if f['n_seeds'] > 1 else ''}. {contest.settings.n_images} images seen in all by "
        "every arm. "
        f"Weights chosen by {_CHOSEN[plan.choose]}. The fourth column counts captured images whose labels "
        "were "
        f"read; a translator saw captured train and val images without theirs.{protocol}"
    )
    header = ("trained on", "train", "val", "real labels", *(title for title, _, _ in columns))
    return Table(header, tuple(rows), note)


def list_use(contest: Contest, figures: Figures) -> Table:
    """What detectors of each arm, and a colour filter, show at one confidence."""
    ending = f".{IN_USE}"
    keys = [key for key in figures if key.startswith(f"{contest.key}.") and key.endswith(ending)]
    points = {key[len(contest.key) + 1 : -len(ending)]: read_point(figures, key) for key in keys}
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
    filtered = (
        f" {FILTER}: no network; the largest blob of the colours under the captured train images' masks. It "
        "is no rival where a colour filter made the labels too, as synth capture's does."
        if FILTER in points
        else ""
    )
    return Table(
        ("trained on", "found, by seed", "false boxes, by seed", "false an image", "median IoU of hits"),
        tuple(rows),
        f"In use, at confidence {MIN_CONFIDENCE:g}: a part is found where a box overlaps it with an IoU of "
        f"{MIN_IOU:g} or more; n = {next(iter(points.values())).n_images} test images.{filtered}",
    )


def list_paper_table(detectors: Sequence[Contest], arm: str, figures: Figures) -> Table:
    """Precision, recall, mAP and losses on test images, a column a network, as the paper's Tables 1 and 2."""
    rows = [
        (title, *(format_figure(figures[f"{c.key}.{arm}.paper_{key}"], "") for c in detectors))
        for title, key in _DETECTION
    ]
    rows += [
        (f"{name} loss", *(f"{figures[f'{c.key}.{arm}.test_{name}_loss']['value']:.3f}" for c in detectors))
        for name in _LOSSES["detection"]
    ]
    return Table(
        ("metric", *(c.settings.model for c in detectors)),
        tuple(rows),
        f"Trained on {arm} images{_PAPER_TABLES.get(arm, '')}. Protocol paper: confidence from 0.5, at "
        "most 10 "
        f"boxes an image, n = {figures[f'{detectors[0].key}.{arm}.paper_map50']['n_images']} test images. "
        "Losses "
        "per image on test images, of Ultralytics' v5u heads: they have no objectness, and dfl in its place "
        "is the "
        "distribution-focal loss, so these rows cannot be set beside the paper's.",
    )


def list_latency(plan: Plan, results: Results) -> Table:
    """Milliseconds from a loaded image to its prediction."""
    rows = []
    for contest in plan.contests:
        own = [r for cell, r in results if cell.contest == contest]
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
        "Median over trainings of the median of 20 single images, suppression of doubles counted in; on a "
        "machine "
        "that may have been busy.",
    )


def list_costs(costs: Sequence[ImageCost]) -> Table:
    """What an image of each kind took, as its dataset says."""
    rows = tuple(
        (
            c.kind,
            str(c.n),
            f"{c.machine_s:.1f}",
            f"{c.human_s / 60:.1f}",
            ", ".join(f"{key.removesuffix('_s')} {value:.1f}" for key, value in c.parts.items()),
        )
        for c in costs
    )
    return Table(
        ("kind", "images", "machine seconds", "human minutes", "of which, seconds"),
        rows,
        "Medians an image. A captured image's seconds are the cell's own clock (simulated where the cell "
        "is), "
        "the others this machine's. Setting up the cell, drawing the CAD part and training a translator are "
        "not "
        "counted; human minutes are those that the capture run waited for a person.",
    )


def list_attention(plan: Plan, contest: Contest, figures: Figures) -> list[Table]:
    """Where each arm's network looks, a table a kind of map."""
    tables = []
    prefix, marker = f"{contest.key}.{REAL}.attention.", ".attention."
    for kind in [key[len(prefix) :] for key in figures if key.startswith(prefix)]:
        rows = []
        for arm in plan.arms:
            f = figures[f"{contest.key}.{arm.name}{marker}{kind}"]
            like = f["like_real"]
            regions = (
                "" if f["share"][r] is None else f"{f['share'][r]:.0%} ({_ratio(f['per_area'][r])})"
                for r in REGIONS
            )
            low, high = like["quartiles"]
            rows.append((arm.name, *regions, f"{like['median']:.2f} ({low:.2f} to {high:.2f})"))
        n = figures[f"{prefix}{kind}"]["n_images"]
        tables.append(
            Table(
                ("trained on", *REGIONS, "rank correlation with real"),
                tuple(rows),
                f"{kind}, {n} test crops, the network of the first seed: share of attention in each region, "
                "in "
                "brackets attention per area (1 = as an even map). Last column: Spearman's correlation with "
                "the "
                "map of the real-trained network, median and quartiles. Shadow and arm are estimates by "
                "brightness and depth.",
            )
        )
    return tables


def list_colours(figures: Figures) -> Table:
    """Distances of colours from the captured images, above what two halves of those have."""
    rows = []
    for key, f in figures.items():
        if key.startswith("colours.") and key != "colours.floor":
            above = f["above_floor"]
            rows.append(
                (
                    key.removeprefix("colours."),
                    str(f["n"]),
                    _plain(f),
                    _plain(above),
                )
            )
    floor = figures["colours.floor"]
    return Table(
        ("dataset", "images", "colour EMD", "above the floor"),
        tuple(rows),
        "Earth mover's distance from the captured train images, in 8-bit counts, mean of R, G and B. The "
        "floor, "
        f"two halves of the captured images, is {_plain(floor)}.",
    )


def list_lineage(plan: Plan) -> Table:
    """Every dataset that took part, and what it came from."""
    rows, seen = [], set()
    for task, roots in plan.roots.items():
        for kind, root in roots.items():
            if root in seen:
                continue
            seen.add(root)
            reader = plan.reader(task, kind)
            made_by = reader.info.made_by
            counts = " / ".join(str(len(reader.of_split(split))) for split in ("train", "val", "test"))
            calibration = ", ".join(f"{k} {v}" for k, v in made_by.calibration.items()) or "none recorded"
            rows.append(
                (
                    kind,
                    str(root),
                    counts,
                    f"synth {made_by.verb}{', simulated' if made_by.simulated else ''}",
                    "" if made_by.seed is None else str(made_by.seed),
                    reader.digest()[:12],
                    reader.info.part.cad_sha256[:12] if reader.info.part else "",
                    calibration,
                    made_by.versions.get("synth-robotics", ""),
                )
            )
    return Table(
        (
            "kind",
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


def format_figure(f: Mapping[str, Any], unit: str) -> str:
    """Value and interval of a figure, in degrees, percent or as a bare share."""
    if unit == "%":
        low, high = max(0.0, f["low"]), min(1.0, f["high"])
        return f"{f['value']:.0%} ({low:.0%} to {high:.0%})"
    if unit == "°":
        return f"{f['value']:.1f}° ({max(0.0, f['low']):.1f} to {f['high']:.1f})"
    return f"{f['value']:.3f} ({max(0.0, f['low']):.3f} to {min(1.0, f['high']):.3f})"


_CHOSEN = {
    "own-val": "each arm's own val images (own-val)",
    "real-val": "the captured val images for every arm (real-val)",
}


def _detection_columns(protocol: str) -> tuple[tuple[str, str, str], ...]:
    assert protocol in PROTOCOLS
    return tuple((title, f"{protocol}_{key}", "") for title, key in _DETECTION)


def _ratio(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f}×"


def _plain(f: Mapping[str, Any]) -> str:
    return f"{f['value']:.1f} ({f['low']:.1f} to {f['high']:.1f})"
