"""Ultralytics, with every line to the outside cut; nothing else in synth imports it.

Left to itself it looks for updates, fonts and a hub, installs what it misses, writes settings into the user's
configuration folder and leaves torch and its children one thread.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import torch
from PIL import Image

_SWITCHES = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
}


def ultralytics(module: str) -> ModuleType:
    """``ultralytics.<module>``; threads and environment are afterwards what they were before.

    Its settings file goes to the user's cache, ``~/.cache/synth`` or what XDG_CACHE_HOME says.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    with undisturbed():
        os.environ.update(_SWITCHES, YOLO_CONFIG_DIR=str(cache / "synth"))
        return import_module(f"ultralytics.{module}")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Environment, numbers of threads, numpy's way of printing and Pillow's of opening pictures are what they
    were before, afterwards.
    """
    before, n_threads, n_cv2 = dict(os.environ), torch.get_num_threads(), cv2.getNumThreads()
    open_picture = Image.open
    try:
        with np.printoptions():
            yield
    finally:
        Image.open = open_picture  # Ultralytics' own asks for a package when a picture is damaged.
        torch.set_num_threads(n_threads)
        cv2.setNumThreads(n_cv2)
        for key in os.environ.keys() - before.keys():
            del os.environ[key]
        os.environ.update(before)
