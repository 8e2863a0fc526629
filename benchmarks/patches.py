"""Whether a network can tell the patches that `synth compose` lays from bare bench, and pasted parts from
captured ones.

    python benchmarks/patches.py --write docs/results.md

Ten simulated worlds, which differ in the bench's texture, noise and poses, are shot at 480×270: five plates,
8 pictures that parts are cut out of, 8 that stay as they are. Six worlds train and four test: no plate and no
pose is in both. A small network sees squares of 64 px. Where it is asked of patches, half of the squares are
around one, and half are the same places of the same composites without patches; none holds a part. The area
under the ROC curve (AUC) is the mean of three seeds of the network, its interval a bootstrap over test
pictures and seeds.

Each row of benchmarks/results/patches.jsonl is a figure with its n. What stands there is not measured again;
delete a row, or the file, to have it anew.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from patches_squares import (
    MOST,
    Captured,
    Pictures,
    Shown,
    Squares,
    compose,
    shoot,
    show_parts,
    show_patches,
)
from result_tables import write_tables
from scipy.stats import rankdata
from torch import nn

from synth.metrics.intervals import N_RESAMPLES, percentile_estimate
from synth.sim.placing.ranges import Ranges

RESULTS = Path(__file__).with_name("results") / "patches.jsonl"
MARKS = "<!-- benchmarks/patches.py -->", "<!-- end of patches -->"
TRAIN_WORLDS, TEST_WORLDS = range(6), range(2000, 2004)
N_TRAIN, N_TEST = 200, 125  # Patches a world.
SEEDS = (0, 1, 2)
N_STEPS, BATCH, RATE = 400, 64, 2e-3
CONTRAST = 16.0  # Counts that the network sees as 1.
RANGES = {
    "by quarters": Ranges(),
    "by up to 180°, scaled by 0.7 to 1.4": Ranges(turn_deg=180, scale=(0.7, 1.4)),
}


class Judge(nn.Module):
    """Squares [N,3,64,64] in counts to logits [N]: the greater, the more it looks pasted."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
        )
        self.say = nn.Linear(128, 1)

    def forward(self, squares: torch.Tensor) -> torch.Tensor:
        """Of squares whose own mean is taken off."""
        seen = self.look((squares - squares.mean(dim=(2, 3), keepdim=True)) / CONTRAST)  # [N,64,8,8]
        return self.say(torch.cat([seen.mean(dim=(2, 3)), seen.amax(dim=(2, 3))], dim=1)).squeeze(1)


Pair = tuple[Shown, Shown]


def judge(train: Pair, test: Pair, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits of the pasted and of the other test squares, by a network that the train squares taught.

    Both kinds count the same, however many there are; squares are turned and mirrored by chance.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    squares = [_tensor(shown.squares) for shown in train]
    network = Judge()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=N_STEPS)
    truth = torch.tensor([1.0, 0.0]).repeat_interleave(BATCH // 2)
    for _ in range(N_STEPS):
        batch = torch.cat([own[rng.integers(len(own), size=BATCH // 2)] for own in squares])
        batch = torch.rot90(batch, int(rng.integers(4)), (2, 3))
        batch = batch.flip(3) if rng.integers(2) else batch
        loss = nn.functional.binary_cross_entropy_with_logits(network(batch), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        pasted, other = (network(_tensor(shown.squares)).double().numpy() for shown in test)
    return pasted, other


def _tensor(squares: Squares) -> torch.Tensor:
    return torch.from_numpy(squares).permute(0, 3, 1, 2).float()


def area_under_roc(pasted: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The share of pairs in which the pasted one has the greater logit (Mann and Whitney's U)."""
    ranks = rankdata(np.concatenate([pasted, other]))[: len(pasted)]
    return float((ranks.sum() - len(pasted) * (len(pasted) + 1) / 2) / (len(pasted) * len(other)))


def measure(train: Pair, test: Pair) -> dict[str, Any]:
    """The area of each seed, their mean, and its interval over test pictures and seeds."""
    logits = [judge(train, test, seed) for seed in SEEDS]
    areas = [area_under_roc(*pair) for pair in logits]
    rng = np.random.default_rng(0)
    names = np.unique(np.concatenate([shown.pictures for shown in test]))
    where = [np.searchsorted(names, shown.pictures) for shown in test]
    draws = []
    for _ in range(N_RESAMPLES):
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
        again = [np.repeat(np.arange(len(at)), counts[at]) for at in where]
        seeds = rng.integers(len(SEEDS), size=len(SEEDS))
        draws.append(np.mean([area_under_roc(logits[s][0][again[0]], logits[s][1][again[1]]) for s in seeds]))
    estimate = percentile_estimate(float(np.mean(areas)), np.array(draws), len(names))
    return {
        "n_train": [len(shown.squares) for shown in train],
        "n_test": [len(shown.squares) for shown in test],
        "n_test_pictures": estimate.n,
        "areas": [round(area, 4) for area in areas],
        "area": round(estimate.value, 4),
        "low": round(estimate.low, 4),
        "high": round(estimate.high, 4),
    }


def join(pairs: list[Pair]) -> Pair:
    """Of all worlds."""
    kinds = [
        Shown(
            np.concatenate([shown.squares for shown in kind]),
            np.concatenate([shown.pictures for shown in kind]),
        )
        for kind in zip(*pairs, strict=True)
    ]
    return kinds[0], kinds[1]


QUESTIONS: dict[str, Callable[[Captured, Pictures, int, int], Pair]] = {
    "patches, hard-edged, in their own light": lambda _, p, n, first: show_patches(p, n, first, hard=True),
    "patches, as they come": lambda _, p, n, first: show_patches(p, n, first, hard=False),
    "parts, with what is around them": lambda c, p, _, first: show_parts(c, p, first, alone=False),
    "parts, well inside their outline": lambda c, p, _, first: show_parts(c, p, first, alone=True),
}
TRIALS = dict(zip(RANGES, (tuple(QUESTIONS), ("patches, as they come",)), strict=True))
"""By range, what is asked."""


def measure_all(results: Path) -> None:
    """A row a trial; what stands there is kept."""
    results.parent.mkdir(parents=True, exist_ok=True)
    known = {(row["what"], row["of"]) for row in read_rows(results)}
    wanted = {of: [what for what in TRIALS[of] if (what, of) not in known] for of in TRIALS}
    if not any(wanted.values()):
        return
    with tempfile.TemporaryDirectory() as out:
        worlds = {seed: shoot(seed, Path(out)) for seed in (*TRAIN_WORLDS, *TEST_WORLDS)}
        for of in filter(wanted.get, wanted):
            train, test = show_all(worlds, RANGES[of], wanted[of])
            for what in wanted[of]:
                row = {"what": what, "of": of, **measure(train[what], test[what]), **_made_now()}
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                print(row, flush=True)


def show_all(
    worlds: dict[int, Captured], ranges: Ranges, wanted: Sequence[str]
) -> tuple[dict[str, Pair], dict[str, Pair]]:
    """By question, the squares that train and those that test."""
    shown = []
    for seeds, n in ((TRAIN_WORLDS, N_TRAIN), (TEST_WORLDS, N_TEST)):
        by_question: dict[str, list[Pair]] = {what: [] for what in wanted}
        for seed in seeds:
            pictures = compose(worlds[seed], ranges, n, seed)
            for what, pairs in by_question.items():
                pairs.append(QUESTIONS[what](worlds[seed], pictures, n, seed * 2 * MOST))
        shown.append({what: join(pairs) for what, pairs in by_question.items()})
    return shown[0], shown[1]


def _made_now() -> dict[str, str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
        cwd=RESULTS.parent,
    )
    return {"date": time.strftime("%Y-%m-%d"), "commit": commit.stdout.strip()}


def read_rows(results: Path) -> list[dict[str, Any]]:
    """What stands there."""
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()] if results.is_file() else []


def say_all(rows: list[dict[str, Any]]) -> str:
    """As a Markdown table."""
    lines = [
        "| told apart, simulated cell | parts turned | AUC (95 %) | by seed | test squares | train squares |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        seeds = ", ".join(f"{area:.2f}" for area in row["areas"])
        n_test, n_train = (" and ".join(f"{n:,}" for n in row[key]) for key in ("n_test", "n_train"))
        area = f"{row['area']:.3f} ({row['low']:.3f}–{row['high']:.3f})"
        lines.append(f"| {row['what']} | {row['of']} | {area} | {seeds} | {n_test} | {n_train} |")
    made = sorted({(row["date"], row["commit"]) for row in rows})
    said = "; ".join(f"{date}, commit {commit}" for date, commit in made)
    return "\n".join(
        ["", *lines, "", f"{said}; squares pasted and other, {len(SEEDS)} seeds of the network.", ""]
    )


def main() -> None:
    """Measure what is not there yet, print the table, and write it where it belongs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", type=Path, help="a document with the marks")
    given = parser.parse_args()
    torch.set_num_threads(1)
    measure_all(given.results)
    table = say_all(read_rows(given.results))
    print(table)
    if given.write is not None:
        write_tables(given.write, table, MARKS)


if __name__ == "__main__":
    main()
