"""What a target of cycles learns from: a dataset of the train composites that were kept."""

from collections.abc import Sequence
from pathlib import Path

from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.sim.composite import Compositor
from synth.sim.describe import describe_composite, describe_run, to_layers
from synth.sim.placing.cache import Candidate
from synth.sim.placing.pictures import Pictures
from synth.sim.placing.players import OnSample
from synth.sim.placing.pupil import Gallery


class KeptSet(Gallery):
    """Composites under their candidates' numbers."""

    def __init__(self, root: Path, compositor: Compositor, pictures: Pictures) -> None:
        self._root, self._compositor, self._pictures = root, compositor, pictures

    def make(self, kept: Sequence[Candidate], on_sample: OnSample) -> None:
        """By the one compositor, with each blend in turn where all are wanted."""
        table = self._compositor.table
        with DatasetWriter.create_or_resume(self._root, describe_run(table)) as writer:
            done = writer.done_names()
            for i, candidate in enumerate(kept):
                name = f"{candidate.number:06d}"
                if name not in done:
                    blend = table.blend_of(i)
                    recipe = self._pictures.recipe_of(candidate.key, candidate.placements, blend)
                    made = self._compositor.compose(recipe)
                    draft = describe_composite(name, recipe, made, self._compositor)
                    writer.append(draft, layers=to_layers(made, writer.info))
                on_sample(i + 1)

    def open(self) -> DatasetReader:
        """As it stands."""
        return DatasetReader(self._root)
