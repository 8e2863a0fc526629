"""The figures of a dataset: how many, how they spread, what was refused, what it cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from synth.dataset.next_steps import NextStep, list_next_steps, say_next_steps
from synth.dataset.origin import REAL_KINDS, Origin, count_real_labels
from synth.dataset.overview import Overview, Tally, look_over
from synth.dataset.pixel_counts import share_of_pixels
from synth.dataset.reader import DatasetReader
from synth.dataset.record import KIND_WORDS, SPLITS
from synth.terminal import SIMULATED

_GRID_WH = (8, 5)
_BAR_WIDTH = 32
_MOST_GROUPS = 12
_MOST_CLASSES = 20


def compute_figures(dataset: DatasetReader) -> dict[str, Any]:
    """Everything ``synth dataset stats`` shows, as plain data.

    by_class: instances and the images that show any, by class and split. pixel_shares: of each class in
    the labelled pixels of a split, and of void in all; every semantic map is read for them. next: what
    the dataset can do, and what it cannot. tilt_deg: 10° bins of the angle between normal and line of
    sight. box_side_px: of the square boxes. place_coverage: share of an 8×5 grid over the image in which
    a box centre lies. seconds: means a sample.
    """
    info, overview = dataset.info, look_over(dataset)
    instances = [(s, i) for s in dataset.samples for i in s.instances]
    tilts = [tilt for _, i in instances if (tilt := i.tilt_deg) is not None]
    sides = [box[2] - box[0] for _, i in instances if (box := i.square_xyxy_px) is not None]
    cells = {
        tuple(
            min(int((box[k] + box[k + 2]) / 2 / s.size_wh[k] * _GRID_WH[k]), _GRID_WH[k] - 1) for k in (0, 1)
        )
        for s, box in ((s, i.box_xyxy_px) for s, i in instances)
    }
    timings = sorted({key for s in dataset.samples for key in s.timing})
    seconds = {key: float(np.mean([s.timing.get(key, 0.0) for s in dataset.samples])) for key in timings}
    return {
        "folder": str(dataset.root),
        "kind": info.kind,
        "simulated": info.made_by.simulated,
        "classes": list(info.classes),
        "box_kind": info.box_kind,
        "verb": info.made_by.verb,
        "seed": info.made_by.seed,
        "devices": info.made_by.devices,
        "samples": len(dataset),
        "instances": len(instances),
        "crops": sum(i.crop is not None for _, i in instances),
        "plates": len(dataset.plates),
        "splits": {split: len(dataset.of_split(split)) for split in SPLITS},
        "by_class": {
            name: {split: asdict(tally) for split, tally in by_split.items()}
            for name, by_split in overview.tallies.items()
        },
        "pixel_shares": share_of_pixels(dataset),
        "groups": dict(overview.groups),
        "groups_in_several_splits": {group: list(splits) for group, splits in overview.apart.items()},
        "classes_in_one_group": dict(overview.lone),
        "warnings": list(overview.warnings),
        "next": [asdict(step) for step in list_next_steps(dataset)],
        "tilt_deg": _histogram(tilts, np.arange(0, 91, 10)),
        "tilt_median_deg": float(np.median(tilts)) if tilts else None,
        "box_side_px": _histogram(sides, _round_edges(sides)),
        "box_side_median_px": float(np.median(sides)) if sides else None,
        "place_coverage": len(cells) / (_GRID_WH[0] * _GRID_WH[1]),
        "rejections": dict(Counter(r.reason for r in dataset.rejections).most_common()),
        "seconds": seconds,
        "near_copies_accepted": info.near_copies_accepted,
        "pseudo_labelled": sum(s.origin.is_pseudo_labelled for s in dataset),
        "real_labels_read": _count_real_labels(dataset),
        "figures": info.made_by.figures,
    }


def _count_real_labels(dataset: DatasetReader) -> dict[str, int] | None:
    """How many real samples gave each kind of label; of a real dataset its own, and those that taught the
    network which labelled others of it. None: not told.
    """
    info, is_real = dataset.info, dataset.info.kind in REAL_KINDS
    origins = (Origin(steps=s.origin.steps) if is_real else s.origin for s in dataset)
    read = count_real_labels(origins, info.made_by.readings)
    if read is None:
        return None
    if is_real:
        return {"labels": sum(s.is_labelled for s in dataset) + read["labels"]}
    return {str(use): n for use, n in read.items()}


def print_figures(dataset: DatasetReader, console: Console) -> None:
    """The figures as tables and bars."""
    figures = compute_figures(dataset)
    banner = (SIMULATED,) if figures["simulated"] else ()
    made_by = f" {KIND_WORDS[dataset.info.kind]}, made by synth {figures['verb']}"
    console.print(*banner, Text(figures["folder"], "bold"), made_by)
    facts = Table.grid(padding=(0, 2))
    for key, value in _facts(figures):
        facts.add_row(key, value)
    console.print(facts)
    for title, bars in (
        ("samples per split", figures["splits"]),
        ("tilt of the normal, degrees", figures["tilt_deg"]),
        ("side of the square box, pixels", figures["box_side_px"]),
        ("refused, by reason", figures["rejections"]),
    ):
        if any(bars.values()):
            console.print(f"\n{title}", style="bold")
            console.print(_bars(bars))
    if figures["pixel_shares"]:
        console.print("\nshare of each class in the labelled pixels; of void in all", style="bold")
        console.print(_shares(figures["pixel_shares"]))
    print_overview(look_over(dataset), list_next_steps(dataset), console)


def print_result(dataset: DatasetReader, n_new: int, console: Console) -> None:
    """What was made, an overview of it, and the command to look at it."""
    splits = ", ".join(f"{len(dataset.of_split(split))} {split}" for split in SPLITS)
    n_instances = sum(len(sample.instances) for sample in dataset)
    n_maps = sum("semantic" in sample.layers for sample in dataset)
    semantic = dataset.info.semantic
    maps = (
        "" if semantic is None else f"{_count(n_maps, 'label map')} of {_count(len(semantic.names), 'class')}"
    )
    labels = [
        *([maps] if maps else []),
        *([_count(n_instances, "labelled object")] if n_instances or not maps else []),
    ]
    if dataset.info.made_by.simulated:
        console.print(SIMULATED, "no real camera or arm made these pictures")
    console.print(
        f"{dataset.root}: {_count(len(dataset), 'image')} ({splits}), {n_new} new, with "
        f"{' and '.join(labels)}. Next: synth dataset sheet {dataset.root}",
        soft_wrap=True,
    )
    print_overview(look_over(dataset), list_next_steps(dataset), console, _MOST_CLASSES)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 'es' if what.endswith('s') else 's'}"


def print_overview(
    overview: Overview, steps: Sequence[NextStep], console: Console, most: int | None = None
) -> None:
    """Classes by split, what is odd about them, and what can come next.

    most: how many classes get a row, those with most instances first; None for all, in their order.
    """
    if overview.tallies:
        console.print("\ninstances of each class (images that show any)", style="bold")
        table = Table(box=None, padding=(0, 2))
        table.add_column("class")
        for split in SPLITS:
            table.add_column(split, justify="right")
        shown = list(overview.tallies.items())
        if most is not None and len(shown) > most:
            shown.sort(key=lambda item: -sum(tally.instances for tally in item[1].values()))
            shown = shown[:most]
        for name, by_split in shown:
            table.add_row(name, *(_tally(by_split[split]) for split in SPLITS))
        console.print(table)
        if n_left := len(overview.tallies) - len(shown):
            console.print(f"  and {n_left} classes with fewer: synth dataset stats counts all")
    if overview.warnings:
        console.print()
    for warning in overview.warnings:
        console.print(f"! {warning}", soft_wrap=True)
    if steps:
        console.print("\nWhat this dataset can do next, and what it cannot", style="bold")
    for line in say_next_steps(steps):
        console.print(line, soft_wrap=True)


def _shares(shares: dict[str, dict[str, float]]) -> Table:
    table = Table(box=None, padding=(0, 2))
    table.add_column("class")
    for split in SPLITS:
        table.add_column(split, justify="right")
    for name, by_split in shares.items():
        cells = [f"{100 * by_split[split]:.2f} %" for split in SPLITS]
        table.add_row(
            name,
            *(
                Text(cell, "" if by_split[split] else "yellow")
                for split, cell in zip(SPLITS, cells, strict=True)
            ),
        )
    return table


def _tally(tally: Tally) -> Text:
    return Text(f"{tally.instances} ({tally.images})") if tally.instances else Text("0", "yellow")


def _facts(figures: dict[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("samples", f"{figures['samples']} with {figures['instances']} instances, {figures['crops']} crops"),
        *(
            [("classes", ", ".join(figures["classes"]) + f"  ({figures['box_kind']} boxes in labels/)")]
            if figures["classes"]
            else []
        ),
        ("plates", str(figures["plates"])),
        *([("groups", _groups(figures["groups"]))] if figures["groups"] else []),
        ("image places", f"{figures['place_coverage']:.0%} of an {_GRID_WH[0]}×{_GRID_WH[1]} grid"),
    ]
    if figures["near_copies_accepted"] is not None:
        facts.append(("near copies may train", figures["near_copies_accepted"]))
    if figures["tilt_median_deg"] is not None:
        facts.append(("median tilt", f"{figures['tilt_median_deg']:.1f}°"))
    if figures["box_side_median_px"] is not None:
        facts.append(("median box side", f"{figures['box_side_median_px']:.0f} px"))
    read = figures["real_labels_read"]
    if n_made := figures["pseudo_labelled"]:
        facts.append(("pseudo-labels", f"a network made the label maps of {_count(n_made, 'sample')}"))
    if n_made or figures["kind"] not in REAL_KINDS:
        said = (
            "not told: a step was another program's or an older synth's" if read is None else _say_read(read)
        )
        facts.append(("real labels read", said))
    if figures["seconds"]:
        parts = (f"{key.removesuffix('_s')} {value:.2f} s" for key, value in figures["seconds"].items())
        facts.append(("time a sample", ", ".join(parts)))
    facts += [(f"device: {name}", _plain(value)) for name, value in figures["devices"].items()]
    facts += [(key.replace("_", " "), _plain(value)) for key, value in figures["figures"].items()]
    return facts


def _say_read(read: dict[str, int]) -> str:
    words = {"labels": "boxes and what else they say", "mask": "masks", "pose": "poses"}
    said = [f"{words[use]} of {n} samples" for use, n in read.items() if n]
    return ", ".join(said) or "none"


def _groups(counts: dict[str, int]) -> str:
    shown = ", ".join(f"{group} {n}" for group, n in list(counts.items())[:_MOST_GROUPS])
    more = len(counts) - _MOST_GROUPS
    return f"{shown} and {more} more" if more > 0 else shown


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items() if not isinstance(v, dict | list))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _bars(counts: dict[str, int]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    largest = max(counts.values())
    for key, n in counts.items():
        length = max(1, round(n / largest * _BAR_WIDTH)) if n else 0
        table.add_row(key, Text("█" * length, "cyan"), str(n))
    return table


def _histogram(values: list[Any], edges: Any) -> dict[str, int]:
    counts, _ = np.histogram(values, bins=edges)
    return {f"{a:g}–{b:g}": int(n) for a, b, n in zip(edges, edges[1:], counts, strict=False)}


def _round_edges(values: list[float]) -> Any:
    """Edges of about eight bins, a round number of pixels wide."""
    if not values:
        return np.array([0, 1])
    low, high = min(values), max(values)
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 100_000) if (high - low) / s <= 8)
    return np.arange(np.floor(low / step), np.floor(high / step) + 2) * step
