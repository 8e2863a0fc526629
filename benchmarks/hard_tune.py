"""A detector goes on learning from where a training ended, with no layer frozen and its last weights kept.

    python benchmarks/hard_tune.py runs/base --data real --data made --test hard --images 1200 --out tuned

``synth train --pretrained`` freezes the backbone and keeps what val images choose; all else is the same.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from synth.train.request import make_spec
from synth.train.run import run_training
from synth.train.trained import find_weights

LEARNING_RATE = 1e-3
"""Half of what a detector that begins anew has."""


def main() -> None:
    """Train, or go on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    spec = make_spec(
        "detection",
        given.data,
        then=None,
        test=given.test,
        preset="default",
        net="yolov5n",
        side_px=given.side,
        n_images=given.images,
        photometric=None,
        pretrained=find_weights(given.base),
        plain_crops=False,
        seed=given.seed,
    )
    settings = replace(spec.settings, freeze=False, learning_rate=LEARNING_RATE, n_checks=1)  # type: ignore[call-arg]
    run_training(replace(spec, settings=settings), given.out, device="cpu")


if __name__ == "__main__":
    main()
