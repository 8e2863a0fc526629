"""What a camera does to every picture: measured from pictures of other scenes, and done."""

import numpy as np
import pytest
import torch
from torch import Tensor

from synth.networks.sensor import Sensor, blur, measure_grain


def draw_scenes(n: int, seed: int) -> Tensor:
    """[N,3,96,96] in −1..1: flat shapes with sharp edges before a flat bench."""
    rng = np.random.default_rng(seed)
    scenes = np.empty((n, 3, 96, 96), np.float32)
    for scene in scenes:
        scene[:] = rng.uniform(90, 200, 1)
        for _ in range(5):
            x, y = rng.integers(4, 70, 2)
            scene[:, y : y + 22, x : x + 22] = rng.uniform(40, 230, (3, 1, 1))
    return torch.from_numpy(scenes / 127.5 - 1)


def take(scenes: Tensor, gain: list[float], blur_px: float, read: float, shot: float) -> Tensor:
    """As a camera would take them."""
    sensor = Sensor()
    sensor.gain.copy_(torch.tensor(gain))
    sensor.blur_px.fill_(blur_px)
    sensor.read.fill_(read)
    sensor.shot.fill_(shot)
    sensor.shared.fill_(0.3)
    return sensor.expose(sensor.balance(scenes), torch.Generator().manual_seed(1))


def test_a_planted_camera_is_found() -> None:
    """Gains within 3 %, blur within 0.2 px, grain at half brightness within a fifth, what channels share."""
    gain, blur_px, read, shot = [0.7, 0.8, 0.9], 0.9, 1.0, 6.0
    target = take(draw_scenes(48, 0), gain, blur_px, read, shot)
    sensor = Sensor()
    sensor.fit(draw_scenes(48, 1), target)
    torch.testing.assert_close(sensor.gain, torch.tensor(gain), rtol=0.03, atol=0)
    assert float(sensor.blur_px) == pytest.approx(blur_px, abs=0.2)
    at_half = sensor.read + 0.5 * sensor.shot
    torch.testing.assert_close(at_half, torch.full((3,), read + 0.5 * shot), rtol=0.2, atol=0)
    assert float(sensor.shared) == pytest.approx(0.3, abs=0.1)


def test_grain_that_is_there_already_is_not_added_again() -> None:
    """Only what the source lacks: next to nothing where both have the same."""
    both = (draw_scenes(48, 0), draw_scenes(48, 1))
    sensor = Sensor()
    sensor.fit(*(take(scenes, [1, 1, 1], 0.0, 4.0, 0.0) for scenes in both))
    assert float((sensor.read + sensor.shot).max()) < 0.8
    assert float(sensor.blur_px) < 0.2


def test_texture_is_not_grain() -> None:
    """Where the dark parts of a scene are checked all over, grain is read where it is flat."""
    scenes = draw_scenes(48, 0)
    checks = torch.rand(10, 10, generator=torch.Generator().manual_seed(2))
    scenes[:, :, :40, :40] = -0.9 + 0.4 * checks.repeat_interleave(4, 0).repeat_interleave(4, 1)
    grain = measure_grain(take(scenes, [1, 1, 1], 0.0, 4.0, 0.0))
    assert grain is not None
    np.testing.assert_allclose(grain.read + 0.5 * grain.shot, 4, rtol=0.2)


def test_sharper_pictures_are_not_blurred() -> None:
    """Nothing makes a soft source sharp, and it is left so."""
    sensor = Sensor()
    sensor.fit(blur(draw_scenes(48, 0), 1.2), draw_scenes(48, 1))
    assert float(sensor.blur_px) == 0


def test_flat_pictures_say_nothing() -> None:
    """Without edges or brightness between the ends nothing is measured, and nothing changes but the gains."""
    sensor = Sensor()
    black, grey = torch.full((8, 3, 32, 32), -1.0), torch.full((8, 3, 32, 32), 0.0)
    assert measure_grain(black) is None
    sensor.fit(black, grey)
    assert float(sensor.blur_px) == 0
    assert not (sensor.read + sensor.shot).any()
    assert torch.isfinite(sensor.balance(black)).all()


def test_grain_depends_on_its_generator_alone() -> None:
    """The same again for the same seed."""
    scenes = draw_scenes(2, 0)
    first, again = (take(scenes, [1, 1, 1], 0.0, 9.0, 0.0) for _ in range(2))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    spread = (first - scenes).std() * 127.5
    assert float(spread) == pytest.approx(3, rel=0.05)
