"""A pool of past translations for the discriminator (Shrivastava et al. 2017, section 2.3)."""

from typing import TypedDict

import torch
from torch import Tensor

from synth.errors import InputError


class PoolState(TypedDict):
    """What a pool needs to go on exactly: its size, and its images [n,...] or None."""

    size: int
    images: Tensor | None


class ImagePool:
    """Up to ``size`` past images; a discriminator that sees them too forgets less. Size 0 keeps none."""

    def __init__(self, size: int) -> None:
        if size < 0:
            raise InputError(f"a pool holds 0 images or more, got {size}")
        self.size = size
        self._images: list[Tensor] = []

    def query(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """As many images as given, [N,...], without gradient.

        While the pool fills, the given ones. After that each image is, with probability one half, put in the
        place of a random one in the pool, which is returned in its stead. generator: draws both, always two
        numbers an image.
        """
        images = images.detach()
        if self.size == 0:
            return images
        draws = torch.rand(len(images), 2, generator=generator, device=generator.device).tolist()
        chosen = []
        for image, (coin, place) in zip(images, draws, strict=True):
            if len(self._images) < self.size:
                self._images.append(image.clone())
                chosen.append(image)
            elif coin < 0.5:
                chosen.append(image)
            else:
                i = int(place * self.size)
                chosen.append(self._images[i])
                self._images[i] = image.clone()
        return torch.stack(chosen)

    def state_dict(self) -> PoolState:
        """Everything that later queries depend on, besides their generator."""
        return {"size": self.size, "images": torch.stack(self._images) if self._images else None}

    def load_state_dict(self, state: PoolState) -> None:
        """Go on from a state; raises InputError when it is that of a pool of another size."""
        if state["size"] != self.size:
            raise InputError(
                f"the saved pool of past images holds {state['size']}, this one {self.size}: "
                "resume with the same pool size"
            )
        images = state["images"]
        self._images = [] if images is None else list(images.clone())
