"""Label maps painted as photographs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synth.front.opening import StrPath, as_console, open_dataset, refuse_below

if TYPE_CHECKING:
    from synth.dataset.reader import DatasetReader


def paint(
    maps: StrPath = "data/maps",
    data: StrPath = "data/real",
    out: StrPath = "data/painted",
    *,
    method: str | None = None,
    preset: str | None = None,
    images: int | None = None,
    run: StrPath = "runs/paint",
    checkpoint: StrPath | None = None,
    reader: StrPath | None = None,
    least_agreement: float | None = None,
    void_unread: bool = False,
    continue_from: StrPath | None = None,
    device: str | None = None,
    seed: int = 0,
    changes: Sequence[str] = (),
    workers: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    progress: bool = True,
) -> "DatasetReader":
    """Paint a dataset's label maps as photographs; labels are those of the maps.

    data: photographs with label maps of the same classes, to learn from. method, preset: what learns, how
    long and with how large networks; quick without a GPU, paper with one, if not given. images: to learn from
    in all. run: folder of the training. checkpoint: train nothing, take this one. reader: a segmenter that
    reads each painting; those of which it reads less than least_agreement as the map says (0.5 if not given)
    are refused, and with void_unread pixels that it reads badly, beside the photographs of data, become void
    in the label maps. continue_from: folder of an earlier training, whose networks this one begins with.
    device: cpu, cuda, cuda:1, mps. seed: of weights, order and styles. changes: of the preset's settings,
    ``w_style=1`` each. engine: what paints maps side by side, in workers; this process alone if None.
    address: HOST:PORT of a cluster, for engine ``"ray"``.

    Raises TrainingDiverged.
    """
    from synth.compute.progress import make_progress
    from synth.compute.spread import Spread
    from synth.gan.paint import paint as run_paint
    from synth.gan.paint_request import make_paint_settings
    from synth.run_log import run_log

    refuse_below(0, seed=seed)
    refuse_below(1, images=images)
    settings = make_paint_settings(
        Path(maps),
        Path(data),
        Path(out),
        run=Path(run),
        method=method,
        preset=preset,
        images=images,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        reader=None if reader is None else Path(reader),
        least_agreement=least_agreement,
        void_unread=void_unread,
        continue_from=None if continue_from is None else Path(continue_from),
        device=device,
        seed=seed,
        changes=changes,
        spread=Spread(engine, address, workers),
    )
    console = as_console(progress=progress)
    with run_log(settings.out, {"settings": settings}, console):
        run_paint(settings, lambda *words: make_progress(console, *words))
    return open_dataset(settings.out)
