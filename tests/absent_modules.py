"""Commands where a module is absent, each in a fork of a process that has loaded what most of them need.

Reads [folder, module, words] from stdin as JSON; in each folder leaves out.txt, err.txt and code.txt.
"""

import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from synth.capture import run  # noqa: F401 - what takes longest to load, and is never absent.
from synth.cli import main

WATCHED = (
    "torch",
    "safetensors",
    "onnx",
    "onnxscript",
    "pyrealsense2",
    "rtde_control",
    "bpy",
    "blenderproc",
    "ray",
)


def run_without(module: str, words: list[str], folder: str) -> NoReturn:
    """Children that Python starts from here lack the module too. What was loaded is left without a clean-up,
    which takes a fork half a second.
    """
    os.chdir(folder)
    for name, fd in (("out.txt", 1), ("err.txt", 2)):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), fd)
    Path("sitecustomize.py").write_text(f"import sys; sys.modules[{module!r}] = None\n")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    sys.modules[module] = None  # type: ignore[assignment]
    sys.argv = ["synth", *words]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else code
    except BaseException:  # noqa: BLE001 - said as Python would say it.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    loaded = [name for name in WATCHED if name in sys.modules]
    assert not loaded, loaded
    for folder, module, words in sorted(json.load(sys.stdin), key=lambda case: case[1] != "torch"):
        if module != "torch":
            importlib.import_module("torch")  # Once for all that have it.
        if (pid := os.fork()) == 0:
            run_without(module, words, folder)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        Path(folder, "code.txt").write_text(str(code))
