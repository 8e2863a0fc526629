"""What every network of SEGMENTERS promises."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from synth.errors import InputError
from synth.train.tasks.segmentation.net import SegmentNet, make_segment_net
from synth.train.tasks.segmentation.segmenters import SEGMENTERS

EVERY = pytest.mark.parametrize("name", list(SEGMENTERS))
LIGHT = pytest.mark.parametrize("name", [name for name in SEGMENTERS if "resnet" not in name])
"""Those on ResNets share their code with one on a lighter encoder, and would take many seconds."""


def ask(net: SegmentNet, images: Tensor) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = net.eval()(images)
    return logits


@EVERY
def test_it_says_what_it_is(name: str) -> None:
    """Its own name, without a dot, whose it is, and a training that can begin with what it says."""
    member = SEGMENTERS[name]
    assert member.name == name
    assert "." not in name
    assert member.about
    assert member.habits.source
    assert member.habits.crop_px % member.side_multiple == 0


@LIGHT
def test_it_gives_a_logit_a_class_for_every_pixel(name: str, tmp_path: Path) -> None:
    """At any size, the same for the same seed and another for another; every weight learns; a local state
    dict of other classes gives all but the last layers, and one of another network is one sentence.
    """
    first, same, other = (make_segment_net(name, 3, seed) for seed in (0, 0, 1))
    images = torch.rand(2, 3, 34, 46, generator=torch.Generator().manual_seed(0))
    logits = ask(first, images)
    assert logits.shape == (2, 3, 34, 46)
    assert torch.equal(logits, ask(same, images))
    assert not torch.equal(logits, ask(other, images))
    first.train()
    loss: Tensor = first(images).square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in first.parameters())
    save_file(first.state_dict(), tmp_path / "weights.safetensors")
    begun = make_segment_net(name, 5, seed=1)
    SEGMENTERS[name].load_pretrained(begun.net, tmp_path / "weights.safetensors")
    own, given = begun.net.state_dict(), first.net.state_dict()
    differ = {key for key in own if own[key].shape != given[key].shape}
    assert differ
    assert all(key.startswith(SEGMENTERS[name].heads) for key in differ)
    assert all(torch.equal(own[key], given[key]) for key in own.keys() - differ)
    save_file({"another.weight": torch.zeros(1)}, tmp_path / "another.safetensors")
    with pytest.raises(InputError, match=r"another.safetensors does not fit: it has no .* and holds another"):
        SEGMENTERS[name].load_pretrained(begun.net, tmp_path / "another.safetensors")
