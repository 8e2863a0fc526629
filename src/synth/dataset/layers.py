"""The layers of a sample: every image-like file, its folder, its numbers and its codec, in one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synth.dataset import codecs

LayerName = Literal["image", "depth", "normals", "mask", "semantic", "confidence", "alpha", "made", "ignore"]
Array = NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """One kind of file that a sample may have.

    folder: of its files, NAME.png each; an image may be NAME.jpg. dtypes: of the array [H,W] or, with three
    channels, [H,W,3] in memory. unit: what a value means. encode: raises DatasetError for another array;
    equal arrays give equal bytes. decode: of bytes, and the name that a DatasetError calls them by.
    """

    folder: str
    dtypes: tuple[type[np.generic], ...]
    channels: Literal[1, 3]
    unit: str
    encode: Callable[[Array], bytes]
    decode: Callable[[bytes, str], Array]
    suffixes: tuple[str, ...] = (".png",)

    def paths(self, name: str) -> list[str]:
        """Where the file of a sample of this name may lie, relative to the dataset."""
        return [f"{self.folder}/{name}{suffix}" for suffix in self.suffixes]


LAYERS: Mapping[LayerName, Layer] = {
    "image": Layer(
        "images",
        (np.uint8,),
        3,
        "8-bit RGB",
        codecs.encode_rgb,
        codecs.decode_rgb,
        (".png", ".jpg"),
    ),
    "depth": Layer(
        "depth",
        (np.uint16,),
        1,
        "counts along z, camera.depth_scale_m metres each; 0 = missing",
        codecs.encode_depth,
        codecs.decode_u16,
    ),
    "normals": Layer(
        "normals",
        (np.float32,),
        3,
        "unit vectors in camera axes; on disk 32768 + 32767 n in 16 bits; 0 0 0 = missing",
        codecs.encode_normals,
        codecs.decode_normals,
    ),
    "mask": Layer(
        "masks",
        (np.uint16,),
        1,
        "index of the instance + 1; 0 = background",
        codecs.encode_mask,
        codecs.decode_u16,
    ),
    "semantic": Layer(
        "semantic",
        (np.uint8, np.uint16),
        1,
        "index of a name of semantic.names; semantic.void (255 in 8 bits, 65535 in 16) = void",
        codecs.encode_semantic,
        codecs.decode_semantic,
    ),
    "confidence": Layer(
        "confidence",
        (np.uint16,),
        1,
        "how sure the label of a pixel is, 1/65535 each",
        codecs.encode_confidence,
        codecs.decode_u16,
    ),
    "alpha": Layer(
        "alpha",
        (np.uint8,),
        1,
        "how much of a pixel an object covers, 1/255 each",
        codecs.encode_alpha,
        codecs.decode_u8,
    ),
    "made": Layer(
        "made",
        (np.uint8,),
        1,
        "how much of a pixel a network made, 1/255 each; 0 = the parent's own, bit for bit",
        codecs.encode_made,
        codecs.decode_u8,
    ),
    "ignore": Layer(
        "ignore",
        (np.uint8,),
        1,
        "255 = no part of the scene, such as a mark laid over it or the own bonnet; 0 = scene",
        codecs.encode_alpha,
        codecs.decode_u8,
    ),
}
