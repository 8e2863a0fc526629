"""The folder of a calibration: pictures of the board, where the arm was, and what ``solve`` needs to read
them.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from synth.capture.calibrate.folder import DESCRIPTION, Description, Lens
from synth.capture.calibrate.view import Eye
from synth.cell.board import Board
from synth.dataset.codecs import decode_rgb, encode_depth, encode_rgb
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.storage.atomic import LineLog, write_bytes

POSES = "poses.csv"
_COLUMNS = ("name", "x", "y", "z", "rx", "ry", "rz")


@dataclass(frozen=True)
class ShotFolder:
    """Pictures in images/, depth registered to them in depth/ where the camera has any, poses.csv."""

    root: Path

    def begin(
        self, board: Board, eye: Eye, camera: Pinhole | None, depth_scale_m: float | None, *, simulated: bool
    ) -> set[str]:
        """Write the description, if it is not there, and return the names of finished shots.

        camera: None where nobody knows the lens yet, which is solved then.
        """
        description = Description(
            board=board,
            eye=eye,
            camera=None if camera is None else Lens(K=camera.K, dist=tuple(np.asarray(camera.dist).tolist())),
            depth=None if depth_scale_m is None else "depth/*.png",
            depth_scale_m=depth_scale_m,
            simulated=simulated,
        )
        file = self.root / DESCRIPTION
        if file.exists():
            return {line.split(b",")[0].decode() for line in LineLog(self.root / POSES).read()[1:]}
        LineLog(self.root / POSES).append(",".join(_COLUMNS))
        content = description.model_dump(mode="json")
        write_bytes(file, yaml.safe_dump(content, sort_keys=False, default_flow_style=None).encode())
        return set()

    def add(
        self,
        name: str,
        T_base_tool: Array,
        rgb_u8: NDArray[np.uint8],
        depth_counts: NDArray[np.uint16] | None,
    ) -> None:
        """One shot; its line is written when its pictures are in place. Raises StorageError."""
        write_bytes(self.root / "images" / f"{name}.png", encode_rgb(rgb_u8))
        if depth_counts is not None:
            write_bytes(self.root / "depth" / f"{name}.png", encode_depth(depth_counts))
        line = io.StringIO()
        csv.writer(line).writerow([name, *T_base_tool[:3, 3].tolist(), *se3.to_rotvec(T_base_tool).tolist()])
        LineLog(self.root / POSES).append(line.getvalue().strip())

    def load_image(self, name: str) -> NDArray[np.uint8]:
        """A picture [H,W,3] that was added."""
        file = self.root / "images" / f"{name}.png"
        return decode_rgb(file.read_bytes(), str(file))
