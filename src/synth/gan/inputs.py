"""Whether two datasets can train a translator, and that no test image is among what does."""

from collections.abc import Callable, Sequence

from synth.dataset.leak import LeakGuard
from synth.dataset.leak.acceptance import list_accepted
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.gan.methods import list_crop_methods

MIN_IMAGES: dict[Split, int] = {"train": 2, "val": 1}
"""The fewest of each dataset: patches of one val image can judge, one train image teaches no look."""

_TRAINING: tuple[Split, ...] = ("train", "val")
_MOST_SIZES = 3


def check_pair(sim: DatasetReader, real: DatasetReader, *, any_size: bool = False) -> None:
    """Raises InputError for datasets that have no class in common, too few images, or images of other sizes.

    Only train and val images count: train ones teach, val ones say which checkpoint is kept. any_size: sizes
    are no matter, since instances are cut out and brought to one.
    """
    if sim.root.resolve() == real.root.resolve():
        raise InputError(f"--sim and --real are one dataset, {sim.root}: give two")
    if not set(sim.info.classes) & set(real.info.classes):
        raise InputError(
            f"{sim.root} and {real.root} have no class in common: one shows {', '.join(sim.info.classes)}, "
            f"the other {', '.join(real.info.classes)}"
        )
    for dataset in (sim, real):
        for split in _TRAINING:
            if (n := len(dataset.of_split(split))) < MIN_IMAGES[split]:
                raise InputError(
                    f"{dataset.root} has {n} {split} images, and a translator is trained and judged with "
                    f"{MIN_IMAGES[split]} or more: make more samples"
                )
    sizes = {d.root: {s.size_wh for s in list_trainable(d)} for d in (sim, real)}
    by_crops = " or ".join(list_crop_methods())
    if not any_size and len(set.union(*sizes.values())) > 1:
        found = "; ".join(f"{root}: {_say_sizes(sorted(wh))}" for root, wh in sizes.items())
        raise InputError(
            f"the images differ in size, so that patches of one scale cannot be cut ({found}): render at the "
            f"size of the captured ones, or learn from crops of parts with --method {by_crops}"
        )


def _say_sizes(sizes: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(f"{w}×{h}" for w, h in sizes[:_MOST_SIZES])
    more = len(sizes) - _MOST_SIZES
    return f"{shown} and {more} more" if more > 0 else shown


def list_trainable(dataset: DatasetReader) -> tuple[Sample, ...]:
    """What may be seen in training and in choosing: train and val."""
    return tuple(s for s in dataset.samples if s.split in _TRAINING)


def refuse_leaks(sim: DatasetReader, real: DatasetReader, say: Callable[[str], None]) -> int:
    """Raises DatasetError that names every test image of either dataset found among what would train.

    Returns how many images were looked at.
    """
    guard = LeakGuard.of([real, sim])
    n_looked_at = 0
    for dataset in (real, sim):
        samples = list_trainable(dataset)
        guard.check(dataset, samples)
        n_looked_at += len(samples)
    for sentence in list_accepted((real, sim)):
        say(sentence)
    say(f"No test image among {n_looked_at} train and val images ({len(guard)} test images compared).")
    return n_looked_at
