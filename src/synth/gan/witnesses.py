"""The networks that look on when a translator is judged: the run's own, one that learnt the same before, or
a fresh one.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch

from synth.compute.progress import Progress
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.class_witness import (
    ClassWitness,
    ClassWitnessSettings,
    load_class_witness,
    train_class_witness,
)
from synth.gan.crop_cutter import CropCutter, count_by_class
from synth.gan.fit import FitSettings
from synth.gan.patches import PatchCutter
from synth.gan.schedule import CropSettings, LearnedSettings
from synth.storage.atomic import write_bytes
from synth.witness.witness import Witness, WitnessSettings, is_witness_of, load_witness, train_witness

WITNESS_FILE, WITNESS_STATE_FILE = "witness.safetensors", "witness_state.pt"
CLASS_WITNESS_FILE = "class_witness.safetensors"

MakeProgress = Callable[[str, str], Progress]
"""A progress for a verb and the unit that it counts."""

_SIDE_PX = 128
"""Of the patches by which a method is judged that does not learn from patches."""


def judged_side_px(fit: FitSettings) -> int:
    """Of the patches that are judged: those that are learnt from, or what fits into every image."""
    if isinstance(fit.settings, LearnedSettings) and not isinstance(fit.settings, CropSettings):
        return fit.settings.schedule.side_px
    smallest = min(min(s.size_wh) for dataset in (fit.sim, fit.real) for s in dataset.samples)
    return min(_SIDE_PX, smallest // 4 * 4)


def have_witness(
    run: Path,
    fit: FitSettings,
    settings: WitnessSettings,
    device: torch.device,
    make_progress: MakeProgress,
    *,
    runs: Path,
) -> Witness:
    """The one that a run has; else the one of a run among ``runs`` that learnt the same; else a fresh one.

    The last two are kept in the run. Raises InputError for a dataset without masks, StorageError.
    """
    path, state = run / WITNESS_FILE, run / WITNESS_STATE_FILE
    if not path.is_file():
        learnt_from = f"{digest_learnt(fit.sim)} by patches of {judged_side_px(fit)} px"
        for other in sorted(runs.glob(f"*/{WITNESS_FILE}")):
            if is_witness_of(other, settings, learnt_from):
                make_progress("witness", "steps").say(
                    f"The witness of {other.parent} learnt from the same images and is taken over."
                )
                write_bytes(path, other.read_bytes())
                break
        else:
            learn_witness(fit, settings, device, make_progress, state).save(path, learnt_from)
    state.unlink(missing_ok=True)
    return load_witness(path, device)


def digest_learnt(sim: DatasetReader) -> str:
    """What names all that a witness learns from; a dataset's own digest leaves masks out."""
    masks = (sample.sha256[sample.mask] for sample in sim if sample.mask is not None)
    return hashlib.sha256("\n".join((sim.digest(), *masks)).encode()).hexdigest()


def learn_witness(
    fit: FitSettings,
    settings: WitnessSettings,
    device: torch.device,
    make_progress: MakeProgress,
    state: Path | None = None,
) -> Witness:
    """A witness of rendered train images. state: the file in which it keeps where it stands.

    Raises InputError for a dataset without masks.
    """
    sim, side_px = fit.sim, judged_side_px(fit)
    patches = {split: PatchCutter(sim, split, side_px) for split in ("train", "val")}
    if not patches["train"].has("mask"):
        raise InputError(
            f"{sim.root} has images without masks, and it is by masks that a translation's harm to labels is "
            "measured: give a dataset with masks"
        )
    progress = make_progress("witness", "steps")
    progress.say(f"A witness learns to find parts in {sim.root}, to see later whether labels survive.")
    progress.begin(total=settings.n_steps, done=0)
    told = 0

    def tell(step: int, _losses: dict[str, float]) -> None:
        nonlocal told
        progress.advanced(step + 1 - told)
        told = step + 1

    try:
        return train_witness(
            patches["train"].draw,
            settings,
            draw_val=patches["val"].draw,
            device=device,
            on_step=tell,
            state=state,
        )
    finally:
        progress.end()


def have_class_witness(
    run: Path,
    fit: FitSettings,
    settings: ClassWitnessSettings,
    device: torch.device,
    make_progress: MakeProgress,
) -> ClassWitness | None:
    """The one that a run has, or a fresh one; None for methods and datasets that need none."""
    path = run / CLASS_WITNESS_FILE
    if not isinstance(fit.settings, CropSettings) or len(fit.settings.classes) < 2:
        return None
    if path.is_file():
        return load_class_witness(path, device)
    classes, progress = fit.settings.classes, make_progress("class witness", "steps")
    looks = [
        CropCutter(dataset, "train", settings.side_px, classes, shift=settings.shift, scale=settings.scale)
        for dataset in (fit.real, fit.sim)
    ]
    val = [
        CropCutter(dataset, "val", settings.side_px, classes)
        if any(count_by_class(dataset, "val", classes).values())
        else None
        for dataset in (fit.real, fit.sim)
    ]
    progress.say("A classifier learns to tell the classes, to see later whether each can still be read.")
    progress.begin(total=settings.n_steps, done=0)
    try:
        witness = train_class_witness(
            looks,
            settings,
            classes,
            val=(val[0], val[1]),
            device=device,
            on_step=lambda _step: progress.advanced(1),
        )
    finally:
        progress.end()
    witness.save(path)
    return witness
