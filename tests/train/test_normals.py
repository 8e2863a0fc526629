"""A network learns normals from crops, says them in the camera's axes, and turns them with the picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from toy_sets import normal_in_camera, toy_picture, write_normal_set

from synth.errors import InputError, TrainingDiverged
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import angle_deg
from synth.train.loop import Learned, learn
from synth.train.models.normal_nets import NORMAL_NETS, make_normal_net
from synth.train.tasks.normals.crops import NormalCrops, load_normal_crops
from synth.train.tasks.normals.learning import (
    NormalLearner,
    NormalSettings,
    angle_loss,
    predict_crop_uvw,
    predict_uvw,
    turn,
    vector_loss,
)
from toy_patches import draw_toy

CPU = torch.device("cpu")
SETTINGS = NormalSettings(side_px=32, n_images=4000, batch_size=16, learning_rate=3e-3, n_checks=5)


def make_crops(n: int, seed: int, tilt_camera: bool = True) -> NormalCrops:
    """Toy blocks of 32 px, each under a camera turned by some degrees: crop axes are not camera axes."""
    rng = np.random.default_rng(seed)
    patches = draw_toy(2 * n, rng)
    crop_uvw = patches.normals[1::2].numpy().astype(float)
    images = (patches.images[1::2, :, ::2, ::2].permute(0, 2, 3, 1).numpy() + 1) * 127.5
    turns = Rotation.from_rotvec(rng.normal(0, 0.2 * tilt_camera, (n, 3))).as_matrix()
    uvw = uvw_from_cam(np.einsum("nji,nj->ni", turns, cam_from_uvw(crop_uvw)))
    return NormalCrops(
        images.clip(0, 255).astype(np.uint8), crop_uvw, uvw, turns, tuple(f"{i:06d}_0" for i in range(n))
    )


def measure_errors_deg(net: torch.nn.Module, crops: NormalCrops) -> np.ndarray:
    """Angle [N] between each prediction and the truth, degrees."""
    return angle_deg(predict_uvw(net, crops), crops.uvw)


def train(
    data: NormalCrops, val: NormalCrops, settings: NormalSettings, seed: int, **options: object
) -> tuple[torch.nn.Module, Learned]:
    learner = NormalLearner([data], val, settings, seed=seed, device=CPU)
    learned = learn(learner, settings, seed=seed, **options)  # type: ignore[arg-type]
    return learner.net, learned


@pytest.fixture(scope="module")
def sets() -> tuple[NormalCrops, NormalCrops, NormalCrops]:
    return make_crops(200, 0), make_crops(40, 1), make_crops(60, 2)


@pytest.mark.slow
def test_learns_and_is_right_in_camera_axes(sets: tuple[NormalCrops, NormalCrops, NormalCrops]) -> None:
    """Better than always guessing the mean, by half and more, on new crops; the best check is kept."""
    data, val, test = sets
    steps: list[int] = []
    net, learned = train(data, val, SETTINGS, 0, on_step=steps.append)
    mean = data.crop_uvw.mean(axis=0)
    guess = measure_errors_deg(_Constant(mean), test)
    assert np.median(measure_errors_deg(net, test)) < 0.5 * np.median(guess)
    assert steps == list(range(1, SETTINGS.n_steps + 1))
    assert [c.step for c in learned.checks] == [50, 100, 150, 200, 250]
    assert learned.best is not None
    assert learned.best.figures["val_deg"] == min(c.figures["val_deg"] for c in learned.checks)
    assert np.median(measure_errors_deg(net, val)) == pytest.approx(learned.best.figures["val_deg"])


def test_a_check_tells_val_and_test_apart(sets: tuple[NormalCrops, NormalCrops, NormalCrops]) -> None:
    """Test crops are measured on the way where they are given; the score is that of val crops."""
    data, val, test = sets
    learner = NormalLearner([data], val, SETTINGS, seed=0, device=CPU, test=test)
    figures = learner.check()
    for name, crops in (("val", val), ("test", test)):
        wanted = np.median(measure_errors_deg(learner.net, crops))
        assert figures[f"{name}_deg"] == pytest.approx(wanted, abs=1e-3)
        found = torch.from_numpy(predict_crop_uvw(learner.net, crops.crops_u8))
        loss = vector_loss(found, torch.from_numpy(crops.crop_uvw))
        assert figures[f"{name}_loss"] == pytest.approx(loss.item())
    assert figures["score"] == figures["val_deg"] != figures["test_deg"]


@pytest.mark.slow
def test_shuffled_labels_are_worth_nothing(sets: tuple[NormalCrops, NormalCrops, NormalCrops]) -> None:
    """The same crops with labels of other crops give a network that is far worse, and none better than one
    direction for all crops.
    """
    data, val, test = sets
    rows = np.random.default_rng(0).permutation(len(data))
    shuffled = replace(data, crop_uvw=data.crop_uvw[rows])
    (good_net, good), (bad_net, bad) = (train(each, val, SETTINGS, 1) for each in (data, shuffled))
    good_deg, bad_deg = (np.median(measure_errors_deg(net, test)) for net in (good_net, bad_net))
    assert bad_deg > 1.5 * good_deg
    blind_deg = NormalLearner([data], val, SETTINGS, seed=1, device=CPU).blind_score
    assert good.best is not None
    assert bad.best is not None
    assert good.best.figures["score"] < blind_deg <= bad.best.figures["score"]


def test_the_same_seed_gives_the_same_network(sets: tuple[NormalCrops, NormalCrops, NormalCrops]) -> None:
    """Two trainings agree in every bit, another seed does not; the global generator is left alone."""
    data, val, _ = sets
    settings = replace(SETTINGS, n_images=48)
    before = torch.random.get_rng_state()
    first, again, other = (train(data, val, settings, seed)[0].state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_random_turns_are_by_the_seed_and_only_where_asked(
    sets: tuple[NormalCrops, NormalCrops, NormalCrops],
) -> None:
    """The same seed gives the same angles, all round; without rotate every angle is 0."""
    data, val, _ = sets
    rows = np.arange(100)
    turned = NormalLearner([data], val, SETTINGS, seed=0, device=CPU)
    first, again, other = (turned.load(0, rows, seed)[2] for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.min() < 0.5
    assert first.max() > 2 * np.pi - 0.5
    still = NormalLearner([data], val, replace(SETTINGS, rotate=False), seed=0, device=CPU)
    assert not still.load(0, rows, 4)[2].any()


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_normal_turns_with_its_crop(quarters: int) -> None:
    """A quarter turn anticlockwise is torch's rot90, and (u, v) goes to (−v, u)."""
    rng = torch.Generator().manual_seed(0)
    crops, uvw = torch.rand(2, 3, 8, 8, generator=rng), torch.tensor([[0.6, 0.0, 0.8], [0.0, 0.8, 0.6]])
    turned, normals = turn(crops, uvw, torch.full((2,), quarters * np.pi / 2))
    torch.testing.assert_close(turned, torch.rot90(crops, quarters, dims=(2, 3)), atol=1e-5, rtol=0)
    for _ in range(quarters):
        uvw = torch.stack([-uvw[:, 1], uvw[:, 0], uvw[:, 2]], 1)
    torch.testing.assert_close(normals, uvw, atol=1e-6, rtol=0)


def test_predictions_are_turned_back_to_the_camera() -> None:
    """A network that says the crop's truth is right in camera axes too, to a hundredth of a degree."""
    crops = make_crops(5, 3)
    for i in range(5):
        one = NormalCrops(
            *(a[i : i + 1] for a in (crops.crops_u8, crops.crop_uvw, crops.uvw, crops.R_crop_cam)), ("a_0",)
        )
        net = _Constant(one.crop_uvw[0])
        assert measure_errors_deg(net, one)[0] < 0.01
        assert predict_uvw(net, one).shape == (1, 3)


@pytest.mark.parametrize("name", NORMAL_NETS)
def test_every_network_gives_unit_normals(name: str) -> None:
    """[N,3] of length 1, whatever the crops."""
    found = make_normal_net(name, 64, seed=0).eval()(torch.rand(3, 3, 64, 64) * 2 - 1)
    assert found.shape == (3, 3)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))


def test_losses_by_hand() -> None:
    """A right angle: equation 1 gives |a − b|² = 2, the angle π/2; the same vectors give 0."""
    a, b = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0, 1.0, 0]])
    assert vector_loss(a, b).item() == pytest.approx(2)
    assert angle_loss(a, b).item() == pytest.approx(np.pi / 2)
    assert vector_loss(a, a).item() == 0
    assert angle_loss(a, a).item() == 0


def test_the_angle_loss_is_exact_where_it_is_tiny() -> None:
    """In float32, where a cosine near 1 has lost a tiny angle: value and pull are right, and finite at 0."""
    directions = torch.nn.functional.normalize(torch.randn(64, 3, generator=torch.Generator().manual_seed(0)))
    for angle in (1e-4, 1e-2):
        off = torch.linalg.cross(directions, directions.roll(1, dims=1))
        turned = directions + np.tan(angle) * torch.nn.functional.normalize(off)
        found = turned.requires_grad_()
        loss = angle_loss(found, directions)
        loss.backward()
        assert loss.item() == pytest.approx(angle, rel=1e-3)
        assert found.grad is not None
        assert (64 * found.grad.norm(dim=1)).numpy() == pytest.approx(np.cos(angle), rel=1e-2)
    same = directions.clone().requires_grad_()
    angle_loss(same, directions).backward()
    assert same.grad is not None
    assert same.grad.isfinite().all()


def test_what_cannot_be_trained_is_one_sentence(
    sets: tuple[NormalCrops, NormalCrops, NormalCrops],
) -> None:
    """Plain crops that would be turned, an unknown network, a side that does not fit, images with holes."""
    data, val, _ = sets
    plain = replace(data, R_crop_cam=np.tile(np.eye(3), (len(data), 1, 1)))
    with pytest.raises(InputError, match="set rotate to false"):
        train(plain, val, SETTINGS, 0)
    with pytest.raises(InputError, match="set rotate to false"):
        NormalSettings(crop="paper")
    with pytest.raises(InputError, match="choose one of paper, resnet18"):
        make_normal_net("vgg", 32, seed=0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="multiple of 8 pixels, got 30"):
        make_normal_net("paper", 30, seed=0)
    with pytest.raises(InputError, match="n_images must be 1 or more, got 0"):
        replace(SETTINGS, n_images=0)
    holes = replace(data, crop_uvw=np.full_like(data.crop_uvw, np.nan))
    with pytest.raises(TrainingDiverged, match=r"step 1 .*loss/normal"):
        train(holes, val, SETTINGS, 0)


def test_rectified_crops_come_from_the_dataset_as_written(tmp_path: Path) -> None:
    """Crops as they lie in the folder, made smaller; normals in crop axes, and those of the camera beside."""
    dataset = write_normal_set(tmp_path / "set", seed=0, n=3)
    crops = load_normal_crops(dataset, dataset.samples, 224)
    assert crops.names == ("000000_0", "000001_0", "000002_0")
    for i, sample in enumerate(dataset.samples):
        np.testing.assert_array_equal(crops.crops_u8[i], dataset.load_crop(sample, 0))
        np.testing.assert_allclose(crops.uvw[i], normal_in_camera(sample))
    assert np.abs(crops.crop_uvw - crops.uvw).max() > 0.01
    assert load_normal_crops(dataset, dataset.samples, 32).crops_u8.shape == (3, 32, 32, 3)


def test_paper_crops_are_plain_cuts_with_camera_normals(tmp_path: Path) -> None:
    """The square of the picture as it is, enlarged; the normal is the camera's, nothing is turned back."""
    dataset = write_normal_set(tmp_path / "set", seed=0, n=3)
    crops = load_normal_crops(dataset, dataset.samples, 224, crop="paper")
    np.testing.assert_allclose(crops.uvw, [normal_in_camera(s) for s in dataset.samples])
    np.testing.assert_array_equal(crops.crop_uvw, crops.uvw)
    np.testing.assert_array_equal(crops.R_crop_cam, np.tile(np.eye(3), (3, 1, 1)))
    rectified = load_normal_crops(dataset, dataset.samples, 224)
    for i, sample in enumerate(dataset.samples):
        x0, y0, x1, y1 = (int(v) for v in sample.instances[0].square_xyxy_px)
        shown = toy_picture(sample.name)[y0:y1, x0:x1].astype(float)
        small = crops.crops_u8[i].reshape(x1 - x0, 224 // (x1 - x0), x1 - x0, 224 // (x1 - x0), 3)
        assert np.abs(small.mean(axis=(1, 3)) - shown).mean() < 4
        assert np.abs(crops.crops_u8[i].astype(float) - rectified.crops_u8[i]).mean() > 20
    net = _Constant(crops.uvw[1])
    settings = NormalSettings(crop="paper", rotate=False, side_px=32)
    assert measure_errors_deg(net, crops)[1] < 0.01
    assert NormalLearner([crops], crops, settings, seed=0, device=CPU).pools == (3,)


class _Constant(torch.nn.Module):
    """Always the same normal."""

    def __init__(self, uvw: np.ndarray) -> None:
        super().__init__()
        self.uvw = torch.nn.Parameter(torch.tensor(uvw, dtype=torch.float32))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self.uvw.expand(len(crops), 3), dim=1)
