"""What a dataset has of each class in each split, and what is odd about that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synth.dataset.classes import guess_pairs, say_guess
from synth.dataset.dealing import Card, list_apart
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Split
from synth.dataset.sample import LABEL, NONE_FOUND

FEW_TEST_IMAGES = 5
"""Below so many test images of a class its figure is hardly one."""

_MOST_NAMED = 8


@dataclass(frozen=True)
class Tally:
    """How often a class is seen: instances, and the images that show any."""

    instances: int = 0
    images: int = 0


@dataclass(frozen=True)
class Overview:
    """A dataset by classes and by groups.

    tallies: by class and split, of every class there is. groups: how many images of each group. apart: the
    groups that stand in several splits. lone: the group of each class that is seen in one group alone.
    """

    tallies: Mapping[str, Mapping[Split, Tally]]
    groups: Mapping[str, int]
    apart: Mapping[str, tuple[Split, ...]]
    lone: Mapping[str, str]
    warnings: tuple[str, ...]


def look_over(dataset: DatasetReader) -> Overview:
    """Count a dataset's instances and groups, from its records alone."""
    counts: dict[tuple[str, Split], list[int]] = {}
    groups: dict[str, int] = {}
    seen_in: dict[str, set[str | None]] = {}
    for sample in dataset:
        if sample.group is not None:
            groups[sample.group] = groups.get(sample.group, 0) + 1
        names = [instance.class_name for instance in sample.instances]
        for name in set(names):
            tally = counts.setdefault((name, sample.split), [0, 0])
            tally[0] += names.count(name)
            tally[1] += 1
            seen_in.setdefault(name, set()).add(sample.group)
    tallies: dict[str, dict[Split, Tally]] = {
        name: {split: Tally(*counts.get((name, split), (0, 0))) for split in SPLITS}
        for name in dataset.info.classes
    }
    cards = [Card(i, s.name, s.group) for i, s in enumerate(dataset)]
    apart = list_apart(cards, {i: s.split for i, s in enumerate(dataset)})
    lone = {
        name: group
        for name in dataset.info.classes
        if len(found := seen_in.get(name, set())) == 1 and (group := next(iter(found))) is not None
    }
    warnings = (
        *_warn_of_classes(tallies, {name: group for name, group in lone.items() if group not in apart}),
        *_warn_of_bare(dataset),
        *_warn_of_groups(apart),
        *_hint(dataset),
    )
    return Overview(tallies, groups, apart, lone, warnings)


def _warn_of_classes(
    tallies: Mapping[str, Mapping[Split, Tally]], lone: Mapping[str, str]
) -> tuple[str, ...]:
    """Classes that a split lacks, those in one group first, since no way of dealing mends them."""
    if not tallies:
        return ()
    found = []
    used = [s for s in SPLITS if any(by_split[s].instances for by_split in tallies.values())]
    by_group: dict[tuple[str, Split], list[str]] = {}
    for name, group in lone.items():
        split = next(s for s in used if tallies[name][s].instances)
        by_group.setdefault((group, split), []).append(name)
    for (group, split), names in by_group.items():
        if len(tallies) > 1 or len(used) < 2:
            one = "is" if len(names) == 1 else "are"
            found.append(
                f"{list_some(names)} {one} seen in one group alone, {group} ({split}), and so cannot be both "
                "in train and in test."
            )
    lacking: dict[tuple[str, ...], list[str]] = {}
    for split in used:
        told = {} if split == "train" or len(tallies) == 1 else lone
        names = [n for n, by_split in tallies.items() if not by_split[split].instances and n not in told]
        if names:
            lacking.setdefault(tuple(names), []).append(split)
    for some, splits in lacking.items():
        have = "has" if len(splits) == 1 else "have"
        found.append(f"{list_some(splits)} {have} no instance of {list_some(some)}.")
    few = {
        name: by_split["test"].images
        for name, by_split in tallies.items()
        if 0 < by_split["test"].images < FEW_TEST_IMAGES
    }
    if few:
        counted = list_some([f"{name} ({n})" for name, n in few.items()])
        found.append(
            f"fewer than {FEW_TEST_IMAGES} test images show {counted}: their figures will say little."
        )
    if tallies and (missing := [split for split in SPLITS if split not in used]):
        found.append(
            f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no labelled instance at all."
        )
    return tuple(found)


def _warn_of_bare(dataset: DatasetReader) -> tuple[str, ...]:
    n_bare = sum(not sample.instances for sample in dataset)
    if not n_bare or not dataset.info.classes:
        return ()
    verb = "shows" if n_bare == 1 else "show"
    found = {split: [s.quality.get(LABEL) for s in dataset.of_split(split)] for split in SPLITS}
    unfound = [
        f"{n} of {len(labels)} {split}" for split, labels in found.items() if (n := labels.count(NONE_FOUND))
    ]
    why = f" (no label was found for {list_some(unfound)})" if unfound else ""
    return (
        f"{n_bare} of {len(dataset)} images {verb} no labelled object{why}: they teach what background is.",
    )


def _warn_of_groups(apart: Mapping[str, tuple[Split, ...]]) -> tuple[str, ...]:
    named = [f"{group} ({list_some(splits)})" for group, splits in apart.items()]
    if not named:
        return ()
    verb = "stands" if len(named) == 1 else "stand"
    return (
        f"{list_some(named)} {verb} in several splits: pictures of one group are alike, so test figures may "
        "come out too good.",
    )


def _hint(dataset: DatasetReader) -> tuple[str, ...]:
    info = dataset.info
    names = [*info.classes, *(() if info.semantic is None else info.semantic.names)]
    pairs = guess_pairs(tuple(dict.fromkeys(names)), info.flip_pairs)
    return (say_guess(pairs, info.flip_pairs),) if pairs else ()


def list_some(names: Sequence[str]) -> str:
    """``a, b and c``; of many the first and how many more."""
    if len(names) > _MOST_NAMED:
        return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
