"""What is to be labelled, by which networks, as it is asked for."""

from dataclasses import dataclass
from pathlib import Path

from synth.compute.spread import HERE, Spread
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.label.truth import list_true

DEFAULT_CONFIDENCE = 0.5


@dataclass(frozen=True, eq=False)
class LabelSettings:
    """InputError for a confidence out of range, no network, and data without a picture to label.

    data: whose pictures get label maps. runs: trainings. min_confidence: from which a label is kept; pixels
    below it are void. table: of classes, a CSV. truth: whose people's labels score the networks; None for
    those that ``data`` has itself. spread: where pictures are labelled, which makes no difference to labels.
    """

    data: DatasetReader
    runs: tuple[Path, ...]
    out: Path
    min_confidence: float = DEFAULT_CONFIDENCE
    table: Path | None = None
    truth: DatasetReader | None = None
    device: str | None = None
    spread: Spread = HERE

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence < 1:
            raise InputError(f"--min-confidence must be 0 or more and below 1, got {self.min_confidence:g}")
        if not self.runs:
            raise InputError("there is no network to label with: give a --run")
        root, pictures = self.data.root, self.pictures
        if not pictures:
            raise InputError(f"{root} has no pictures, its samples are label maps alone: nothing to label")
        if n_made := sum(sample.origin.is_pseudo_labelled for sample in pictures):
            parents = " or ".join(self.data.info.made_by.parents) or "the one that it was made of"
            raise InputError(
                f"{root} has label maps that a network made ({n_made} of {len(pictures)}): label {parents}, "
                "not this dataset"
            )
        if all("semantic" in sample.layers for sample in pictures):
            raise InputError(
                f"every picture of {root} has a label map: give pictures without, and these as --truth"
            )
        if self.truth is not None and not list_true(self.truth):
            raise InputError(f"{self.truth.root} has no picture with a label map that people made")

    @property
    def pictures(self) -> tuple[Sample, ...]:
        """The samples with a picture."""
        return tuple(sample for sample in self.data if "image" in sample.layers)
