"""A ball over a table under one lamp, of which everything is known."""

import cv2
import numpy as np

from synth.geometry.pinhole import Pinhole
from synth.sim.scene import Finish, Scene, SceneBody, SceneCamera, SceneLamp

WIDTH, HEIGHT = 160, 120
IDEAL = Pinhole((WIDTH, HEIGHT), np.array([[150.0, 0, 83.3], [0, 152.0, 55.2], [0, 0, 1]]))
WHOLE = (0, 0, WIDTH, HEIGHT)
RADIUS_M = 0.06
CENTRE_M = np.array([0.42, 0.03, 0.11])


def looking_down(tilt_deg=12.0):
    """T_base_cam of a camera 0.7 m above the table."""
    T = np.eye(4)
    T[:3, :3] = np.diag([1.0, -1.0, -1.0]) @ cv2.Rodrigues(np.array([np.radians(tilt_deg), 0.1, 0.05]))[0]
    T[:3, 3] = 0.4, 0.05, 0.7
    return T


T_BASE_CAM = looking_down()
LAMP = SceneLamp(
    position_m=(0.4, 0.0, 1.4), target_m=(0.4, 0.0, 0.0), side_m=0.35, brightness=1.0, temperature_k=5500
)


def make_scene(*, bodies=("ball",), lamps=(LAMP,), normal=(0.0, 0.0, 1.0), roughness=0.5, seed=1):
    T_base_body = np.eye(4)
    T_base_body[:3, 3] = CENTRE_M
    return Scene(
        name="000000",
        scenario="twin",
        split="train",
        seed=seed,
        camera=SceneCamera(
            size_wh=(WIDTH, HEIGHT), K=IDEAL.K.tolist(), dist=(0, 0, 0, 0, 0), T_base_cam=T_BASE_CAM.tolist()
        ),
        table_point_m=(0.4, 0.0, 0.0),
        table_normal=normal,
        table_finish=Finish(colour_rgb=(188, 188, 188), roughness=roughness),
        bodies=tuple(
            SceneBody(
                name=mesh,
                mesh=mesh,
                T_base_body=T_base_body.tolist(),
                finish=Finish(colour_rgb=(220, 80, 20)),
                instance=1,
            )
            for mesh in bodies
        ),
        lamps=lamps,
    )
