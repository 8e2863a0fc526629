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
from synth.sim.blender_worker import FOLDER_PREFIX


class Family:
    """Remembers every process that a run started."""

    def __init__(self) -> None:
        self._seen: set[psutil.Process] = set()

    def look_at(self, process: subprocess.Popen) -> list[psutil.Process]:
        """Remember the children of a run that are there now, and theirs; in order of birth."""
        try:
            children = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self._seen.update(children)
        return sorted(children, key=lambda p: p.pid)

    def folders(self) -> list[Path]:
        """What they keep in memory or among temporary files."""
        pids = {str(p.pid) for p in self._seen}
        roots = {Path("/dev/shm"), Path(tempfile.gettempdir())}
        found = [folder for root in roots for folder in root.glob(f"{FOLDER_PREFIX}*")]
        return [f for f in found if f.name.removeprefix(FOLDER_PREFIX).split("_")[0] in pids]

    def alive(self) -> list[psutil.Process]:
        """Those that still run."""
        return [p for p in self._seen if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def count_samples(out: Path) -> int:
    """How many samples a folder says that it holds; quick, as it is asked again and again."""
    log = out / "samples.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def labels_of(out: Path) -> list[tuple]:
    """What must be the same however often a run was killed: every label and every pixel."""
    return [(s.name, s.split, s.instances, s.pixels_sha256) for s in DatasetReader(out)]


def kill_and_resume(out: Path, *, options: tuple[str, ...], count: int, kills: int, seed: int) -> dict:
    """Run ``synth render`` until it has ``count`` samples, killing it after random numbers of them.

    Every other kill hits a child instead, after which the run mends itself. Returns counts.
    """
    rng = random.Random(seed)
    family = Family()
    command = [Path(sys.executable).with_name("synth"), "render", "--out", out, *options]

    def start() -> subprocess.Popen:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ)

    process = start()
    n_killed = lost = 0
    for target in sorted(rng.randrange(count - 1) for _ in range(kills)):
        while process.poll() is None and (count_samples(out) < target or not family.look_at(process)):
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.4))
        children = family.look_at(process)
        if process.poll() is not None:
            break
        n_killed += 1
        if n_killed % 2 == 0:
            rng.choice(children).kill()
            continue
        at_kill = count_samples(out)
        process.send_signal(signal.SIGKILL)
        process.wait()
        lost += max(0, at_kill - count_samples(out))
        process = start()
    while process.poll() is None:
        family.look_at(process)
        time.sleep(0.2)
    if process.returncode != 0:
        raise RuntimeError(f"render ended with {process.returncode}: {process.stderr.read().decode()}")
    deadline = time.monotonic() + 10.0
    while (family.alive() or family.folders()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return {
        "killed": n_killed,
        "missing": count - len(DatasetReader(out).samples),
        "committed_samples_lost": lost,
        "findings": len(verify(out)),
        "processes_left": len(family.alive()),
        "folders_left": len(family.folders()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, default=Path("data/real"))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words = ("--real", str(options.real), "--count", str(options.count), "--quality", "draft")
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed, disturbed = Path(scratch) / "a", Path(scratch) / "b"
        kill_and_resume(undisturbed, options=words, count=options.count, kills=0, seed=0)
        result = kill_and_resume(
            disturbed, options=words, count=options.count, kills=options.kills, seed=options.seed
        )
        result["labels_differ"] = int(labels_of(undisturbed) != labels_of(disturbed))
    print(result)
    sys.exit(any(value for key, value in result.items() if key != "killed"))


if __name__ == "__main__":
    main()
