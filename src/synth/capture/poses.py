"""The plan of a capture: which poses, in which order, who trains and who tests, and how long it takes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from synth.capture.coverage import Index, Spread, features, joint_cells
from synth.capture.visit_order import plan_visits
from synth.cell.candidates import POOL_PER_POSE, Candidates, CandidateStream
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.dataset.choices import SplitMode
from synth.dataset.record import Split
from synth.dataset.split import STAGE, assign_splits, nearest_distance, spread_splits
from synth.errors import InputError
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.hardware.safety import SafetyModel

SHOT_OVERHEAD_S = 0.35
"""Seconds a shot takes beside motion and settling: commands, two state readings, the next frames."""

RENDER_S = 0.6
"""Seconds the simulated camera needs for the pictures of a new pose on two cores."""

REPLACEMENTS_PER_POSE = 8

DRAW = 512
"""Candidates that are drawn at a time: where three of four pass, a stage chooses among 370."""


@dataclass(frozen=True, eq=False)
class PlannedPose:
    """A pose to be shot, and what is expected there.

    q_rad: [6]. T_base_tool: [4,4] by nominal kinematics. normal_uvw: [3]. square_xyxy_px: [4] edges 0..W.
    tilt_deg: between the label's normal and the direction to the camera. visible: share of the part not
    hidden by mount or arm.
    """

    index: int
    name: str
    split: Split
    q_rad: Array
    T_base_tool: Array
    normal_uvw: Array
    square_xyxy_px: Array
    tilt_deg: float
    visible: float


@dataclass(frozen=True, eq=False)
class Stage:
    """A stretch of the sequence that is chosen out of a pool of its own. chosen: its rows of the pool."""

    pool: Candidates
    points: Array
    chosen: Index

    @cached_property
    def reserved(self) -> Index:
        """[rounds, poses] rows kept to stand in for each pose, nearest first; −1 where the pool ran out."""
        free = np.ones(len(self.pool), dtype=bool)
        free[self.chosen] = False
        kept = np.full((REPLACEMENTS_PER_POSE, len(self.chosen)), -1, dtype=np.intp)
        for i_round in range(REPLACEMENTS_PER_POSE):
            for i, place in enumerate(self.points[self.chosen]):
                if not free.any():
                    return kept
                distance = np.linalg.norm(self.points - place, axis=1)
                row = int(np.where(free, distance, np.inf).argmin())
                kept[i_round, i] = row
                free[row] = False
        return kept


@dataclass(frozen=True, eq=False)
class Plan:
    """The first poses of a sequence that goes on: a larger plan has the same ones, and more.

    poses: in the order of their names. visits: their indices in the order in which the arm goes to them.
    coverage: share of the reachable cells of a grid of normals × image places that some pose visits.
    tilt_histogram: poses per 10° of tilt. train_test_deg: for every test pose the distance to the nearest
    training pose, Euclidean over the six joints in degrees. motion_s: pure motion from home through every
    pose, at life pace.
    """

    poses: tuple[PlannedPose, ...]
    visits: tuple[int, ...]
    seed: int
    n_reachable: int
    coverage: float
    tilt_histogram: tuple[int, ...]
    train_test_deg: Array
    motion_s: float
    settle_s: float
    _stages: tuple[Stage, ...]
    _safety: SafetyModel
    _home_rad: Array

    def duration_s(self, pace: float | None = None) -> float:
        """Expected seconds to the last sample; pace: of a simulated cell, None for life."""
        waiting_s = self.motion_s + len(self.poses) * self.settle_s
        if pace is None:
            return waiting_s + len(self.poses) * SHOT_OVERHEAD_S
        return waiting_s / pace + len(self.poses) * (SHOT_OVERHEAD_S / pace + RENDER_S)

    def figures(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "n_reachable": self.n_reachable,
            "coverage": round(self.coverage, 4),
            "tilt_histogram_10_deg": list(self.tilt_histogram),
            "nearest_train_test_deg": round(float(self.train_test_deg.min()), 4)
            if len(self.train_test_deg)
            else None,
            "median_train_test_deg": round(float(np.median(self.train_test_deg)), 4)
            if len(self.train_test_deg)
            else None,
            "motion_s": round(self.motion_s, 3),
        }

    def replacement(self, index: int, attempt: int) -> PlannedPose:
        """The ``attempt``-th (from 1) stand-in for a pose whose shots are refused; it keeps name and split.

        It looks as much like the refused pose as any that no other pose uses or may use, whatever was asked
        before.
        Raises InputError when none is left.
        """
        refused = self.poses[index]
        stage, i = self._stages[index // STAGE], index % STAGE
        n_free = 0
        for row in stage.reserved[:, i]:
            if row >= 0 and self._safety.check_path(self._home_rad, stage.pool.q_rad[row]) is None:
                n_free += 1
                if n_free == attempt:
                    return _planned(stage.pool, int(row), index, refused.split)
        raise InputError(
            f"Pose {refused.name} was refused {attempt} times and no reachable pose is left to replace it: "
            "see why in rejected/, then ask for fewer poses or widen robot.joints."
        )


def plan_poses(
    cell: Cell, bodies: CellBodies, camera: Pinhole, n: int, seed: int, *, split: SplitMode = "spread"
) -> Plan:
    """``n`` poses that cover normals, image places and spins as evenly as the cell allows.

    Every pose keeps joint limits and distances, shows the whole square box of the part inside the image,
    within the tilt and visibility gates, and can be reached from home on a straight joint-space way that is
    free. The same arguments give the same plan; a larger ``n`` gives the same poses and more, with the same
    names, and the same splits too where those are spread. Raises InputError when the cell does not have that
    many such poses.
    """
    if n < 1:
        raise InputError(f"A plan needs 1 pose or more, got {n}.")
    sobol_rng, split_rng = np.random.default_rng(seed).spawn(2)
    safety = SafetyModel(cell, bodies)
    home_rad = cell.robot.home_q_rad
    if (violation := safety.check_path(home_rad, home_rad)) is not None:
        raise InputError(f"The cell's home is not free: {violation}. Correct robot.home_deg.")
    spread = Spread(camera.size_wh, cell.gates.max_tilt_deg)
    stages = _choose_stages(n, CandidateStream(cell, bodies, camera, sobol_rng), spread, safety, home_rad)
    chosen = Candidates.concatenate([stage.pool.rows(stage.chosen) for stage in stages]).rows(np.arange(n))
    points = features(chosen, camera.size_wh)
    splits = (
        spread_splits(n, rng=split_rng)
        if split == "spread"
        else assign_splits(n, rng=split_rng, mode=split, features=points)
    )
    visits, times_s = plan_visits(
        home_rad,
        chosen.q_rad,
        safety,
        speed_rad_s=float(np.radians(cell.robot.speed_deg_s)),
        acceleration_rad_s2=float(np.radians(cell.robot.acceleration_deg_s2)),
    )
    q_deg = np.degrees(chosen.q_rad)
    cells = joint_cells(chosen, camera.size_wh, cell.gates.max_tilt_deg)
    edges_deg = np.arange(0.0, cell.gates.max_tilt_deg + 10.0, 10.0)
    return Plan(
        poses=tuple(_planned(chosen, i, i, splits[i]) for i in range(n)),
        visits=tuple(map(int, visits)),
        seed=seed,
        n_reachable=sum(len(stage.pool) for stage in stages),
        coverage=len(np.unique(cells)) / spread.n_reached,
        tilt_histogram=tuple(int(c) for c in np.histogram(chosen.tilt_deg, edges_deg)[0]),
        train_test_deg=nearest_distance(
            q_deg[[s == "test" for s in splits]], q_deg[[s == "train" for s in splits]]
        ),
        motion_s=float(times_s.sum()),
        settle_s=cell.robot.settle_s,
        _stages=stages,
        _safety=safety,
        _home_rad=home_rad,
    )


def _choose_stages(
    n: int, stream: CandidateStream, spread: Spread, safety: SafetyModel, home_rad: Array
) -> tuple[Stage, ...]:
    """Whole stages, until they hold ``n`` poses, each with a free way from home."""
    stages: list[Stage] = []
    for first in range(0, n, STAGE):
        pool = stream.draw(POOL_PER_POSE * STAGE, DRAW)

        def has_way(row: int, pool: Candidates = pool) -> bool:
            return safety.check_path(home_rad, pool.q_rad[row]) is None

        chosen = spread.pick(pool, STAGE, has_way)
        stages.append(Stage(pool, features(pool, spread.size_wh), chosen))
        n_there = first + len(chosen)
        n_found = sum(len(stage.pool) for stage in stages)
        if n_there < n and len(pool) < STAGE:
            raise stream.refusal(n, n_found, n_there)
        if n_there < min(n, first + STAGE):
            raise InputError(
                f"Only {n_there} of {n_found} poses can be reached from home on a free way, {n} are wanted: "
                "put robot.home_deg into the middle of robot.joints, or ask for fewer poses."
            )
    return tuple(stages)


def _planned(candidates: Candidates, row: int, index: int, split: Split) -> PlannedPose:
    return PlannedPose(
        index=index,
        name=f"{index:06d}",
        split=split,
        q_rad=candidates.q_rad[row],
        T_base_tool=candidates.T_base_tool[row],
        normal_uvw=candidates.normal_uvw[row],
        square_xyxy_px=candidates.square_xyxy_px[row],
        tilt_deg=float(candidates.tilt_deg[row]),
        visible=float(candidates.visible[row]),
    )
