"""What commands print on. Text comes out as it is: square brackets in paths and hints are no markup."""

from rich.console import Console
from rich.text import Text

SIMULATED = Text(" SIMULATED ", style="black on yellow")
"""Stands before what is said of a cell without devices."""


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console for plain text; what shall stand out is given as rich's Text, or with ``style``."""
    return Console(stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False)
