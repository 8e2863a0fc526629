"""A Blender that somebody installed: whether it can be used, and how BlenderProc starts it."""

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from synth.errors import InputError

OLDEST, FIRST_TOO_NEW = (3, 4), (5, 0)
"""Tried: 3.4.1, 4.2.23 and 4.5.15; BlenderProc 2.8 does not start in 5.0."""

_LOOK_S = 60.0
_SCRIPT = Path(__file__).parent / "blender_side" / "installed.py"
_QUESTION = """
import json, sys, bpy, _cycles
print(json.dumps({"version": list(bpy.app.version), "python": list(sys.version_info[:2]),
                  "denoises": _cycles.with_openimagedenoise}))
"""

# A distribution's Blender would take the standard library of an environment that is active.
_ENVIRONMENT = {"PATH": os.defpath}
# The name by which BlenderProc's own console script lets its package be imported outside Blender.
_BY_COMMAND_LINE = "OUTSIDE_OF_THE_INTERNAL_BLENDER_PYTHON_ENVIRONMENT_BUT_IN_RUN_SCRIPT"


@dataclass(frozen=True)
class InstalledBlender:
    """One that can be used. denoises: whether it was built with Open Image Denoise."""

    program: Path
    version: str
    denoises: bool


@functools.cache
def find_installed(path: Path) -> InstalledBlender:
    """Look at a Blender, given as the program or its folder; starts it for a second.

    Raises InputError where there is none, it is too old or too new, or its Python is not the one that runs
    synth, whose packages it has to load.
    """
    program = (path / "blender" if path.is_dir() else path).resolve()
    if not program.is_file() or not os.access(program, os.X_OK):
        raise InputError(f"there is no Blender at {path}: give --blender its program or the folder of it")
    found = _ask(program)
    version = ".".join(str(n) for n in found["version"])
    python, ours = tuple(found["python"]), sys.version_info[:2]
    if not OLDEST <= tuple(found["version"]) < FIRST_TOO_NEW:
        raise InputError(
            f"{program} is Blender {version}: give --blender one from {_dotted(OLDEST)} on and before "
            f"{_dotted(FIRST_TOO_NEW)}, or leave it away"
        )
    if python != ours:
        raise InputError(
            f"{program} (Blender {version}) runs Python {_dotted(python)} and synth {_dotted(ours)}, so it "
            f"cannot load synth's packages: give --blender one with Python {_dotted(ours)} or leave "
            "it away"
        )
    return InstalledBlender(program, version, bool(found["denoises"]))


def command_line(program: Path, folder: Path) -> list[str]:
    """How `blenderproc run` starts the worker in a Blender. folder: empty, for what BlenderProc keeps."""
    home = program.parent
    if not any(p.is_dir() and p.name.replace(".", "").isdigit() for p in home.iterdir()):
        # A distribution's: BlenderProc wants a folder named after a version beside the program.
        home = folder / "blender"
        (home / "0").mkdir(parents=True)
        (home / "blender").symlink_to(program)
    environment = {**_ENVIRONMENT, _BY_COMMAND_LINE: "1"}
    return [
        *("env", *(f"{name}={value}" for name, value in environment.items())),
        *(sys.executable, "-m", "blenderproc.command_line", "run", str(_SCRIPT)),
        *("--custom-blender-path", str(home), "--temp-dir", str(folder)),
    ]


def _ask(program: Path) -> dict[str, list[int]]:
    """What a Blender says of itself."""
    command = [str(program), "--background", "--factory-startup", "--python-expr", _QUESTION]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_LOOK_S, env={**os.environ, **_ENVIRONMENT}
        )
        line = next(line for line in answer.stdout.splitlines() if line.startswith("{"))
    except (OSError, subprocess.TimeoutExpired, StopIteration):
        raise InputError(f"{program} does not start as a Blender would: give --blender another") from None
    found: dict[str, list[int]] = json.loads(line)
    return found


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(n) for n in version)
