"""Which classes of a dataset are kept, what they are called then, and which of them a mirror swaps."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, TypeAdapter, ValidationError

from synth.dataset.info import ModelRecord
from synth.dataset.record import ClassName
from synth.dataset.sample import Instance
from synth.errors import InputError

Pair = tuple[str, str]

_NAME = TypeAdapter[str](ClassName)
_WORDS = re.compile(r"(?<![a-z])(left|right|l|r)(?![a-z])", re.IGNORECASE)
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


@dataclass(frozen=True)
class ClassChoice:
    """What is asked of the classes that come in.

    keep: these alone; empty for all. single: one name for all that are kept. flip_pairs: instead of what is
    known already; None to leave that as it is.
    """

    keep: tuple[str, ...] = ()
    single: str | None = None
    flip_pairs: tuple[Pair, ...] | None = None

    @property
    def is_asked(self) -> bool:
        """Whether anything changes."""
        return self != ALL_CLASSES

    def to_config(self) -> dict[str, JsonValue]:
        """What a dataset that is gone on with must share; nothing where nothing is asked."""
        asked: dict[str, JsonValue] = {
            "classes": list(self.keep) or None,
            "single_class": self.single,
            "flip_pairs": None if self.flip_pairs is None else [list(pair) for pair in self.flip_pairs],
        }
        return {key: value for key, value in asked.items() if value is not None}

    def choose(self, known: Sequence[str]) -> tuple[str, ...]:
        """The classes that there are then, in the order of ``known``.

        Raises InputError that lists those that there are, for one that there is not.
        """
        if unknown := [name for name in self.keep if name not in known]:
            raise InputError(f"there is no class {unknown[0]!r} to keep: there are {', '.join(known)}")
        if self.single is not None and known:
            return (self.single,)
        return tuple(name for name in known if not self.keep or name in self.keep)

    def name_of(self, class_name: str) -> str | None:
        """What a class is called then; None where it is not kept."""
        if self.keep and class_name not in self.keep:
            return None
        return self.single or class_name

    def choose_pairs(
        self, known: Sequence[Pair], classes: Sequence[str], pixel_classes: Sequence[str] = ()
    ) -> tuple[Pair, ...]:
        """The flip pairs that there are then.

        known: those that were declared. classes: that there are then. pixel_classes: those of semantic maps.
        Of a declared pair that lost a class nothing is kept. Raises InputError for an asked pair of a class
        that there is not.
        """
        names = {*classes, *pixel_classes}
        if self.flip_pairs is None:
            kept = [pair for pair in known if all(_agree(pair, some) for some in (classes, pixel_classes))]
            return tuple(pair for pair in kept if pair[0] in names)
        for name in (name for pair in self.flip_pairs for name in pair):
            if name not in names:
                there_are = ", ".join([*classes, *(n for n in pixel_classes if n not in classes)])
                raise InputError(f"--flip-pairs names {name!r}, which is no class: there are {there_are}")
        for pair in self.flip_pairs:
            if not all(_agree(pair, some) for some in (classes, pixel_classes)):
                raise InputError(
                    f"--flip-pairs pairs {pair[0]} with {pair[1]}, of which one is a class of instances and "
                    "the other one of pixels"
                )
        return self.flip_pairs

    def choose_models(self, models: Sequence[ModelRecord]) -> tuple[ModelRecord, ...]:
        """The models of the classes that are kept; none where several would be called the same."""
        kept = [(self.name_of(model.class_name), model) for model in models]
        named = [model.model_copy(update={"class_name": name}) for name, model in kept if name is not None]
        return tuple(named) if self.single is None or len(named) == 1 else ()

    def choose_instances(
        self, instances: Sequence[Instance], mask: NDArray[np.uint16] | None
    ) -> tuple[tuple[Instance, ...], NDArray[np.uint16] | None, dict[int, int]]:
        """What is kept of a sample: its instances, its mask [H,W] with their numbers, and where each stood.

        The last maps an index that an instance had to the one that it has.
        """
        names = [self.name_of(instance.class_name) for instance in instances]
        moved = {old: new for new, old in enumerate(i for i, name in enumerate(names) if name is not None)}
        kept = tuple(instances[old].model_copy(update={"class_name": names[old]}) for old in moved)
        if mask is not None and len(kept) < len(instances):
            values = np.zeros(len(instances) + 1, np.uint16)
            for old, new in moved.items():
                values[old + 1] = new + 1
            mask = values[mask]
        return kept, mask, moved


ALL_CLASSES = ClassChoice()
"""Nothing is asked: all that comes in is kept as it is."""


def parse_choice(classes: str | None, single_class: str | None, flip_pairs: str | None) -> ClassChoice:
    """Of ``--classes a,b``, ``--single-class part`` and ``--flip-pairs left=right,…``; raises InputError."""
    keep = tuple(dict.fromkeys(_split(classes))) if classes is not None else ()
    if classes is not None and not keep:
        raise InputError("--classes names the classes that are kept, such as cup,lid: it is empty")
    if single_class is not None:
        _check_name("--single-class", single_class)
    return ClassChoice(keep, single_class, None if flip_pairs is None else parse_pairs(flip_pairs))


def parse_pairs(text: str) -> tuple[Pair, ...]:
    """``left=right,follow_left=follow_right`` as pairs; raises InputError."""
    pairs = []
    for word in _split(text):
        left, equals, right = (part.strip() for part in word.partition("="))
        if not (left and equals and right) or left == right:
            raise InputError(
                f"--flip-pairs must be two classes each, such as turn_left=turn_right, got {word!r:.80}"
            )
        pairs.append((left, right))
    names = [name for pair in pairs for name in pair]
    if doubles := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--flip-pairs names {doubles[0]!r} more than once: a class has one mirror image")
    if not pairs:
        raise InputError("--flip-pairs must be two classes each, such as turn_left=turn_right: it is empty")
    return tuple(pairs)


def unite_pairs(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Each pair once, whichever way round it was said. Raises InputError where two contradict each other."""
    united: dict[frozenset[str], Pair] = {}
    for pair in pairs:
        united.setdefault(frozenset(pair), pair)
    mirror: dict[str, str] = {}
    for pair in united.values():
        for name, other in (pair, pair[::-1]):
            if mirror.setdefault(name, other) != other:
                raise InputError(
                    f"{name} is paired with {mirror[name]} in one dataset and with {other} in another: "
                    "say which pairs hold with --flip-pairs"
                )
    return tuple(united.values())


def guess_pairs(classes: Sequence[str], declared: Sequence[Pair]) -> tuple[Pair, ...]:
    """Classes whose names differ in left and right, or in l and r, alone, and that nobody has paired."""
    paired = {name for pair in declared for name in pair}
    return tuple(
        (name, other)
        for name in classes
        for other in (_WORDS.sub(_swap, name),)
        if other in classes and name < other and not paired & {name, other}
    )


def say_guess(pairs: Sequence[Pair], pairs_declared: Sequence[Pair] = ()) -> str:
    """A hint, said as the guess that it is."""
    named = " and ".join(pairs[0])
    more = f" (and {len(pairs) - 1} more)" if len(pairs) > 1 else ""
    option = ",".join("=".join(pair) for pair in (*pairs_declared, *pairs))
    return (
        f"{named} look like a mirror pair by their names{more}; that is a guess. If they are: say "
        f"--flip-pairs {option} at import, merge or split, or a random flip will teach one for the other."
    )


def _agree(pair: Pair, classes: Sequence[str]) -> bool:
    return (pair[0] in classes) == (pair[1] in classes)


def _swap(match: "re.Match[str]") -> str:
    word = match[0]
    other = _OTHER[word.lower()]
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def _split(text: str) -> Iterator[str]:
    return (word for word in map(str.strip, text.split(",")) if word)


def _check_name(option: str, name: Any) -> None:
    try:
        _NAME.validate_python(name)
    except ValidationError:
        raise InputError(
            f"{option} must begin with a letter or digit and have only letters, digits, spaces and _ . -, "
            f"got {name!r:.80}"
        ) from None
