"""ResNet generators in named kinds, from one description: two strided stages, blocks, two enlarging stages.

`batch` and `instance` are the published ones. `demodulated` holds the spread of activations by its weights
alone and folds to plain convolutions.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.networks.architecture import GENERATOR_KINDS, GeneratorKind, GeneratorShape
from synth.networks.demodulated import DemodulatedGenerator
from synth.networks.layers import DemodulatedConv2d, EqualisedConv2d
from synth.networks.published import PublishedGenerator

__all__ = [
    "GENERATOR_KINDS",
    "GeneratorKind",
    "GeneratorShape",
    "fit_input",
    "fold",
    "load_generator",
    "make_generator",
]


def make_generator(shape: GeneratorShape, *, rng: torch.Generator | None = None) -> nn.Module:
    """A fresh generator: images [N,3,H,W] in −1..1 to float32 images of the same size and range.

    H and W: multiples of 4 from 8 on; the generator raises InputError otherwise. rng: draws the weights (on
    the CPU); None: torch's global generator does. The demodulated kind wants `fit_input` first.
    """
    generator = _build(shape)
    generator.draw_weights(rng)
    return generator


def load_generator(shape: GeneratorShape, tensors: Mapping[str, Tensor], where: str) -> nn.Module:
    """A generator with given weights, named as in its state_dict.

    Raises InputError that names ``where`` when they are those of another architecture.
    """
    with torch.device("meta"):  # Only the outline: nothing is drawn or held twice.
        generator = _build(shape)
    expected = {name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}
    got = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(n for n in expected.keys() | got.keys() if expected.get(n) != got.get(n))
    if wrong:
        name = wrong[0]
        raise InputError(
            f"{where} holds weights of another architecture than {shape.kind} with {shape.n_filters} filters "
            f"and {shape.n_blocks} blocks ({name} is {_size(got.get(name))}, not "
            f"{_size(expected.get(name))}): choose the checkpoint that goes with these settings"
        )
    generator.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, assign=True)
    return generator


def fit_input(generator: nn.Module, images: Tensor) -> None:
    """Make a demodulated generator take images like these as its input of mean 0 and variance 1.

    images: [N,3,H,W] in −1..1, a sample of what it will translate, from train images only. To be called once,
    before training; the numbers travel with the weights. Published kinds stay as they are: their norms do it.
    """
    if isinstance(generator, DemodulatedGenerator):
        generator.fit_input(images)


def fold(generator: nn.Module) -> nn.Module:
    """A copy of a `demodulated` generator made of plain convolutions, for inference; equal output.

    Raises InputError for other kinds, whose norms depend on the image; `GeneratorShape.can_fold`
    tells beforehand.
    """
    kind = generator.shape.kind if isinstance(generator, DemodulatedGenerator | PublishedGenerator) else None
    if not isinstance(generator, DemodulatedGenerator):
        raise InputError(
            f"only a demodulated generator folds to plain convolutions, not {kind}: use it as it is"
        )
    folded = copy.deepcopy(generator)
    for parent in list(folded.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, DemodulatedConv2d | EqualisedConv2d):
                setattr(parent, name, child.fold())
    return folded.requires_grad_(False).eval()


def _build(shape: GeneratorShape) -> DemodulatedGenerator | PublishedGenerator:
    return DemodulatedGenerator(shape) if shape.kind == "demodulated" else PublishedGenerator(shape)


def _size(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else "×".join(map(str, shape)) or "one number"
