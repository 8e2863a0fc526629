"""What came of an import, on the terminal."""

from pathlib import Path

from rich.console import Console

from synth.dataset.imports.intake import Summary
from synth.dataset.reader import DatasetReader
from synth.dataset.statistics import print_result

_MOST_SHOWN, _MOST_ALIKE = 20, 5


def print_summary(summary: Summary, out: Path, console: Console) -> None:
    """Notes and misfits, the first of each kind, and what the dataset can do next."""
    _print_notes(summary, console)
    _print_misfits(summary, out, console)
    for split in summary.emptied:
        console.print(f"! {split} has no picture: none of its pictures came in", soft_wrap=True)
    print_result(DatasetReader(out), summary.n_new, console)


def _print_notes(summary: Summary, console: Console) -> None:
    """Each kind of note once, with how often and where first."""
    places: dict[str, list[str]] = {}
    for note in summary.notes:
        places.setdefault(note.text, []).append(note.where)
    for text, where in list(places.items())[:_MOST_SHOWN]:
        more = f" and {len(where) - 1} more" if len(where) > 1 else ""
        console.print(f"{where[0]}{more}: {text}", soft_wrap=True)
    if len(places) > _MOST_SHOWN:
        console.print(f"... and {len(places) - _MOST_SHOWN} more notes")


def _print_misfits(summary: Summary, out: Path, console: Console) -> None:
    if not summary.misfits:
        return
    reasons = ", ".join(f"{reason}: {n}" for reason, n in summary.reasons.items())
    n = len(summary.misfits)
    told = "1 thing did not fit and is" if n == 1 else f"{n} things did not fit and are"
    console.print(f"{told} not in {out} ({reasons}):", soft_wrap=True)
    shown: dict[str, int] = dict.fromkeys(summary.reasons, 0)
    for misfit in summary.misfits:
        shown[misfit.reason] += 1
        if shown[misfit.reason] <= _MOST_ALIKE:
            console.print(f"  {misfit}", soft_wrap=True)
    if n_left := sum(max(n - _MOST_ALIKE, 0) for n in shown.values()):
        console.print(f"  ... and {n_left} more of these kinds: {out}/rejected/rejected.jsonl")
