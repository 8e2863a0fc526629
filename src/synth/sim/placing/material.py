"""What a cycle of placing lays, and on what: tensors of the size at which a target looks, and a way back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from synth.dataset.record import Split
from synth.sim.placing.cache import Unfair
from synth.sim.placing.learned.paste import Pasted, Placed, paste, place
from synth.sim.placing.placement import Bounds, Placement
from synth.train.tasks.task import Target


@dataclass(frozen=True, eq=False)
class Batch:
    """N pictures that are still to be placed, up to K cut-outs each, back to front.

    keys: what each is made of, JSON-able. cutouts: [N,K,4,h,w] as `paste` takes them, all transparent where
    there is none. extents_wh: [N,K,2] of their masks' boxes, pixels. there: [N,K] bool, which there are.
    backgrounds: [N,3,H,W] sRGB in 0 to 1.
    """

    keys: tuple[Any, ...]
    cutouts: Tensor
    extents_wh: Tensor
    there: Tensor
    backgrounds: Tensor

    def __len__(self) -> int:
        return len(self.keys)


class Material(Protocol):
    """Cut-outs and backgrounds at the target's input size. bounds: of placements, in its pixels."""

    bounds: Bounds

    def draw(self, split: Split, n: int, rng: np.random.Generator) -> list[Any]:
        """Keys of ``n`` pictures of a split."""
        ...

    def load(self, keys: Sequence[Any]) -> Batch:
        """The same tensors for the same keys."""
        ...

    def truth(self, keys: Sequence[Any], pasted: Pasted) -> list[Any]:
        """What the target takes as true of each picture, as its parts were laid."""
        ...

    def find_unfair(
        self, key: Any, placements: Sequence[Placement], sides_px: Sequence[float], visible: Sequence[float]
    ) -> Unfair | None:
        """What keeps a picture from being fair, as far as this size shows; None for a fair one.

        sides_px: shorter sides of the boxes of what is seen of each cut-out. visible: shares of each.
        """
        ...

    def find_fault(self, key: Any, placements: Sequence[Placement]) -> str | None:
        """Why a picture cannot be made at full size, in words; None for one that can."""
        ...

    def place(self, key: Any, unit: Sequence[Sequence[float]]) -> tuple[Placement, ...]:
        """A picture's cut-outs as they are laid at full size; unit: [K,9]."""
        ...

    def kind_of(self, key: Any) -> str:
        """By what a quota may count: the class of a picture's first cut-out."""
        ...

    def load_real(self, n: int, rng: np.random.Generator) -> Tensor:
        """[N,3,H,W] real train pictures, for a discriminator."""
        ...


@dataclass(frozen=True, eq=False)
class Tried:
    """A batch as it was laid. unit: [N,K,9]. hardness: [N], without gradient."""

    unit: Tensor
    pasted: Pasted
    hardness: Tensor


def lay(material: Material, batch: Batch, unit: Tensor) -> tuple[Pasted, list[Any]]:
    """The pictures of a batch at unit coordinates [N,K,9], and what is true of them."""
    pasted = paste(batch.backgrounds, batch.cutouts, _place(material, batch, unit), material.bounds)
    return pasted, material.truth(batch.keys, pasted)


def measure_sides(material: Material, batch: Batch, unit: Tensor) -> Tensor:
    """[N,K]: shorter side of each cut-out's whole box at unit coordinates [N,K,9], in pixels of the target's
    input, whatever hides it; differentiable, as boxes of what is seen are not.
    """
    return _place(material, batch, unit).extent(batch.extents_wh).amin(dim=-1)


def _place(material: Material, batch: Batch, unit: Tensor) -> Placed:
    height, width = batch.backgrounds.shape[-2:]
    return place(unit, material.bounds, batch.extents_wh, (width, height))


@torch.no_grad()
def try_out(material: Material, target: Target, batch: Batch, unit: Tensor) -> Tried:
    """How hard a batch is for the target at unit coordinates [N,K,9]."""
    pasted, truth = lay(material, batch, unit)
    return Tried(unit, pasted, target.hardness(pasted.images, truth))
