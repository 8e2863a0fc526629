"""A simulated world that is what the cell says, in place and look; for tests that know both sides exactly."""

import numpy as np

from synth.hardware.simulated.truth import LampDeviation, SurfaceDeviation, SurfaceDeviations, Truth

_NONE = SurfaceDeviation()

AS_THE_CELL_SAYS = Truth(
    camera_offset=np.eye(4),
    lamps=(LampDeviation(),),
    room_light=1.0,
    surfaces=SurfaceDeviations(arm=_NONE, mount=_NONE, part=_NONE, table=_NONE),
)
"""The arm keeps its own kinematics, which its controller knows."""
