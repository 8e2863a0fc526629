"""Run by test_crash: forks a writer, kills it at a random moment, and again; prints one JSON line a round.

One process imports everything once; its children write. It calls no OpenCV itself, so forking is safe.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from dataset_scene import make_info, make_shot

from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter

SIZE_WH = (64, 48)


def write(root: Path, n: int, report: int) -> None:
    """Append, refuse and take out until all n samples are there; every committed index goes to ``report``."""
    with DatasetWriter.create_or_resume(root, make_info(SIZE_WH)) as writer:
        for i in range(n):
            taken_out = {r.name for r in writer.rejections if r.sample is not None}
            name = f"{i:06d}"
            if name in writer.done_names():
                continue
            if i % 5 == 3 and i not in {r.pose_index for r in writer.rejections}:
                writer.add_rejected(reason="blur", pose_index=i, attempt=0)
            if i % 11 == 2 and len(writer.plates) < 3:
                writer.add_plate(np.full((48, 64, 3), i, np.uint8))
            draft, arrays = make_shot(i + 1000 * (name in taken_out), np.random.default_rng(i), SIZE_WH)
            draft = draft.model_copy(update={"name": name})
            writer.append(draft, **arrays)
            os.write(report, f"{i} ".encode())
            if i % 7 == 6 and name not in taken_out:
                writer.reject(name, "to be shot again")
                again, arrays = make_shot(i, np.random.default_rng(5000 + i), SIZE_WH)
                writer.append(again, **arrays)


def main(root: Path, n: int, n_kills: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for n_killed in range(n_kills + 1):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            write(root, n, write_end)
            os._exit(0)
        os.close(write_end)
        seen = b""
        if n_killed < n_kills:
            # After so many samples and a moment more, not by the clock: a fast writer would be done too soon.
            n_seen = rng.integers(0, 5)
            while seen.count(b" ") < n_seen and (byte := os.read(read_end, 1)):
                seen += byte
            time.sleep(rng.uniform(0.0, 0.02))
            os.kill(child, signal.SIGKILL)
        with os.fdopen(read_end, "rb") as pipe:
            committed = [int(word) for word in (seen + pipe.read()).split()]
        _, status = os.waitpid(child, 0)
        on_disk = (
            [int(s.name) for s in DatasetReader(root).samples] if (root / "dataset.json").exists() else []
        )
        killed = os.WIFSIGNALED(status)
        print(json.dumps({"committed": committed, "on_disk": on_disk, "killed": killed}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
