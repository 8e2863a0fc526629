"""What becomes of a film, before a picture of it is written: one frame a window of time, and its fate."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from synth.dataset.imports.video_film import Film, Rect
from synth.dataset.imports.video_looks import (
    CARD_SHARE,
    SAME_BITS,
    Look,
    count_bits_apart,
    find_blurred,
    look_at,
)
from synth.dataset.imports.video_marks import MARKS_EVERY_S, MIN_BITS_MOVED, Constancy
from synth.dataset.record import Name, Record, SizeWh, Split

PICTURE_WH = 960, 480
"""What a film is cut and scaled to unless it stays as it is; it is never enlarged."""

TRAIN_UNTIL, VAL_UNTIL = 0.6, 0.75
"""Shares of a film's time at which its blocks end: 60 % train, 15 % validate, the last quarter tests."""
MIN_GAPS = 10
"""A film shorter than so many gaps is one block."""

OnShare = Callable[[float], None]
"""Told which share of a film's file was read."""


class Window(Record):
    """One window of time.

    pts, t_s: of its sharpest frame. reason: why that is refused; None where it is taken. detail: the figure
    behind it. name, split: of the sample that it becomes.
    """

    pts: int
    t_s: float
    sharpness: float | None = None
    reason: str | None = None
    detail: str = ""
    name: Name | None = None
    split: Split | None = None


class FilmPlan(Record):
    """What becomes of one film.

    size_wh: of its upright frames. rect: x0, y0, x1, y1 of them that is looked at, scaled to grid_wh.
    duration_s: as it promises. end_s: of its last frame. n_broken: frames and packets. n_moved: frames by
    which marks were looked for. hashes: of the frames that are taken, in order.
    """

    film: str
    n_bytes: int
    size_wh: SizeWh
    rect: tuple[int, int, int, int]
    grid_wh: SizeWh
    duration_s: float | None
    end_s: float
    n_frames: int
    n_broken: int
    n_moved: int
    windows: tuple[Window, ...]
    hashes: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], ...]


@dataclass
class Survey:
    """What one reading of a film found.

    best: presentation time and look of each window's best frame, by the window's number; no look where all
    are broken.
    """

    best: dict[int, tuple[int, float, Look | None]] = field(default_factory=dict)
    constancy: Constancy = field(default_factory=Constancy)
    n_frames: int = 0
    n_broken: int = 0


def cut(size_wh: tuple[int, int]) -> Rect:
    """The middle of a picture with the aspect of `PICTURE_WH`."""
    width, height = size_wh
    w, h = min(width, height * 2), min(height, width // 2)
    x, y = (width - w) // 2, (height - h) // 2
    return x, y, x + w, y + h


def fit(rect: Rect, most_wh: tuple[int, int]) -> tuple[int, int]:
    """Width and height that a rectangle becomes so that it fits; it is never enlarged."""
    w, h = rect[2] - rect[0], rect[3] - rect[1]
    scale = min(1.0, most_wh[0] / w, most_wh[1] / h)
    return max(1, round(w * scale)), max(1, round(h * scale))


def survey(film: Film, rect: Rect, grid_wh: tuple[int, int], every_s: float, on_share: OnShare) -> Survey:
    """Look at every frame of a film, in the order in which they are shown."""
    found, last_moved, moved_at_s = Survey(), None, -MARKS_EVERY_S
    for frame in film.read(rect, grid_wh, colour=False):
        on_share(frame.share)
        window = int(frame.t_s / every_s)
        found.n_frames += 1
        if frame.pixels is None:
            found.n_broken += 1
            found.best.setdefault(window, (frame.pts, frame.t_s, None))
            continue
        look = look_at(frame.pixels)
        has_moved = last_moved is None or count_bits_apart(look.hash, last_moved) >= MIN_BITS_MOVED
        if has_moved and frame.t_s - moved_at_s >= MARKS_EVERY_S:
            found.constancy.add(frame.pixels)
            last_moved, moved_at_s = look.hash, frame.t_s
        best = found.best.get(window)
        if best is None or best[2] is None or _rank(look) > _rank(best[2]):
            found.best[window] = frame.pts, frame.t_s, look
    found.n_broken += film.n_broken
    return found


def _rank(look: Look) -> tuple[bool, float]:
    return not look.is_black and look.card_share < CARD_SHARE, look.sharpness


def judge(found: Survey, earlier: Iterable[int]) -> list[tuple[Window, int | None]]:
    """The fate of every window, with its frame's hash where it is taken. earlier: hashes of frames that were
    taken of other films.
    """
    rows = [found.best[i] for i in sorted(found.best)]
    has_scenes = np.median([look.card_share for *_, look in rows if look] or [0]) < CARD_SHARE
    scenes = [
        look
        for *_, look in rows
        if look and not look.is_black and not (has_scenes and look.card_share >= CARD_SHARE)
    ]
    sharpness = np.array([look.sharpness for look in scenes])
    is_blurred = dict(zip(map(id, scenes), find_blurred(sharpness).tolist(), strict=True))
    usual = float(np.median(sharpness)) if len(scenes) else 0.0
    others, last, judged = list(earlier), None, []
    for pts, t_s, look in rows:
        reason, detail = None, ""
        if look is None:
            reason, detail = "broken", "no frame of this window can be decoded whole"
        elif look.is_black:
            reason, detail = "black", "it is black"
        elif id(look) not in is_blurred:
            reason = "title card"
            detail = f"{100 * look.card_share:.0f} % of it is of one grey, so it is a card and no scene"
        elif is_blurred[id(look)]:
            reason = "blurred"
            detail = f"its sharpness is {look.sharpness:.2f}, and this film's is {usual:.2f}"
        elif last is not None and count_bits_apart(look.hash, last) <= SAME_BITS:
            reason, detail = "standing scene", "it shows what the last frame that was taken shows"
        elif any(count_bits_apart(look.hash, other) <= SAME_BITS for other in others):
            reason, detail = "duplicate", "it shows what an earlier frame shows"
        elif last is not None:
            others.append(last)
        sharp = None if look is None else round(look.sharpness, 4)
        judged.append(
            (
                Window(pts=pts, t_s=round(t_s, 6), sharpness=sharp, reason=reason, detail=detail),
                look.hash if look is not None and reason is None else None,
            )
        )
        last = judged[-1][1] if judged[-1][1] is not None else last
    return judged


def deal_by_time(windows: Sequence[Window], gap_s: float, whole: Split | None) -> list[Window]:
    """The windows with their splits, by blocks of time; frames in a gap between two are refused.

    gap_s: between a block's last frame and the next one's first. whole: the split of the whole film, where it
    is told. A film shorter than `MIN_GAPS` gaps trains whole.
    """
    end_s = windows[-1].t_s if windows else 0.0
    if whole is None and end_s < MIN_GAPS * gap_s:
        whole = "train"
    dealt = []
    for window in windows:
        split = whole or _split_at(window.t_s, end_s, gap_s)
        update: dict[str, object] = {"split": split}
        if split is None and window.reason is None:
            update |= {"reason": "gap", "detail": f"it is less than {gap_s:g} s after another split's block"}
        dealt.append(window.model_copy(update=update))
    return dealt


def _split_at(t_s: float, end_s: float, gap_s: float) -> Split | None:
    begins: Mapping[Split, tuple[float, float]] = {
        "train": (0.0, TRAIN_UNTIL * end_s),
        "val": (TRAIN_UNTIL * end_s + gap_s, VAL_UNTIL * end_s),
        "test": (VAL_UNTIL * end_s + gap_s, end_s + 1),
    }
    return next((split for split, (first, last) in begins.items() if first <= t_s < last), None)
