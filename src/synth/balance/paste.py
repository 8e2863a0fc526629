"""The picture of a map that was added to: what was laid brings its pixels along."""

from collections.abc import Callable

import cv2

from synth.balance.canvas import Canvas
from synth.dataset.codecs import Rgb


def paste(base_u8: Rgb, canvas: Canvas, read: Callable[[int], Rgb]) -> Rgb:
    """The base map's picture [H,W,3] with all that was laid, in that order, its edges hard.

    read: the picture of the training map of a place.
    """
    picture = base_u8.copy()
    for owner in canvas.laid:
        piece = canvas.pieces[owner - 1]
        assert piece.cut is not None
        pixels = read(piece.cut.donor)[piece.cut.rows, piece.cut.columns]
        if piece.cut.is_mirrored:
            pixels = pixels[:, ::-1]
        height, width = piece.mask.shape
        how = cv2.INTER_AREA if height < len(pixels) else cv2.INTER_LINEAR
        scaled = cv2.resize(pixels, (width, height), interpolation=how)
        picture[piece.window][piece.mask] = scaled[piece.mask]
    return picture
