"""The device is the one asked for, or the best there is; what is not there is an error that lists what is."""

import pytest
import torch

from synth.compute.device import choose_device, choose_precision, list_devices, refuse_devices
from synth.errors import InputError


def test_every_listed_device_can_be_chosen() -> None:
    """What list_devices names, choose_device gives; the CPU is always among it and comes last."""
    names = list_devices()
    assert names[-1] == "cpu"
    assert [str(choose_device(name)) for name in names] == names


def test_without_a_wish_the_best_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU before the CPU, the CPU where there is no GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device(None) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device(None) == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize("asked", ["cuda:7", "tpu", ""])
def test_a_device_that_is_not_here(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what was asked and what this machine has."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="one of cuda, cuda:0, cpu on this machine") as raised:
        choose_device(asked)
    assert repr(asked) in str(raised.value)


def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """All GPUs go by one name; one that is named is one. The error says how many there are."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for asked, n in ((None, 2), ("cuda", 2), ("cuda:1", 1), ("cpu", 4)):
        refuse_devices(asked, n)
    with pytest.raises(InputError, match="--devices 3 asks for more than there are: 2 of the name cuda"):
        refuse_devices(None, 3)
    with pytest.raises(InputError, match="--devices 2 asks for more than there is: 1 of the name cuda:1"):
        refuse_devices("cuda:1", 2)


@pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_cpu_computes_in_bfloat16_only_where_it_has_instructions_for_it(
    has_bf16: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU that would emulate bfloat16 stays with float32."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_bf16})
    assert choose_precision(torch.device("cpu")) == precision
