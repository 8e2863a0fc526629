"""Of which class of a label map each thing in a scene is, and the colour that it is drawn in."""

import colorsys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from synth.dataset.info import Colour, SemanticInfo
from synth.sim.meshes import CLUTTER

ARM, MOUNT, BOX, CLUTTERED, BENCH, BACKGROUND = "arm", "mount", "box", "clutter", "bench", "background"

_COLOURS: dict[str, Colour] = {
    ARM: (106, 137, 204),
    MOUNT: (163, 98, 168),
    BOX: (71, 117, 92),
    CLUTTERED: (122, 92, 70),
    BENCH: (176, 176, 168),
    BACKGROUND: (96, 96, 96),
}
_PART_HUE, _GOLDEN = 0.07, 0.618034
_MOST_IN_8_BITS = 255


@dataclass(frozen=True, eq=False)
class PixelClasses:
    """The classes of all pixels of a scene.

    names: those of parts first. of_mesh: by the name of a mesh, of every body that has it. behind: of the
    table behind all bodies. beyond: of where no ray hits anything, None for void. colours: of names that are
    no parts'.
    """

    names: tuple[str, ...]
    of_mesh: Mapping[str, str]
    behind: str
    beyond: str | None
    colours: Mapping[str, Colour]

    @cached_property
    def semantic(self) -> SemanticInfo:
        """As dataset.json has them; each part has a hue of its own."""
        colours = [self.colours.get(name) or _hue(i) for i, name in enumerate(self.names)]
        void = 255 if len(self.names) <= _MOST_IN_8_BITS else 65535
        return SemanticInfo(names=self.names, colours=tuple(colours), void=void)


def bench_classes(part: str, meshes: Iterable[str]) -> PixelClasses:
    """Those of a cell: the part's class, arm, mount, box, clutter and bench; void is where the table ends.

    meshes: every name that `cell_meshes` gives. A part that is called as one of the others keeps its name.
    """
    called = {name: name if name != part else f"{name} of the cell" for name in _COLOURS}
    kinds = {"part": part, "arm": called[ARM], "mount": called[MOUNT], "bin": called[BOX]}
    kinds |= dict.fromkeys(CLUTTER, called[CLUTTERED])
    return PixelClasses(
        names=(*dict.fromkeys(kinds.values()), called[BENCH]),
        of_mesh={mesh: kinds[mesh.split("_")[0]] for mesh in meshes},
        behind=called[BENCH],
        beyond=None,
        colours={called[name]: colour for name, colour in _COLOURS.items()},
    )


def photograph_classes(parts: Iterable[str]) -> PixelClasses:
    """Those of parts over photographs, whose meshes have their classes' names; all else is background."""
    of_mesh = {name: name for name in parts}
    behind = BACKGROUND if BACKGROUND not in of_mesh else f"{BACKGROUND} of the photograph"
    return PixelClasses(
        names=(*of_mesh, behind),
        of_mesh=of_mesh,
        behind=behind,
        beyond=behind,
        colours={behind: _COLOURS[BACKGROUND]},
    )


def _hue(i: int) -> Colour:
    r, g, b = (round(255 * v) for v in colorsys.hsv_to_rgb((_PART_HUE + i * _GOLDEN) % 1, 0.85, 0.95))
    return r, g, b
