"""Pictures in the look of real ones: translate rendered ones, paint label maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synth.dataset.choices import Criterion
from synth.front.opening import StrPath, as_console, open_dataset, refuse_below, refuse_unknown

if TYPE_CHECKING:
    from synth.dataset.reader import DatasetReader


def translate(
    sim: StrPath = "data/synthetic",
    real: StrPath = "data/real",
    out: StrPath | None = None,
    *,
    method: str | None = None,
    preset: str | None = None,
    images: int | None = None,
    run: StrPath = "runs/translate",
    choose: Criterion = "own-val",
    anyway: bool = False,
    checkpoint: StrPath | None = None,
    reverse: bool = False,
    inception_weights: StrPath | None = None,
    device: str | None = None,
    devices: int = 1,
    seed: int = 0,
    changes: Sequence[str] = (),
    workers: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    progress: bool = True,
) -> "DatasetReader":
    """Give a rendered dataset the look of a captured one; frames with moved labels or artefacts are refused.

    out: data/translated, or data/translated_reverse. method, preset: what learns the look, how long and
    with how large networks; quick without a GPU, paper with one, if not given. images: of each look, to
    learn from in all. run: folder of the training. choose: which val images decide between checkpoints;
    real-val reads real labels. anyway: take the best of them even where a baseline, or nothing at all, comes
    as near. checkpoint: train nothing, take this one. reverse: the captured images into
    the rendered look. inception_weights: a local Inception v3, to report FID and KID. device: cpu, cuda,
    cuda:1, mps. devices: GPUs that learn side by side, each its own batch; a script that asks for several
    starts below ``if __name__ == "__main__":``, since each begins by importing it. changes: of the preset's
    settings, ``w_cycle=1`` each. engine: what translates frames side by side, in workers; this process alone
    if None. address: HOST:PORT of a cluster, for engine ``"ray"``.

    Raises TrainingDiverged.
    """
    from synth.compute.progress import make_progress
    from synth.compute.spread import Spread
    from synth.gan.request import make_settings
    from synth.gan.translate import translate as fit_and_translate
    from synth.gan.translate import translate_with
    from synth.run_log import run_log

    refuse_unknown(choose=(choose, Criterion))
    refuse_below(0, seed=seed)
    refuse_below(1, images=images, devices=devices)
    settings = make_settings(
        Path(sim),
        Path(real),
        None if out is None else Path(out),
        run=Path(run),
        method=method,
        preset=preset,
        images=images,
        choose=choose,
        anyway=anyway,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        reverse=reverse,
        inception_weights=None if inception_weights is None else Path(inception_weights),
        device=device,
        devices=devices,
        seed=seed,
        changes=changes,
        spread=Spread(engine, address, workers),
    )
    console = as_console(progress=progress)
    with run_log(settings.out, {"checkpoint": checkpoint, "settings": settings}, console):
        if checkpoint is None:
            fit_and_translate(settings, lambda *words: make_progress(console, *words))
        else:
            translate_with(Path(checkpoint), settings, lambda *words: make_progress(console, *words))
    return open_dataset(settings.out)


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
