"""Classes of datasets beside those that a network tells apart: names decide."""

from collections.abc import Sequence

from synth.dataset.reader import DatasetReader
from synth.errors import InputError


def refuse_further(dataset: DatasetReader, known: Sequence[str]) -> None:
    """Raises InputError where a dataset to learn from has a class that is not learnt."""
    if further := [name for name in dataset.info.classes if name not in known]:
        raise InputError(
            f"{dataset.root} has the class{'es' if len(further) > 1 else ''} {', '.join(further)}, and "
            f"networks learn those of the dataset that tests, {', '.join(known)}: leave such objects out or "
            "give them the names that they have there"
        )


def refuse_foreign(dataset: DatasetReader, known: Sequence[str]) -> None:
    """Raises InputError where a dataset has classes, and a network knows none of them."""
    shown = dataset.info.classes
    if shown and not set(shown) & set(known):
        raise InputError(
            f"{dataset.root} has the class{'es' if len(shown) > 1 else ''} {', '.join(shown)}, and the "
            f"network knows none of them: it knows {', '.join(known)}; give a dataset that shows some of "
            "these, or import with the names that the network has"
        )
