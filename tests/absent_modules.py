"""Commands where a module is absent, each in a fork of a process that has loaded what most of them need.

Reads [folder, module, words] from stdin as JSON; in each folder leaves out.txt, err.txt and code.txt.
"""

import json
import os
import sys
from pathlib import Path

from synth.capture import run  # noqa: F401 - what takes longest to load, and is never absent.
from synth.cli import main

WATCHED = ("torch", "safetensors", "onnx", "onnxscript", "pyrealsense2", "rtde_control", "bpy", "blenderproc")


def run_without(module: str, words: list[str], folder: str) -> None:
    """Never returns. Children that Python starts from here lack the module too."""
    os.chdir(folder)
    for name, fd in (("out.txt", 1), ("err.txt", 2)):
        os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY), fd)
    Path("sitecustomize.py").write_text(f"import sys; sys.modules[{module!r}] = None\n")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    sys.modules[module] = None  # type: ignore[assignment]
    sys.argv = ["synth", *words]
    main()


if __name__ == "__main__":
    loaded = [name for name in WATCHED if name in sys.modules]
    assert not loaded, loaded
    for folder, module, words in json.load(sys.stdin):
        if (pid := os.fork()) == 0:
            run_without(module, words, folder)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        Path(folder, "code.txt").write_text(str(code))
