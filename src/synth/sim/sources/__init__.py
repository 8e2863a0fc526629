"""What makes images with labels: one file a source, each named here and nowhere else."""

from typing import TYPE_CHECKING, Any

from synth.registry import Registry

if TYPE_CHECKING:
    from synth.sim.sources.source import Source

SOURCES: "Registry[Source[Any]]" = Registry(
    "source",
    {
        "twin": "synth.sim.sources.twin:TWIN",
        "fresh": "synth.sim.sources.fresh:FRESH",
        "bin": "synth.sim.sources.bin:BIN",
        "photographs": "synth.sim.sources.photographs:PHOTOGRAPHS",
        "composites": "synth.sim.sources.composites:COMPOSITES",
        "templates": "synth.sim.sources.templates:TEMPLATES",
    },
)
"""Every source by name, in the order in which a run makes their samples."""
