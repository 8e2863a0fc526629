"""Plan → check → move → settle → grab → label → judge → write, and again until every pose is a sample.

A shot is recorded (labelled, judged, written) in one worker thread while the arm moves on. Refused shots go
back to the end of the queue, so that the order of everything depends on the plan alone and not on who was
faster.
"""

import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from synth.capture.arm import Arm
from synth.capture.label import Labeller
from synth.capture.plates import park_is_out_of_view, piece_plate_together, take_plates
from synth.capture.poses import Plan, PlannedPose, plan_poses
from synth.capture.quality import Verdict
from synth.capture.record import Recorder, Shot
from synth.capture.settings import (
    CaptureSettings,
    camera_record,
    describe,
    label_pinhole,
    locked_settings,
)
from synth.cell.mesh import CellBodies
from synth.compute.progress import Progress
from synth.dataset.store import DatasetWriter
from synth.errors import InputError, SynthError
from synth.hardware.camera import Camera
from synth.hardware.connect import Devices, connect
from synth.hardware.safety import SafetyModel

MAX_EMPTY_IN_A_ROW = 5
MAX_REFUSED_IN_A_ROW = 25


@dataclass(frozen=True)
class Summary:
    """What a capture left behind. n_taken, n_refused: shots of this run. refused: by gate, over all runs."""

    n_samples: int
    n_taken: int
    n_refused: int
    n_unchecked: int
    refused: dict[str, int]
    seconds: float


@dataclass(frozen=True, eq=False)
class Turn:
    """A pose to be shot, and how often that was tried before."""

    pose: PlannedPose
    attempt: int


def make_plan(settings: CaptureSettings, bodies: CellBodies) -> Plan:
    """The poses of a capture; opens no device. The same settings give the same plan."""
    if settings.n_poses < 1:
        raise InputError(f"--poses must be 1 or more, got {settings.n_poses}")
    return plan_poses(
        settings.cell,
        bodies,
        settings.cell.camera.pinhole,
        settings.n_poses,
        settings.seed,
        split=settings.split,
    )


def capture(settings: CaptureSettings, plan: Plan, bodies: CellBodies, progress: Progress) -> Summary:
    """Take every sample of the plan that the folder does not hold yet.

    Raises InputError when gates refuse shot after shot, a DeviceError when a device stops the run,
    StorageError when the disk does; the folder is whole then, and the same call goes on. KeyboardInterrupt
    likewise.
    """
    with connect(
        settings.cell,
        bodies,
        seed=settings.seed,
        pace=settings.pace,
        locked=locked_settings(settings.out),
    ) as devices:
        return fill(settings, plan, bodies, devices, progress)


def fill(
    settings: CaptureSettings, plan: Plan, bodies: CellBodies, devices: Devices, progress: Progress
) -> Summary:
    """`capture` with devices that are connected already."""
    started = time.perf_counter()
    cell = settings.cell
    pinhole = label_pinhole(cell, devices.camera.info)
    info = describe(settings, plan, camera_record(cell, devices.camera.info), devices.info)
    with DatasetWriter.create_or_resume(settings.out, info, settings.growing) as writer:
        for note in writer.notes:
            progress.say(note)
        arm = Arm(devices.robot, SafetyModel(cell, bodies), cell.robot)
        n_plates, arm_can_leave = settings.n_plates, False
        if cell.camera.is_on_arm:  # Each of its pictures has another background.
            n_plates = 0
        elif arm_can_leave := park_is_out_of_view(cell, bodies, pinhole):
            take_plates(settings, arm, devices.camera, writer, progress)
        labeller = Labeller(cell, bodies, pinhole, source=settings.label, crop_kind=settings.crop)
        recorder = Recorder(settings, labeller, pinhole, writer)
        session = Session(settings, plan, arm, devices.camera, recorder, progress)
        session.run(writer)
        if n_plates and not arm_can_leave:
            piece_plate_together(cell, bodies, pinhole, writer, progress)
        return session.summary(writer, time.perf_counter() - started)


class Session:
    """One pass over the poses that are not samples yet."""

    def __init__(
        self,
        settings: CaptureSettings,
        plan: Plan,
        arm: Arm,
        camera: Camera,
        recorder: Recorder,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._arm = arm
        self._camera = camera
        self._recorder = recorder
        self._progress = progress
        self._queue: deque[Turn] = deque()
        self._in_hand: tuple[Turn, Future[Verdict]] | None = None
        self._refused_in_a_row: list[Verdict] = []
        self._n_taken = 0
        self._n_refused = 0

    def run(self, writer: DatasetWriter) -> None:
        """Shoot until every pose of the plan is a sample."""
        done = writer.done_names()
        tries = Counter(r.name for r in writer.rejections)
        todo = [pose for i in self._plan.visits if (pose := self._plan.poses[i]).name not in done]
        self._queue.extend(self._turn(pose.index, tries[pose.name]) for pose in todo)
        self._progress.begin(total=len(self._plan.poses), done=len(done))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="record") as pool:
            try:
                for turn in self._turns():
                    shot = self._shoot(turn)
                    self._settle()
                    self._in_hand = turn, pool.submit(self._recorder.record, shot)
            except BaseException:
                with suppress(SynthError):
                    self._settle()
                raise
            finally:
                self._progress.end()

    def summary(self, writer: DatasetWriter, seconds: float) -> Summary:
        """What stands in the folder now."""
        gates = Counter(r.reason for r in writer.rejections)
        return Summary(
            n_samples=len(writer.samples),
            n_taken=self._n_taken,
            n_refused=self._n_refused,
            n_unchecked=sum("normal_depth_deg" not in s.quality for s in writer.samples),
            refused=dict(gates.most_common()),
            seconds=seconds,
        )

    def _turns(self) -> Iterator[Turn]:
        while True:
            if not self._queue:
                self._settle()
            if not self._queue:
                return
            yield self._queue.popleft()

    def _turn(self, index: int, attempt: int) -> Turn:
        n_replacement = attempt - self._settings.cell.gates.max_retries
        pose = self._plan.poses[index] if n_replacement <= 0 else self._plan.replacement(index, n_replacement)
        return Turn(pose, attempt)

    def _shoot(self, turn: Turn) -> Shot:
        began = time.perf_counter()
        _, motion_s = self._arm.go_to(turn.pose.q_rad)
        arrived = time.perf_counter()
        before = self._arm.read_state()
        sample = self._camera.grab(after_ns=before.t_ns)
        for _ in range(turn.attempt):  # A retry lets more frames pass: what trembled may have come to rest.
            before = self._arm.read_state()
            sample = self._camera.grab(after_ns=before.t_ns)
        after = self._arm.read_state()
        ended = time.perf_counter()
        settle_s = self._settings.cell.robot.settle_s
        overhead_s = max(0.0, arrived - began - (motion_s + settle_s) / self._settings.true_pace)
        timing = {
            "motion_s": motion_s,
            "settle_s": settle_s,
            "grab_s": ended - arrived,
            "machine_s": motion_s + settle_s + overhead_s + ended - arrived,
            "human_s": 60 * self._settings.human_minutes / self._settings.n_poses,
        }
        return Shot(turn.pose, turn.attempt, before, after, sample, timing)

    def _settle(self) -> None:
        """Wait for the shot in hand and put it back into the queue where it was refused."""
        if self._in_hand is None:
            return
        turn, future = self._in_hand
        verdict = future.result()
        self._in_hand = None
        self._n_taken += 1
        if verdict.accepted:
            self._refused_in_a_row.clear()
            self._progress.accepted(turn.pose.name)
            return
        self._n_refused += 1
        self._refused_in_a_row.append(verdict)
        self._progress.refused(turn.pose.name, verdict.reason)
        self._give_up_if_hopeless()
        self._queue.append(self._turn(turn.pose.index, turn.attempt + 1))

    def _give_up_if_hopeless(self) -> None:
        row = self._refused_in_a_row
        empty = [v for v in row[-MAX_EMPTY_IN_A_ROW:] if v.refusals[0].gate == "mask_empty"]
        if len(empty) == MAX_EMPTY_IN_A_ROW:
            raise InputError(
                f"{MAX_EMPTY_IN_A_ROW} shots in a row show no part: {empty[-1].refusals[0].message}. "
                f"Correct label in the cell, take {self._settings.out} away, and run the same command again."
            )
        if len(row) == MAX_REFUSED_IN_A_ROW:
            gates = Counter(r.gate for v in row for r in v.refusals).most_common()
            raise InputError(
                f"{MAX_REFUSED_IN_A_ROW} shots in a row were refused ("
                + ", ".join(f"{gate} {n}" for gate, n in gates)
                + f"); the last one: {row[-1].reason}. Look into {self._settings.out / 'rejected'}, "
                "then correct the cell."
            )
