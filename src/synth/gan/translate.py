"""The stage: two datasets in, a translator fitted, a checkpoint chosen, a dataset in the other look out.

::

    runs/translate/            what run.py writes, and
      witness.safetensors       the frozen network that sees parts before and after
      witness_state.pt         where it stands while it is still trained
      class_witness.safetensors the frozen network that tells classes, for methods that learn from crops
      scores.jsonl             every checkpoint, scored on val images
      result.json              which checkpoint is kept and why, what real images that cost, the distances
      figures/criteria.png     all criteria over the checkpoints
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
from pydantic import JsonValue
from torch import nn

from synth.compute.device import choose_device
from synth.compute.run_dir import RunDir
from synth.compute.spread import HERE, Spread
from synth.compute.threads import use_free_cores
from synth.dataset.choices import Criterion
from synth.dataset.folder import INFO_FILE, read_info
from synth.dataset.origin import Reading
from synth.errors import InputError
from synth.gan.apply import Applied, apply
from synth.gan.checkpoint import note_readings, path_of_step, read_readings
from synth.gan.choice import Choice, RealImages, choose, face_rivals
from synth.gan.class_witness import ClassWitness, ClassWitnessSettings, load_class_witness
from synth.gan.criteria_figure import draw_criteria
from synth.gan.crop_cutter import count_by_class
from synth.gan.fit import FitSettings
from synth.gan.forecast import Forecast, make_forecast
from synth.gan.inputs import check_pair, refuse_leaks
from synth.gan.judge import Judge, JudgeSettings, Score, Translate, by_generator, by_translator
from synth.gan.learner import learn
from synth.gan.logbook import FIGURES
from synth.gan.methods import METHODS
from synth.gan.methods.method import Direction, LearnedMethod, Translator
from synth.gan.patches import PatchCutter
from synth.gan.readings import list_readings
from synth.gan.result import Result
from synth.gan.rivals import Rival, have_rivals
from synth.gan.schedule import CropSettings
from synth.gan.score_log import ScoreLog
from synth.gan.witnesses import (
    CLASS_WITNESS_FILE,
    WITNESS_FILE,
    MakeProgress,
    have_class_witness,
    have_witness,
    judged_side_px,
    learn_witness,
)
from synth.storage.atomic import write_bytes
from synth.witness.drift import DriftLimits
from synth.witness.witness import Witness, WitnessSettings, load_witness

SCORES_FILE, RESULT_FILE = "scores.jsonl", "result.json"


@dataclass(frozen=True)
class TranslateSettings:
    """One translation.

    fit: what is learnt from what, and how. out: the translated dataset. witness: how the network that judges
    labels is trained. class_witness: how the one is that tells classes, for methods that learn from crops.
    judging: how checkpoints are scored. anyway: keep the best checkpoint even where a baseline comes as near.
    spread: where a translator learns and frames are translated.
    """

    fit: FitSettings
    out: Path
    criterion: Criterion = "own-val"
    direction: Direction = "sim2real"
    witness: WitnessSettings = field(default_factory=WitnessSettings)
    class_witness: ClassWitnessSettings = field(default_factory=ClassWitnessSettings)
    judging: JudgeSettings = field(default_factory=JudgeSettings)
    limits: DriftLimits = field(default_factory=DriftLimits)
    anyway: bool = False
    spread: Spread = HERE


def translate(settings: TranslateSettings, make_progress: MakeProgress) -> tuple[Result, Applied]:
    """Fit a translator, choose a checkpoint, translate a dataset; or go on with what is there.

    Raises InputError and DatasetError for datasets that do not fit or leak, TrainingDiverged, StorageError.
    KeyboardInterrupt leaves folders whole; the same call goes on.
    """
    is_learned = isinstance(METHODS[settings.fit.method](), LearnedMethod)
    readings = list_readings(settings.fit.method, settings.fit.sim, settings.fit.real, is_chosen=is_learned)
    settings = replace(settings, fit=replace(settings.fit, besides=_judged_by(settings), readings=readings))
    fit, run = settings.fit, settings.fit.out
    method = METHODS[fit.method]()
    _refuse_one_way(settings)
    _refuse_another_s(settings)
    check_pair(fit.sim, fit.real, any_size=not is_learned or isinstance(fit.settings, CropSettings))
    say = make_progress("translate", "images").say
    refuse_leaks(fit.sim, fit.real, say)
    RunDir.create_or_resume(run, fit.to_config()).close()
    device = choose_device(fit.device)
    use_free_cores(device, run)
    witness = have_witness(run, fit, settings.witness, device, make_progress, runs=run.parent)
    class_witness = have_class_witness(run, fit, settings.class_witness, device, make_progress)
    unseen = list_unseen(fit)
    if unseen:
        say(
            f"{fit.real.root} has no train crop of {', '.join(unseen)}: their look is learnt from other "
            "classes alone."
        )
    judge = make_judge(settings, witness, device)
    rivals = have_rivals(fit, judge) if is_learned and not settings.anyway else {}
    forecast = make_forecast(
        judge.before,
        {name: rival.score for name, rival in rivals.items()},
        judge.floor["kernel_distance"],
        normal_sway_deg=witness.sway.normal_deg,
    )
    if rivals:
        say(_describe_rivals(rivals, judge))
    if forecast is not None:
        say(f"Forecast: {forecast}.")
    log = ScoreLog(run / SCORES_FILE)
    is_spared = forecast is not None and forecast.is_closed and settings.criterion == "own-val"
    if isinstance(method, LearnedMethod) and not is_spared:
        learn(
            fit,
            make_progress("train", "steps"),
            settings.spread,
            on_checkpoint=partial(_score, fit=fit, judge=judge, log=log, device=device),
            witness=witness.net,
        )
        log = ScoreLog(log.path)  # Another process may have written it.
    elif not is_spared and not log.scores:
        translator = method.fit(fit.sim, fit.real, fit.settings, fit.seed, device)
        translator.save(path_of_step(run, 1))
        note_readings(path_of_step(run, 1), readings)
        log.add(judge.score(1, by_translator(translator, fit.sim)))
    scores = [] if is_spared else log.scores
    result = _conclude(settings, judge, scores, witness, class_witness, rivals, forecast)
    checkpoint, rival = path_of_step(run, result.choice.step), result.choice.rival
    kept = f"Step {result.choice.step} is kept" if isinstance(method, LearnedMethod) else method.title
    if rival is not None:
        checkpoint, method = rivals[rival].path, METHODS[rival]()
        readings = read_readings(checkpoint)
        how = "--anyway, with another --out,"
        kept = f"No checkpoint is kept and {rival} is applied, a baseline ({how} keeps the best one)"
    if is_spared:
        kept = f"Nothing more is learnt and {rival} is applied ({how} learns all the same)"
    say(f"{kept}: {result.choice.why}.")
    translator = method.load(checkpoint, settings.direction, device)
    return result, apply_translator(
        translator,
        readings,
        settings,
        witness,
        make_progress,
        class_witness=class_witness,
        figures={} if forecast is None else {"forecast": str(forecast)},
    )


def translate_with(checkpoint: Path, settings: TranslateSettings, make_progress: MakeProgress) -> Applied:
    """Translate a dataset with a checkpoint that is there, its run's witness looking on.

    Raises InputError for a checkpoint that cannot be used; DatasetError and StorageError as `translate`.
    """
    device = choose_device(settings.fit.device)
    use_free_cores(device)
    translator = METHODS[settings.fit.method]().load(checkpoint, settings.direction, device)
    run = checkpoint.parent.parent
    if (run / WITNESS_FILE).is_file():
        witness = load_witness(run / WITNESS_FILE, device)
    else:
        witness = learn_witness(settings.fit, settings.witness, device, make_progress)
    readings = read_readings(checkpoint)
    beside = run / CLASS_WITNESS_FILE
    return apply_translator(
        translator,
        readings,
        settings,
        witness,
        make_progress,
        class_witness=load_class_witness(beside, device) if beside.is_file() else None,
    )


def _refuse_one_way(settings: TranslateSettings) -> None:
    """Raises InputError, before anything is learnt, for a method that learns no such direction."""
    method, direction = METHODS[settings.fit.method](), settings.direction
    if not isinstance(method, LearnedMethod) or direction == "sim2real":
        return
    if direction not in method.make_networks(settings.fit.settings, torch.Generator()).generators:
        raise InputError(
            f"the method {settings.fit.method} learns no way back: leave --reverse out, or choose --method "
            "cyclegan"
        )


def _refuse_another_s(settings: TranslateSettings) -> None:
    """Raises InputError, before anything is learnt, where a checkpoint is asked for and the folder of the
    translated set holds what another method made.
    """
    if not settings.anyway or not (settings.out / INFO_FILE).is_file():
        return
    found = read_info(settings.out).made_by.config.get("method")
    if found != settings.fit.method:
        raise InputError(
            f"{settings.out} was made by {found}, not by {settings.fit.method}: give another --out"
        )


def _score(
    step: int, generator: nn.Module, *, fit: FitSettings, judge: Judge, log: ScoreLog, device: torch.device
) -> None:
    if isinstance(fit.settings, CropSettings):
        log.add(judge.score(step, _translate_patches(fit, path_of_step(fit.out, step))))
    else:
        log.add(judge.score(step, by_generator(generator, device)))


def apply_translator(
    translator: Translator,
    readings: Sequence[Reading],
    settings: TranslateSettings,
    witness: Witness,
    make_progress: MakeProgress,
    *,
    class_witness: ClassWitness | None = None,
    figures: Mapping[str, JsonValue] = MappingProxyType({}),
) -> Applied:
    """Translate the dataset that is asked for, or go on with it; raises as `apply`."""
    pair = (settings.fit.sim, settings.fit.real)
    return apply(
        translator,
        pair[0] if settings.direction == "sim2real" else pair[1],
        settings.out,
        witness,
        settings.limits,
        make_progress("translate", "images"),
        parents=pair,
        readings=readings,
        class_witness=class_witness,
        figures=figures,
        spread=settings.spread,
        device=choose_device(settings.fit.device),
    )


def list_unseen(fit: FitSettings) -> tuple[str, ...]:
    """Classes that a method learns from crops of, of which there is no real train crop."""
    if not isinstance(fit.settings, CropSettings):
        return ()
    classes = fit.settings.classes
    real, sim = (count_by_class(dataset, "train", classes) for dataset in (fit.real, fit.sim))
    return tuple(name for name in classes if sim[name] and not real[name])


def _judged_by(settings: TranslateSettings) -> dict[str, JsonValue]:
    """What decides the witness and the scores, for the run's config.json."""
    judging = asdict(settings.judging) | {"inception": settings.judging.inception is not None}
    told: dict[str, JsonValue] = {"witness": asdict(settings.witness), "judging": judging}
    if isinstance(settings.fit.settings, CropSettings):
        told["class_witness"] = asdict(settings.class_witness)
    return told


def make_judge(settings: TranslateSettings, witness: Witness, device: torch.device) -> Judge:
    """By val patches of both looks."""
    fit, judging = settings.fit, settings.judging
    if settings.criterion == "own-val":
        judging = replace(judging, downstream=None)
    side_px = judged_side_px(fit)
    return Judge(
        PatchCutter(fit.sim, "train", side_px),
        PatchCutter(fit.sim, "val", side_px),
        PatchCutter(fit.real, "val", side_px),
        witness,
        judging,
        device,
    )


def _conclude(
    settings: TranslateSettings,
    judge: Judge,
    scores: Sequence[Score],
    witness: Witness,
    class_witness: ClassWitness | None,
    rivals: Mapping[str, Rival],
    forecast: Forecast | None,
) -> Result:
    """Choose a checkpoint, or without any what the forecast names; write result.json and the figure."""
    run = settings.fit.out
    choice = _choose(settings, judge, scores, witness, rivals, forecast)
    if choice.rival is not None:
        after, kept = rivals[choice.rival].score, rivals[choice.rival].translate
    else:
        after = next(score for score in scores if score.step == choice.step)
        kept = _translate_patches(settings.fit, path_of_step(run, choice.step))
    result = Result(
        before=judge.before,
        after=after,
        floor=judge.floor,
        kernel_drop=judge.kernel_drop(kept),
        choice=choice,
        witness_error=witness.error,
        witness_sway=witness.sway,
        class_error=None if class_witness is None else class_witness.error,
        classes_without_real=list_unseen(settings.fit),
        rivals={name: rival.score.distances["kernel_distance"] for name, rival in rivals.items()},
        forecast=forecast,
    )
    write_bytes(run / RESULT_FILE, (json.dumps(asdict(result), indent=2) + "\n").encode())
    if scores:
        draw_criteria(result, scores, run / FIGURES / "criteria.png")
    return result


def _choose(
    settings: TranslateSettings,
    judge: Judge,
    scores: Sequence[Score],
    witness: Witness,
    rivals: Mapping[str, Rival],
    forecast: Forecast | None,
) -> Choice:
    fit = settings.fit
    n_val = len(fit.real.of_split("val"))
    cost = RealImages(
        for_training=len(fit.real.of_split("train")),
        for_choosing=n_val,
        labels_for_choosing=n_val if settings.criterion == "real-val" else 0,
    )
    if forecast is not None and not scores:
        return Choice(0, settings.criterion, str(forecast), True, cost, forecast.best)
    sway_deg = witness.sway.normal_deg
    choice = choose(scores, settings.criterion, normal_sway_deg=sway_deg, real_images=cost)
    kept = _translate_patches(fit, path_of_step(fit.out, choice.step))
    return face_rivals(
        choice,
        next(score for score in scores if score.step == choice.step),
        {name: rival.score for name, rival in rivals.items()},
        lambda name: judge.kernel_drop(kept, than=rivals[name].translate),
        normal_sway_deg=sway_deg,
    )


def _describe_rivals(rivals: Mapping[str, Rival], judge: Judge) -> str:
    """How near to real val images they come, before anything is learnt."""
    found = {name: rival.score.distances["kernel_distance"] for name, rival in rivals.items()}
    found["real to real"] = judge.floor["kernel_distance"]
    told = [f"{name} {d.value:,.2f} ({d.low:,.2f} to {d.high:,.2f})" for name, d in found.items()]
    return f"Kernel distance to real val images: {'; '.join(told)}."


def _translate_patches(fit: FitSettings, path: Path) -> Translate:
    """What a checkpoint makes of patches."""
    method, device = METHODS[fit.method](), choose_device(fit.device)
    if isinstance(method, LearnedMethod):
        return by_generator(method.load_generator(path, "sim2real"), device)
    return by_translator(method.load(path, "sim2real", device), fit.sim)
