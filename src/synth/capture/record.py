"""From a shot to a line on disk: label it, judge it, write it. Runs beside the arm's next move."""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.capture.label import Label, Labeller
from synth.capture.normal_error import normal_sigma_deg
from synth.capture.poses import PlannedPose
from synth.capture.quality import Verdict, judge
from synth.capture.settings import CaptureSettings
from synth.cell.places import T_base_cam
from synth.dataset.layers import LayerName
from synth.dataset.origin import Origin, Step
from synth.dataset.sample import Draft, Instance, RobotReading, RobotShot
from synth.dataset.store import DatasetWriter
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.hardware.camera import CameraSample
from synth.hardware.robot import RobotState


@dataclass(frozen=True, eq=False)
class Shot:
    """One synchronised pair and the arm's state before and after it. timing: seconds by name."""

    pose: PlannedPose
    attempt: int
    before: RobotState
    after: RobotState
    sample: CameraSample
    timing: dict[str, float] = field(default_factory=dict)


class Recorder:
    """Labels, judges and writes shots one after another; the only one who touches the writer meanwhile."""

    def __init__(
        self, settings: CaptureSettings, labeller: Labeller, camera: Pinhole, writer: DatasetWriter
    ) -> None:
        self._settings = settings
        self._labeller = labeller
        self._camera = camera
        self._writer = writer

    def record(self, shot: Shot) -> Verdict:
        """Write one shot as a sample, or to rejected/ with its reason; raises StorageError."""
        started = time.perf_counter()
        pose, sample = shot.pose, shot.sample
        T_base_tool = se3.mean_pose(shot.before.T_base_tool, shot.after.T_base_tool)
        label = self._labeller.label(sample.rgb_u8, T_base_tool, shot.before.q_rad)
        verdict = judge(
            self._settings.cell.gates,
            label,
            sample.rgb_u8,
            sample.depth_m,
            shot.before.T_base_tool,
            shot.after.T_base_tool,
            np.random.default_rng([self._settings.seed, pose.index, shot.attempt]),
        )
        labelled = time.perf_counter()
        timing = shot.timing | {"label_s": labelled - started}
        if verdict.accepted:
            draft = self._draft(shot, T_base_tool, label, verdict, timing)
            layers: dict[LayerName, NDArray[Any]] = {
                "image": sample.rgb_u8,
                "mask": label.mask.astype(np.uint16),
            }
            if sample.depth_counts is not None:
                layers["depth"] = sample.depth_counts
            self._writer.append(
                draft,
                layers=layers,
                crops=[None if label.crop is None else label.crop.rgb_u8],
            )
        else:
            self._writer.add_rejected(
                reason=verdict.refusals[0].gate,
                detail=verdict.reason,
                name=pose.name,
                split=pose.split,
                pose_index=pose.index,
                attempt=shot.attempt,
                rgb_u8=sample.rgb_u8,
                quality=verdict.figures,
                timing=timing,
            )
        return verdict

    def _draft(
        self, shot: Shot, T_base_tool: Array, label: Label, verdict: Verdict, timing: dict[str, float]
    ) -> Draft:
        assert label.box_xyxy_px is not None
        assert label.square_xyxy_px is not None
        crop, sample = label.crop, shot.sample
        instance = Instance(
            class_name=self._settings.cell.part.class_name,
            box_xyxy_px=label.box_xyxy_px.tolist(),
            square_xyxy_px=label.square_xyxy_px.tolist(),
            normal_uvw=label.normal_uvw.tolist(),
            normal_sigma_deg=normal_sigma_deg(
                self._settings.cell,
                label.normal_cam,
                label.T_cam_part,
                float(verdict.figures["shot_rotation_deg"]),
            ),
            point_xy=label.point_xy.tolist(),
            T_cam_part=label.T_cam_part.tolist(),
            visib_fract=label.visib_fract,
            R_crop_cam=None if crop is None else crop.R_crop_cam.tolist(),
            normal_crop_uvw=None if crop is None else crop.normal_uvw.tolist(),
            point_crop_xy=None if crop is None else crop.point_xy.tolist(),
        )
        temperature = {} if sample.temperature_c is None else {"camera_c": sample.temperature_c}
        return Draft(
            name=shot.pose.name,
            split=shot.pose.split,
            size_wh=self._camera.size_wh,
            K=self._camera.K.tolist(),
            dist=np.asarray(self._camera.dist).tolist(),
            T_base_cam=T_base_cam(self._settings.cell, T_base_tool).tolist(),
            robot=RobotShot(
                before=_reading(shot.before),
                after=_reading(shot.after),
                t_color_ns=sample.t_color_ns,
                t_depth_ns=sample.t_depth_ns,
            ),
            instances=(instance,),
            origin=Origin(steps=(Step(verb="capture", seed=self._settings.seed),)),
            quality=verdict.figures | temperature | {"attempt": shot.attempt},
            timing=timing,
        )


def _reading(state: RobotState) -> RobotReading:
    return RobotReading(
        q_rad=state.q_rad.tolist(),
        T_base_tool=state.T_base_tool.tolist(),
        t_ns=state.t_ns,
        controller_time_s=state.controller_time_s,
    )
