"""How a run tells what it does: a bar on a terminal, quiet lines elsewhere."""

import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichBar

_LINE_EVERY_S = 15.0


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
        """A sample came out too bad to keep."""
        ...

    def end(self) -> None:
        """No more samples."""
        ...


class BarProgress:
    """A bar with the time left, counts and the latest refusal."""

    def __init__(self, console: Console, verb: str) -> None:
        self._console = console
        self._bar = RichBar(
            TextColumn(f"[bold]{verb}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._task: TaskID | None = None
        self._n_refused = 0

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def begin(self, *, total: int, done: int) -> None:
        self._task = self._bar.add_task("", total=total, completed=done, note="")
        self._bar.start()

    def accepted(self, name: str) -> None:
        self.advanced(1)

    def advanced(self, n: int) -> None:
        if self._task is not None:
            self._bar.advance(self._task, n)

    def refused(self, name: str, reason: str) -> None:
        self._n_refused += 1
        if self._task is not None:
            note = f"{self._n_refused} refused, latest {name}: {reason}".replace("[", r"\[")
            self._bar.update(self._task, note=note)

    def end(self) -> None:
        self._bar.stop()


class LineProgress:
    """A line now and then, for logs and pipes."""

    def __init__(self, console: Console, unit: str) -> None:
        self._console, self._unit = console, unit
        self._total = self._done = self._n_new = 0
        self._began = self._said = time.monotonic()

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self, *, total: int, done: int) -> None:
        self._total, self._done = total, done
        self._began = self._said = time.monotonic()

    def accepted(self, name: str) -> None:
        self.advanced(1)

    def advanced(self, n: int) -> None:
        self._done += n
        self._n_new += n
        now = time.monotonic()
        if self._done == self._total or now - self._said >= _LINE_EVERY_S:
            self._said = now
            left_s = (now - self._began) / self._n_new * (self._total - self._done)
            eta = f", about {left_s / 60:.1f} min left" if left_s else ""
            self.say(f"{self._done} of {self._total} {self._unit}{eta}")

    def refused(self, name: str, reason: str) -> None:
        self.say(f"{name} refused: {reason}")

    def end(self) -> None:
        pass


def make_progress(console: Console, verb: str = "capture", unit: str = "samples") -> Progress:
    """A bar named after the verb where somebody looks on, lines that count units elsewhere."""
    return BarProgress(console, verb) if console.is_terminal else LineProgress(console, unit)
