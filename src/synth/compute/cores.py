"""Which cores are ours, and what keeps the threads of libraries out of the way of other programs."""

import os
from collections.abc import Mapping
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")

_GIVE_WAY = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
"""An OpenMP thread that waits sleeps, where it would spin on the core that the slowest thread needs, which
all wait for. Threads of OpenBLAS spin whatever they are told, so there is one."""


def count_cores() -> int:
    """Cores that this process may use: those it may run on, fewer where its cgroup has a quota (version 2).

    A container's ``--cpus`` is such a quota. What else runs does not count: the number of threads can show in
    the last bits of a result, and the same command is to give the same result in any company.
    """
    return max(1, min([_count_allowed(), *map(int, _list_quotas())]))


def thread_defaults(environ: Mapping[str, str]) -> dict[str, str]:
    """What libraries are to read before they start threads, by environment variable, beside what is set.

    OMP_NUM_THREADS is among them where a quota leaves fewer cores than OpenMP would count. They are read
    when a library is loaded. What the user set stays, and OMP_NUM_THREADS speaks for OpenBLAS too.
    """
    defaults = dict(_GIVE_WAY)
    if "OMP_NUM_THREADS" in environ:
        del defaults["OPENBLAS_NUM_THREADS"]
    elif count_cores() < _count_allowed():
        defaults["OMP_NUM_THREADS"] = str(count_cores())
    return {name: value for name, value in defaults.items() if name not in environ}


def _count_allowed() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _list_quotas() -> list[float]:
    """Cores a second of this process's cgroup and of all above it, as far as each is limited."""
    try:
        lines = _OWN_CGROUP.read_text().splitlines()
    except OSError:  # Not Linux.
        return []
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/")
    folder = _CGROUPS / own.lstrip("/")
    quotas = []
    for cgroup in (folder, *folder.parents):
        if cgroup.is_relative_to(_CGROUPS):
            try:
                allowed_us, period_us = (cgroup / "cpu.max").read_text().split()
            except OSError:
                continue
            if allowed_us != "max":
                quotas.append(int(allowed_us) / int(period_us))
    return quotas
