"""Kill a rendering with SIGKILL at random moments, parent or Blender, start it again, and look for damage.

python benchmarks/kill_render.py --real data/real --count 20 --kills 10
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import DatasetError


class Family:
    """Remembers every process that a run started."""

    def __init__(self) -> None:
        self._seen: set[psutil.Process] = set()

    def look_at(self, process: subprocess.Popen) -> None:
        """Remember the children of a run that are there now, and theirs."""
        try:
            self._seen.update(psutil.Process(process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return

    def alive(self) -> list[psutil.Process]:
        """Those that still run."""
        return [p for p in self._seen if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def count_samples(out: Path) -> int:
    """How many samples a folder holds; 0 before there is a dataset."""
    try:
        return len(DatasetReader(out).samples)
    except DatasetError:
        return 0


def labels_of(out: Path) -> list[tuple]:
    """What must be the same however often a run was killed: every label and every pixel."""
    return [(s.name, s.split, s.instances, s.pixels_sha256) for s in DatasetReader(out)]


def kill_and_resume(out: Path, *, options: tuple[str, ...], kills: int, seed: int, span_s: float) -> dict:
    """Run ``synth render`` until it is complete, killing it ``kills`` times after up to ``span_s`` seconds.

    Of the kills every other one hits a child instead, after which the run mends itself. Returns counts.
    """
    rng = random.Random(seed)
    family = Family()
    command = [Path(sys.executable).with_name("synth"), "render", "--out", out, *options]
    n_killed = {"parent": 0, "child": 0}
    lost = 0
    while True:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ)
        at_start = count_samples(out)
        if sum(n_killed.values()) < kills:
            victim = "child" if n_killed["parent"] > n_killed["child"] else "parent"
            ends = time.monotonic() + rng.uniform(0, span_s)
            while process.poll() is None and time.monotonic() < ends:
                family.look_at(process)
                time.sleep(0.05)
            if victim == "child" and process.poll() is None:
                n_killed["child"] += _kill_child(family, rng)
            elif process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
                n_killed["parent"] += 1
                lost += max(0, at_start - count_samples(out))
                continue
        while process.poll() is None:
            family.look_at(process)
            time.sleep(0.2)
        errors = process.stderr.read()
        if process.returncode != 0:
            raise RuntimeError(f"render ended with {process.returncode}: {errors.decode()}")
        break
    time.sleep(2.0)
    return {
        "killed": sum(n_killed.values()),
        "committed_samples_lost": lost,
        "findings": len(verify(out)),
        "processes_left": len(family.alive()),
    }


def _kill_child(family: Family, rng: random.Random) -> int:
    alive = sorted(family.alive(), key=lambda p: p.pid)
    if not alive:
        return 0
    rng.choice(alive).kill()
    return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, default=Path("data/real"))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--span", type=float, default=60.0, help="Seconds within which a kill falls.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words = ("--real", str(options.real), "--count", str(options.count), "--quality", "draft")
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed, disturbed = Path(scratch) / "a", Path(scratch) / "b"
        kill_and_resume(undisturbed, options=words, kills=0, seed=0, span_s=0)
        result = kill_and_resume(
            disturbed, options=words, kills=options.kills, seed=options.seed, span_s=options.span
        )
        result["missing"] = options.count - count_samples(disturbed)
        result["labels_differ"] = int(labels_of(undisturbed) != labels_of(disturbed))
    print(result)
    sys.exit(any(value for key, value in result.items() if key != "killed"))


if __name__ == "__main__":
    main()
