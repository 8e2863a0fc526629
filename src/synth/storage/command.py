"""The command that is at work, for what it makes to remember; Python calls make without one."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """A command as it was typed.

    words: those after ``synth``. typed_in: the folder, as seen from what the command made, since a project
    may be moved as a whole; None for where one is now.
    """

    words: tuple[str, ...]
    typed_in: str | None = None

    def to_line(self, root: Path) -> str:
        """As it can be pasted here, whatever spaces and signs are in it; without --yes, which a person says
        anew each time that an arm is to move. root: the folder that it made.
        """
        line = shlex.join(("synth", *(word for word in self.words if word != "--yes")))
        here = os.path.realpath(Path.cwd())
        there = here if self.typed_in is None else os.path.realpath(root / self.typed_in)
        return line if there == here else f"cd {shlex.quote(os.path.relpath(there, here))} && {line}"


_AT_WORK: ContextVar[tuple[str, ...] | None] = ContextVar("command", default=None)


@contextmanager
def at_work(words: Sequence[str]) -> Iterator[None]:
    """What is made while the block runs is made by ``synth WORDS``."""
    token = _AT_WORK.set(tuple(words))
    try:
        yield
    finally:
        _AT_WORK.reset(token)


def command_at_work(root: Path) -> Command | None:
    """The command that makes ``root``; None where Python does."""
    words = _AT_WORK.get()
    if words is None:
        return None
    return Command(words=words, typed_in=os.path.relpath(Path.cwd(), os.path.realpath(root)))
