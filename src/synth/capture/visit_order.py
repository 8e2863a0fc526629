"""The order in which poses are visited: short on the clock, and free all the way."""

from itertools import pairwise

import numpy as np

from synth.capture.coverage import Index
from synth.geometry.arm import trapezoid_time_s
from synth.geometry.se3 import Array
from synth.hardware.safety import SafetyModel

MAX_SWEEPS = 30


def plan_visits(
    start_rad: Array, q_rad: Array, safety: SafetyModel, *, speed_rad_s: float, acceleration_rad_s2: float
) -> tuple[Index, Array]:
    """The order [N] in which to visit joints [N,6], starting at ``start_rad`` [6], and the seconds [N] of
    each move.

    Nearest neighbour, then 2-opt, on the time of each move. A straight way that is barred counts as the way
    round by the start, which the caller has checked to be free for every pose.
    """
    stops = np.concatenate([start_rad[None], q_rad])
    time_s = trapezoid_time_s(stops[:, None] - stops[None], speed_rad_s, acceleration_rad_s2)
    np.fill_diagonal(time_s, np.inf)
    by_start = time_s[:, :1] + time_s[:1, :]
    checked: set[tuple[int, int]] = set()
    order = _two_opt(_nearest_neighbour(time_s), time_s)
    while True:
        new = {(min(e), max(e)) for e in pairwise(order)} - checked
        barred = [(a, b) for a, b in sorted(new) if safety.check_path(stops[a], stops[b]) is not None]
        checked |= new
        if not barred:
            break
        for a, b in barred:
            time_s[a, b] = time_s[b, a] = by_start[a, b]
        order = _two_opt(order, time_s)
    stops_in_order = np.array(order, dtype=np.intp)
    return stops_in_order[1:] - 1, time_s[stops_in_order[:-1], stops_in_order[1:]]


def _nearest_neighbour(time_s: Array) -> list[int]:
    order, left = [0], np.ones(len(time_s), dtype=bool)
    left[0] = False
    while left.any():
        order.append(int(np.where(left, time_s[order[-1]], np.inf).argmin()))
        left[order[-1]] = False
    return order


def _two_opt(stops: list[int], time_s: Array) -> list[int]:
    """Reverse stretches of an open way while that shortens it; its first stop stays."""
    order = np.array(stops)
    n = len(order)
    for _ in range(MAX_SWEEPS):
        improved = False
        for i in range(1, n - 1):
            before, first = order[i - 1], order[i]
            lasts = order[i + 1 :]
            nexts = order[i + 2 :]
            gain = time_s[before, first] - time_s[before, lasts]
            gain[:-1] += time_s[lasts[:-1], nexts] - time_s[first, nexts]
            best = int(gain.argmax())
            if gain[best] > 1e-9:
                order[i : i + 2 + best] = order[i : i + 2 + best][::-1].copy()
                improved = True
        if not improved:
            break
    return [int(stop) for stop in order]
