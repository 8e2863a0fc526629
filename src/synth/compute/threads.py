"""How many threads torch has: one for each core that is free when a run begins."""

import logging
from pathlib import Path

import torch

from synth.compute.cores import count_free_cores
from synth.errors import InputError
from synth.storage.atomic import write_bytes

THREADS_FILE = "threads"

log = logging.getLogger(__name__)


def use_free_cores(device: torch.device, run: Path | None = None) -> None:
    """Leave torch as many threads as cores are free, at most those that it has; on a CPU, where they count.

    run: a run's folder, which keeps the number: how many there are shows in the last bits of what is learnt,
    and a run that is gone on with is to end as if it had never stopped. Raises InputError for a number there
    that is none.
    """
    if device.type != "cpu" or torch.get_num_threads() == 1:
        return
    kept = None if run is None else run / THREADS_FILE
    if kept is not None and kept.exists():
        n = _read(kept)
        log.info("%d threads, as the run began with", n)
    else:
        n = min(torch.get_num_threads(), count_free_cores())
        log.info("%d threads, one for each free core", n)
        if kept is not None:
            write_bytes(kept, f"{n}\n".encode())
    torch.set_num_threads(n)


def _read(path: Path) -> int:
    try:
        n = int(path.read_text(encoding="ascii"))
    except ValueError:
        n = 0
    if n < 1:
        raise InputError(f"{path} holds no number of threads: delete it, and free cores are counted anew")
    return n
