"""What a capture is asked for, and the dataset description that follows from it."""

from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from synth.capture.choices import LabelSource
from synth.capture.poses import Plan
from synth.cell.calibration_validity import camera_calibration, why_uncalibrated
from synth.cell.load import cell_fingerprint
from synth.cell.mesh import cad_sha256
from synth.cell.model import Cell
from synth.compute.versions import list_versions
from synth.dataset.choices import CropKind, SplitMode
from synth.dataset.difference import list_differences
from synth.dataset.folder import INFO_FILE, read_info, refuse_strangers
from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy, PartRecord
from synth.dataset.reader import DatasetReader
from synth.dataset.split import STAGE
from synth.errors import DatasetError, InputError
from synth.geometry.pinhole import Pinhole
from synth.hardware.camera import CameraInfo

PLAN = f"stages of {STAGE}"
"""How poses are chosen: those of a folder that was begun otherwise are other ones."""

_PACKAGES = ("synth-robotics", "numpy", "opencv-python", "open3d", "pyrealsense2", "ur-rtde")


@dataclass(frozen=True)
class CaptureSettings:
    """One capture.

    pace: simulated seconds per second, None takes the cell's; a real cell ignores it. human_minutes: what a
    person spent on it, shared out over the samples. Raises InputError for numbers that are out of bounds.
    """

    cell: Cell
    out: Path
    n_poses: int = 400
    seed: int = 0
    split: SplitMode = "spread"
    label: LabelSource = "colour"
    crop: CropKind = "rectified"
    n_plates: int = 3
    pace: float | None = None
    human_minutes: float = 0.0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("seed", self.seed, 0, inf),
            ("plates", self.n_plates, 0, 50),
            ("pace", self.pace, 0.1, 1000),
            ("human minutes", self.human_minutes, 0, inf),
        ):
            if value is not None and not low <= value <= high:
                allowed = f"{low:g} or more" if high == inf else f"{low:g} to {high:g}"
                raise InputError(f"{name} must be {allowed}, got {value:g}")

    @property
    def growing(self) -> tuple[str, ...]:
        """What a later run of the same folder may raise. A block of test poses is one of all poses, so such a
        plan stays as it is.
        """
        return ("poses",) if self.split == "spread" else ()

    @property
    def true_pace(self) -> float:
        """Seconds of the robot's clock per second of ours: 1 for a real arm."""
        if not self.cell.robot.is_simulated:
            return 1.0
        return self.cell.simulation.pace if self.pace is None else self.pace


def describe(
    settings: CaptureSettings, plan: Plan, camera: CameraRecord, devices: dict[str, JsonValue]
) -> DatasetInfo:
    """dataset.json of this capture; ``made_by.config`` holds everything that a resumed run must share."""
    cell = settings.cell
    config: dict[str, JsonValue] = {
        "cell": cell_fingerprint(cell),
        "poses": settings.n_poses,
        "plan": PLAN,
        "split": settings.split,
        "label": settings.label,
        "crop": settings.crop,
        "plates": settings.n_plates,
    }
    return DatasetInfo(
        kind="real",
        classes=(cell.part.class_name,),
        camera=camera,
        part=PartRecord(name=cell.part.class_name, cad_sha256=cad_sha256(cell)),
        made_by=MadeBy(
            verb="capture",
            config=config,
            seed=settings.seed,
            versions=list_versions(_PACKAGES),
            devices=devices,
            calibration=_calibration(cell),
            simulated=cell.is_simulated,
            figures=plan.figures(),
        ),
    )


def refuse_uncalibrated(cell: Cell) -> None:
    """Raises InputError where a real cell has no calibration that holds, or nobody knows the lens: its labels
    would be wrong by nobody knows how much.
    """
    reason = None if cell.is_simulated else why_uncalibrated(cell)
    if not cell.camera.known.tells_lens and cell.camera.K is None:
        reason = (
            f"a {cell.camera.known.title} does not tell its lens: run synth calibrate run, which solves it"
        )
    if reason is not None:
        raise InputError(
            f"the labels of this cell cannot be trusted: {reason}; or say --uncalibrated, and the dataset "
            "will say so too"
        )


def _calibration(cell: Cell) -> dict[str, JsonValue]:
    """What a dataset says of it; hashes are those of the cell's records."""
    camera, part = camera_calibration(cell), cell.calibration.part
    said: dict[str, JsonValue] = {"K": "device" if cell.camera.K is None else "cell"}
    if camera is not None:
        said["camera"] = camera.sha256
    if part is not None:
        said["part"] = part.sha256
    if not cell.is_simulated:
        said["holds"] = why_uncalibrated(cell) is None
    return said


def camera_record(cell: Cell, info: CameraInfo) -> CameraRecord:
    """The camera as labels use it: the cell's calibration where there is one, else the device's."""
    pinhole = label_pinhole(cell, info)
    return CameraRecord(
        name=info.name,
        serial=info.serial,
        size_wh=pinhole.size_wh,
        K=pinhole.K.tolist(),
        dist=np.asarray(pinhole.dist).tolist(),
        T_base_cam=None if cell.camera.is_on_arm else np.asarray(cell.camera.T_base_cam).tolist(),
        depth_scale_m=info.depth_scale_m,
    )


def label_pinhole(cell: Cell, info: CameraInfo) -> Pinhole:
    """The colour intrinsics that labels go through."""
    return cell.camera.calibrated_pinhole or info.color


def planned_poses(out: Path) -> int:
    """As many as the capture in a folder was begun for; where there is none, 400."""
    if (out / INFO_FILE).exists():
        n = read_info(out).made_by.config.get("poses")
        if isinstance(n, int):
            return n
    return CaptureSettings.n_poses


def find_earlier_run(settings: CaptureSettings, plan: Plan) -> DatasetReader | None:
    """What an earlier run of the same command left in the folder, or None; opens no device.

    Raises DatasetError with every difference when the folder was made with other settings or for more poses,
    and where it holds something else.
    """
    refuse_strangers(settings.out)
    if not (settings.out / INFO_FILE).exists():
        return None
    found = read_info(settings.out)
    if found.camera is None:
        raise DatasetError(f"{settings.out} was not captured: choose another folder with --out")
    wanted = describe(settings, plan, found.camera, found.made_by.devices)
    n_before = found.made_by.config.get("poses")
    if isinstance(n_before, int) and n_before != settings.n_poses:
        _refuse_number(settings, n_before)
    if differences := list_differences(found, wanted, settings.growing):
        lines = "".join(f"\n  {d}" for d in differences)
        raise DatasetError(
            f"{settings.out} was captured with other settings: go back to them, or choose another folder "
            f"with --out{lines}"
        )
    return DatasetReader(settings.out)


def _refuse_number(settings: CaptureSettings, n_before: int) -> None:
    why = more = None
    if not settings.growing:
        why = "with --split block the test poses are an end of all poses, so such a capture cannot grow"
    elif settings.n_poses < n_before:
        why, more = "a capture may grow and never shrinks", " or more"
    if why is not None:
        raise DatasetError(
            f"{settings.out} was begun for {n_before} poses, and --poses says {settings.n_poses}: {why}; say "
            f"--poses {n_before}{more or ''}, or choose another folder with --out"
        )


def locked_settings(out: Path) -> dict[str, float] | None:
    """The exposure, gain and white balance an earlier run of this folder metered; None for a new folder."""
    if not (out / INFO_FILE).exists():
        return None
    camera = read_info(out).made_by.devices.get("camera")
    options = camera.get("options") if isinstance(camera, dict) else None
    if not isinstance(options, dict):
        return None
    found = {name: options.get(f"color.{name}") for name in ("exposure", "gain", "white_balance")}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)} or None
