"""The network to take away from a comparison, with the confidence from which it is to be believed."""

import json
from pathlib import Path
from typing import Any

from synth.compare.collect import Results
from synth.compare.figures import Figures
from synth.compare.mixes import REAL
from synth.compare.plan import Contest, Plan
from synth.compare.run import load_net
from synth.compare.verdict import rank
from synth.storage.atomic import write_bytes
from synth.train.export import export_network, list_words
from synth.train.loop import SCORE
from synth.train.tasks import TASKS


def export_best(plan: Plan, contest: Contest, results: Results, figures: Figures) -> list[Path]:
    """Write ``best_TASK_MODEL.onnx``, a ``.py`` that runs it and ``.json`` beside the report.

    The mix is the best on test images, so its own figures there flatter it a little; of its seeds it is the
    one that is best on val images. threshold: the confidence to believe, from captured val images. Raises
    InputError when the packages for ONNX are not installed.
    """
    task = TASKS[contest.task]
    mix = rank(figures, contest)[0].mix
    own = [(trial, r) for trial, r in results if trial.contest == contest and trial.mix.name == mix]
    trial, _ = min(own, key=lambda pair: pair[1].best.figures[SCORE])
    net = load_net(plan, contest, mix, trial.seed)
    words: dict[str, Any] = {"mix": mix, "seed": trial.seed, "simulated": plan.is_simulated}
    captured = plan.reader(contest.task, REAL)
    threshold = task.find_threshold(net, task.load(captured, captured.of_split("val"), contest.settings))
    if threshold is not None:
        words["threshold"] = threshold
    path = plan.out / f"best_{contest.task}_{contest.settings.model}.onnx"
    files = export_network(task, contest.settings, net, path, words)
    about = path.with_suffix(".json")
    told = list_words(task, contest.settings) | words
    told["about"] = task.describe_export(contest.settings).about
    write_bytes(about, (json.dumps(told, indent=2) + "\n").encode())
    return [*files, about]
