"""How hard composites of every way to place are for one target: TERSE's Figure 8, with five ways.

    python benchmarks/hardness.py runs/train/detection random=data/random hard=data/hard --out hardness.png

Each NAME=FOLDER is a dataset of composites that `synth compose` made: by ``--place random``, ``random-hard``
and ``learned`` with ``--run`` of this target, by ``--blend all``, by ``--where context``. Its train pictures,
as they were written, are shown to the target at the size at which it looks. Besides the plot, a line a way on
the terminal: how many, mean hardness and its standard error, and the share from 0.5 on.

What random-hard and learned kept was hard for the target as it was in their cycle; here all are asked of the
one that began.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from synth.dataset.reader import DatasetReader
from synth.train.tasks import TASKS
from synth.train.trained import Trained, load_trained

BATCH = 8
HARD_AT = 0.5
BINS = np.linspace(0, 1, 21)


@torch.no_grad()
def measure_hardness(trained: Trained, dataset: DatasetReader) -> NDArray[np.float64]:
    """[N] of the train pictures of a dataset."""
    task, settings = TASKS[trained.task], trained.settings
    target, samples, found = task.target(trained.net, settings), dataset.of_split("train"), []
    for i in range(0, len(samples), BATCH):
        images, truth = [], []
        for sample in samples[i : i + BATCH]:
            size_wh = task.target_size(settings, sample.size_wh)
            small = cv2.resize(dataset.load_rgb(sample), size_wh, interpolation=cv2.INTER_AREA)
            images.append(torch.from_numpy(small).permute(2, 0, 1).float() / 255)
            scale = size_wh[0] / sample.size_wh[0]
            seen = [([scale * edge for edge in one.box_xyxy_px], one.class_name) for one in sample.instances]
            truth.append(task.composite_truth(settings, seen))
        device = next(trained.net.parameters()).device
        found += target.hardness(torch.stack(images).to(device), truth).tolist()
    return np.array(found)


def main() -> None:
    """Measure, tell, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("ways", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--out", type=Path, default=Path("hardness.png"))
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    trained = load_trained(given.run, given.device)
    figure = Figure(figsize=(8, 1 + 1.2 * len(given.ways)), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(given.ways), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for ax, (name, _, folder) in zip(rows, (way.partition("=") for way in given.ways), strict=True):
        hardness = measure_hardness(trained, DatasetReader(Path(folder)))
        n, mean = len(hardness), hardness.mean()
        error = hardness.std(ddof=1) / np.sqrt(n)
        print(f"{name}: {n} pictures, {mean:.3f} ± {error:.3f}, {np.mean(hardness >= HARD_AT):.2f} hard")
        ax.hist(hardness, BINS, weights=np.full(n, 1 / n))
        ax.axvline(HARD_AT, color="tab:gray", linestyle=":")
        ax.set_title(f"{name}: {n} pictures, mean {mean:.2f}", fontsize="medium", loc="left")
        ax.grid(alpha=0.3)
    rows[-1].set(xlabel="hardness for the target that all began with", xlim=(0, 1))
    figure.supylabel("share of pictures")
    figure.savefig(given.out, dpi=110)


if __name__ == "__main__":
    main()
