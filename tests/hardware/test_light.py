"""Simulated surfaces send lamps' light on as integrals say they must."""

import numpy as np
import pytest

from synth.cell.model import Lamp, Surface
from synth.geometry import se3
from synth.hardware.simulated.light import Panel, Room, highlight, to_material

LAMP = Lamp(position_m=(0.6, 0, 1), target_m=(0, 0, 0), side_m=0.35, brightness=1, temperature_k=5500)
UP = np.array([[0.0, 0.0, 1.0]], np.float32)


def gloss(panel, eye, roughness):
    """What a level mirror-like spot in the origin sends towards the eye, per unit radiance of the panel."""
    point, f0 = np.zeros((1, 3), np.float32), np.full((1, 3), 0.04, np.float32)
    irradiance, to_lamp = panel.irradiance(point, UP)
    distance = np.linalg.norm(panel.centre_m)[None]
    rough = np.array([roughness], np.float32)
    return (highlight(panel, to_lamp, distance, UP, eye, rough, f0)[:, 0] * irradiance)[0]


@pytest.mark.parametrize("roughness", [0.35, 0.5, 0.7])
@pytest.mark.parametrize("off_deg", [0, 5])
def test_a_panel_s_highlight_is_the_sum_over_its_points(roughness, off_deg):
    """Near its peak the highlight of the whole panel is what many small ones give together, to 15 %."""
    whole = Panel.of(LAMP)
    turn = se3.from_rotvec([0, np.radians(off_deg), 0], np.zeros(3))[:3, :3]
    eye = (turn @ np.array([-0.6, 0.0, 1.0]) / np.hypot(0.6, 1.0))[None].astype(np.float32)
    n = 24
    parts = [
        Panel(point, whole.normal, whole.half_u_m / n, whole.half_v_m / n, whole.radiance)
        for point in whole.points(n)
    ]
    assert gloss(whole, eye, roughness) == pytest.approx(
        sum(gloss(p, eye, roughness) for p in parts), rel=0.15
    )


@pytest.mark.parametrize("light", [1.0, 1.2])
def test_the_room_lights_a_level_surface_as_much_as_all_its_directions_together(light):
    """A room's irradiance is the integral of its radiance over the hemisphere, and both follow its light."""
    rng = np.random.default_rng(0)
    z, around = np.sqrt(rng.random(200_000)), rng.uniform(0, 2 * np.pi, 200_000)
    level = np.sqrt(1 - z * z)
    directions = np.stack([level * np.cos(around), level * np.sin(around), z], axis=1).astype(np.float32)
    together = np.pi * Room(light).radiance(directions).mean(axis=0)
    np.testing.assert_allclose(together, Room(light).irradiance, rtol=0.01)
    np.testing.assert_allclose(Room(light).irradiance, light * Room().irradiance, rtol=1e-5)


def test_metal_mirrors_in_its_colour_and_paint_in_none():
    """A fully metallic surface has no diffuse light, a painted one mirrors 4 % whatever its colour."""
    metal = to_material(Surface(colour_rgb=(255, 128, 0), metallic=1.0), mottle=0.0)
    paint = to_material(Surface(colour_rgb=(255, 128, 0)), mottle=0.0)
    assert metal.albedo == (0, 0, 0)
    assert paint.f0 == (0.04, 0.04, 0.04)
    np.testing.assert_allclose(metal.f0, paint.albedo)
