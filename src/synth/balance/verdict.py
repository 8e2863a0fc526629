"""Shares before and after as rows, and what became of those that were asked for, as sentences."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import get_args

from synth.balance.choices import Measure
from synth.balance.goal import TOLERANCE
from synth.balance.run import Balanced
from synth.storage.atomic import write_bytes

MEASURES: tuple[Measure, ...] = get_args(Measure)

REPORT_FILE = "balance.json"


@dataclass(frozen=True)
class Row:
    """Shares of one class: of the train maps, of the made maps alone, of both together, and what was asked of
    the last; None where nothing was.
    """

    class_name: str
    measure: Measure
    before: float
    made: float
    after: float
    target: float | None
    is_hit: bool | None


def list_rows(balanced: Balanced) -> list[Row]:
    """One a class and measure."""
    goal, study = balanced.settings.goal, balanced.study
    before, made, after = study.tally, balanced.made, balanced.after
    rows: list[Row] = []
    for measure in MEASURES:
        shares = [tally.shares(measure) for tally in (before, made, after)]
        for class_id, name in enumerate(study.names):
            asked = measure == goal.measure and class_id in goal.shares
            rows.append(
                Row(
                    class_name=name,
                    measure=measure,
                    before=float(shares[0][class_id]),
                    made=float(shares[1][class_id]),
                    after=float(shares[2][class_id]),
                    target=goal.shares[class_id] if asked else None,
                    is_hit=goal.miss(class_id, after) <= TOLERANCE if asked else None,
                )
            )
    return rows


def list_sentences(balanced: Balanced) -> Iterator[str]:
    """What was reached of each share that was asked for; why others were not."""
    settings, n_made, n_train = balanced.settings, balanced.made.n_maps, balanced.study.tally.n_maps
    goal = settings.goal
    for row in list_rows(balanced):
        if row.target is None:
            continue
        least = "at least " if balanced.study.names.index(row.class_name) in goal.at_least else ""
        said = f"{row.class_name}: {row.after:.2%} of the {row.measure}, {least}{row.target:.2%} asked for"
        with_ = f"with {n_made} made maps beside {n_train} train maps"
        if row.is_hit:
            yield f"{said}: hit within {TOLERANCE:.0%} of it, {with_}."
        else:
            yield f"{said}: NOT hit, {with_}. {_say_why_not(row, n_train, settings.most_each)}."


def _say_why_not(row: Row, n_train: int, most_each: int) -> str:
    """What keeps a share from its target, and what may help; from what the made maps alone have."""
    assert row.target is not None
    towards = (row.made - row.target) * (row.target - row.before)
    if towards > 0:
        n = ceil(n_train * (row.target - row.before) / (row.made - row.target))
        return f"The made maps alone have {row.made:.2%}; about {n} of them would reach it: raise --count"
    alone = f"The made maps alone have {row.made:.2%}, so that no number of them reaches it"
    if row.target < row.before:
        return f"{alone}: what is added never takes a class away; ask for more of it, or of the others"
    return f"{alone}: for a thing raise --each, {most_each} now; else ask for less"


def write_report(balanced: Balanced, path: Path) -> None:
    """Write the rows with what was laid and refused, as JSON."""
    told = {
        "train_maps": balanced.study.tally.n_maps,
        "made_maps": balanced.made.n_maps,
        "seed": balanced.settings.seed,
        "shares": [asdict(row) for row in list_rows(balanced)],
        "laid": dict(sorted(balanced.laid.items())),
        "places_refused": dict(sorted(balanced.refused.items())),
        "mixes_refused": balanced.n_mixes,
    }
    write_bytes(path, (json.dumps(told, indent=2) + "\n").encode())
