"""Artefacts of the generator kinds, and how they depend on chance.

python benchmarks/translate_artefacts.py --sim data/synthetic --real data/real --steps 400 --seeds 3

Every kind is trained at the quick preset's width, once a seed, with the published losses (cycle 10,
identity 5) at 2e-4 or, with --skip, with those of the preset. Then whole val frames are translated by the
averaged generator, and blobs, specks and stripes that the source does not explain are counted.
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

from synth.compute.device import choose_device
from synth.dataset.reader import DatasetReader
from synth.gan.methods.cyclegan import PRESETS, CycleGANMethod
from synth.gan.methods.cyclegan_settings import CycleGANSettings
from synth.networks.architecture import GENERATOR_KINDS
from synth.witness.artefacts import Artefacts, find_artefacts


def make_settings(kind: str, options: argparse.Namespace) -> CycleGANSettings:
    """The quick preset with another generator and, without a skip, the published losses and rate."""
    quick = PRESETS["quick"]
    shape = replace(quick.generator, kind=kind, skip=options.skip)
    settings = (
        replace(quick, generator=shape) if options.skip else CycleGANSettings(shape, quick.discriminator)
    )
    return replace(settings, schedule=replace(quick.schedule, n_images=options.steps, n_checkpoints=1))


def count(kind: str, seed: int, options: argparse.Namespace) -> list[Artefacts]:
    """Of every frame, after one training."""
    sim, real = DatasetReader(options.sim), DatasetReader(options.real)
    frames = sim.of_split("val")[: options.frames]
    translator = CycleGANMethod().fit(sim, real, make_settings(kind, options), seed, choose_device(None))
    sources = [sim.load_rgb(frame) for frame in frames]
    return [find_artefacts(source, translator.apply(source, {})) for source in sources]


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
