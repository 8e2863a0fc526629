"""Words to choose among, of datasets and learning; imported by commands, so nothing heavy is here."""

from typing import Literal

SplitMode = Literal["spread", "block"]
"""How test poses are chosen: spread over the plan, or a block apart from the others."""

BoxKind = Literal["square", "tight"]
"""Which boxes labels/ holds."""

CropKind = Literal["rectified", "paper"]
"""Crops as if the camera were turned to the part, or plain cuts as in the paper."""

Criterion = Literal["own-val", "real-val"]
"""What decides which weights are kept: one's own val images, or captured val images with their labels."""

Overlay = Literal["void", "crop", "drop"]
"""What is done about what stays in a film while its scene moves. void: the layer ``ignore`` says where it is.
crop: pictures are cut to the largest part without it. drop: frames that show it are refused.
"""

MapCoding = Literal["ids", "colours"]
"""How an exported label map says what class a pixel is of."""
