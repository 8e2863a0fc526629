"""A bar for work on many samples: on a terminal, nothing in a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from synth.terminal import make_console

_N_TIMED = 3


class _TimeLeft(TimeRemainingColumn):
    """None before some samples are done."""

    def render(self, task: Task) -> Text:
        return Text("-:--:--") if task.completed < _N_TIMED else super().render(task)


@contextmanager
def show_bar(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """What it yields is told what is done, how many of it are done, and of how many."""
    console = make_console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), _TimeLeft())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda now, done, total: progress.update(task, description=now, completed=done, total=total)
