"""Figure 7 of TERSE (Tripathi et al. 2019) on affine MNIST: random, random-hard and learned placing.

    python benchmarks/affnist.py MNIST --out runs/affnist --jobs 2
    python benchmarks/affnist_table.py --write docs/results.md --curve docs/affnist.png

MNIST is a folder with MNIST's four idx files, CC BY-SA 3.0. Affine MNIST is made of them as affnist_digits.py
says, with what is only approximate about it: figures are not affNIST's.

The article's small network learns plain digits (55,000, one epoch). Then twelve steps: 500 pictures are made
of train digits, 50 of each class; all that were made so far are learned for three epochs beside as many plain
digits; accuracy on 10,000 affine test digits is measured. ``random`` keeps all that chance draws,
``random-hard`` and ``learned`` what the network is wrong about by the article's criterion, p − p* > 0.05.
They differ in who proposes: chance, or a synthesizer that learns from the network as it stands (`LEARNED`).
All are cycles of synth.sim.placing, so all pictures are laid by the same compositor; curves of a seed share
their base, and all have the same epochs, replay and SGD (1e-2, momentum 0.9, weight decay 5e-4: the main
text; with the supplement's 0.5 three epochs teach half as much).

Frozen on the day that `FROZEN` names, on val digits alone (of the last 5,000 of the train file), before a
figure of a test digit was looked at. Asked first: whether learned is ahead of random-hard after
6,000 pictures, paired by seed.

Cost, in seconds of a free core: the dataset 40, a base 13, a curve of random 85, of random-hard 100, of
learned 170. Four seeds of all are 1,500: 13 minutes on two cores. On top: ``--plan remedies``, 1,800;
``--replay all`` learns all plain digits in every epoch, 400 more a curve; ``--net digits-deep`` is Table 1's
network, three times as dear in training (with all plain digits about 1,500 a curve); ``--epochs 30`` is the
supplement's, ten times as dear. The same command goes on where it stopped.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from affnist_digits import CLASSES, N_TRAIN, SIDE_PX, DigitMaterial, load_affine, read_digits, write_affine
from result_lines import Line, append, read_lines
from torch import Tensor, nn
from torch.nn import functional

from synth.compute.checkpoint import load_state, save_state
from synth.compute.progress import Progress
from synth.compute.seeding import step_seed
from synth.networks.architecture import SynthesizerShape
from synth.sim.placing.cache import Candidate
from synth.sim.placing.cycle import CycleFigures, CycleSettings, run_cycles
from synth.sim.placing.learned.objective import Aim
from synth.sim.placing.learned.synthesis import Synthesis, SynthesisSettings
from synth.sim.placing.material import lay
from synth.sim.placing.players import Chance, OnSample, Proposer, Pupil
from synth.train.models.class_nets import make_class_net
from synth.train.tasks.classification.target import ClassTarget

RESULTS = Path(__file__).resolve().parent / "results/affnist.jsonl"
FROZEN = "2026-11-29"
SEEDS = (0, 1, 2, 3)
N_STEPS, PER_STEP = 12, 500
N_VAL, N_TEST = 1_000, 10_000
HARD_AT = 0.525
"""Where p − p* is 0.05 (A.1)."""

LEARNED = SynthesisSettings(SynthesizerShape("digits"), Aim(hard_at=0.75, w_spread=0.1))
"""The reward ends at p − p* = 0.5: far beyond it pictures teach less, and right at the criterion too."""

N_LEARN = 12
"""Batches a step from which the synthesizer learns; what is hard among them is kept too."""

BATCH, BASE_EPOCHS = 128, 1


@dataclass(frozen=True)
class Way:
    """What is kept, and who proposes. hard_at: None to keep everything. learnt: None for chance."""

    hard_at: float | None = HARD_AT
    learnt: SynthesisSettings | None = None


WAYS: dict[str, Way] = {
    "random": Way(None),
    "random-hard": Way(),
    "learned": Way(learnt=LEARNED),
    "learned-uncapped": Way(learnt=replace(LEARNED, aim=replace(LEARNED.aim, hard_at=1.0))),
    "learned-no-spread": Way(learnt=replace(LEARNED, aim=replace(LEARNED.aim, w_spread=0.0))),
    "learned-fast": Way(learnt=replace(LEARNED, learning_rate=1e-2, aim=replace(LEARNED.aim, w_spread=0.03))),
}
METHODS = ("random", "random-hard", "learned")
PLANS = {"main": METHODS, "remedies": tuple(WAYS)[len(METHODS) :]}


@dataclass(frozen=True)
class Trial:
    """One curve. replay: plain digits beside each made one; None for all of them in every epoch."""

    method: str
    seed: int
    net: str = "digits"
    epochs: int = 3
    replay: float | None = 1.0

    @property
    def name(self) -> str:
        """Of its folder."""
        replay = "all" if self.replay is None else f"{self.replay:g}"
        return f"{self.net}-{self.epochs}-{replay}/{self.method}-{self.seed}"


def learn(net: nn.Module, images: Tensor, labels: Tensor, epochs: int, seed: int) -> None:
    """The article's SGD over pictures [N,1,40,40] uint8."""
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(net.parameters(), 1e-2, momentum=0.9, weight_decay=5e-4)
    net.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # Of what rests.
        for _ in range(epochs):
            for rows in torch.randperm(len(images), generator=rng).split(64):
                loss = functional.cross_entropy(net(images[rows].float() / 255), labels[rows])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    net.eval()


@torch.no_grad()
def measure(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of pictures that a network reads rightly."""
    said = torch.cat([net(part).argmax(dim=1) for part in images.split(500)])
    return float((said == labels).float().mean())


class AllHard(ClassTarget):
    """For it everything is hard, so that everything is kept."""

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """1 of each."""
        return images.new_ones(len(images))


class DigitPupil(Pupil):
    """The article's network, as it is taught in a step; its state stands in a folder, a file a step."""

    def __init__(
        self, trial: Trial, material: DigitMaterial, looks: dict[str, tuple[Tensor, Tensor]], folder: Path
    ) -> None:
        self._trial, self._material, self._looks, self._folder = trial, material, looks, folder
        self._net = make_class_net(trial.net, SIDE_PX, len(CLASSES), trial.seed)
        picky = WAYS[trial.method].hard_at is not None
        self.target = (ClassTarget if picky else AllHard)(self._net, CLASSES)
        self._made: dict[int, Tensor] = {}
        """Pictures [1,40,40] uint8 by the candidate's number."""

    def count_steps(self, n_kept: int) -> int:
        """Of all epochs."""
        return self._trial.epochs * (n_kept + self._count_plain(n_kept)) // 64

    def learn(self, kept: Sequence[Candidate], cycle: int, on_step: OnSample) -> dict[str, float]:
        """What was made and plain digits; figures: the accuracy on each set of affine digits."""
        made = self._make(kept)
        seed, plain = step_seed(self._trial.seed, 0, cycle), self._material.plain
        rng = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(plain), generator=rng)[: self._count_plain(len(kept))]
        of = torch.tensor([candidate.key for candidate in kept])
        images, labels = torch.cat([made, plain[rows]]), self._material.labels[torch.cat([of, rows])]
        learn(self._net, images, labels, self._trial.epochs, seed)
        on_step(self.count_steps(len(kept)))
        return {name: measure(self._net, *look) for name, look in self._looks.items()}

    def save(self, cycle: int) -> None:
        """The network alone: each step begins SGD afresh."""
        save_state(self._folder / f"{cycle}.pt", self._net.state_dict())

    def load(self, cycle: int) -> None:
        """0 is the base."""
        self._net.load_state_dict(load_state(self._folder / f"{cycle}.pt"))
        self._net.eval()

    def _count_plain(self, n_kept: int) -> int:
        n = len(self._material.plain)
        return n if self._trial.replay is None else min(n, round(self._trial.replay * n_kept))

    @torch.no_grad()
    def _make(self, kept: Sequence[Candidate]) -> Tensor:
        """Pictures [N,1,40,40] uint8 of candidates, laid as they were tried."""
        new = [candidate for candidate in kept if candidate.number not in self._made]
        for part in (new[i : i + BATCH] for i in range(0, len(new), BATCH)):
            batch = self._material.load([candidate.key for candidate in part])
            images = lay(self._material, batch, torch.tensor([c.unit for c in part]))[0].images
            grey = (255 * images[:, :1]).round().byte()
            self._made |= zip((candidate.number for candidate in part), grey, strict=True)
        return torch.stack([self._made[candidate.number] for candidate in kept])


class Bench:
    """What all trials share, in a folder: digits, affine digits and bases."""

    def __init__(self, mnist: Path, out: Path) -> None:
        self._mnist, self._out = mnist, out

    def write_affine(self) -> None:
        """The dataset, if it is not there."""
        write_affine(self._mnist, self._out / "affine", N_VAL, N_TEST)

    def train_base(self, net_name: str, seed: int) -> Line:
        """What plain digits alone teach."""
        path = self._out / f"base/{net_name}-{seed}.pt"
        if path.is_file():
            return load_state(path)["figures"]
        material, looks = self._load()
        net = make_class_net(net_name, SIDE_PX, len(CLASSES), seed)
        learn(net, material.plain, material.labels, BASE_EPOCHS, seed)
        figures = {name: measure(net, *look) for name, look in looks.items()}
        save_state(path, {"net": net.state_dict(), "figures": figures})
        return figures

    def run(self, trial: Trial, n_steps: int = N_STEPS) -> Line:
        """One curve, from its seed's base."""
        folder, way = self._out / trial.name, WAYS[trial.method]
        material, looks = self._load()
        pupil = DigitPupil(trial, material, looks, folder / "nets")
        base = self.train_base(trial.net, trial.seed)
        save_state(folder / "nets/0.pt", load_state(self._out / f"base/{trial.net}-{trial.seed}.pt")["net"])
        settings = CycleSettings(
            quotas={"train": PER_STEP * n_steps // len(CLASSES)},
            kinds=CLASSES,
            n_cycles=n_steps,
            n_learn=N_LEARN,
            keep_learnt=True,
            n_harvest=1_000,
            batch_size=BATCH,
            hard_at=HARD_AT if way.hard_at is None else way.hard_at,
            seed=trial.seed,
        )
        proposer: Proposer = Chance()
        if way.learnt is not None:
            proposer = Synthesis(way.learnt, seed=trial.seed, device=torch.device("cpu"))
        pupil.load(0)
        figures = run_cycles(material, proposer, pupil, settings, folder, lambda *_: Quiet())
        return asdict(trial) | {"base": base} | sum_up(figures)

    def _load(self) -> tuple[DigitMaterial, dict[str, tuple[Tensor, Tensor]]]:
        torch.set_num_threads(1)
        looks = {split: load_affine(self._out / "affine", split) for split in ("val", "test")}
        return DigitMaterial(read_digits(self._mnist, "train").part(slice(N_TRAIN))), looks


class Quiet(Progress):
    """Says nothing on the way: a line a curve is enough."""


def sum_up(figures: Sequence[CycleFigures]) -> Line:
    """Lists by step; seconds by phase."""
    phases = dict.fromkeys(phase for one in figures for phase in one.seconds)
    return {
        "kept": [one.n_kept for one in figures],
        "tried": [one.n_tried for one in figures],
        "seconds": {phase: round(sum(x.seconds.get(phase, 0.0) for x in figures), 1) for phase in phases},
        "accuracy": {look: [round(one.target[look], 4) for one in figures] for look in figures[0].target},
        "proposer": [{name: round(value, 3) for name, value in one.proposer.items()} for one in figures],
    }


def list_trials(given: argparse.Namespace) -> list[Trial]:
    """Seed by seed, so that what is stopped is balanced."""
    replay = None if given.replay == "all" else float(given.replay)
    return [
        Trial(method, seed, given.net, given.epochs, replay)
        for seed in range(given.seeds)
        for method in PLANS[given.plan]
    ]


def trial_of(line: Line) -> Trial:
    """Whose line it is."""
    return Trial(*(line[name] for name in ("method", "seed", "net", "epochs", "replay")))


def main() -> None:
    """Run what has no line yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("mnist", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/affnist"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--jobs", type=int, default=1, help="curves at the same time, a core each")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="so many, from 0")
    parser.add_argument(
        "--plan", choices=PLANS, default="main", help="remedies: what learned has, taken away"
    )
    parser.add_argument("--net", choices=("digits", "digits-deep"), default="digits")
    parser.add_argument("--epochs", type=int, default=3, help="in a step; the supplement has 30")
    parser.add_argument("--replay", default="1", help="plain digits beside each made one, or all")
    given = parser.parse_args()
    bench, trials = Bench(given.mnist, given.out.resolve()), list_trials(given)
    done = {trial_of(line) for line in read_lines(given.results, FROZEN)}
    left = [trial for trial in trials if trial not in done]
    bench.write_affine()
    with ProcessPoolExecutor(given.jobs) as pool:
        seeds = dict.fromkeys(trial.seed for trial in left)
        list(pool.map(bench.train_base, [given.net] * len(seeds), seeds))
        running = [pool.submit(bench.run, trial) for trial in left]
        for each in as_completed(running):
            line = each.result()
            append(given.results, line, FROZEN)
            accuracy = " ".join(f"{100 * value:.1f}" for value in line["accuracy"]["test"])
            print(f"{trial_of(line).name}: {accuracy}", flush=True)


if __name__ == "__main__":
    main()
