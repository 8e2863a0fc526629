"""The engines by name: where shards of work can be run."""

from synth.compute.engines.engine import Engine
from synth.registry import Registry

ENGINES: Registry[Engine] = Registry(
    "engine",
    {"local": "synth.compute.engines.local:ENGINE", "ray": "synth.compute.engines.ray_cluster:ENGINE"},
)

DEFAULT_ENGINE = "local"
"""What runs shards unless another is asked for."""

ADDRESS_HELP = "HOST:PORT of a Ray cluster, for --engine ray; RAY_ADDRESS, else one of this machine alone."


def open_engine(name: str, address: str | None = None) -> Engine:
    """The engine of a name, at an address unless None; connects to nothing.

    Raises InputError for a name that is not there, for an address where it can be of no use, and where an
    extra is missing.
    """
    return ENGINES[name].at(address)
