"""What a synthesizer does to its parameters, and whether it finds a weakness that was planted.

    python benchmarks/placing_checks.py ../shared/data/mnist --seeds 0 1 2 3 4 5 6 7 8 9

Digits of MNIST on black, 40×40 px. The synthesizer is TERSE's for digits with the defaults of `Aim`, hard
from p − p* = 0.05 on.

Spread: the target, TERSE's small classifier, has learnt digits as they were taken, at any place. The
synthesizer learns against it for `SPREAD_STEPS` batches, within affNIST's bounds and some light and blur, and
gets no answer. How far are its parameters then from those of random?

Planted: the target, TERSE's deep classifier, has learnt digits at every turn but those within `WITHIN_DEG` of
`PLANTED_DEG`, until at most 1 − `RIGHT` of them are hard or for `MOST_BATCHES`. In each of two cycles the
synthesizer learns, candidates that are hard are kept, and the target learns of them. What share of those that
are kept lies within the turns that were left out? Beside it what random-hard keeps of as many candidates, for
a target of its own that began the same; of uniform turns a sixth lies there.

Each seed's figures are a line of RESULTS; what stands there is not run again. A seed takes about a minute of
a free core for spread, and some three for planted.
"""

import argparse
import copy
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.networks.architecture import SynthesizerShape
from synth.networks.synthesizer import Synthesizer, make_synthesizer
from synth.sim.placing.learned.light import to_linear
from synth.sim.placing.learned.objective import Aim, compute_losses, median_shift, saturated_share, spread
from synth.sim.placing.learned.paste import frame, paste, place
from synth.sim.placing.placement import PARAMETERS, Bounds
from synth.train.models.class_nets import make_class_net
from synth.train.tasks import TASKS

RESULTS = Path(__file__).resolve().parent / "results/placing_checks.jsonl"
SIDE_PX, PATCH_PX, N_DIGITS = 40, 32, 3000
CLASSES = tuple("0123456789")
LIGHT = log(1.25)
AFFINE = Bounds(20, 0.2, (log(0.8), log(1.25)), 1, log_gain=LIGHT, log_gamma=LIGHT, blur_px=1.0)
PLACES, TURNS = (Bounds(angle, log_scale=(0, 0)) for angle in (0, 180))
AIM = Aim(hard_at=0.525)
PAIRS, NOISES, BATCH = 16, 2, 64
SPREAD_STEPS, PLANTED_STEPS = 200, 300
BLOCK, MOST_BATCHES, RIGHT = 250, 4000, 0.95
PLANTED_DEG, WITHIN_DEG = 90.0, 30.0
N_CANDIDATES = 1000

Draw = Callable[[int], Tensor]


@dataclass(frozen=True, eq=False)
class Digits:
    """cutouts: [M,1,4,h,w]. extent_wh: [M,1,2]. views: [M,1,4,S,S], as synthesizers see them. labels: [M]."""

    cutouts: Tensor
    extent_wh: Tensor
    views: Tensor
    labels: NDArray[np.uint8]

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        return torch.randint(len(self.labels), (n,), generator=rng)

    def name(self, rows: Tensor) -> list[str]:
        return [CLASSES[label] for label in self.labels[rows.numpy()]]


@dataclass(eq=False)
class Game:
    """A target and a synthesizer, all of their chance from one seed."""

    digits: Digits
    bounds: Bounds
    net: nn.Module
    synthesizer: Synthesizer
    rng: torch.Generator
    net_name: str

    def __post_init__(self) -> None:
        parameters = self.synthesizer.parameters()
        self.optimiser = torch.optim.Adam(parameters, lr=1e-3, weight_decay=5e-4)
        task = TASKS["classification"]
        self.target = task.target(
            self.net, task.settings(net=self.net_name, side_px=SIDE_PX, classes=CLASSES)
        )

    def uniform(self, n: int) -> Tensor:
        return torch.rand(n, 1, len(PARAMETERS), generator=self.rng) * 2 - 1

    def learned(self, rows: Tensor) -> Tensor:
        black = torch.zeros(len(rows), 3, SIDE_PX, SIDE_PX)
        unit: Tensor = self.synthesizer(self.digits.views[rows], black, self.uniform(len(rows)))
        return unit

    def lay(self, rows: Tensor, unit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images [n,3,S,S], and visible share and shorter side of each digit, [n,1]."""
        extent_wh = self.digits.extent_wh[rows]
        placed = place(unit, self.bounds, extent_wh, (SIDE_PX, SIDE_PX))
        black = torch.zeros(len(rows), 3, SIDE_PX, SIDE_PX)
        pasted = paste(black, self.digits.cutouts[rows], placed, self.bounds)
        return pasted.images, pasted.visible, placed.extent(extent_wh).amin(dim=-1)

    def find_hard(self, rows: Tensor, unit: Tensor) -> Tensor:
        return self.target.hardness(self.lay(rows, unit)[0], self.digits.name(rows)) > AIM.hard_at

    def teach_target(self, draw: Draw, steps: int, kept: tuple[Tensor, Tensor] | None = None) -> None:
        """SGD as the article's; where some were kept, half of each batch is of those."""
        optimiser = torch.optim.SGD(self.net.parameters(), lr=1e-2, momentum=0.9, weight_decay=5e-4)
        self.net.train()
        for _ in range(steps):
            rows, unit = self.digits.draw(BATCH, self.rng), draw(BATCH)
            if kept is not None:
                some = torch.randint(len(kept[0]), (BATCH // 2,), generator=self.rng)
                rows[: BATCH // 2], unit[: BATCH // 2] = kept[0][some], kept[1][some]
            with torch.no_grad():
                images = self.lay(rows, unit)[0]
            true = torch.from_numpy(self.digits.labels[rows.numpy()]).long()
            optimiser.zero_grad()
            nn.functional.cross_entropy(self.net(images), true).backward()
            optimiser.step()
        self.net.eval()

    def teach_synthesizer(self, steps: int) -> None:
        self.synthesizer.train()
        for _ in range(steps):
            rows = self.digits.draw(PAIRS, self.rng).repeat(NOISES)
            unit = self.learned(rows)
            images, visible, side_px = self.lay(rows, unit)
            judged = self.target.judge(images, self.digits.name(rows))
            terms = compute_losses(AIM, unit.reshape(NOISES, PAIRS, 1, -1), judged, visible, side_px)
            self.optimiser.zero_grad()
            torch.stack(list(terms.values())).sum().backward()
            self.optimiser.step()
        self.synthesizer.eval()


def load_digits(folder: Path) -> Digits:
    """The first of the train digits, each with its box in the middle of its patch."""
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
        grey = np.frombuffer(file.read(16 + N_DIGITS * 784)[16:], np.uint8).reshape(-1, 28, 28)
    with gzip.open(folder / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(8 + N_DIGITS)[8:], np.uint8)
    patches, extents = np.zeros((N_DIGITS, PATCH_PX, PATCH_PX), np.float32), []
    for patch, digit in zip(patches, grey, strict=True):
        columns, rows = (np.flatnonzero((digit > 127).any(axis=axis)) for axis in (0, 1))
        ends = [(int(found[0]), int(found[-1]) + 1) for found in (columns, rows)]
        extents.append([[float(high - low) for low, high in ends]])
        x, y = ((PATCH_PX - low - high) // 2 for low, high in ends)
        wide = np.pad(digit, PATCH_PX)[PATCH_PX - y :, PATCH_PX - x :]
        patch[:] = wide[:PATCH_PX, :PATCH_PX] / 255
    alpha = to_linear(torch.from_numpy(patches))[:, None, None]
    cutouts, extent_wh = torch.cat([torch.ones_like(alpha)] * 3 + [alpha], dim=2), torch.tensor(extents)
    return Digits(cutouts, extent_wh, frame(cutouts, extent_wh, SIDE_PX), labels)


def begin(digits: Digits, bounds: Bounds, seed: int, net_name: str) -> Game:
    torch.manual_seed(seed)  # Of the units that rest.
    net = make_class_net(net_name, SIDE_PX, len(CLASSES), seed)
    synthesizer = make_synthesizer(SynthesizerShape("digits"), seed)
    return Game(digits, bounds, net, synthesizer, torch.Generator().manual_seed(seed), net_name)


def check_spread(digits: Digits, seed: int) -> dict[str, Any]:
    game = begin(digits, PLACES, seed, "digits")
    game.teach_target(game.uniform, 300)
    game.bounds = AFFINE
    game.teach_synthesizer(SPREAD_STEPS)
    rows = digits.draw(N_CANDIDATES // 4, game.rng).repeat(4)
    with torch.no_grad():
        unit, uniform = game.learned(rows), game.uniform(len(rows))
        told = {
            "spread": spread(unit.reshape(4, len(rows) // 4, 1, -1)),
            "saturated": saturated_share(unit),
            "shift": median_shift(unit),
        }
        hard = {how: game.find_hard(rows, u) for how, u in (("learned", unit), ("random", uniform))}
    figures = {key: dict(zip(PARAMETERS, value.tolist(), strict=True)) for key, value in told.items()}
    return figures | {"hard": {how: found.double().mean().item() for how, found in hard.items()}}


HOW = ("learned", "random-hard")


def check_planted(digits: Digits, seed: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    begun = begin(digits, TURNS, seed, "digits-deep")

    def draw_other_turns(n: int) -> Tensor:
        """Uniform from where the gap ends round to where it begins."""
        unit = begun.uniform(n)
        share, width = (unit[..., 0] + 1) / 2, 360 - 2 * WITHIN_DEG
        turn_deg = PLANTED_DEG + WITHIN_DEG + share * width
        unit[..., 0] = torch.remainder(turn_deg + 180, 360) / 180 - 1
        return unit

    def draw_planted_turns(n: int) -> Tensor:
        unit = begun.uniform(n)
        unit[..., 0] = (PLANTED_DEG + WITHIN_DEG * unit[..., 0]) / 180
        return unit

    def measure_hard(draw: Draw) -> float:
        rows = digits.draw(N_CANDIDATES, begun.rng)
        with torch.no_grad():
            return begun.find_hard(rows, draw(N_CANDIDATES)).double().mean().item()

    n_batches, is_hard = 0, 1.0
    while is_hard > 1 - RIGHT and n_batches < MOST_BATCHES:
        begun.teach_target(draw_other_turns, BLOCK)
        n_batches, is_hard = n_batches + BLOCK, measure_hard(draw_other_turns)
    told["target"] = {"batches": n_batches, "hard": is_hard, "hard_planted": measure_hard(draw_planted_turns)}
    for how in HOW:
        net, rng = copy.deepcopy(begun.net), torch.Generator().manual_seed(seed)
        game = Game(digits, TURNS, net, begun.synthesizer, rng, begun.net_name)
        told[how] = []
        for _ in range(2):
            if how == "learned":
                game.teach_synthesizer(PLANTED_STEPS)
            rows = digits.draw(N_CANDIDATES, rng)
            with torch.no_grad():
                unit = game.learned(rows) if how == "learned" else game.uniform(len(rows))
                hard = game.find_hard(rows, unit)
            off_deg = (180 * unit[hard, 0, 0] - PLANTED_DEG).abs()
            share = (off_deg <= WITHIN_DEG).double().mean().item()
            told[how].append({"kept": int(hard.sum()), "planted": share})
            game.teach_target(draw_other_turns, 100, (rows[hard], unit[hard]))
    return told


CHECKS = {"spread": check_spread, "planted": check_planted}


def read_results() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.is_file() else []


def summarise(results: list[dict[str, Any]]) -> str:
    """The worst of all seeds and parameters, and each seed's shares."""
    lines = []
    spreads = [row for row in results if row["check"] == "spread"]
    if spreads:
        least = min(min(row["spread"].values()) for row in spreads)
        heaped = max(max(row["saturated"].values()) for row in spreads)
        shifted = max(max(row["shift"].values()) for row in spreads)
        lines.append(
            f"spread, {len(spreads)} seeds: of random's at least {least:.2f}; at a bound at most "
            f"{100 * heaped:.1f} %; median shift at most {shifted:.2f}"
        )
        for how in ("learned", "random"):
            lines.append(f"hard, {how}: {_list(row['hard'][how] for row in spreads)}")
    for how in HOW:
        for cycle in range(2):
            shares = [row[how][cycle]["planted"] for row in results if row["check"] == "planted"]
            if shares:
                lines.append(f"planted, {how}, cycle {cycle + 1}: {_list(shares)}")
    return "\n".join(lines)


def _list(shares: Any) -> str:
    found = [100 * share for share in shares]
    return f"mean {np.mean(found):.1f} % of {', '.join(f'{share:.1f}' for share in found)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder of MNIST's train files, .gz")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(range(10)))
    parser.add_argument("--checks", nargs="*", choices=list(CHECKS), default=list(CHECKS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    digits = load_digits(asked.data)
    for seed in asked.seeds:
        for name in asked.checks:
            if not any((row["check"], row["seed"]) == (name, seed) for row in read_results()):
                row = {"check": name, "seed": seed, **CHECKS[name](digits, seed)}
                with RESULTS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    print(summarise(read_results()))


if __name__ == "__main__":
    main()
