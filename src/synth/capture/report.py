"""What a capture prints: the cell it runs on, its plan, and what came of it."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from synth.capture.poses import Plan
from synth.capture.run import Summary
from synth.capture.settings import CaptureSettings
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS

_TILT_BIN_DEG = 10


def announce(settings: CaptureSettings, path: Path | None, console: Console) -> None:
    """Say which cell this is; a simulated one loudly."""
    cell = settings.cell
    where = "the cell that comes with synth" if path is None else str(path)
    if cell.is_simulated:
        text = f"SIMULATED CELL “{cell.name}” ({where}) at {settings.true_pace:g} times life's pace"
        console.print(Panel(text + ": no real device takes part.", style="bold black on yellow"))
    else:
        console.print(f"Cell “{cell.name}” ({where}), robot at {cell.robot.address}.")


def print_plan(settings: CaptureSettings, plan: Plan, console: Console) -> None:
    """What would be captured and how long it would take; ``--dry-run``."""
    splits = Counter(pose.split for pose in plan.poses)
    sides_px = [float(pose.square_xyxy_px[2] - pose.square_xyxy_px[0]) for pose in plan.poses]
    table = Table("plan", "", box=None, show_header=False, pad_edge=False)
    table.add_row("poses", f"{len(plan.poses)}, seed {plan.seed}, of {plan.n_reachable} reachable ones")
    table.add_row("splits", ", ".join(f"{splits[name]} {name}" for name in SPLITS) + f" ({settings.split})")
    table.add_row("coverage", f"{plan.coverage:.0%} of the reachable normals × image places")
    for i, count in enumerate(plan.tilt_histogram):
        bar = "█" * round(40 * count / max(plan.tilt_histogram))
        table.add_row(f"tilt {_TILT_BIN_DEG * i}–{_TILT_BIN_DEG * (i + 1)}°", f"{count:4d} {bar}")
    table.add_row("expected box side", f"{np.median(sides_px):.0f} px in the median")
    if len(plan.train_test_deg):
        table.add_row(
            "nearest train–test poses",
            f"{plan.train_test_deg.min():.1f}° apart, {np.median(plan.train_test_deg):.1f}° in the median",
        )
    table.add_row("expected duration", f"{plan.duration_s() / 60:.1f} min at life's pace")
    if settings.cell.is_simulated:
        minutes = plan.duration_s(settings.true_pace) / 60
        table.add_row("", f"{minutes:.1f} min at pace {settings.true_pace:g}")
    console.print(table)
    console.print("Nothing was moved.")


def print_summary(settings: CaptureSettings, summary: Summary, console: Console) -> None:
    """What stands in the folder, what was refused and at which tilts, what it cost, and what comes next."""
    reader = DatasetReader(settings.out)
    minutes = summary.seconds / 60
    console.print(
        f"{summary.n_samples} samples in {settings.out}; {summary.n_taken} shots in {minutes:.1f} min "
        f"({summary.n_taken / max(minutes, 1e-9):.0f} a minute), {summary.n_refused} of them refused."
    )
    if summary.refused:
        console.print("Refused: " + ", ".join(f"{gate} {n}" for gate, n in summary.refused.items()))
        taken = Counter(_tilt_bin(s.quality) for s in reader.samples)
        refused = Counter(_tilt_bin(r.quality) for r in reader.rejections)
        table = Table("tilt", "accepted", "refused", box=None, pad_edge=False)
        for tilt in sorted(taken | refused):
            table.add_row(tilt, str(taken[tilt]), str(refused[tilt]))
        console.print(table)
    if summary.n_unchecked:
        known = settings.cell.camera.known
        why = (
            "too little depth on the face" if known.has_depth else f"no depth, as a {known.title} gives none,"
        )
        console.print(f"{summary.n_unchecked} samples had {why} to check the normal.")
    costs = [s.timing for s in reader.samples]
    machine_s = sum(c.get("machine_s", 0.0) for c in costs) / len(costs)
    motion_s = sum(c.get("motion_s", 0.0) for c in costs) / len(costs)
    console.print(
        f"A sample cost {machine_s:.2f} s of the cell at life's pace, {motion_s:.2f} s of it motion."
    )
    console.print(f"Next: synth dataset sheet {settings.out}")


def _tilt_bin(quality: Mapping[str, object]) -> str:
    tilt_deg = quality.get("tilt_deg")
    if not isinstance(tilt_deg, float):
        return "unknown"
    low = _TILT_BIN_DEG * int(tilt_deg // _TILT_BIN_DEG)
    return f"{low:2d}–{low + _TILT_BIN_DEG}°"
