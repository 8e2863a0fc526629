"""The order of a capture, tried with an arm, a camera and a recorder that do nothing but remember."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from synth.capture.quality import Refusal, Verdict
from synth.capture.run import MAX_EMPTY_IN_A_ROW, MAX_REFUSED_IN_A_ROW, Session
from synth.capture.settings import CaptureSettings
from synth.errors import InputError, ProtectiveStop, StorageError

ACCEPTED = Verdict({}, ())


def _refused(gate="blur", message="too soft"):
    return Verdict({}, (Refusal(gate, message),))


class RememberingProgress:
    """Keeps what it is told."""

    def __init__(self):
        self.events = []

    def say(self, text):
        self.events.append(("say", text))

    def begin(self, *, total, done):
        self.events.append(("begin", total, done))

    def accepted(self, name):
        self.events.append(("accepted", name))

    def refused(self, name, reason):
        self.events.append(("refused", name, reason))

    def end(self):
        self.events.append(("end",))


class StandIn:
    """A plan of ``n`` poses, and what happens at each (name, attempt); absent is accepted."""

    def __init__(self, cell, tmp_path, n, verdicts=None, default=ACCEPTED, at_move=None):
        self.visits, self.grabs, self.written = [], [], []
        self.verdicts, self.default, self.at_move = verdicts or {}, default, at_move
        poses = tuple(self._pose(i, 0) for i in range(n))
        self.plan = SimpleNamespace(poses=poses, visits=range(n), replacement=self._pose)
        self.progress = RememberingProgress()
        settings = CaptureSettings(cell=cell, out=tmp_path, n_poses=n)
        self.session = Session(settings, self.plan, self, self, self, self.progress)

    def _pose(self, index, replacement):
        q_rad = np.array([index, replacement, 0, 0, 0, 0.0])
        return SimpleNamespace(index=index, name=f"{index:06d}", split="train", q_rad=q_rad)

    def run(self, done=(), rejections=()):
        writer = SimpleNamespace(
            done_names=lambda: set(done), rejections=[SimpleNamespace(name=name) for name in rejections]
        )
        self.session.run(writer)

    def read_state(self):
        return SimpleNamespace(t_ns=0)

    def go_to(self, q_rad):
        self.visits.append((int(q_rad[0]), int(q_rad[1])))
        if self.at_move:
            self.at_move(self)
        return self.read_state(), 1.0

    def grab(self, *, after_ns):
        self.grabs.append(self.visits[-1])
        return SimpleNamespace()

    def record(self, shot):
        self.written.append((shot.pose.index, shot.attempt, threading.current_thread().name))
        verdict = self.verdicts.get((shot.pose.index, shot.attempt), self.default)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict


def test_poses_are_visited_once_and_in_order(cell, tmp_path):
    """Without a refusal every pose is shot once, in the plan's order, and recorded beside the next move."""
    stand_in = StandIn(cell, tmp_path, 5)
    stand_in.run()
    assert stand_in.visits == [(i, 0) for i in range(5)]
    assert [w[0] for w in stand_in.written] == list(range(5))
    assert all(name.startswith("record") for *_, name in stand_in.written)
    assert stand_in.progress.events[0] == ("begin", 5, 0)
    assert stand_in.progress.events[-1] == ("end",)


def test_refused_shots_come_back_at_the_end_and_then_get_a_replacement(cell, tmp_path):
    """Two retries at the pose itself, then stand-ins; each later try lets one more frame pass."""
    blur = {(1, k): _refused() for k in range(4)}
    stand_in = StandIn(cell, tmp_path, 3, blur)
    stand_in.run()
    assert stand_in.visits == [(0, 0), (1, 0), (2, 0), (1, 0), (1, 0), (1, 1), (1, 2)]
    assert stand_in.grabs.count((1, 0)) == 1 + 2 + 3
    assert [w[:2] for w in stand_in.written if w[0] == 1] == [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]


def test_the_order_does_not_depend_on_who_is_faster(cell, tmp_path):
    """Two refused poses come back in the order they were shot, run after run."""
    refused = {(0, 0): _refused(), (3, 0): _refused(), (1, 0): _refused()}
    orders = []
    for _ in range(3):
        stand_in = StandIn(cell, tmp_path, 4, refused)
        stand_in.run()
        orders.append(stand_in.visits)
    assert orders[0] == [(0, 0), (1, 0), (2, 0), (3, 0), (0, 0), (1, 0), (3, 0)]
    assert orders[1] == orders[0] == orders[2]


def test_a_resumed_session_takes_what_is_missing_and_remembers_tries(cell, tmp_path):
    """Samples on disk are not taken again; refusals on disk count, so a fourth try gets a stand-in."""
    stand_in = StandIn(cell, tmp_path, 4)
    stand_in.run(done=["000000", "000002"], rejections=["000001"] * 3)
    assert stand_in.visits == [(1, 1), (3, 0)]
    assert stand_in.written[0][:2] == (1, 3)


def test_a_colour_that_finds_nothing_stops_early(cell, tmp_path):
    """Five empty masks in a row end the run with one sentence on the colours that were seen."""
    stand_in = StandIn(cell, tmp_path, 40, default=_refused("mask_empty", "the image has H 90 (80–100)"))
    with pytest.raises(InputError, match=r"H 90 \(80–100\)"):
        stand_in.run()
    assert MAX_EMPTY_IN_A_ROW <= len(stand_in.visits) <= MAX_EMPTY_IN_A_ROW + 1


def test_gates_that_refuse_everything_stop_the_run(cell, tmp_path):
    """Twenty-five refusals in a row end the run and name the gates."""
    stand_in = StandIn(cell, tmp_path, 60, default=_refused())
    with pytest.raises(InputError, match=f"blur {MAX_REFUSED_IN_A_ROW}"):
        stand_in.run()


def test_an_error_of_the_worker_reaches_the_caller(cell, tmp_path):
    """A full disk in the worker stops the run within one more pose, as the error it is."""
    stand_in = StandIn(cell, tmp_path, 10, {(2, 0): StorageError("the disk is full")})
    with pytest.raises(StorageError, match="disk is full"):
        stand_in.run()
    assert len(stand_in.visits) <= 4


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ProtectiveStop("stopped to protect")])
def test_the_sample_in_hand_is_finished_when_the_run_stops(cell, tmp_path, error):
    """Ctrl-C or a stop during a move: the shot taken before it is still written, then the cause is raised."""

    def stop_at_third(stand_in):
        if len(stand_in.visits) == 3:
            raise error

    stand_in = StandIn(cell, tmp_path, 10, at_move=stop_at_third)
    with pytest.raises(type(error)):
        stand_in.run()
    assert [w[0] for w in stand_in.written] == [0, 1]
    assert ("accepted", "000001") in stand_in.progress.events
