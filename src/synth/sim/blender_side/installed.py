"""Makes ``import blenderproc`` work in an installed Blender, then starts the worker; for `blenderproc run`.

Left alone, BlenderProc would run pip in Blender's folder. Here it finds the packages of synth's environment,
and nothing is downloaded.
"""

import os
import sys
import types
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))  # synth is not installed in this Blender.

from synth.sim.blender_side import wheels

if __name__ == "__main__":
    wheels.prepare()
    sys.modules["h5py"] = types.ModuleType("h5py")  # Its wheel breaks where Blender brings another HDF5.
    from synth.sim.blender_side import worker

    worker.main()
    os._exit(0)  # Blender 3.4 crashes when it quits by itself.
