"""How well times left are foretold: every estimate of a scripted run against what it then took.

    python benchmarks/estimates.py --out runs/estimates

Each command below is run as a user types it, and each line of progress that tells a time left is held against
the moment at which that work was done. Lines come every 15 seconds and tell tenths of a minute, so that those
under `LEAST_MIN` say too little and are left out. Asked: within a factor of two nine times of ten. Two quiet
cores; half an hour.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from synth.demo import write_cell

LEAST_MIN = 0.3
LINE = re.compile(r"(?P<done>\d+) of (?P<total>\d+) (?P<unit>.+?)(, about (?P<left>[\d.]+) min left)?$")
COMMANDS = (
    ("capture", "--poses", "120", "--pace", "50"),
    ("render", "--count", "60", "--look", "plain"),
    ("compose", "data/real", "--count", "200"),
    ("translate", "--anyway"),
    ("train", "detection", "--preset", "quick", "--data", "data/composited"),
    ("train", "normals", "--preset", "quick"),
    ("compare", "--preset", "quick", "--seeds", "2", "--tasks", "normals", "--mixes", "real,synthetic"),
)


@dataclass(frozen=True)
class Estimate:
    """at_s: when it was told. done_s: when that work ended; seconds of the command."""

    command: str
    unit: str
    at_s: float
    left_min: float
    done_s: float

    @property
    def ratio(self) -> float:
        """Foretold over true."""
        return 60 * self.left_min / max(self.done_s - self.at_s, 1e-3)


def watch(words: Sequence[str], folder: Path) -> Iterator[Estimate]:
    """Run a command and give its estimates, once it has ended."""
    began, lines = time.monotonic(), []
    command = [sys.executable, "-m", "synth", *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=folder, env=environment, **streams) as child:  # type: ignore[call-overload]
        for line in child.stdout:
            print(line, end="", flush=True)
            if (match := LINE.search(line.strip())) is not None:
                lines.append((time.monotonic() - began, match))
    if child.returncode:
        raise SystemExit(f"synth {words[0]} ended with {child.returncode}")
    for i, (at_s, match) in enumerate(lines):
        same = [(t, m) for t, m in lines[i:] if m["unit"] == match["unit"] and m["total"] == match["total"]]
        done_s = next((t for t, m in same if m["done"] == m["total"]), None)
        if match["left"] is not None and float(match["left"]) >= LEAST_MIN and done_s is not None:
            yield Estimate(words[0], match["unit"], at_s, float(match["left"]), done_s)


def main() -> None:
    """Run all, then tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/estimates"))
    folder = parser.parse_args().out
    folder.mkdir(parents=True)
    write_cell(folder)
    found = [estimate for words in COMMANDS for estimate in watch(words, folder)]
    print()
    for e in found:
        true_min = (e.done_s - e.at_s) / 60
        print(f"{e.command:10} {e.unit:12} told {e.left_min:5.1f} min, took {true_min:5.1f}: {e.ratio:.2f}")
    good = sum(0.5 <= e.ratio <= 2 for e in found)
    print(f"{good} of {len(found)} estimates within a factor of two")


if __name__ == "__main__":
    main()
