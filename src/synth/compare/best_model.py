"""The network to take away from a comparison, with the confidence from which it is to be believed."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from synth.compare.arms import REAL
from synth.compare.collect import HEADLINE, Figures, Results
from synth.compare.explain import load_net
from synth.compare.plan import Contest, Plan
from synth.metrics.detection import STANDARD, match
from synth.storage.atomic import write_bytes
from synth.train.export import ABOUT, export_onnx
from synth.train.loop import SCORE
from synth.train.run import TASKS


def export_best(plan: Plan, contest: Contest, results: Results, figures: Figures) -> list[Path]:
    """Write ``best_TASK_MODEL.onnx`` and ``.json`` beside the report.

    The arm is the best on test images, so its own figures there flatter it a little; of its seeds it is the
    one that is best on val images. threshold: the confidence of the highest F1 on captured val images. Raises
    InputError when the packages for ONNX are not installed.
    """
    headline = HEADLINE[contest.task]
    sign = 1 if headline.lower_is_better else -1
    arm = min(plan.arms, key=lambda a: sign * figures[f"{contest.key}.{a.name}.{headline.name}"]["value"])
    own = [(cell, r) for cell, r in results if cell.contest == contest and cell.arm == arm]
    cell, _ = min(own, key=lambda pair: pair[1].best.figures[SCORE])
    net = load_net(plan, contest, arm.name, cell.seed)
    words: dict[str, Any] = {
        "task": contest.task,
        "model": contest.settings.model,
        "side_px": contest.settings.side_px,
        "arm": arm.name,
        "seed": cell.seed,
        "simulated": plan.is_simulated,
    }
    if contest.task == "detection":
        words["threshold"] = find_threshold(plan, contest, net)
    path = plan.out / f"best_{contest.task}_{contest.settings.model}.onnx"
    export_onnx(net, contest.task, contest.settings.side_px, path, words)
    about = path.with_suffix(".json")
    write_bytes(about, (json.dumps(words | {"about": ABOUT[contest.task]}, indent=2) + "\n").encode())
    return [path, about]


def find_threshold(plan: Plan, contest: Contest, net: Any) -> float:
    """The confidence from which detections have the highest F1 on captured val images, at IoU 0.5."""
    task, captured = TASKS[contest.task], plan.reader(contest.task, REAL)
    val = task.load(captured, captured.of_split("val"), contest.settings)
    found = [np.array(b).reshape(-1, 5) for b in task.predict(net, val)]
    matches = match(found, [np.array(b).reshape(-1, 4) for b in task.truth(val)], STANDARD)
    if not len(matches.confidence):
        return 0.5
    hits = matches.hits[0].cumsum()
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + matches.n_true.sum())
    return float(matches.confidence[int(f1.argmax())])
