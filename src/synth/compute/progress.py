"""How a run tells what it does: a bar on a terminal, quiet lines elsewhere."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as RichBar

log = logging.getLogger(__name__)

_LINE_EVERY_S = 15.0
_N_TIMED = 3
"""So many reports are waited for before a time left is told."""


class Progress(Protocol):
    """What a run reports on its way."""

    def say(self, text: str) -> None:
        """One sentence worth knowing."""
        ...

    def begin(self, *, total: int, done: int) -> None:
        """Work on the first sample begins; ``done`` of ``total`` are on disk."""
        ...

    def accepted(self, name: str) -> None:
        """A sample is on disk."""
        ...

    def advanced(self, n: int) -> None:
        """So many more are done."""
        ...

    def refused(self, name: str, reason: str) -> None:
        """A sample came out too bad to keep and is still to be made: somebody may do something about it."""
        ...

    def left_out(self, name: str, reason: str) -> None:
        """A sample is done with and not kept; its reason goes to the log."""
        ...

    def end(self) -> None:
        """No more samples."""
        ...

    def beside(self, verb: str, unit: str) -> "Progress":
        """Another of its kind, for a part of the work that counts something else."""
        ...


class _Milestones:
    """How far the work is and how long the rest takes; a sentence on it now and then.

    The time left follows from the units between the first report and the latest. What comes before the first
    tells nothing: programs start, and a run that is gone on with reports at once all that it did earlier.
    """

    def __init__(self, say: Callable[[str], None], unit: str) -> None:
        self._say, self._unit = say, unit
        self.begin(total=0, done=0)

    def begin(self, *, total: int, done: int) -> None:
        self._total, self._done = total, done
        self._n_reports = self._done_at_first = 0
        self._first = self._latest = self._said = time.monotonic()

    def advanced(self, n: int) -> None:
        self._done += n
        self._n_reports += 1
        self._latest = time.monotonic()
        if self._n_reports == 1:
            self._first, self._done_at_first = self._latest, self._done
        if self._done == self._total or self._latest - self._said >= _LINE_EVERY_S:
            self._said = self._latest
            left_s = self.left_s()
            eta = f", about {left_s / 60:.1f} min left" if left_s else ""
            self._say(f"{self._done} of {self._total} {self._unit}{eta}")

    def left_s(self) -> float | None:
        """Seconds that the rest takes; None before the third report."""
        n_timed = self._done - self._done_at_first
        if self._n_reports < _N_TIMED or n_timed <= 0:
            return None
        return (self._latest - self._first) / n_timed * (self._total - self._done)


_UNTIMED = "-:--:--"


class BarProgress:
    """A bar with the time left, refusals above it; how far it is goes to the log in lines."""

    def __init__(self, console: Console, verb: str, unit: str) -> None:
        self._console = console
        self._bar = RichBar(
            TextColumn(verb, style="bold", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}", style="progress.remaining"),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._task: TaskID | None = None
        self._n_refused = 0
        self._milestones = _Milestones(log.debug, unit)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def begin(self, *, total: int, done: int) -> None:
        self._task = self._bar.add_task("", total=total, completed=done, left=_UNTIMED, note="")
        self._bar.start()
        self._milestones.begin(total=total, done=done)

    def accepted(self, name: str) -> None:
        self.advanced(1)

    def advanced(self, n: int) -> None:
        self._milestones.advanced(n)
        if self._task is not None:
            left_s = self._milestones.left_s()
            left = _UNTIMED if left_s is None else str(timedelta(seconds=round(left_s)))
            self._bar.update(self._task, advance=n, left=left)

    def refused(self, name: str, reason: str) -> None:
        self.say(f"{name} refused: {reason}")
        self._count_refused()

    def left_out(self, name: str, reason: str) -> None:
        log.debug("%s refused: %s", name, reason)
        self._count_refused()
        self.advanced(1)

    def _count_refused(self) -> None:
        self._n_refused += 1
        if self._task is not None:
            self._bar.update(self._task, note=f"{self._n_refused} refused")

    def end(self) -> None:
        self._bar.stop()

    def beside(self, verb: str, unit: str) -> Progress:
        return BarProgress(self._console, verb, unit)


class LineProgress:
    """A line now and then, for files, pipes and terminals that cannot redraw one."""

    def __init__(self, console: Console, unit: str) -> None:
        self._console = console
        self._milestones = _Milestones(self.say, unit)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self, *, total: int, done: int) -> None:
        self._milestones.begin(total=total, done=done)

    def accepted(self, name: str) -> None:
        self.advanced(1)

    def advanced(self, n: int) -> None:
        self._milestones.advanced(n)

    def refused(self, name: str, reason: str) -> None:
        self.say(f"{name} refused: {reason}")

    def left_out(self, name: str, reason: str) -> None:
        log.debug("%s refused: %s", name, reason)
        self.advanced(1)

    def end(self) -> None:
        pass

    def beside(self, verb: str, unit: str) -> Progress:
        return LineProgress(self._console, f"{unit} ({verb})")


def make_progress(console: Console, verb: str = "capture", unit: str = "samples") -> Progress:
    """A bar named after the verb where somebody looks on, lines that count units elsewhere."""
    if console.is_terminal and not console.is_dumb_terminal:
        return BarProgress(console, verb, unit)
    return LineProgress(console, unit)
