"""What ``synth label`` is asked for, as settings."""

from collections.abc import Sequence
from pathlib import Path

from synth.compute.spread import Spread
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.label.settings import DEFAULT_CONFIDENCE, LabelSettings
from synth.label.twins import TwinSettings


def make_label_settings(
    data: Path,
    out: Path,
    *,
    runs: Sequence[Path],
    twins: Path | None,
    min_confidence: float | None,
    table: Path | None,
    truth: Path | None,
    device: str | None,
    spread: Spread,
) -> LabelSettings | TwinSettings:
    """Labels by networks, or by twins; raises InputError for both, neither and what does not go with twins,
    and what the settings raise.
    """
    if (twins is None) == (not runs):
        raise InputError("give networks that label with --run, or twins with --twins, one of the two")
    pictures = DatasetReader(data).refuse_empty()
    if twins is not None:
        for_networks = {
            "--min-confidence": min_confidence,
            "--map": table,
            "--truth": truth,
            "--device": device,
            "--engine": spread.engine,
        }
        if given := [name for name, value in for_networks.items() if value is not None]:
            raise InputError(f"--twins asks no network: leave out {', '.join(given)}")
        maps = DatasetReader(twins, "synth render --maps-only").refuse_empty()
        return TwinSettings(pictures, maps, out)
    return LabelSettings(
        data=pictures,
        runs=tuple(runs),
        out=out,
        min_confidence=DEFAULT_CONFIDENCE if min_confidence is None else min_confidence,
        table=table,
        truth=None if truth is None else DatasetReader(truth).refuse_empty(),
        device=device,
        spread=spread,
    )
