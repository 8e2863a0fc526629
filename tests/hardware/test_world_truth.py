"""The truth file: a world a little otherwise than the cell by default, mistakes come back as one sentence."""

import numpy as np
import pytest

from as_the_cell_says import AS_THE_CELL_SAYS
from synth.cell.arm_surfaces import ARM_SURFACES
from synth.cell.load import default_cell
from synth.cell.mesh import load_bodies
from synth.errors import InputError
from synth.geometry import se3
from synth.hardware.simulated.truth import Truth, load_truth
from synth.hardware.simulated.world import World

CELL = default_cell()
NAMED = {"arm": ARM_SURFACES["tube"], "mount": CELL.mount, "part": CELL.part, "table": CELL.bench.table}
OTHERWISE = {"colour": (0.9, 1.0, 1.1), "roughness": 0.8}


def _cell_with(tmp_path, name):
    cell = CELL.model_copy(update={"simulation": CELL.simulation.model_copy(update={"truth": name})})
    cell._path = tmp_path / "cell.yaml"
    return cell


def _off(T_base_cam):
    """How far from the cell's camera, in millimetres and degrees."""
    off = se3.inverse(np.asarray(CELL.camera.T_base_cam)) @ T_base_cam
    return 1e3 * np.linalg.norm(off[:3, 3]), np.degrees(se3.rotation_angle_rad(off[:3, :3]))


def test_without_a_file_the_camera_is_as_far_off_as_a_calibration_leaves_it():
    """No truth file: 0.03 mm and 0.003° off the cell's place, the mount straight; the lens distorts."""
    truth = load_truth(CELL)
    assert _off(truth.T_base_cam_of(CELL)) == (pytest.approx(0.03, abs=0.001), pytest.approx(0.003, abs=1e-4))
    np.testing.assert_array_equal(truth.mount_tilt.T_tool_tilted, np.eye(4))
    assert np.abs(truth.color_camera_of(CELL).dist).max() > 0.1


def test_without_a_file_no_light_and_no_surface_is_quite_the_cell_s():
    """No truth file: each lamp, the room and each surface differ, by a fifth at the most."""
    truth = load_truth(CELL)
    for true, said in zip(truth.lamps_of(CELL), CELL.bench.lamps, strict=True):
        assert 0.05 < abs(true.brightness / said.brightness - 1) <= 0.2
        assert 200 <= abs(true.temperature_k - said.temperature_k) <= 400
    assert 0.05 < abs(truth.room_light - 1) <= 0.2
    for name, said in NAMED.items():
        true = getattr(truth.surfaces, name).of(said)
        assert true.colour_rgb != said.colour_rgb
        assert np.abs(np.divide(true.colour_rgb, said.colour_rgb) - 1).max() < 0.2
        assert 0.05 < abs(true.roughness / said.roughness - 1) < 0.2


def test_a_truth_can_be_as_the_cell_says():
    """With factors of 1 and offsets of 0, camera, lamps and surfaces are the cell's to the last digit."""
    truth = AS_THE_CELL_SAYS
    np.testing.assert_array_equal(truth.T_base_cam_of(CELL), np.asarray(CELL.camera.T_base_cam))
    assert truth.lamps_of(CELL) == CELL.bench.lamps
    for name, said in NAMED.items():
        assert getattr(truth.surfaces, name).of(said) == said


def test_a_camera_s_place_that_is_given_is_taken_as_it_is():
    """T_base_cam of the file is where the camera stands: the offset is not laid on top of it."""
    T_base_cam = se3.from_rotvec([0, 0, 0.1], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(Truth(T_base_cam=T_base_cam).T_base_cam_of(CELL), T_base_cam)


def test_more_lamps_than_deviations_take_them_from_the_first_again():
    """A cell with three lamps and two deviations: the third lamp differs as the first does."""
    lamps = [*CELL.bench.lamps, CELL.bench.lamps[0]]
    cell = CELL.model_copy(update={"bench": CELL.bench.model_copy(update={"lamps": lamps})})
    first, second, third = Truth().lamps_of(cell)
    assert third == first != second


def _see(truth):
    """The picture [72,128,3], in linear light, of the cell at home."""
    camera = CELL.camera.model_copy(update={"color_size_wh": (128, 72)})
    cell = CELL.model_copy(update={"camera": camera})
    return World(cell, load_bodies(cell), truth, seed=0).color(cell.robot.home_q_rad)


@pytest.fixture(scope="module")
def said():
    """What is seen where all is as the cell says."""
    return _see(AS_THE_CELL_SAYS)


@pytest.mark.parametrize(
    "look",
    [
        {"lamps": [{"brightness": 1.1, "temperature_k": 300}]},
        {"room_light": 1.2},
        *({"surfaces": AS_THE_CELL_SAYS.surfaces.model_dump() | {name: OTHERWISE}} for name in NAMED),
    ],
)
def test_pictures_show_the_true_look(said, look):
    """Lamps, room or a surface otherwise than the cell says change the picture, and most of it by less than a
    quarter.
    """
    true = _see(Truth.model_validate(AS_THE_CELL_SAYS.model_dump() | look))
    changed = np.abs(true / said - 1).max(axis=-1)
    assert (changed > 0.01).sum() >= 5
    assert np.median(changed) < 0.25


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
        ("lamps: []\n", "lamps"),
        ("lamps: [{brightness: 0}]\n", "brightness"),
        ("lamps: [{temperature_k: 5200}]\n", "temperature_k"),
        ("room_light: -1\n", "room_light"),
        ("surfaces: {arm: {colour: [300, 1, 1]}}\n", "colour"),
        ("surfaces: {leg: {}}\n", "leg"),
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
