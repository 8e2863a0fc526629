"""What networks of segmentation_models_pytorch share: an encoder, a decoder and a last layer, by these names.

``encoder_weights`` is None throughout, since the package downloads otherwise. Only encoders are offered whose
code and weights may be used for any purpose: ResNets are torchvision's (BSD-3-Clause), Lite0 is timm's
(Apache-2.0); the package's ``mix_transformer`` and ``mobileone`` are not of that kind.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from synth.train.tasks.segmentation.segmenters.segmenter import Segmenter
from synth.train.tasks.segmentation.segmenters.weights import fit, read

EXTRA = "segmentation"
"""The extra that brings the package."""

_ENCODER, _DECODER, _HEAD = "encoder.", "decoder.", "segmentation_head."


class SmpSegmenter(Segmenter):
    """published: how names of tensors begin in checkpoints of others, with ours for it; the first that fits
    counts.
    """

    heads = (_HEAD,)
    published: Mapping[str, str] = {}

    def load_pretrained(self, net: nn.Module, path: Path) -> None:
        """A state dict of the same network, of its published twin, or of its encoder alone: as a classifier
        of torchvision's, or inside another network that calls it ``backbone``, with all else at random.
        """
        found = self.rename(read(path))
        is_whole = any(key.startswith(_DECODER) for key in found)
        fit(net, found, path, self.heads if is_whole else (_HEAD, _DECODER))

    def rename(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors under our names, where they have others."""
        if "conv1.weight" in found:
            return {f"{_ENCODER}{key}": tensor for key, tensor in found.items() if not key.startswith("fc.")}
        return {self._rename_one(key): tensor for key, tensor in found.items()}

    def _rename_one(self, key: str) -> str:
        for theirs, ours in self.published.items():
            if key.startswith(theirs):
                return ours + key.removeprefix(theirs)
        return key
