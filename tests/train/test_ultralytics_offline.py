"""Ultralytics is used with every line to the outside cut, and leaves the process as it found it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, os, socket, subprocess, sys
from pathlib import Path

folder = Path(sys.argv[1])
attempts = folder / "attempts.txt"


def forbid(name):
    def call(*args, **_options):
        with attempts.open("a") as file:
            file.write(f"{name} {args}\\n")
        raise OSError("there is no network here")

    return call


for name in ("create_connection", "getaddrinfo", "gethostbyname"):
    setattr(socket, name, forbid(name))


class Cut(socket.socket):
    connect = forbid("connect")
    connect_ex = forbid("connect_ex")
    sendto = forbid("sendto")


socket.socket = Cut
run = subprocess.Popen.__init__


def listen(self, args, *rest, **options):
    if "ldconfig" not in str(args):  # By which ctypes finds libraries.
        with (folder / "processes.txt").open("a") as file:
            file.write(f"{args}\\n")
    run(self, args, *rest, **options)


subprocess.Popen.__init__ = listen

import cv2
import numpy as np
import torch
from PIL import Image

sys.path.insert(0, sys.argv[2])
from toy_sets import make_detection_images

from synth.train.loop import learn
from synth.train.tasks.detection.learning import DetectionLearner, DetectionSettings, predict_boxes

torch.set_num_threads(2)
cv2.setNumThreads(3)


def look():
    return {
        "environment": {k: v for k, v in os.environ.items() if not k.startswith("TORCHINDUCTOR")},
        "torch": torch.get_num_threads(),
        "cv2": cv2.getNumThreads(),
        "numpy": repr(np.get_printoptions()),
        "pillow": Image.open.__module__,
        "folder": os.getcwd(),
    }


before = look()
images = make_detection_images(6, seed=0)
settings = DetectionSettings(side_px=64, n_images=8, batch_size=4, n_checks=1)
learner = DetectionLearner([images], images, settings, seed=0, device=torch.device("cpu"))
learned = learn(learner, settings, seed=0)
found = predict_boxes(learner.net, images)
try:
    socket.create_connection(("192.0.2.1", 80))
except OSError:
    pass
print(json.dumps({"before": before, "after": look(), "step": learned.step, "n_images": len(found)}))
"""


@pytest.mark.slow
def test_training_and_predicting_stay_inside(tmp_path: Path) -> None:
    """Two steps and a prediction in a fresh process: no attempt at a connection, no process, not a word;
    nothing written but in the cache; threads, environment (all but what torch itself sets) and numpy's way of
    printing as before.
    """
    home, cache, work = (tmp_path / name for name in ("home", "cache", "work"))
    for folder in (home, cache, work):
        folder.mkdir()
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("YOLO", "XDG", "OMP", "MPL"))
    }
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(cache), "NUMEXPR_MAX_THREADS": "5"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(Path(__file__).parent)],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["step"], said["n_images"]) == (2, 6)
    changed = said["before"]["environment"].items() ^ said["after"]["environment"].items()
    assert not changed
    assert said["before"] == said["after"]
    assert "OMP_NUM_THREADS" not in said["after"]["environment"]
    assert said["after"]["environment"]["NUMEXPR_MAX_THREADS"] == "5"
    assert (said["after"]["torch"], said["after"]["cv2"]) == (2, 3)
    tried = (tmp_path / "attempts.txt").read_text().splitlines()
    assert tried == ["create_connection (('192.0.2.1', 80),)"], "only the script's own attempt at the end"
    assert not (tmp_path / "processes.txt").exists(), (tmp_path / "processes.txt").read_text()
    assert not list(home.rglob("*"))
    assert not list(work.rglob("*"))
    assert {path.name for path in cache.iterdir()} <= {"synth", "matplotlib"}
