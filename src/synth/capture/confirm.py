"""A person's yes before a real arm moves."""

import sys

import typer

from synth.errors import InputError


def ask_before_motion(address: str, n_poses: int, speed_deg_s: float, *, yes: bool) -> None:
    """Ask at the terminal; nothing moves without a yes. Raises InputError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(
            f"The robot at {address} is real and nobody can be asked here: clear the cell, then say --yes."
        )
    typer.confirm(
        f"The real robot at {address} will visit {n_poses} poses at up to {speed_deg_s:g}°/s. "
        "Is the cell clear and a hand near the emergency stop?",
        abort=True,
    )
