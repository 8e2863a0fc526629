"""What needs no training: the class that most captured train crops have."""

from collections import Counter
from typing import Any

from synth.dataset.reader import DatasetReader
from synth.train.tasks.classification.crops import list_labelled


def say_most_frequent(captured: DatasetReader) -> list[Any] | None:
    """The same class and its share for every test crop; None where no train image is labelled."""
    counts = Counter(one.class_name for s in captured.of_split("train") for _, one in list_labelled(s))
    if not counts:
        return None
    (name, n), *_ = counts.most_common(1)
    said = [name, n / counts.total()]
    return [said for sample in captured.of_split("test") for _ in list_labelled(sample)]
