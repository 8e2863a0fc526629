"""Kill a capture with SIGKILL at random moments, start it again each time, and look for damage.

python benchmarks/kill.py --poses 400 --kills 25
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify

MARK = "SYNTH_KILL_RUN"
"""An environment variable that every process of the run inherits."""


STAMPS = ("t_ns", "controller_time_s", "t_color_ns", "t_depth_ns", "timing", "address", "command")
"""What differs from run to run of the same capture; of its command, the folder."""


def contents(root: Path) -> dict[str, Any]:
    """Every file of a dataset by its name; JSON without stamps, lines in the order of their names."""
    found: dict[str, Any] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.name != ".lock"):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".jsonl":
            lines = [json.dumps(without_stamps(json.loads(line))) for line in path.read_text().splitlines()]
            found[name] = sorted(lines)
        elif path.suffix == ".json":
            found[name] = without_stamps(json.loads(path.read_text()))
        else:
            found[name] = path.read_bytes()
    return found


def without_stamps(value: Any) -> Any:
    """A JSON value without STAMPS, however deep."""
    if isinstance(value, dict):
        return {k: without_stamps(v) for k, v in value.items() if k not in STAMPS}
    return [without_stamps(v) for v in value] if isinstance(value, list) else value


def count_samples(out: Path) -> int:
    """How many samples a folder says that it holds; quick, as it is asked again and again."""
    log = out / "samples.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def list_processes(mark: str) -> set[int]:
    """Process ids that carry this run's mark."""
    return {p.pid for p in psutil.process_iter(["environ"]) if (p.info["environ"] or {}).get(MARK) == mark}


def kill_and_resume(out: Path, *, poses: int, kills: int, seed: int, options: tuple[str, ...] = ()) -> dict:
    """Run ``synth capture`` until it is complete, killing it after random numbers of samples.

    Returns what is wrong; everything is 0 when nothing is.
    """
    rng = random.Random(seed)
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    environment = os.environ | {MARK: mark}
    synth = Path(sys.executable).with_name("synth")
    command = [synth, "capture", "--poses", str(poses), "--out", out, *options]
    last_to_strike = poses - 2
    targets = sorted(rng.randrange(last_to_strike + 1) for _ in range(kills))
    n_killed = lost = 0
    while True:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
        )
        at_start = count_samples(out)
        if n_killed < kills:
            target = max(targets[n_killed], at_start)
            while process.poll() is None and count_samples(out) < target:
                time.sleep(0.02)
            strike = time.monotonic() + rng.uniform(0, 1.5)
            while time.monotonic() < strike and count_samples(out) < last_to_strike:
                time.sleep(0.02)
        if n_killed < kills and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            n_killed += 1
            lost += max(0, at_start - count_samples(out))
            print(f"killed {n_killed} of {kills} at {count_samples(out)} samples", flush=True)
            continue
        _, errors = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"capture ended with {process.returncode}: {errors.decode()}")
        if n_killed >= kills or count_samples(out) == poses:
            break
    deadline = time.monotonic() + 10.0
    while list_processes(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    return {
        "killed": n_killed,
        "missing": poses - len(DatasetReader(out).samples),
        "committed_samples_lost": lost,
        "findings": len(verify(out)),
        "processes_left": len(list_processes(mark)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poses", type=int, default=400)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch) / "real"
        result = kill_and_resume(out, poses=options.poses, kills=options.kills, seed=options.seed)
    print(result)
    sys.exit(any(value for key, value in result.items() if key != "killed"))


if __name__ == "__main__":
    main()
