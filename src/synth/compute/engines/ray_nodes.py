"""The machines of a Ray cluster: joining it, and whether all of them can do the work.

Whoever reaches a port of Ray's owns its machine, so that nothing here listens on, or speaks to, a public
address.
"""

import ipaddress
import os
import platform
import re
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from synth.compute.engines.engine import Resources
from synth.errors import InputError, StorageError
from synth.extras import demand

PACKAGES = ("ray", "synth-robotics")
"""Whose versions all nodes share, beside Python's."""

_SILENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # A worker that asks for no GPU still sees them, as elsewhere.
    "RAY_DEDUP_LOGS": "0",
}
_AUTH_MODE = "RAY_AUTH_MODE"
_LOOPBACK = "127.0.0.1"
_STORE_BYTES = 2**30
_ANSWER_S = 5.0
_LOOK_S = 60.0


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, by its address, and what it lends: cores, memory, GPUs."""

    node_id: str
    address: str
    name: str
    cores: int
    memory_gb: float
    gpus: int

    def count_room(self, needs: Resources) -> int | None:
        """How many workers of such needs it has room for; None for any number."""
        asked = ((needs.cores, self.cores), (needs.memory_gb, self.memory_gb))
        rooms = [int(has / wanted + 1e-9) for wanted, has in asked if wanted]
        if needs.gpu:
            rooms.append(needs.count_on(self.gpus))
        return min(rooms, default=None)


def load_ray() -> ModuleType:
    """Ray, told to speak to nobody; raises InputError with the command that installs it."""
    demand("cluster")
    for name, value in _SILENT.items():
        os.environ.setdefault(name, value)
    return import_module("ray")


def find_address(address: str | None) -> str | None:
    """The address asked for, else what RAY_ADDRESS says; None for no cluster that stands already."""
    return address or os.environ.get("RAY_ADDRESS") or None


def check_address(address: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``. Raises InputError for anything else, and for a public host."""
    match = re.fullmatch(r"\[?([^\[\]/]+?)\]?:(\d{1,5})", address)
    if match is None or not 0 < int(match[2]) < 2**16:
        raise InputError(
            f"a cluster's address is HOST:PORT, such as 192.168.0.10:6379, got {address!r:.60}: give what "
            "ray start --head printed"
        )
    host, port = match[1], int(match[2])
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise InputError(f"{host} is no machine that can be found from here: give its address") from error
    for ip in found:
        _refuse_public(ip, address)
    return host, port


@contextmanager
def bound_to_loopback() -> Iterator[None]:
    """Ray starts and finds nodes on loopback alone, in place of which it takes this machine's address in the
    network elsewhere: it is told that there are no clusters on this kind of machine.
    """
    load_ray()
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def joined(address: str | None, n_workers: int) -> Iterator[bool]:
    """A connection to the cluster at an address, or to one of this machine's own for None, which listens on
    loopback and ends with this; whether it is such a one.

    A connection that the program has already is used and left open. Raises InputError where there is no
    cluster that can be used.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield False
        return
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(_own_token())
        if address is not None:
            stack.callback(ray.shutdown)
            _join(ray, address)
        else:
            folder = tempfile.TemporaryDirectory(prefix="synth_ray_", ignore_cleanup_errors=True)
            path = stack.enter_context(folder)
            stack.callback(ray.shutdown)
            _start(ray, n_workers, path)
        yield address is None


def list_nodes() -> list[Node]:
    """The machines that are alive of the cluster that is joined. Raises InputError for one that listens on a
    public address.
    """
    nodes = []
    for found in load_ray().nodes():
        if not found["Alive"]:
            continue
        ip, lent = found["NodeManagerAddress"], found["Resources"]
        _refuse_public(ip, f"the node {found['NodeManagerHostname']}")
        nodes.append(
            Node(
                found["NodeID"],
                ip,
                found["NodeManagerHostname"],
                int(lent.get("CPU", 0)),
                lent.get("memory", 0) / 1e9,
                int(lent.get("GPU", 0)),
            )
        )
    return nodes


@cache
def list_nodes_once(address: str) -> tuple[Node, ...]:
    """The machines of a cluster as they were when it was first asked, for counting."""
    with joined(address, 1):
        return tuple(list_nodes())


@dataclass(frozen=True)
class Sight:
    """What a machine says of itself. sees: whether it read what was written into this process's folder."""

    name: str
    address: str
    versions: Mapping[str, str]
    sees: bool

    def find_problem(self) -> str | None:
        """Why it cannot do the work; None where it can."""
        ours = _list_versions()
        for name, here in ours.items():
            if (there := self.versions.get(name) or "none") != here:
                return f"has {name} {there}, and here it is {here}: install the same on all nodes"
        if self.sees:
            return None
        return (
            f"does not see the folder {Path.cwd()} of this machine: work in a folder that all nodes mount "
            "under the same path, by NFS say"
        )


def look(mark: str) -> Sight:
    """On a node. mark: the file that `Mark` wrote."""
    ray = load_ray()
    sees = False
    with suppress(OSError):
        sees = Path(mark).read_bytes() == os.fsencode(mark)
    return Sight(platform.node(), ray.util.get_node_ip_address(), _list_versions(), sees)


class Mark:
    """A file in the folder of this process, there while machines are asked whether they see it."""

    def __init__(self) -> None:
        self._file: Any = None

    def lay(self) -> str:
        """Its path. Raises StorageError when the folder cannot be written."""
        if self._file is None:
            try:
                self._file = tempfile.NamedTemporaryFile(prefix=".synth_cluster_", dir=Path.cwd())  # noqa: SIM115
            except OSError as error:
                raise StorageError(
                    f"{Path.cwd()} cannot be written, and a cluster's nodes are to share it: begin in a "
                    f"folder that can ({error})"
                ) from error
            self._file.write(os.fsencode(self._file.name))
            self._file.flush()
        return str(self._file.name)

    def lift(self) -> None:
        """It is gone; may be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None


def find_problems(nodes: Sequence[Node]) -> Iterator[tuple[Node, str]]:
    """Each node that cannot do the work, and why. Raises StorageError when this folder cannot be written."""
    ray = load_ray()
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    mark = Mark()
    try:
        asked = [
            ray.remote(look)
            .options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=False),
            )
            .remote(mark.lay())
            for node in nodes
        ]
        ray.wait(asked, num_returns=len(asked), timeout=_LOOK_S)
    finally:
        mark.lift()
    for node, ref in zip(nodes, asked, strict=True):
        try:
            problem = ray.get(ref, timeout=0).find_problem()
        except ray.exceptions.GetTimeoutError:
            problem = f"does not answer within {_LOOK_S:.0f} s: end it with ray stop, or mend it"
        except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
            continue  # It is no node any more.
        except ray.exceptions.OutOfMemoryError:
            problem = "has too little memory left: end what fills it, or take the node out"
        except ray.exceptions.RayError as error:
            problem = say_unable(error)
        if problem is not None:
            yield node, problem


def say_unable(error: Exception) -> str:
    """Of a machine on which nothing of synth's could begin."""
    return f"cannot run synth: {_in_a_line(error)}: install there what is here, or take it out"


def say_cluster(nodes: Sequence[Node]) -> str:
    """How many machines there are, and what they lend."""
    cores, gpus = sum(n.cores for n in nodes), sum(n.gpus for n in nodes)
    return f"{len(nodes)} nodes, {cores} cores, {gpus} GPUs"


def _list_versions() -> Mapping[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _join(ray: ModuleType, address: str) -> None:
    host, port = check_address(address)
    _refuse_silence(host, port)
    try:
        with bound_to_loopback() if host == _LOOPBACK else nullcontext():
            ray.init(address=f"{host}:{port}", log_to_driver=False, logging_level="critical")
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"this machine cannot join the cluster at {address}: {_in_a_line(error)} (every machine, this "
            f"one too, is a node of it by: ray start --address={address})"
        ) from error


def _start(ray: ModuleType, n_workers: int, folder: str) -> None:
    """A cluster of this machine alone."""
    with bound_to_loopback():
        ray.init(
            address="local",
            num_cpus=n_workers,
            include_dashboard=False,
            object_store_memory=_STORE_BYTES,
            log_to_driver=False,
            logging_level="critical",
            _node_ip_address=_LOOPBACK,
            _temp_dir=folder,
        )
    if any(node.address != _LOOPBACK for node in list_nodes()):
        raise InputError(
            "this version of Ray does not stay on loopback: install one that does (2.60 was tried), or start "
            "a cluster yourself and give --address"
        )


@contextmanager
def _own_token() -> Iterator[None]:
    """A cluster of this machine alone demands a token, which Ray goes on to demand of whoever speaks to this
    process; another cluster, which may have none, would take each of its actors for abandoned.
    """
    raylet: Any = import_module("ray._raylet")
    before = os.environ.get(_AUTH_MODE)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_AUTH_MODE, None)
        else:
            os.environ[_AUTH_MODE] = before
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _quiet() -> Iterator[None]:
    """What a node logs when it dies is not printed among our own words; who is lost is told by errors."""
    from ray._private import worker

    before = worker.print_to_stdstream
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def _refuse_public(ip: str, whose: str) -> None:
    found = ipaddress.ip_address(ip.partition("%")[0])
    if not (found.is_loopback or found.is_private) or found.is_unspecified:
        raise InputError(
            f"{whose} is public ({ip}), and whoever reaches a port of Ray's owns the machine: start the "
            "cluster on a private address, ray start --head --node-ip-address=192.168.0.10 say"
        )


def _refuse_silence(host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), timeout=_ANSWER_S).close()
    except OSError as error:
        raise InputError(
            f"no cluster answers at {host}:{port} ({error.strerror or error}): start one there by ray start "
            f"--head --node-ip-address={host} --port={port}, or leave --address out"
        ) from error


def _in_a_line(error: BaseException) -> str:
    """The last line that a message has, where Ray puts what happened."""
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")[:300]
