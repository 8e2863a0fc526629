"""One table of ids, colours and names, and what it makes of the values of a label map.

In a map [H,W] of ids or [H,W,3] of colours every value is a class, void or unknown. Values become places in
``names``; nothing is rounded to the nearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synth.dataset.info import Colour, SemanticInfo
from synth.errors import InputError

VOID_8_BITS, VOID_16_BITS = 255, 65535
"""The id of void where a table names none, by the bits of the map."""

UNKNOWN, VOID, SHARED = -1, -2, -3
"""What stands for a value that is no class; SHARED: a colour of several classes."""

Places = NDArray[np.int32]


@dataclass(frozen=True)
class Row:
    """One value of a class. name: None for void. colour: RGB, 0 to 255; None where it has none."""

    name: str | None
    id: int
    colour: Colour | None = None


@dataclass(frozen=True)
class Palette:
    """What the values of label maps mean.

    called: what sentences call it. rows: a class may have several; the first of each is what is written.
    """

    called: str
    rows: tuple[Row, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of their first rows."""
        return tuple(dict.fromkeys(row.name for row in self.rows if row.name is not None))

    @cached_property
    def first(self) -> dict[str | None, Row]:
        """The row by which each class, and void, is written."""
        return {row.name: row for row in reversed(self.rows)}

    @cached_property
    def colours(self) -> dict[Colour, tuple[str | None, ...]]:
        """What each colour stands for: one class or void, or several that share it."""
        found: dict[Colour, dict[str | None, None]] = {}
        for row in self.rows:
            if row.colour is not None:
                found.setdefault(row.colour, {})[row.name] = None
        return {colour: tuple(names) for colour, names in found.items()}

    @property
    def void_id(self) -> int:
        """The id that void is written by; of a table that has none, one that no class has."""
        if None in self.first:
            return self.first[None].id
        return VOID_8_BITS if max(row.id for row in self.rows) < VOID_8_BITS else VOID_16_BITS

    @cached_property
    def semantic(self) -> SemanticInfo:
        """The same as dataset.json has it; classes without a colour get one of VOC's colour map."""
        firsts = [self.first[name].colour for name in self.names]
        return SemanticInfo(
            names=self.names,
            colours=tuple(voc_colour(i + 1) if c is None else c for i, c in enumerate(firsts)),
            void=VOID_8_BITS if len(self.names) <= VOID_8_BITS else VOID_16_BITS,
        )

    def places_of_ids(self, ids: NDArray[np.uint8] | NDArray[np.uint16]) -> Places:
        """Places in ``names`` [H,W] of ids [H,W]; UNKNOWN and VOID besides.

        A table that names no void has 255 for it in maps of 8 bits, and 65535 in those of 16.
        """
        return self._places_of_id[np.iinfo(ids.dtype).bits][ids]

    def places_of_colours(self, rgb_u8: NDArray[np.uint8]) -> Places:
        """Places in ``names`` [H,W] of colours [H,W,3]; UNKNOWN, VOID and SHARED besides."""
        return self._place_of_colour[pack(rgb_u8)].astype(np.int32)

    @cached_property
    def _places_of_id(self) -> dict[int, Places]:
        tables = {bits: np.full(2**bits, UNKNOWN, np.int32) for bits in (8, 16)}
        for bits, table in tables.items():
            if None not in self.first or bits == 16:
                table[-1] = VOID
            for row in self.rows:
                if row.id < len(table):
                    table[row.id] = self._place(row.name)
        return tables

    @cached_property
    def _place_of_colour(self) -> NDArray[np.int16]:
        table = np.full(2**24, UNKNOWN, np.int16)
        for colour, names in self.colours.items():
            table[pack(np.array(colour, np.uint8))] = SHARED if len(names) > 1 else self._place(names[0])
        return table

    def _place(self, name: str | None) -> int:
        return VOID if name is None else self.names.index(name)

    def nearest(self, colour: Colour) -> tuple[str, Colour, float]:
        """What the nearest colour of the table stands for, that colour, and how far it is in RGB."""
        if not self.colours:
            raise InputError(f"{self.called} has no colours, so it can read ids alone")
        known = np.array(list(self.colours), float)
        away = np.linalg.norm(known - np.array(colour, float), axis=1)
        best = list(self.colours)[int(away.argmin())]
        return call(self.colours[best]), best, float(away.min())


def call(names: Sequence[str | None]) -> str:
    """Classes that share a colour, as a sentence names them."""
    return " and ".join("void" if name is None else name for name in names)


def pack(rgb_u8: NDArray[np.uint8]) -> NDArray[np.int32]:
    """One number a colour: red · 65536 + green · 256 + blue."""
    r, g, b = (rgb_u8[..., i].astype(np.int32) for i in range(3))
    return np.asarray(r << 16 | g << 8 | b)


def voc_colour(number: int) -> Colour:
    """The colour of a number below 256 in the colour map of VOC's development kit; larger ones begin anew."""
    return (_spread(number, 0), _spread(number, 1), _spread(number, 2))


def _spread(number: int, channel: int) -> int:
    return sum((number % 256 >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3))
