"""Starts the worker on the pip wheels bpy and blenderproc; nothing is downloaded.

BlenderProc expects to be inside a Blender that it installed itself. In a plain interpreter with the bpy wheel
it wants (seen in 2.8.0) its environment variable, a second entry of site-packages on sys.path (it removes
one), a SetupUtility that installs nothing, and an ``init`` that leaves the UI language alone (start.py).
"""

import gc
import os
import sys
import tempfile
import types
from pathlib import Path


def prepare() -> None:
    """Make ``import blenderproc`` work in this process. Call it before the first import of blenderproc."""
    import importlib.util

    os.environ["INSIDE_OF_THE_INTERNAL_BLENDER_PYTHON_ENVIRONMENT"] = "1"
    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"
    found = importlib.util.find_spec("blenderproc")
    if found is None or found.origin is None:
        raise ImportError("blenderproc is not installed")
    sys.path.append(str(Path(found.origin).parent.parent))
    stand_in = types.ModuleType("blenderproc.python.utility.SetupUtility")
    stand_in.SetupUtility = _SetupUtility  # type: ignore[attr-defined]
    sys.modules[stand_in.__name__] = stand_in
    for room in _UNUSED:
        sys.modules[f"blenderproc.api.{room}"] = types.ModuleType(f"blenderproc.api.{room}")


_UNUSED = ("loader", "sampler", "writer", "constructor", "object", "filter")
"""Rooms of BlenderProc that synth never enters, and that load scikit-learn and Matplotlib."""


class _SetupUtility:
    """Stands for BlenderProc's own, which runs pip."""

    @staticmethod
    def setup(*_: object, **__: object) -> list[str]:
        from blenderproc.python.utility.Utility import Utility

        Utility.temp_dir = tempfile.gettempdir()
        return sys.argv


if __name__ == "__main__":
    gc.disable()  # Modules stay, and are not looked through for garbage while they are loaded.
    prepare()
    from synth.sim.blender_side import worker

    gc.freeze()
    gc.enable()
    worker.main()
