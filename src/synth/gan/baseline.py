"""The best of the baselines by its distance to real val images: chosen and applied, in one folder.

::

    runs/compare/baseline/
      config.json            what was asked for; the same is demanded to go on
      witness.safetensors    the frozen network that sees parts before and after
      colour-map.safetensors and the other baselines' checkpoints
      choice.json            which was chosen, why, and every distance
      colour-map/            the dataset that the chosen one made
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pydantic import JsonValue

from synth.compute.device import choose_device
from synth.compute.run_dir import RunDir
from synth.compute.threads import use_free_cores
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.checkpoint import note_readings
from synth.gan.choice import RealImages, choose
from synth.gan.fit import FitSettings
from synth.gan.inputs import check_pair, refuse_leaks
from synth.gan.judge import JudgeSettings, by_translator
from synth.gan.methods import BASELINES, METHODS
from synth.gan.readings import list_readings
from synth.gan.translate import TranslateSettings, apply_translator, make_judge
from synth.gan.witnesses import MakeProgress, have_witness
from synth.storage.atomic import write_bytes
from synth.witness.drift import DriftLimits
from synth.witness.witness import WitnessSettings

CHOICE_FILE = "choice.json"


def make_baseline(
    sim: Path, real: Path, out: Path, make_progress: MakeProgress, *, device: str | None = None
) -> Path:
    """Translate ``sim`` by the baseline that comes nearest to ``real``, or go on with it; returns its choice.

    All that are registered are fitted to train images, by their default presets, and judged on val images of
    both as checkpoints of `synth translate` are: the smallest kernel distance among those that keep labels.
    The file that is returned has ``method``, the name of the folder beside it, ``why``, and ``distances``
    with their 95 % intervals, of the untranslated images and of captured to captured too.

    Raises InputError, before anything is written, for datasets that no translator can be fitted to, or where
    no baseline is registered; DatasetError where a test image would be learnt from; StorageError.
    """
    source, captured, names = _open(sim, real)
    if not (out / CHOICE_FILE).is_file():
        refuse_leaks(source, captured, make_progress("baseline", "images").say)
    asked = {name: _ask(name, source, captured, out, device) for name in names}
    config: dict[str, JsonValue] = {
        "sim": source.digest(),
        "real": captured.digest(),
        "baselines": {name: asdict(settings.fit.settings) for name, settings in asked.items()},
        "witness": asdict(WitnessSettings()),
    }
    with RunDir.create_or_resume(out, config):
        if not (out / CHOICE_FILE).is_file():
            _choose_and_apply(asked, out, make_progress)
    return out / CHOICE_FILE


def check_baseline(sim: Path, real: Path) -> None:
    """Raises InputError for datasets that no translator can be fitted to, or where there is no baseline."""
    _open(sim, real)


def _open(sim: Path, real: Path) -> tuple[DatasetReader, DatasetReader, list[str]]:
    """Both datasets, and the names of the baselines that are there."""
    source, captured = (DatasetReader(root).refuse_empty() for root in (sim, real))
    check_pair(source, captured)
    names = [name for name in BASELINES if name in METHODS]
    if not names:
        raise InputError(f"no baseline is there: {', '.join(BASELINES)} were taken out")
    if any(sample.mask is None for sample in source):
        raise InputError(f"{sim} has images without masks, by which harm to labels is measured")
    return source, captured, names


def _ask(
    name: str, sim: DatasetReader, real: DatasetReader, out: Path, device: str | None
) -> TranslateSettings:
    method = METHODS[name]()
    preset = method.presets[method.default_preset(choose_device(device))]
    fit = FitSettings(sim=sim, real=real, out=out, settings=preset, method=name, device=device)
    return TranslateSettings(
        fit=fit, out=out / name, witness=WitnessSettings(), judging=JudgeSettings(), limits=DriftLimits()
    )


def _checkpoint(out: Path, name: str) -> Path:
    return out / f"{name}.safetensors"


def _choose_and_apply(asked: Mapping[str, TranslateSettings], out: Path, make_progress: MakeProgress) -> None:
    any_of_them = next(iter(asked.values()))
    sim, real, device = any_of_them.fit.sim, any_of_them.fit.real, choose_device(any_of_them.fit.device)
    use_free_cores(device, out)
    witness = have_witness(
        out, any_of_them.fit, any_of_them.witness, device, make_progress, runs=out.parent.parent
    )
    judge = make_judge(any_of_them, witness, device)
    scores = []
    for i, (name, settings) in enumerate(asked.items()):
        fit, path = settings.fit, _checkpoint(out, name)
        translator = METHODS[name]().fit(sim, real, fit.settings, fit.seed, device)
        translator.save(path)
        note_readings(path, list_readings(name, sim, real, is_chosen=True))
        scores.append(judge.score(i, by_translator(translator, sim)))
    n_val = len(real.of_split("val"))
    choice = choose(
        scores,
        "own-val",
        normal_sway_deg=witness.sway.normal_deg,
        real_images=RealImages(len(real.of_split("train")), for_choosing=n_val, labels_for_choosing=0),
    )
    chosen = list(asked)[choice.step]
    measured = {name: score.distances for name, score in zip(asked, scores, strict=True)}
    measured |= {"untranslated": judge.before.distances, "captured to captured": judge.floor}
    distances = {name: asdict(found["kernel_distance"]) for name, found in measured.items()}
    said = {"method": chosen, "why": choice.why, "distances": distances}
    make_progress("baseline", "images").say(f"Baseline {chosen}: {choice.why}.")
    translator = METHODS[chosen]().load(_checkpoint(out, chosen), "sim2real", device)
    readings = list_readings(chosen, sim, real, is_chosen=True)
    apply_translator(translator, readings, asked[chosen], witness, make_progress)
    write_bytes(out / CHOICE_FILE, (json.dumps(said, indent=2) + "\n").encode())
