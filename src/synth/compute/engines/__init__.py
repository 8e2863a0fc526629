"""The engines by name: where shards of work can be run."""

from synth.compute.engines.engine import Engine
from synth.registry import Registry

ENGINES: Registry[Engine] = Registry("engine", {"local": "synth.compute.engines.local:ENGINE"})

DEFAULT_ENGINE = "local"
"""What runs shards unless another is asked for."""
