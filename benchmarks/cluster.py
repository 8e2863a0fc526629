"""What the cluster costs beside this machine's own processes, how far it scales, and lost nodes.

    python benchmarks/cluster.py --out runs/cluster [PART ...]

A cluster of node processes of one core each is started on this machine. *shards*: 60 shards that keep a core
busy for so many seconds, two workers, local against ray; standing, the cluster being there already, and
alone, one that begins and ends with the call. *render*: 60 small frames, *compare*: 6 trainings, by their
commands, and whether their bytes are equal. *scale*: empty shards, 100 to 100,000; the driver's seconds,
bytes, memory, open files. *faults*: ten runs in each of which a node is killed at a random moment after the
first result. Two quiet cores; half an hour, most of it for 100,000 shards and the commands.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from cluster_workers import Busy, Bytes, Empty
from result_lines import Line, append

from synth.compute.engines import open_engine
from synth.compute.engines.engine import Resources
from synth.compute.engines.ray_nodes import bound_to_loopback, joined, load_ray

FROZEN = "2026-12-01"
RESULTS = Path(__file__).resolve().parent / "results/cluster.jsonl"
ONE_CORE = Resources(cores=1)
N_SHARDS, N_WORKERS, N_TURNS = 60, 2, 3
BUSY_S = (1.0, 0.5, 0.2, 0.1, 0.05)
SIZES = (100, 1000, 10_000, 100_000)
N_KILLS, N_FAULTY = 10, 40
STORE_BYTES = 200 * 2**20


@contextmanager
def cluster(n_nodes: int) -> Iterator[object]:
    """Node processes of one core each, on loopback."""
    load_ray()
    from ray.cluster_utils import Cluster

    nodes = Cluster()
    try:
        for _ in range(n_nodes):
            add_node(nodes)
        yield nodes
    finally:
        nodes.shutdown()


def add_node(nodes: object) -> None:
    """One more."""
    with bound_to_loopback():
        nodes.add_node(num_cpus=1, object_store_memory=STORE_BYTES)


def time_shards() -> Iterator[Line]:
    """Seconds of 60 shards each way, medians of three turns."""
    os.environ.pop("RAY_ADDRESS", None)
    with cluster(N_WORKERS) as nodes:
        engines = {
            "local": open_engine("local"),
            "standing": open_engine("ray", nodes.address),
            "alone": open_engine("ray"),
        }
        for busy_s in BUSY_S:
            took: dict[str, list[float]] = {name: [] for name in engines}
            for _ in range(N_TURNS):
                for name, engine in engines.items():
                    began = time.perf_counter()
                    engine.run_shards(
                        range(N_SHARDS), Busy(busy_s), N_WORKERS, lambda *_: None, resources=ONE_CORE
                    )
                    took[name].append(time.perf_counter() - began)
            seconds = {f"{name}_s": round(median(values), 2) for name, values in took.items()}
            over = {
                f"{name}_over": round(seconds[f"{name}_s"] / seconds["local_s"] - 1, 3)
                for name in ("standing", "alone")
            }
            yield {"part": "shards", "busy_s": busy_s, "n": N_SHARDS, "turns": N_TURNS, **seconds, **over}


def time_commands(out: Path, part: str) -> Iterator[Line]:
    """A command with either engine on the same two cores, and whether what it makes is equal."""
    if part == "compare" and not (out / "data/real").exists():
        _synth(out, "capture", "--poses", 40, "--plates", 2)
    words = {
        "render": ("render", "--share", f"fresh={N_SHARDS}", "--look", "plain", "--quality", "draft"),
        "compare": (
            *("compare", "--preset", "quick", "--tasks", "normals", "--mixes", "real,real@20"),
            *("--seeds", "3", "--images", "6000", "--no-baseline"),
        ),
    }[part]
    with cluster(N_WORKERS) as nodes:
        took, made = {}, {}
        for name, more in (
            ("local", ()),
            ("standing", ("--engine", "ray", "--address", nodes.address)),
        ):
            folder = Path("runs" if part == "compare" else "data") / f"{part}_{name}"
            began = time.perf_counter()
            _synth(out, *words, "--workers", N_WORKERS, "--out", folder, *more)
            took[name] = round(time.perf_counter() - began, 1)
            made[name] = _digest(out / folder)
    over = round(took["standing"] / took["local"] - 1, 3)
    same = made["local"] == made["standing"] and bool(made["local"])
    yield {"part": part, "local_s": took["local"], "standing_s": took["standing"], "over": over} | {
        "files": len(made["local"]),
        "equal": same,
    }


def _synth(folder: Path, *words: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "synth", *map(str, words)], cwd=folder, check=True)


def _digest(folder: Path) -> dict[str, str]:
    """What was made: pictures, labels, weights; not what says when and by which command."""
    kinds = (".png", ".npz", ".safetensors")
    files = sorted(path for path in folder.rglob("*") if path.suffix in kinds)
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def time_scale(sizes: tuple[int, ...]) -> Iterator[Line]:
    """The driver's cost of empty shards, each size in a process of its own."""
    with cluster(N_WORKERS) as nodes:
        for n in sizes:
            pipe, theirs = multiprocessing.Pipe()
            driver = multiprocessing.get_context("spawn").Process(
                target=_drive, args=(theirs, nodes.address, n)
            )
            driver.start()
            yield {"part": "scale", "n": n, **pipe.recv()}
            driver.join()


def _drive(pipe: object, address: str, n: int) -> None:
    engine, me, n_bytes = open_engine("ray", address), psutil.Process(), 0
    seen: list[tuple[int, int]] = []

    def on_done(shard: int, result: int) -> None:
        nonlocal n_bytes
        n_bytes += len(pickle.dumps(shard)) + len(pickle.dumps(result))
        if shard % max(n // 10, 1) == 0:
            seen.append((me.memory_info().rss, me.num_fds()))

    with joined(address, N_WORKERS):
        cpu, began, read = sum(me.cpu_times()[:2]), time.perf_counter(), me.io_counters()
        engine.run_shards(range(n), Empty(), N_WORKERS, on_done, resources=ONE_CORE)
        seconds, spent = time.perf_counter() - began, sum(me.cpu_times()[:2]) - cpu
        io = me.io_counters()
    rss, fds = zip(*seen, strict=True)
    pipe.send(
        {
            "wall_s": round(seconds, 2),
            "driver_cpu_s": round(spent, 2),
            "ms_a_shard": round(1e3 * seconds / n, 3),
            "payload_bytes": round(n_bytes / n),
            "calls_a_shard": round(
                (io.read_count + io.write_count - read.read_count - read.write_count) / n, 2
            ),
            "rss_mb": [round(min(rss) / 1e6), round(max(rss) / 1e6)],
            "open_files": [min(fds), max(fds)],
        }
    )


def lose_nodes(folder: Path) -> Iterator[Line]:
    """Ten runs, each with a node killed at a random moment; results against the local engine's."""
    folder.mkdir(parents=True, exist_ok=True)
    want: list[bytes] = []
    open_engine("local").run_shards(
        range(N_FAULTY), Bytes(folder), N_WORKERS, lambda _, result: want.append(result), resources=ONE_CORE
    )
    with cluster(3) as nodes:
        for turn in range(N_KILLS):
            after_s = random.Random(turn).uniform(0, 3)
            killer = threading.Timer(
                after_s, lambda: nodes.remove_node(nodes.worker_nodes.copy().pop(), allow_graceful=False)
            )
            got: list[bytes] = []
            again: list[str] = []

            def take(_: int, result: bytes, got=got, killer=killer) -> None:
                if not got:
                    killer.start()
                got.append(result)

            began = time.perf_counter()
            open_engine("ray", nodes.address).run_shards(
                range(N_FAULTY),
                Bytes(folder),
                3,
                take,
                resources=ONE_CORE,
                on_retry=lambda _, error, again=again: again.append(str(error)),
            )
            took = time.perf_counter() - began
            killer.join()
            left = [path for path in folder.iterdir() if psutil.pid_exists(int(path.name))]
            yield {"part": "faults", "turn": turn, "killed_after_s": round(after_s, 2)} | {
                "took_s": round(took, 2),
                "equal": got == want,
                "moved": len(again),
                "left": len(left),
            }
            add_node(nodes)


def main() -> None:
    """Measure the parts that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("shards", "render", "compare", "scale", "faults")
    parser.add_argument("--out", type=Path, default=Path("runs/cluster"))
    parser.add_argument("--most", type=int, default=SIZES[-1], help="empty shards at most")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    asked = parser.parse_args()
    measure: dict[str, Callable[[], Iterator[Line]]] = {
        "shards": time_shards,
        "render": lambda: time_commands(asked.out, "render"),
        "compare": lambda: time_commands(asked.out, "compare"),
        "scale": lambda: time_scale(tuple(n for n in SIZES if n <= asked.most)),
        "faults": lambda: lose_nodes(asked.out / "workers"),
    }
    for part in asked.parts or parts:
        for line in measure[part]():
            print(json.dumps(line))
            append(RESULTS, line | {"load": round(os.getloadavg()[0], 1)}, FROZEN)


if __name__ == "__main__":
    main()
