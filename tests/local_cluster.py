"""A real Ray cluster for tests: three node processes of one core each, on loopback."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from synth.compute.engines.ray_nodes import bound_to_loopback, load_ray

STORE_BYTES = 100 * 2**20

WATCHFUL = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
"""Ray's own settings, by which it notices sooner that a node is gone."""


@contextmanager
def started(n_nodes: int = 3) -> Iterator[Any]:
    """Ray's own `Cluster`, whose nodes can be added and removed; ``address`` is where it is joined."""
    load_ray()
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        with bound_to_loopback():
            cluster.add_node(
                num_cpus=1, object_store_memory=STORE_BYTES, no_monitor=True, _system_config=WATCHFUL
            )
        for _ in range(n_nodes - 1):
            add_node(cluster)
        yield cluster
    finally:
        cluster.shutdown()


def add_node(cluster: Any, **env: str) -> Any:
    """One more node; env: what its processes find in their environment besides."""
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        with bound_to_loopback():
            return cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
