"""What a training says of the samples that are looked at."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from synth.compute.run_dir import load_config
from synth.dataset.codecs import Rgb
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.metrics.operating_point import MIN_CONFIDENCE

if TYPE_CHECKING:
    from synth.train.trained import Trained


class Trial:
    """A finished training. Raises InputError for a folder without one.

    figure: what its errors are called. reads_pictures: whether its network reads whole pictures.
    """

    def __init__(self, run: Path, device: str | None) -> None:
        from synth.train.tasks import TASKS
        from synth.train.trained import load_trained

        self._run = run if run.is_dir() else run.parent
        self._trained: Trained = load_trained(run, device)
        self._task = TASKS[self._trained.task]
        self.reads_pictures = self._task.words.unit != "crops"
        self.figure = f"error of {self._run.name}"

    def list_errors(self, datasets: Mapping[str, DatasetReader]) -> dict[tuple[str, str], float]:
        """How far its prediction of each test image was off, by dataset and sample: the worst of several.

        As its task measures that; nothing where the dataset that it was tested on is not among these, or is
        not as it was.
        """
        from synth.train.run import RESULT_FILE, load_result

        if not (self._run / RESULT_FILE).is_file():
            return {}
        config, result = load_config(self._run), load_result(self._run)
        digest = dict(config.get("data", {})).get(config.get("test"))
        tested = next((name for name, d in datasets.items() if d.digest() == digest), None)
        if tested is None:
            return {}
        samples = {sample.name for sample in datasets[tested].samples}
        errors: dict[tuple[str, str], float] = {}
        for name, predicted, true in zip(result.names, result.predicted, result.true, strict=True):
            where = tested, name if name in samples else name.rpartition("_")[0]
            error = round(self._task.badness(predicted, true), 6)
            errors[where] = max(error, errors.get(where, error))
        return errors

    def draw(self, picture: Rgb) -> Rgb:
        """A picture [H,W,3] with what the network says; raises InputError for one that reads crops."""
        from synth.train.trained import predict_pictures

        if not self.reads_pictures:
            raise InputError(f"{self._run} reads crops, and this is a whole picture: name another --run")
        (predicted,) = predict_pictures(self._trained, [picture])
        return self._task.draw(picture, "", self._task.only_sure(predicted, MIN_CONFIDENCE))
