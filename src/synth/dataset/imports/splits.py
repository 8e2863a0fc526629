"""Which of somebody else's pictures train, validate and test."""

import re
from collections.abc import Mapping, Sequence

from synth.dataset.sample import SPLITS, Split
from synth.dataset.split import split_counts
from synth.errors import InputError

_RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


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


def choose_splits(numbers: Sequence[int], asked: Mapping[Split, str]) -> dict[int, Split]:
    """The split of each picture by its number; what no range names belongs to none and is left out.

    asked: ranges by split. Without any, neighbours stay together, since pictures of one film are alike: the
    last quarter tests, a fifth of what comes before it validates, the rest trains.

    Raises InputError for a number in two splits and for ranges without a picture.
    """
    if not asked:
        n_train, n_val, _ = split_counts(len(numbers))
        return {
            n: "train" if i < n_train else "val" if i < n_train + n_val else "test"
            for i, n in enumerate(sorted(numbers))
        }
    known = set(numbers)
    chosen: dict[int, Split] = {}
    for split in SPLITS:
        if split not in asked:
            continue
        named = [n for r in parse_ranges(asked[split]) for n in sorted(known.intersection(r))]
        if not named:
            raise InputError(
                f"--{split} {asked[split]} names no picture: there are {len(known)}, numbered "
                f"{min(known, default=0)} to {max(known, default=0)}"
            )
        for n in named:
            if chosen.setdefault(n, split) != split:
                raise InputError(f"picture {n} is in --{chosen[n]} and in --{split}: name it once")
    return chosen
