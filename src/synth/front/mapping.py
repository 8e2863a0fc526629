"""Label maps that are made: of pictures by networks or twins, of other label maps by balancing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synth.balance.choices import Measure
from synth.balance.ways import DEFAULT_WAY
from synth.front.opening import (
    StrPath,
    as_console,
    as_paths,
    open_dataset,
    refuse_below,
    refuse_text,
    refuse_unknown,
)

if TYPE_CHECKING:
    from synth.dataset.reader import DatasetReader


def label(
    data: StrPath,
    run: StrPath | Sequence[StrPath] = (),
    out: StrPath = "data/labelled",
    *,
    twins: StrPath | None = None,
    min_confidence: float | None = None,
    table: StrPath | None = None,
    truth: StrPath | None = None,
    device: str | None = None,
    workers: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    progress: bool = True,
) -> "DatasetReader":
    """Label the pixels of a dataset's pictures by trained networks: pseudo-labels, confidence beside them.

    Pictures that people labelled keep their maps. run: folders of trainings of segmentation; several are held
    against each other, and one labels: that of the highest mIoU on pictures that people labelled or, without
    any, a guess. ``dataset.info.made_by.figures`` says which, and why. twins: in place of networks, a dataset
    of label maps of the twins of captured pictures, which ``synth render --maps-only`` makes. min_confidence:
    0 to 1, pixels of which the network is less sure are void; 0.5 if not given. table: a CSV of classes and
    the labels they become, or void. truth: a dataset with label maps of people's; those that ``data`` has if
    not given. engine: what labels pictures side by side, in workers; this process alone if None. address:
    HOST:PORT of a cluster, for engine ``"ray"``.
    """
    from synth.compute.progress import make_progress
    from synth.compute.spread import Spread
    from synth.label.request import make_label_settings
    from synth.label.run import label as run_label
    from synth.label.settings import LabelSettings
    from synth.label.twins import label_by_twins
    from synth.run_log import run_log

    settings = make_label_settings(
        Path(data),
        Path(out),
        runs=as_paths(run),
        twins=None if twins is None else Path(twins),
        min_confidence=min_confidence,
        table=None if table is None else Path(table),
        truth=None if truth is None else Path(truth),
        device=device,
        spread=Spread(engine, address, workers),
    )
    console = as_console(progress=progress)
    with run_log(settings.out, settings, console):
        if isinstance(settings, LabelSettings):
            run_label(settings, lambda *words: make_progress(console, *words))
        else:
            label_by_twins(settings, lambda *words: make_progress(console, *words))
    return open_dataset(settings.out)


def balance(
    data: StrPath,
    way: str = DEFAULT_WAY,
    out: StrPath = "data/balanced",
    *,
    classes: Sequence[str] = (),
    target: Sequence[str] = (),
    at_least: Sequence[str] = (),
    measure: Measure = "pixels",
    things: Sequence[str] | None = None,
    count: int | None = None,
    each: int | None = None,
    paste: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> "DatasetReader":
    """Make label maps in which rare classes are less rare, of a dataset's train maps alone.

    way: how: add-single, add-multi, reconstruct. classes: what is added to maps; those with a share if not
    given. target, at_least: shares of the train maps and the made maps together, ``"Pole=2%"`` each. measure:
    what those are shares of. things: classes that stand one before another, if the data is not to say. count:
    maps to make; as many as shares need, at most one a train map, if not given. each: things of each class
    added to a map, at most. paste: pictures too, of train pictures into which what is added is pasted.
    """
    from synth.balance.findings import write_findings
    from synth.balance.run import balance as run_balance
    from synth.balance.settings import BalanceSettings
    from synth.compute.progress import make_progress
    from synth.run_log import run_log

    refuse_below(0, seed=seed)
    refuse_text(classes=classes, target=target, at_least=at_least, things=things)
    refuse_unknown(measure=(measure, Measure))
    settings = BalanceSettings(
        data=open_dataset(data).refuse_empty(),
        out=Path(out),
        way=way,
        classes=tuple(classes),
        exact=tuple(target),
        at_least=tuple(at_least),
        measure=measure,
        things=None if things is None else tuple(things),
        count=count,
        each=each,
        paste=paste,
        seed=seed,
    )
    console = as_console(progress=progress)
    with run_log(settings.out, settings, console):
        write_findings(run_balance(settings, lambda *words: make_progress(console, *words)))
    return open_dataset(settings.out)
