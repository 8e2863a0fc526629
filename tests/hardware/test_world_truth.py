"""The truth file: defaults come from the cell, mistakes come back as one sentence."""

import numpy as np
import pytest

from synth.cell.load import default_cell
from synth.errors import InputError
from synth.hardware.simulated.truth import Truth, load_truth

CELL = default_cell()


def _cell_with(tmp_path, name):
    cell = CELL.model_copy(update={"simulation": CELL.simulation.model_copy(update={"truth": name})})
    cell._path = tmp_path / "cell.yaml"
    return cell


def test_without_a_file_the_truth_is_the_cell():
    """No truth file: the camera stands where the cell says, the mount is straight, the lens distorts."""
    truth = load_truth(CELL)
    np.testing.assert_array_equal(truth.T_base_cam_of(CELL), np.asarray(CELL.camera.T_base_cam))
    np.testing.assert_array_equal(truth.mount_tilt.T_tool_tilted, np.eye(4))
    assert np.abs(truth.color_camera_of(CELL).dist).max() > 0.1


def test_lens_is_invertible_over_the_whole_image():
    """Every pixel's ray projects back onto the pixel, so distortion never folds."""
    camera = Truth().color_camera_of(CELL)
    width, height = camera.size_wh
    grid = np.stack(np.meshgrid(np.linspace(-0.5, width - 0.5, 33), np.linspace(-0.5, height - 0.5, 25)), -1)
    np.testing.assert_allclose(camera.project(camera.unproject(grid)), grid.reshape(-1, 2), atol=1e-4)


@pytest.mark.parametrize("size_wh", [(1920, 1080), (960, 540), (640, 360), (640, 480)])
def test_other_resolutions_see_through_the_same_lens(size_wh):
    """A pixel centre scaled with the half-pixel rule keeps its ray at every resolution of the same shape."""
    camera = Truth().color_camera_of(CELL)
    cell = CELL.model_copy(update={"camera": CELL.camera.model_copy(update={"color_size_wh": size_wh})})
    other = Truth().color_camera_of(cell)
    scale = max(size_wh[0] / 1280, size_wh[1] / 720)
    pixel = np.array([[400.0, 250.0]])
    middle, other_middle = np.array([639.5, 359.5]), (np.array(size_wh) - 1) / 2
    scaled = (pixel - middle) * scale + other_middle
    np.testing.assert_allclose(other.unproject(scaled), camera.unproject(pixel), atol=1e-9)


def test_a_file_beside_the_cell_is_read(tmp_path):
    """What the file says replaces the default, the rest stays."""
    (tmp_path / "truth.yaml").write_text(
        "mount_tilt: {angle_deg: 1.5, axis: [0, 1, 0]}\nrepeatability_m: 0\n"
    )
    truth = load_truth(_cell_with(tmp_path, "truth.yaml"))
    assert truth.mount_tilt.angle_deg == 1.5
    assert truth.repeatability_m == 0
    assert truth.depth_scale_m == Truth().depth_scale_m


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("mount_tild: {}\n", "mount_tild"),
        ("T_base_cam: [[1, 0], [0, 1]]\n", "T_base_cam must be 4 rows"),
        ("depth_scale_m: -1\n", "depth_scale_m"),
        ("mount_tilt: {angle_deg: 1, axis: [0, 0, 0]}\n", "axis"),
        ("a: [\n", "not valid YAML"),
        ("- 1\n", "wrong"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, content, says):
    """Each mistake is an InputError that names the key or the fault and the file."""
    (tmp_path / "truth.yaml").write_text(content)
    with pytest.raises(InputError, match=says) as error:
        load_truth(_cell_with(tmp_path, "truth.yaml"))
    assert "truth.yaml" in str(error.value)


@pytest.mark.parametrize(("name", "says"), [("missing.yaml", "cannot be read"), ("../truth.yaml", "inside")])
def test_a_file_that_is_not_there_or_elsewhere_is_refused(tmp_path, name, says):
    """Only a readable file inside the cell's folder counts."""
    with pytest.raises(InputError, match=says):
        load_truth(_cell_with(tmp_path, name))
