"""Which device computes, and in which precision it computes fastest without losing its way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from synth.errors import InputError

Precision = Literal["32-true", "bf16-mixed"]
"""Fabric's names: float32 throughout, or bfloat16 where autocast deems it safe."""


def list_devices() -> list[str]:
    """Every name that choose_device takes on this machine, the best first."""
    names = []
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def choose_device(asked: str | None) -> torch.device:
    """The device of a name (``cpu``, ``cuda``, ``cuda:1``, ``mps``), or the best one there is for None.

    Raises InputError that lists what this machine has.
    """
    available = list_devices()
    if asked is None:
        return torch.device(available[0])
    if asked not in available:
        raise InputError(f"--device must be one of {', '.join(available)} on this machine, got {asked!r}")
    return torch.device(asked)


def refuse_devices(asked: str | None, n: int) -> None:
    """Raise InputError where the device of a name is not there ``n`` times; a CPU is shared by any number."""
    device = choose_device(asked)
    there = torch.cuda.device_count() if device == torch.device("cuda") else 1
    if n > there and device.type != "cpu":
        raise InputError(
            f"--devices {n} asks for more than there {'is' if there == 1 else 'are'}: {there} of the name "
            f"{device}; cuda stands for all GPUs"
        )


def choose_precision(device: torch.device) -> Precision:
    """bfloat16 on devices that have instructions for it; float32 where it would be emulated."""
    if device.type == "cuda":
        return "bf16-mixed" if torch.cuda.get_device_capability(device) >= (8, 0) else "32-true"
    if device.type == "cpu":
        can_tell = hasattr(torch.cpu, "get_capabilities")  # Older torch cannot.
        has_bf16 = can_tell and torch.cpu.get_capabilities().get("avx512_bf16", False)
        return "bf16-mixed" if has_bf16 else "32-true"
    return "32-true"


@contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """Without gradients, and in bfloat16 where `choose_precision` says so: twice as fast."""
    is_mixed = choose_precision(device) == "bf16-mixed"
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=is_mixed):
        yield
