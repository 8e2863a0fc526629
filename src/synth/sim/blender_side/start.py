"""Brings BlenderProc up as ``bproc.init()`` does, less the UI language, which the bpy wheel has not."""

import importlib

import bpy
from blenderproc import __version__ as blenderproc_version
from blenderproc.python.renderer import RendererUtility
from blenderproc.python.utility.GlobalStorage import GlobalStorage
from blenderproc.python.utility.Initializer import _Initializer, clean_up


def initialise(n_threads: int) -> None:
    """An empty scene for Cycles on the best device there is. n_threads: 0 for all."""
    clean_up(clean_up_camera=True)
    bpy.context.scene.render.engine = "CYCLES"
    RendererUtility.set_render_devices()
    _Initializer.set_default_parameters()
    bpy.context.scene.render.use_persistent_data = False  # Kept data let earlier scenes show in later ones.
    RendererUtility.set_cpu_threads(n_threads)
    GlobalStorage.add("bproc_init_complete", True)


def versions() -> dict[str, str]:
    """Of Blender and BlenderProc."""
    return {"bpy": bpy.app.version_string, "blenderproc": blenderproc_version}


def devices() -> list[str]:
    """The names of the GPUs in use, with their interface; empty where the CPU renders."""
    if bpy.context.scene.cycles.device == "CPU":
        return []
    preferences = bpy.context.preferences.addons["cycles"].preferences
    return [f"{d.name} ({d.type})" for d in preferences.devices if d.use and d.type != "CPU"]


def has_denoiser() -> bool:
    """Whether this Blender was built with Open Image Denoise; a distribution's may not be."""
    return bool(importlib.import_module("_cycles").with_openimagedenoise)
