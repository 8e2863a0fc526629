"""``synth render --like``: what the verb does for an imported dataset."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from synth.sim.settings import QualityName


def run_like(
    like: Path,
    out: Path,
    *,
    counts: tuple[int | None, int | None, int | None],
    default_count: int,
    seed: int,
    quality: "QualityName",
    blender: Path | None,
    workers: int | None,
    console: "Console",
) -> None:
    """Render and say what came out. counts: of all, twins, fresh poses, as asked."""
    from synth.compute.progress import make_progress
    from synth.dataset.reader import DatasetReader
    from synth.run_log import run_log
    from synth.sim.like.run import LikeSettings, count_done, count_twinnable, render_like
    from synth.sim.plan import choose_shares

    dataset = DatasetReader(like)
    count, twins, fresh = counts
    if counts == (None, None, None):
        count = default_count
    shares = choose_shares(count, twins, fresh, 0, count_twinnable(dataset))
    settings = LikeSettings(dataset, out, shares, seed, quality, blender, workers)
    if dataset.info.made_by.simulated:
        console.print("[black on yellow] SIMULATED [/] the imported pictures are simulated")
    console.print(f"{out} will hold {shares}, over plates made of the train images of {like}")
    if count_done(settings) == shares.count:
        console.print(f"{out} has all {shares.count} samples already. Next: synth dataset sheet {out}")
        return
    with run_log(out, settings, console):
        try:
            summary = render_like(settings, make_progress(console, "render"))
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from there.")
            raise typer.Exit(130) from None
        console.print(
            f"{summary.n_new} samples in {summary.seconds:.0f} s; {out} has {summary.n_samples}. "
            f"Next: synth dataset sheet {out}"
        )
