"""Who trains, validates and tests, of pictures that exist: by words, by classes, by neighbours or by chance.

Pictures of one group, and views of one shot, are alike: whoever deals keeps them together.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synth.dataset.record import SPLITS, Split
from synth.dataset.split import split_counts
from synth.errors import InputError

_RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")

Dealt = dict[int, Split]
"""The split of each picture by its number; one that is left out has none."""


@dataclass(frozen=True)
class Card:
    """A picture to be dealt. number: unlike all others'. where: what sentences call it. classes: shown."""

    number: int
    where: str
    group: str | None = None
    shot_id: str | None = None
    classes: frozenset[str] = frozenset()


def deal(cards: Sequence[Card], asked: Mapping[Split, str]) -> Dealt:
    """As an import does: by words, else whole groups where any are known, else neighbours together.

    asked: as `deal_by_words` has it. Numbers that no range names are left out; where groups alone are named
    the others train, unless those that do are named too. Raises as `deal_by_words` does.
    """
    if asked:
        by_group = "train" not in asked and all(names_groups(cards, text) for text in asked.values())
        return deal_by_words(cards, asked, "train" if by_group else None)
    if any(card.group is not None for card in cards):
        return deal_by_class(cards)
    return deal_to_neighbours(cards)


def parse_ranges(text: str) -> list[range]:
    """``0-5,8`` as ranges of numbers; raises InputError."""
    ranges = []
    for word in text.split(","):
        match = _RANGE.fullmatch(word)
        if match is None:
            raise InputError(f"{text!r} does not name pictures: give numbers and ranges such as 0-5,8")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InputError(f"{word.strip()} runs backwards: write {last}-{first}")
        ranges.append(range(first, last + 1))
    return ranges


def deal_by_words(cards: Sequence[Card], asked: Mapping[Split, str], rest: Split | None = None) -> Dealt:
    """Groups by name or pictures by number, ranges of them.

    asked: ``G1,film 2`` or ``0-5,9`` by split. Where groups are known a word is a group's name first. rest:
    the split of what none names; None to leave it out. Raises InputError for a picture in two splits, for
    words that name nothing, and as `refuse_torn` does.
    """
    by_number = {card.number: card for card in cards}
    dealt: Dealt = {}
    for split in SPLITS:
        if split not in asked:
            continue
        for n in _named(split, asked[split], cards):
            if dealt.setdefault(n, split) != split:
                what = by_number[n].group if names_groups(cards, asked[split]) else f"picture {n}"
                raise InputError(f"{what} is in --{dealt[n]} and in --{split}: name it once")
    if rest is not None:
        dealt |= {n: rest for n in by_number if n not in dealt}
    refuse_torn(cards, dealt)
    return dealt


def names_groups(cards: Iterable[Card], text: str) -> bool:
    """Whether every word is the name of a group."""
    groups = {card.group for card in cards} - {None}
    return all(word.strip() in groups for word in text.split(","))


def deal_to_neighbours(cards: Sequence[Card]) -> Dealt:
    """Neighbours together, since pictures of one film are alike.

    The last quarter tests, a fifth of what comes before it validates, the rest trains.
    """
    n_train, n_val, _ = split_counts(len(cards))
    return {
        n: "train" if i < n_train else "val" if i < n_train + n_val else "test"
        for i, n in enumerate(sorted(card.number for card in cards))
    }


def deal_by_class(cards: Sequence[Card]) -> Dealt:
    """Whole groups, so that every class trains and as many as possible test, then as many validate.

    All train at first. The group that brings most classes into test is moved there, as long as every class
    still trains; then any that brings test nearer to a quarter of the pictures. Validation likewise, up to a
    fifth of the rest. Where every group is needed to train, nothing tests.
    """
    units = list_units(cards)
    _, n_val, n_test = split_counts(len(cards))
    train = list(units)
    dealt: Dealt = {card.number: "train" for card in cards}
    wanted: tuple[tuple[Split, int], ...] = (("test", n_test), ("val", n_val))
    for split, n_wanted in wanted:
        shown: set[str] = set()
        n_dealt = 0
        while (unit := _best_to_move(train, shown, n_wanted - n_dealt)) is not None:
            train.remove(unit)
            shown |= _classes(unit)
            n_dealt += len(unit)
            dealt.update({card.number: split for card in unit})
    return dealt


def deal_at_random(cards: Sequence[Card], seed: int) -> Dealt:
    """Groups and shots in random order: test until it has about a quarter, val a fifth of the rest.

    Raises InputError where all are of one group.
    """
    units = list_units(cards)
    if len(units) == 1 and len(cards) > 1:
        raise InputError(
            f"all {len(cards)} pictures are of one group, {_name(units[0])}, which stays together: nothing "
            "can be dealt"
        )
    order = np.random.default_rng(seed).permutation(len(units)).tolist()
    _, n_val, n_test = split_counts(len(cards))
    dealt: Dealt = {card.number: "train" for card in cards}
    wanted: tuple[tuple[Split, int], ...] = (("test", n_test), ("val", n_val))
    for split, n_wanted in wanted:
        n_dealt = 0
        for k in list(order):
            n = len(units[k])
            closer = abs(n_wanted - n_dealt - n) < n_wanted - n_dealt
            if len(order) > 1 and (closer or (n_dealt == 0 and k == _smallest(order, units))):
                order.remove(k)
                n_dealt += n
                dealt.update({card.number: split for card in units[k]})
    return dealt


def list_units(cards: Sequence[Card]) -> list[list[Card]]:
    """What stays together: all of one group, all of one shot; in the order in which they come first."""
    leader: dict[int, int] = {}
    first: dict[tuple[str, str], int] = {}

    def find(n: int) -> int:
        while leader[n] != n:
            n = leader[n]
        return n

    for card in cards:
        leader[card.number] = card.number
        for key in _keys(card):
            a, b = sorted((find(first.setdefault(key, card.number)), find(card.number)))
            leader[b] = a
    units: dict[int, list[Card]] = {}
    for card in cards:
        units.setdefault(find(card.number), []).append(card)
    return list(units.values())


def refuse_torn(cards: Sequence[Card], dealt: Mapping[int, Split]) -> None:
    """Raises InputError that names the first group or shot that stands in two splits."""
    first: dict[tuple[str, str], Card] = {}
    for card in cards:
        for kind, name in _keys(card) if card.number in dealt else ():
            before = first.setdefault((kind, name), card)
            if dealt[before.number] != dealt[card.number]:
                raise InputError(
                    f"this would tear {kind} {name} apart, whose pictures are alike: {before.where} would be "
                    f"{dealt[before.number]} and {card.where} {dealt[card.number]}; give all of it one split"
                )


def list_apart(cards: Iterable[Card], dealt: Mapping[int, Split]) -> dict[str, tuple[Split, ...]]:
    """The groups that stand in several splits, with those."""
    found: dict[str, set[Split]] = {}
    for card in cards:
        if card.group is not None and card.number in dealt:
            found.setdefault(card.group, set()).add(dealt[card.number])
    return {
        group: tuple(s for s in SPLITS if s in splits) for group, splits in found.items() if len(splits) > 1
    }


def _named(split: Split, text: str, cards: Sequence[Card]) -> list[int]:
    if names_groups(cards, text):
        groups = {word.strip() for word in text.split(",")}
        return [card.number for card in cards if card.group in groups]
    groups_known = sorted({card.group for card in cards if card.group is not None})
    known = {card.number for card in cards}
    try:
        ranges = parse_ranges(text)
    except InputError:
        if groups_known:
            listed = ", ".join(groups_known[:12]) + (", …" if len(groups_known) > 12 else "")
            raise InputError(
                f"--{split} {text} names neither groups nor numbers of pictures: the groups are {listed}; "
                "numbers are ranges such as 0-5,8"
            ) from None
        raise
    named = [n for r in ranges for n in sorted(known.intersection(r))]
    if not named:
        raise InputError(
            f"--{split} {text} names no picture: there are {len(known)}, numbered "
            f"{min(known, default=0)} to {max(known, default=0)}"
        )
    return named


def _best_to_move(train: list[list[Card]], shown: set[str], n_left: int) -> list[Card] | None:
    """The unit that can leave train and is worth most elsewhere; None where no move is an improvement."""
    teachers = Counter(name for unit in train for name in _classes(unit))
    best: tuple[tuple[int, int], list[Card]] | None = None
    for unit in train:
        classes = _classes(unit)
        if len(train) == 1 or any(teachers[name] == 1 for name in classes):
            continue
        n_new, off = len(classes - shown), abs(n_left - len(unit))
        if (n_new or off < n_left) and (best is None or (n_new, -off) > best[0]):
            best = (n_new, -off), unit
    return None if best is None else best[1]


def _classes(unit: Sequence[Card]) -> frozenset[str]:
    return frozenset().union(*(card.classes for card in unit))


def _smallest(order: Sequence[int], units: Sequence[Sequence[Card]]) -> int:
    return min(order, key=lambda k: len(units[k]))


def _keys(card: Card) -> list[tuple[str, str]]:
    keys = (("group", card.group), ("shot", card.shot_id))
    return [(kind, name) for kind, name in keys if name is not None]


def _name(unit: Sequence[Card]) -> str:
    return next((name for card in unit for _, name in _keys(card)), unit[0].where)
