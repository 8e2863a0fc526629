"""What a report consists of, before it is a page."""

import base64
from dataclasses import dataclass, field

import cv2
import numpy as np

_QUALITY = 88


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column is text, the others are figures. title: above it. note:
    below.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    title: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure with its caption. name: of its files under figures/. svg: None for a photograph."""

    name: str
    caption: str
    png: bytes
    svg: str | None = None

    @property
    def source(self) -> str:
        """What an ``img`` element shows: the photograph as JPEG, a fifth of its PNG."""
        image = cv2.imdecode(np.frombuffer(self.png, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()


@dataclass
class Section:
    """A heading with what stands under it."""

    title: str
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
