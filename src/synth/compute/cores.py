"""Which cores are ours, and what keeps the threads of libraries out of the way of other programs."""

import os
from collections.abc import Mapping
from pathlib import Path

import psutil

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")

_LOOK_S = 0.3


def count_cores() -> int:
    """Cores that this process may use: those it may run on, fewer where its cgroup has a quota (version 2).

    A container's ``--cpus`` is such a quota.
    """
    return max(1, min([_count_allowed(), *map(int, _list_quotas())]))


def count_free_cores() -> int:
    """Those of them that nothing keeps busy now, one at least; looks on for a third of a second.

    A thread for each is as fast as it goes: one that has to share its core keeps all others waiting.
    """
    n_all = psutil.cpu_count() or 1
    n_busy = psutil.cpu_percent(_LOOK_S) / 100 * n_all
    return max(1, min(count_cores(), round(n_all - n_busy)))


def thread_defaults(environ: Mapping[str, str]) -> dict[str, str]:
    """What libraries are to read before they start threads, by environment variable, beside what is set.

    OpenBLAS has one, since its threads spin while they wait whatever they are told. OMP_NUM_THREADS is among
    them where a quota leaves fewer cores than OpenMP would count. They are read when a library is loaded.
    What the user set stays, and OMP_NUM_THREADS speaks for OpenBLAS too.
    """
    if "OMP_NUM_THREADS" in environ:
        return {}
    defaults = {"OPENBLAS_NUM_THREADS": "1"}
    if count_cores() < _count_allowed():
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
