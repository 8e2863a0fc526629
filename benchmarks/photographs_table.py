"""The tables of what photographs.py found, written into a document between two marks.

    python benchmarks/photographs_table.py --write docs/results.md

A table that is not complete says how many of its trainings there are. Figures by seed are in the order of
seeds. The median IoU is of what one training found, from the lowest to the highest of them.
"""

from collections.abc import Sequence

import numpy as np
from photographs import CHANGE, FILTER, FROZEN, RESULTS, SCENES, SEEDS, Line, Scene, list_trials
from result_tables import Table, tell, to_markdown
from scipy.stats import t

from synth.metrics.comparison import SHARE

MARKS = "<!-- benchmarks/photographs_table.py -->", "<!-- end -->"


def make_table(scene: Scene, lines: Sequence[Line]) -> Table:
    """A row a mix, a column a fold."""
    heads = [f"found, {fold.name}, by seed" for fold in scene.folds]
    head = [
        "trained on",
        "real images read for",
        *heads,
        "false boxes an image",
        "median IoU",
        "mAP50-95 (95 % over seeds)",
    ]
    table = [head]
    for mix in (*scene.mixes, FILTER, CHANGE):
        own = [x for x in lines if x["mix"] == mix]
        if not own:
            continue
        by_fold = [sorted((x for x in own if x["fold"] == f.name), key=_key_seed) for f in scene.folds]
        found = [say_found(each) for each in by_fold]
        false = sum(x["false_boxes"] for x in own) / sum(x["n_test"] for x in own)
        ious = [x["median_iou"] for x in own if x["median_iou"] is not None]
        iou = f"{min(ious):.2f} to {max(ious):.2f}" if ious else "–"
        table.append([mix, say_read(own), *found, f"{false:.2f}", iou, say_precision(scene, own)])
    return table


def _key_seed(line: Line) -> int:
    return -1 if line["seed"] is None else int(line["seed"])


def say_read(lines: Sequence[Line]) -> str:
    """How many real images gave which labels, to the network or to what made its images."""
    words = {"labels": "boxes", "mask": "masks", "pose": "poses"}
    most = {use: max((x.get("real_labels", {}).get(use, 0) for x in lines), default=0) for use in words}
    return ", ".join(f"{words[use]} {n}" for use, n in most.items() if n)


def say_found(lines: Sequence[Line]) -> str:
    """Counts by seed, of how many."""
    counts = ", ".join(str(x["found"]) for x in lines)
    return f"{counts} of {lines[0]['n_true']}" if lines else "–"


def say_precision(scene: Scene, lines: Sequence[Line]) -> str:
    """The mean over folds, and over the seeds that have them all, with what another seed would change."""
    by_seed = []
    for seed in SEEDS:
        of_seed = [x["map50_95"] for x in lines if x["seed"] == seed]
        if len(of_seed) == len(scene.folds):
            by_seed.append(np.mean(of_seed))
    if not by_seed:
        return "–"
    mean, n = float(np.mean(by_seed)), len(by_seed)
    if n == 1:
        return f"{mean:.2f} (one seed)"
    half = float(t.ppf(0.975, n - 1) * np.std(by_seed, ddof=1) / np.sqrt(n))
    low, high = SHARE.interval(mean, half)
    return f"{mean:.2f} ({low:.2f}–{high:.2f})"


def say_all(lines: Sequence[Line]) -> str:
    """The tables of all scenes, each with how much of it there is."""
    parts = []
    for scene in SCENES:
        own = [x for x in lines if x["scene"] == scene.name and x.get("images") in (None, scene.n_images)]
        n, n_all = sum(x["seed"] is not None for x in own), sum(x.scene is scene for x in list_trials())
        dates = sorted({x["date"] for x in own})
        commits = ", ".join(dict.fromkeys(x["commit"] for x in own))
        days = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if own else ""
        when = f"{days}, commit {commits}" if own else "not begun"
        state = "Complete" if n == n_all else "Not complete"
        parts += [
            "",
            *(to_markdown(make_table(scene, own)) if own else ()),
            "",
            f"{state}: {n} of {n_all} trainings; {when}.",
        ]
    return "\n".join([*parts, ""])


if __name__ == "__main__":
    tell(__doc__, RESULTS, FROZEN, say_all, MARKS)
