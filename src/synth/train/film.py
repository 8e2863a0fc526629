"""What a trained network says of a film, frame by frame, drawn into a film."""

from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from synth.compute.progress import Progress
from synth.dataset.codecs import Rgb
from synth.dataset.imports.video import SUFFIXES
from synth.dataset.imports.video_film import Film, Frame
from synth.errors import InputError, StorageError
from synth.extras import demand
from synth.storage.atomic import temp_path
from synth.train.tasks import TASKS
from synth.train.trained import Trained, predict_pictures

_AT_A_TIME = 32
_CODEC = "mp4v"
_FPS = 25.0
"""Of a film of one frame, which tells none."""


def is_film(path: Path) -> bool:
    """By its name."""
    return path.suffix.lower() in SUFFIXES


def predict_film(
    trained: Trained, path: Path, out: Path, confidence: float, progress: Progress
) -> list[dict[str, Any]]:
    """Draw a film (MP4) with what the network says of each frame; returns ``t_s`` and ``found`` of each.

    Broken frames are left out. Raises InputError for what is no film, and for a network that reads crops;
    StorageError where nothing can be written.
    """
    task = TASKS[trained.task]
    if task.words.unit == "crops":
        raise InputError(f"{path} is a film, and this network reads crops: give pictures of parts")
    demand("video")
    said: list[dict[str, Any]] = []
    unfinished = temp_path(out).with_suffix(out.suffix)  # By which OpenCV knows what to write.
    out.parent.mkdir(parents=True, exist_ok=True)
    writer: cv2.VideoWriter | None = None
    try:
        with Film(path, str(path)) as film:
            rect = (0, 0, *film.size_wh)
            frames = (f for f in film.read(rect, film.size_wh, colour=True) if f.pixels is not None)
            progress.begin(total=100, done=0)
            percent = 0
            while some := tuple(islice(frames, _AT_A_TIME)):
                if writer is None:
                    writer = _open(unfinished, _tell_fps(some), film.size_wh)
                for frame, found in zip(some, _ask(trained, some), strict=True):
                    sure = task.only_sure(found, confidence)
                    said.append({"t_s": round(frame.t_s, 3), "found": sure})
                    writer.write(np.ascontiguousarray(task.draw(_rgb(frame), "", sure)[..., ::-1]))
                now = round(100 * some[-1].share)
                progress.advanced(now - percent)
                percent = now
        if writer is None:
            raise InputError(f"{path} has no whole frame")
        writer.release()
        unfinished.replace(out)
    finally:
        progress.end()
        unfinished.unlink(missing_ok=True)
    return said


def _ask(trained: Trained, frames: tuple[Frame, ...]) -> list[Any]:
    return predict_pictures(trained, [_rgb(frame) for frame in frames])


def _rgb(frame: Frame) -> Rgb:
    assert frame.pixels is not None
    return frame.pixels


def _tell_fps(frames: tuple[Frame, ...]) -> float:
    span_s = frames[-1].t_s - frames[0].t_s
    return (len(frames) - 1) / span_s if span_s > 0 else _FPS


def _open(path: Path, fps: float, size_wh: tuple[int, int]) -> cv2.VideoWriter:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*_CODEC), fps, size_wh)  # type: ignore[attr-defined]
    if not writer.isOpened():
        raise StorageError(
            f"{path.parent} cannot hold a film of {size_wh[0]}×{size_wh[1]} pixels: is it full?"
        )
    return writer
