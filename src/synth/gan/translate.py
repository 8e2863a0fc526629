"""The stage: two datasets in, a translator trained, a checkpoint chosen, a dataset in the other look out.

::

    runs/translate/            what run.py writes, and
      witness.safetensors       the frozen network that reads parts before and after
      scores.jsonl             every checkpoint, scored on val images
      result.json              which checkpoint is kept and why, what real images that cost, the gaps
      figures/criteria.png     all criteria over the checkpoints
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from synth.compute.device import choose_device
from synth.compute.progress import Progress
from synth.compute.run_dir import RunDir
from synth.dataset.codecs import file_sha256
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.apply import Applied, Translator, apply
from synth.gan.checkpoint import Direction, load_generator_of
from synth.gan.choice import Choice, Criterion, RealImages, choose
from synth.gan.criteria_figure import draw_criteria
from synth.gan.distance import Distances
from synth.gan.inputs import check_pair, refuse_leaks
from synth.gan.judge import Judge, JudgeSettings, Score
from synth.gan.logbook import CHECKPOINTS, FIGURES
from synth.gan.patches import PatchSource
from synth.gan.run import TrainSettings, train
from synth.gan.score_log import ScoreLog
from synth.metrics.intervals import Estimate
from synth.storage.atomic import write_bytes
from synth.witness.drift import DriftLimits
from synth.witness.observation import Sway, WitnessScore
from synth.witness.witness import Witness, WitnessSettings, load_witness, train_witness

WITNESS_FILE, SCORES_FILE, RESULT_FILE = "witness.safetensors", "scores.jsonl", "result.json"

MakeProgress = Callable[[str, str], Progress]
"""A progress for a verb and the unit that it counts."""


@dataclass(frozen=True)
class TranslateSettings:
    """One translation.

    out: the translated dataset. witness: how the network that judges labels is trained. judging: how
    checkpoints are scored.
    """

    train: TrainSettings
    out: Path
    criterion: Criterion = "own-val"
    direction: Direction = "sim2real"
    witness: WitnessSettings = field(default_factory=WitnessSettings)
    judging: JudgeSettings = field(default_factory=JudgeSettings)
    limits: DriftLimits = field(default_factory=DriftLimits)


@dataclass(frozen=True)
class Result:
    """What a translation left behind.

    before, after: scores of the untranslated source and of the checkpoint that is kept. floor: what real
    images give against one another. kernel_drop: how much the kernel distance fell.
    """

    before: Score
    after: Score
    floor: Distances
    kernel_drop: Estimate
    choice: Choice
    witness_error: WitnessScore
    witness_sway: Sway


def translate(settings: TranslateSettings, make_progress: MakeProgress) -> tuple[Result, Applied]:
    """Train a translator, choose a checkpoint, translate the source dataset; or go on with what is there.

    Raises InputError and DatasetError for datasets that do not fit or leak, TrainingDiverged, StorageError.
    KeyboardInterrupt leaves folders whole; the same call goes on.
    """
    training, run = settings.train, settings.train.out
    check_pair(training.sim, training.real)
    say = make_progress("translate", "images").say
    refuse_leaks(training.sim, training.real, say)
    RunDir.create_or_resume(run, training.to_config()).close()
    device = choose_device(training.device)
    if (run / WITNESS_FILE).is_file():
        witness = load_witness(run / WITNESS_FILE, device)
    else:
        witness = _train_witness(
            training.sim, settings.witness, training.preset.side_px, device, make_progress
        )
        witness.save(run / WITNESS_FILE)
    judge = _make_judge(settings, witness, device)
    log = ScoreLog(run / SCORES_FILE)
    train(
        training,
        make_progress("train", "steps"),
        on_checkpoint=lambda step, generator: log.add(judge.score(step, generator)),
        witness=witness.net,
    )
    result = _conclude(settings, judge, log.scores, witness)
    say(f"Step {result.choice.step} is kept: {result.choice.why}.")
    path = run / CHECKPOINTS / f"step_{result.choice.step:06d}.safetensors"
    return result, _apply(path, settings, witness, device, make_progress)


def translate_with(checkpoint: Path, settings: TranslateSettings, make_progress: MakeProgress) -> Applied:
    """Translate the source dataset with a checkpoint that is there, its run's witness looking on.

    Raises InputError for a checkpoint that cannot be used; DatasetError and StorageError as `translate`.
    """
    training = settings.train
    load_generator_of(checkpoint, settings.direction)
    device = choose_device(training.device)
    own = checkpoint.parent.parent / WITNESS_FILE
    if own.is_file():
        witness = load_witness(own, device)
    else:
        witness = _train_witness(
            training.sim, settings.witness, training.preset.side_px, device, make_progress
        )
    return _apply(checkpoint, settings, witness, device, make_progress)


def _apply(
    path: Path,
    settings: TranslateSettings,
    witness: Witness,
    device: torch.device,
    make_progress: MakeProgress,
) -> Applied:
    generator, _ = load_generator_of(path, settings.direction)
    translator = Translator(
        generator, device, checkpoint_sha256=file_sha256(path.read_bytes()), direction=settings.direction
    )
    pair = (settings.train.sim, settings.train.real)
    source = pair[0] if settings.direction == "sim2real" else pair[1]
    progress = make_progress("translate", "images")
    return apply(translator, source, settings.out, witness, settings.limits, progress, parents=pair)


def _train_witness(
    sim: DatasetReader,
    settings: WitnessSettings,
    side_px: int,
    device: torch.device,
    make_progress: MakeProgress,
) -> Witness:
    """A witness of rendered train images; raises InputError for a dataset without masks."""
    patches = {split: PatchSource(sim, split, side_px) for split in ("train", "val")}
    if not patches["train"].has_masks:
        raise InputError(
            f"{sim.root} has images without masks, and it is by masks that a translation's harm to labels is "
            "measured: give a dataset with masks"
        )
    progress = make_progress("witness", "steps")
    progress.say("A witness learns to find parts in rendered images, to see later whether labels survive.")
    progress.begin(total=settings.n_steps, done=0)
    try:
        return train_witness(
            patches["train"].draw,
            settings,
            draw_val=patches["val"].draw,
            device=device,
            on_step=lambda step, _: progress.accepted(f"step {step}"),
        )
    finally:
        progress.end()


def _make_judge(settings: TranslateSettings, witness: Witness, device: torch.device) -> Judge:
    training, judging = settings.train, settings.judging
    if settings.criterion == "own-val":
        judging = replace(judging, downstream=None)
    side_px = training.preset.side_px
    return Judge(
        PatchSource(training.sim, "train", side_px),
        PatchSource(training.sim, "val", side_px),
        PatchSource(training.real, "val", side_px),
        witness,
        judging,
        device,
    )


def _conclude(settings: TranslateSettings, judge: Judge, scores: Sequence[Score], witness: Witness) -> Result:
    """Choose a checkpoint; write result.json and the figure of all criteria."""
    real, run = settings.train.real, settings.train.out
    n_val = len(real.of_split("val"))
    choice = choose(
        scores,
        settings.criterion,
        normal_sway_deg=witness.sway.normal_deg,
        real_images=RealImages(
            unlabelled=len(real.of_split("train")),
            unlabelled_for_choosing=n_val,
            labelled_for_choosing=n_val if settings.criterion == "real-val" else 0,
        ),
    )
    after = next(score for score in scores if score.step == choice.step)
    generator, _ = load_generator_of(run / CHECKPOINTS / f"step_{choice.step:06d}.safetensors")
    result = Result(
        before=judge.before,
        after=after,
        floor=judge.floor,
        kernel_drop=judge.kernel_drop(generator),
        choice=choice,
        witness_error=witness.error,
        witness_sway=witness.sway,
    )
    write_bytes(run / RESULT_FILE, (json.dumps(asdict(result), indent=2) + "\n").encode())
    draw_criteria(result, scores, run / FIGURES / "criteria.png")
    return result
