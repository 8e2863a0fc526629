"""Scores of checkpoints on disk, one line a checkpoint; judged again, a checkpoint's line is replaced."""

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from synth.errors import InputError
from synth.gan.judge import Score
from synth.storage.atomic import LineLog

_SCORE: TypeAdapter[Score] = TypeAdapter(Score)


class ScoreLog:
    """scores.jsonl of a run. path: of the file. scores: in the order of their steps."""

    def __init__(self, path: Path) -> None:
        self.path, self._log = path, LineLog(path)
        self._log.mend()
        try:
            self.scores = [_SCORE.validate_python(json.loads(line)) for line in self._log.read()]
        except (ValueError, ValidationError) as error:
            raise InputError(
                f"{path} holds a line that is no score: delete it and the run goes on"
            ) from error

    def add(self, score: Score) -> None:
        """Keep a score durably; later ones, of a run that was set back, are forgotten."""
        self.scores = [s for s in self.scores if s.step < score.step] + [score]
        self._log.rewrite([json.dumps(asdict(s)) for s in self.scores])
