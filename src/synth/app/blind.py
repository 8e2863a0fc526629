"""Real or made? A person says it of one picture after the other; how it stands is told to who asks."""

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.stats import binomtest

from synth.app.exploring import encode
from synth.dataset.origin import REAL_KINDS
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.sheet import picture_of
from synth.errors import InputError
from synth.storage.atomic import LineLog

SHOWN_PX = 640
"""Width at which every picture is shown, so that its size does not tell."""


class Blind:
    """Draws pictures, half of them real, and keeps what is said of them, a line each.

    Every picture comes once before any comes twice. Raises InputError where all datasets are real, or none.
    """

    def __init__(self, datasets: Sequence[DatasetReader], log: Path) -> None:
        self._pools: dict[bool, list[tuple[DatasetReader, Sample]]] = {True: [], False: []}
        for dataset in datasets:
            for sample in dataset.samples:
                if "image" in sample.layers:
                    self._pools[dataset.kind_of(sample) in REAL_KINDS].append((dataset, sample))
        if not all(self._pools.values()):
            raise InputError(
                "--blind wants real pictures and made ones: name a captured or imported dataset and one that "
                "was rendered, composed, translated or painted"
            )
        self.is_simulated = any(dataset.info.made_by.simulated for dataset in datasets)
        self.log = LineLog(log)
        self.log.mend()
        try:
            self._said = [json.loads(line) for line in self.log.read()]
            self.score()
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{log} holds other lines than answers: name another file with --answers"
            ) from None
        self._left: dict[bool, list[tuple[DatasetReader, Sample]]] = {True: [], False: []}
        self._shown: dict[str, tuple[bool, DatasetReader, Sample]] = {}

    def deal(self) -> str:
        """A ticket for the next picture, which says nothing of it."""
        rng = secrets.SystemRandom()
        is_real = rng.random() < 0.5
        if not self._left[is_real]:
            self._left[is_real] = rng.sample(self._pools[is_real], len(self._pools[is_real]))
        ticket = secrets.token_urlsafe(12)
        self._shown = {ticket: (is_real, *self._left[is_real].pop())}
        return ticket

    def picture(self, ticket: str) -> bytes:
        """A PNG, `SHOWN_PX` wide, of nothing but pixels."""
        _, dataset, sample = self._find(ticket)
        rgb_u8 = picture_of(dataset, sample)
        height = max(1, round(rgb_u8.shape[0] * SHOWN_PX / rgb_u8.shape[1]))
        how = cv2.INTER_AREA if rgb_u8.shape[1] > SHOWN_PX else cv2.INTER_LINEAR
        return encode(np.asarray(cv2.resize(rgb_u8, (SHOWN_PX, height), interpolation=how), np.uint8), ".png")

    def answer(self, ticket: str, says_real: bool) -> dict[str, Any]:
        """Keep what was said; returns how it stands, and nothing of the picture: who is told learns to tell.

        Raises StorageError.
        """
        is_real, dataset, sample = self._find(ticket)
        line = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "dataset": dataset.name,
            "name": sample.name,
            "is_real": is_real,
            "said_real": says_real,
        }
        self.log.append(json.dumps(line))
        self._said.append(line)
        self._shown = {}
        return self.score()

    def score(self) -> dict[str, Any]:
        """How many answers there are, and the share of right ones with its 95 % interval (Wilson)."""
        n, right = len(self._said), sum(line["is_real"] == line["said_real"] for line in self._said)
        if not n:
            return {"n": 0}
        interval = binomtest(right, n).proportion_ci(method="wilson")
        return {"n": n, "right": right / n, "low": float(interval.low), "high": float(interval.high)}

    def _find(self, ticket: str) -> tuple[bool, DatasetReader, Sample]:
        if ticket not in self._shown:
            raise InputError("this picture was answered already: take the next one")
        return self._shown[ticket]
