"""A translator's training step, memory and inference beside the published step, in one run.

python benchmarks/translate.py --side 128 --json runs/benchmark_translate.json
python benchmarks/translate.py --filters 16 --blocks 6 --steps 20
python benchmarks/translate.py --original ~/pytorch-CycleGAN-and-pix2pix
python benchmarks/translate.py curves --steps 60

steps (the default): seconds a step and peak memory of each generator kind, of a plain float32 transcription
of the published step (peer_cyclegan.py) and, given a path, of the original authors' own; images a second in
inference. Each in a process of its own; three rounds, the fastest median counts. curves: the losses of the
transcription beside ours from the same weights and images, in float32 and in the precision that training
takes; the mean relative difference of the curves, smoothed over ten steps.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import torch
from lightning_fabric import Fabric
from peer_cyclegan import PlainCycleGAN
from torch import Tensor, nn

from synth.compute.device import choose_device, choose_precision
from synth.gan.methods.cyclegan import CycleGANMethod, CycleGANSettings
from synth.gan.methods.method import Batch
from synth.gan.training import Training
from synth.networks.discriminators import DiscriminatorShape
from synth.networks.generators import GENERATOR_KINDS, GeneratorShape, fold, make_generator

ROUNDS = 3
N_FILTERS_D = 64


def make_images(n: int, side_px: int, seed: int) -> tuple[Tensor, Tensor]:
    """``n`` smooth pictures of each look, [n,3,S,S] in −1 to 1: grey, and warm with grain."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(2 * n, 1, side_px // 16, side_px // 16, generator=rng)
    grey = nn.functional.interpolate(coarse, size=(side_px, side_px), mode="bicubic") * 1.6 - 0.8
    warm = torch.tensor([1.0, 0.8, 0.5])[:, None, None]
    real = grey[n:] * warm + 0.05 * torch.randn(n, 3, side_px, side_px, generator=rng)
    return grey[:n].expand(-1, 3, -1, -1).clamp(-1, 1).contiguous(), real.clamp(-1, 1)


def make_training(kind: str, precision: str, options: argparse.Namespace) -> Training:
    """Ours, as a run has it."""
    device = choose_device(options.device)
    fabric = Fabric(accelerator=device.type, devices=1, precision=precision)
    settings = CycleGANSettings(
        GeneratorShape(kind, options.filters, options.blocks), DiscriminatorShape(N_FILTERS_D)
    )
    return Training(
        CycleGANMethod(), settings, fabric, seed=0, n_images_total=100_000, ema_half_life_images=1000.0
    )


def time_steps(what: str, precision: str, options: argparse.Namespace) -> dict[str, float]:
    """Median seconds a step and the process's peak memory."""
    sim, real = make_images(options.steps + 1, options.side, seed=0)
    if what == "peer":
        device = choose_device(options.device)
        peer = PlainCycleGAN(options.filters, options.blocks, N_FILTERS_D)
        peer.to(device)
        learn = lambda i: peer.learn(sim[i : i + 1].to(device), real[i : i + 1].to(device))  # noqa: E731
    elif what == "original":
        learn = open_original(options, sim, real)
    else:
        training = make_training(what, precision, options)
        learn = lambda i: training.learn(Batch(sim[i : i + 1], real[i : i + 1]))  # noqa: E731
    seconds = []
    for i in range(options.steps + 1):
        began = time.perf_counter()
        learn(i)
        wait()
        seconds.append(time.perf_counter() - began)
    return {"s_per_step": statistics.median(seconds[1:]), "peak_gb": peak_gb()}


def open_original(options: argparse.Namespace, sim: Tensor, real: Tensor):
    """The authors' model from their repository, with their options for the same networks."""
    sys.path.insert(0, str(options.original))
    from models.cycle_gan_model import CycleGANModel

    opt = types.SimpleNamespace(
        isTrain=True, gpu_ids=[], checkpoints_dir=tempfile.mkdtemp(), name="original", preprocess="none",
        model="cycle_gan", direction="AtoB", input_nc=3, output_nc=3, ngf=options.filters, ndf=N_FILTERS_D,
        netG=f"resnet_{options.blocks}blocks", netD="basic", n_layers_D=3, norm="instance", no_dropout=True,
        init_type="normal", init_gain=0.02, lambda_A=10.0, lambda_B=10.0, lambda_identity=0.5, pool_size=50,
        gan_mode="lsgan", lr=2e-4, beta1=0.5, lr_policy="linear", epoch_count=1, n_epochs=100,
        n_epochs_decay=100, continue_train=False, verbose=False, load_iter=0, epoch="latest",
        device=choose_device(options.device),
    )  # fmt: skip
    model = CycleGANModel(opt)
    model.setup(opt)

    def learn(i: int) -> None:
        model.set_input({"A": sim[i : i + 1], "B": real[i : i + 1], "A_paths": "", "B_paths": ""})
        model.optimize_parameters()

    return learn


def time_inference(kind: str, precision: str, options: argparse.Namespace) -> dict[str, float]:
    """Images a second, one at a time; demodulated generators are folded first, as far as they can be."""
    device = choose_device(options.device)
    shape = GeneratorShape(kind, options.filters, options.blocks)
    generator = make_generator(shape, rng=torch.Generator().manual_seed(0)).eval()
    if shape.can_fold:
        generator = fold(generator)
    generator.to(device, memory_format=torch.channels_last)
    image = make_images(1, options.side, seed=0)[0].to(device, memory_format=torch.channels_last)
    seconds = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, precision == "bf16-mixed"):
        for _ in range(options.steps + 1):
            began = time.perf_counter()
            generator(image).cpu()
            seconds.append(time.perf_counter() - began)
    return {"images_per_s": 1 / statistics.median(seconds[1:]), "peak_gb": peak_gb()}


def compare_curves(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Mean relative difference of each smoothed loss from the transcription's, by precision."""
    options.device = "cpu"
    sim, real = make_images(options.steps, options.side, seed=0)
    peer = PlainCycleGAN(options.filters, options.blocks, N_FILTERS_D)
    ours = {
        name: make_training("instance", precision, options)
        for name, precision in (("float32", "32-true"), ("bfloat16", "bf16-mixed"))
    }
    for name in ("G_sim2real", "G_real2sim", "D_real", "D_sim"):
        copy_weights(getattr(ours["float32"].networks, name), getattr(peer, name))
    curves: dict[str, list[dict[str, float]]] = {name: [] for name in ("peer", *ours)}
    for i in range(options.steps):
        curves["peer"].append(peer.learn(sim[i : i + 1], real[i : i + 1]))
        for name, training in ours.items():
            losses = training.learn(Batch(sim[i : i + 1], real[i : i + 1]))
            terms = {key: sum(v for k, v in losses.items() if k.startswith(key)) for key in curves["peer"][0]}
            curves[name].append(terms)
    return {
        name: {key: difference(curves["peer"], curves[name], key) for key in curves["peer"][0]}
        for name in ours
    }


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Convolutions in their order; a bias that the source lacks, since a norm follows, stays 0."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    pairs = zip(
        (m for m in source.modules() if isinstance(m, kinds)),
        (m for m in target.modules() if isinstance(m, kinds)),
        strict=True,
    )
    with torch.no_grad():
        for a, b in pairs:
            b.weight.copy_(a.weight)
            if a.bias is not None:
                b.bias.copy_(a.bias)


def difference(a: list[dict[str, float]], b: list[dict[str, float]], key: str) -> float:
    """Mean of |smoothed b − smoothed a| over the mean of smoothed a."""
    smoothed = []
    for curve in (a, b):
        values = torch.tensor([row[key] for row in curve], dtype=torch.float64)
        smoothed.append(nn.functional.avg_pool1d(values[None], min(10, len(values)), 1)[0])
    return float((smoothed[1] - smoothed[0]).abs().mean() / smoothed[0].abs().mean())


def wait() -> None:
    """Until a GPU has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_gb() -> float:
    """The most memory held, GB (10⁹ bytes): of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(task: str, what: str, precision: str, options: argparse.Namespace) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, task, "--what", what, "--precision", precision]
    for key in ("side", "filters", "blocks", "steps", "device", "original"):
        if (value := getattr(options, key)) is not None:
            command += [f"--{key}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{what}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_steps(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Every row of the table, rounds interleaved so that a slow minute hits all alike."""
    fast = choose_precision(choose_device(options.device))
    subjects = [("peer", "32-true")]
    if options.original is None:
        print("The original authors' step is left out: give a path to their repository with --original.")
    else:
        subjects.append(("original", "32-true"))
    subjects += [("instance", "32-true")] if fast != "32-true" else []
    subjects += [(kind, fast) for kind in options.kinds]
    rows: dict[str, dict[str, float]] = {}
    for _ in range(options.rounds):
        for what, precision in subjects:
            row = rows.setdefault(f"{what}, {precision}", {})
            keep_best(row, measure("_steps", what, precision, options), "s_per_step", min)
    for kind in options.kinds:
        for precision in dict.fromkeys(("32-true", fast)):
            row = rows.setdefault(f"{kind}, {precision}", {})
            inference = measure("_inference", kind, precision, options)
            row |= {"images_per_s": inference["images_per_s"], "inference_peak_gb": inference["peak_gb"]}
    return rows


def keep_best(row: dict[str, float], new: dict[str, float], key: str, better) -> None:
    """Take over a measurement if it is better than what is there."""
    if key not in row or better(row[key], new[key]) == new[key]:
        row |= new


def print_table(rows: dict[str, dict[str, float]]) -> None:
    peer = rows["peer, 32-true"]["s_per_step"]
    print(f"{'':<32}{'s/step':>8}{'steps/s':>9}{'× peer':>8}{'peak GB':>9}{'images/s':>10}")
    for name, row in rows.items():
        step = row.get("s_per_step")
        cells = ["", "", "", ""]
        if step is not None:
            cells = [f"{step:.3f}", f"{1 / step:.2f}", f"{peer / step:.2f}", f"{row['peak_gb']:.2f}"]
        images = f"{row['images_per_s']:.2f}" if "images_per_s" in row else ""
        print(f"{name:<32}{cells[0]:>8}{cells[1]:>9}{cells[2]:>8}{cells[3]:>9}{images:>10}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tasks = ("steps", "curves", "_steps", "_inference")
    parser.add_argument("task", nargs="?", default="steps", choices=tasks)
    parser.add_argument("--side", type=int, default=128, help="Of the patches, pixels.")
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--steps", type=int, default=5, help="Timed after one that is not; of the curves.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--kinds", nargs="+", default=list(GENERATOR_KINDS), choices=GENERATOR_KINDS)
    parser.add_argument("--device")
    parser.add_argument("--original", type=Path, help="The original authors' repository.")
    parser.add_argument("--json", type=Path, help="Where to write the figures.")
    parser.add_argument("--what", help=argparse.SUPPRESS)
    parser.add_argument("--precision", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task == "_steps":
        print(json.dumps(time_steps(options.what, options.precision, options)))
        return
    if options.task == "_inference":
        print(json.dumps(time_inference(options.what, options.precision, options)))
        return
    if options.task == "curves":
        result = compare_curves(options)
        for name, row in result.items():
            print(name, "  ".join(f"{key} {value:.2%}" for key, value in row.items()))
    else:
        result = run_steps(options)
        print_table(result)
    if options.json:
        about = {"side_px": options.side, "n_filters": options.filters, "n_blocks": options.blocks}
        about |= {"threads": torch.get_num_threads(), "device": str(choose_device(options.device))}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(about | {options.task: result}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
