"""Seconds a whole frame takes to translate, by method, beside CycleGAN's network as it is in float32.

    python benchmarks/frames.py --width 1280 --height 720

Fresh weights of each method's quick preset, saved and loaded as `synth translate` does; a frame of noise.
Each in a process of its own, in turn; the fastest median of three rounds counts. The reference is the same
CycleGAN's generator as it was trained: not folded, float32, no channels-last memory.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from synth.gan.methods import METHODS
from synth.gan.methods.method import LearnedMethod, Rgb
from synth.gan.patches import to_u8

REFERENCE, SUBJECTS = "cyclegan, as trained", ("cyclegan", "refiner")
ROUNDS, N_FRAMES = 3, 5
CPU = torch.device("cpu")


def make_translator(subject: str, folder: Path) -> Callable[[Rgb], Rgb]:
    """Of fresh weights."""
    method = METHODS[subject.split(",")[0]]()
    assert isinstance(method, LearnedMethod)
    settings, path = method.presets["quick"], folder / "fresh.safetensors"
    generators = method.make_networks(settings, torch.Generator().manual_seed(0)).generators
    method.save_generators(path, generators, settings, {})
    if subject != REFERENCE:
        translator = method.load(path, "sim2real", CPU)
        return lambda frame: translator.apply(frame, {})
    generator = method.load_generator(path, "sim2real")

    def translate(frame: Rgb) -> Rgb:
        with torch.inference_mode():
            images = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 127.5 - 1
            return np.asarray(to_u8(generator(images))[0])

    return translate


def time_frames(subject: str, width: int, height: int) -> float:
    """Median seconds a frame, after one that is not timed."""
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    seconds = []
    with TemporaryDirectory() as folder:
        translate = make_translator(subject, Path(folder))
        for _ in range(N_FRAMES + 1):
            began = time.perf_counter()
            translate(frame)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(time_frames(options.only, options.width, options.height)))
        return
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for subject in (REFERENCE, *SUBJECTS):
            size = ("--width", str(options.width), "--height", str(options.height))
            done = subprocess.run(
                [sys.executable, __file__, *size, "--only", subject],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            seconds.setdefault(subject, []).append(json.loads(done.stdout))
    reference = min(seconds[REFERENCE])
    threads = torch.get_num_threads()
    print(f"{options.width}×{options.height}, {threads} threads: seconds a frame, times as fast")
    for subject, found in seconds.items():
        print(f"{subject:<24}{min(found):7.2f}{reference / min(found):7.1f}")


if __name__ == "__main__":
    main()
