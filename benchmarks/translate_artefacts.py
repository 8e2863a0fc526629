"""Artefacts of the generator kinds, and how they depend on chance.

python benchmarks/translate_artefacts.py --sim data/synthetic --real data/real --steps 400 --seeds 3

Every kind is trained at the quick preset's width, once a seed, with the published losses (cycle 10,
identity 5) at 2e-4 or, with --skip, with those of the preset. Then whole val frames are translated by the
averaged generator, and blobs, specks and stripes that the source does not explain are counted.
"""

import argparse
import json
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from synth.compute.device import choose_device
from synth.compute.progress import make_progress
from synth.dataset.reader import DatasetReader
from synth.gan.apply import Translator
from synth.gan.checkpoint import load_generator_of
from synth.gan.methods.cyclegan import CycleGANSettings
from synth.gan.presets import PRESETS, Preset
from synth.gan.run import TrainSettings, train
from synth.networks.architecture import GENERATOR_KINDS
from synth.witness.artefacts import Artefacts, find_artefacts


def make_preset(kind: str, options: argparse.Namespace) -> Preset:
    """The quick preset with another generator and, without a skip, the published losses and rate."""
    quick = PRESETS["quick"]
    shape = replace(quick.method.generator, kind=kind, skip=options.skip)
    method = replace(quick.method, generator=shape)
    if not options.skip:
        method = CycleGANSettings(shape, quick.method.discriminator)
    return replace(quick, method=method, n_images=options.steps, n_checkpoints=1)


def count(kind: str, seed: int, options: argparse.Namespace) -> list[Artefacts]:
    """Of every frame, after one training."""
    sim, real = DatasetReader(options.sim), DatasetReader(options.real)
    frames = sim.of_split("val")[: options.frames]
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainSettings(sim, real, Path(folder) / "run", make_preset(kind, options), seed=seed)
        run = train(settings, make_progress(Console(quiet=True), "train", "steps"))
        path = max((run / "checkpoints").glob("*.safetensors"))
        generator, _ = load_generator_of(path, "sim2real")
    translator = Translator(generator, choose_device(None), checkpoint_sha256="", direction="sim2real")
    sources = [sim.load_rgb(frame) for frame in frames]
    return [find_artefacts(source, translator.translate(source)) for source in sources]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sim", type=Path, default=Path("data/synthetic"))
    parser.add_argument("--real", type=Path, default=Path("data/real"))
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--skip", action="store_true", help="Generators that add to their input.")
    parser.add_argument(
        "--kinds", nargs="+", default=["batch", "instance", "demodulated"], choices=GENERATOR_KINDS
    )
    parser.add_argument("--json", type=Path, help="Where to write the figures.")
    options = parser.parse_args()
    rows = []
    print(f"{'':<20}{'seed':>5}{'droplets':>10}{'spikes':>8}{'stripes':>9}   mean of a frame")
    for kind in options.kinds:
        for seed in range(options.seeds):
            found = count(kind, seed, options)
            row = {
                name: statistics.mean(getattr(a, name) for a in found)
                for name in ("droplets", "spikes", "stripes")
            }
            rows.append({"kind": kind, "seed": seed, "n_frames": len(found), **row})
            cells = f"{row['droplets']:>10.1f}{row['spikes']:>8.1f}{row['stripes']:>9.1f}"
            print(f"{kind:<20}{seed:>5}{cells}   n = {len(found)}", flush=True)
    if options.json:
        about = {"steps": options.steps, "skip": options.skip}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(about | {"rows": rows}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
