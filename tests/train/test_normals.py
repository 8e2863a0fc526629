"""A network learns normals from crops, says them in the camera's axes, and turns them with the picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from toy_patches import draw_toy

from synth.errors import InputError, TrainingDiverged
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.train.models.normal_nets import NORMAL_NETS, NormalNetName, make_normal_net
from synth.train.tasks.normals import (
    NormalCrops,
    NormalSettings,
    angle_loss,
    measure_errors_deg,
    predict_uvw,
    train_normals,
    turn,
    vector_loss,
)

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


@pytest.fixture(scope="module")
def sets() -> tuple[NormalCrops, NormalCrops, NormalCrops]:
    return make_crops(200, 0), make_crops(40, 1), make_crops(60, 2)


def test_learns_and_is_right_in_camera_axes(sets: tuple[NormalCrops, NormalCrops, NormalCrops]) -> None:
    """Better than always guessing the mean, by half and more, on new crops; the best check is kept."""
    train, val, test = sets
    steps: list[int] = []
    trained = train_normals(train, val, SETTINGS, seed=0, device=CPU, on_step=steps.append)
    mean = train.crop_uvw.mean(axis=0)
    guess = measure_errors_deg(_Constant(mean), test)
    assert np.median(measure_errors_deg(trained.net, test)) < 0.5 * np.median(guess)
    assert steps == list(range(1, SETTINGS.n_steps + 1))
    assert [c.step for c in trained.checks] == [50, 100, 150, 200, 250]
    assert trained.best.val_deg == min(c.val_deg for c in trained.checks)
    assert np.median(measure_errors_deg(trained.net, val)) == pytest.approx(trained.best.val_deg)


def test_shuffled_labels_are_worth_nothing(sets: tuple[NormalCrops, NormalCrops, NormalCrops]) -> None:
    """The same crops with labels of other crops give a network that is far worse."""
    train, val, test = sets
    rows = np.random.default_rng(0).permutation(len(train))
    shuffled = replace(train, crop_uvw=train.crop_uvw[rows])
    good, bad = (
        np.median(
            measure_errors_deg(train_normals(data, val, SETTINGS, seed=1, device=CPU).net, test)
        )
        for data in (train, shuffled)
    )  # fmt: skip
    assert bad > 1.5 * good


def test_the_same_seed_gives_the_same_network(sets: tuple[NormalCrops, NormalCrops, NormalCrops]) -> None:
    """Two trainings agree in every bit, another seed does not; the global generator is left alone."""
    train, val, _ = sets
    settings = replace(SETTINGS, n_images=48)
    before = torch.random.get_rng_state()
    first, again, other = (
        train_normals(train, val, settings, seed=s, device=CPU).net.state_dict() for s in (0, 0, 1)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_normal_turns_with_its_crop(quarters: int) -> None:
    """A quarter turn anticlockwise is torch's rot90, and (u, v) goes to (−v, u)."""
    rng = torch.Generator().manual_seed(0)
    crops, uvw = torch.rand(2, 3, 8, 8, generator=rng), torch.tensor([[0.6, 0.0, 0.8], [0.0, 0.8, 0.6]])
    turned, normals = turn(crops, uvw, np.full(2, quarters * np.pi / 2))
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
def test_every_network_gives_unit_normals(name: NormalNetName) -> None:
    """[N,3] of length 1, whatever the crops."""
    found = make_normal_net(name, 64, seed=0).eval()(torch.rand(3, 3, 64, 64) * 2 - 1)
    assert found.shape == (3, 3)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))


def test_losses_by_hand() -> None:
    """A right angle: equation 1 gives |a − b|² = 2, the angle π/2; the same vectors give next to 0."""
    a, b = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0, 1.0, 0]])
    assert vector_loss(a, b).item() == pytest.approx(2)
    assert angle_loss(a, b).item() == pytest.approx(np.pi / 2)
    assert vector_loss(a, a).item() == 0
    assert angle_loss(a, a).item() < 2e-3


def test_what_cannot_be_trained_is_one_sentence(
    sets: tuple[NormalCrops, NormalCrops, NormalCrops],
) -> None:
    """Plain crops that would be turned, an unknown network, a side that does not fit, images with holes."""
    train, val, _ = sets
    plain = replace(train, R_crop_cam=np.tile(np.eye(3), (len(train), 1, 1)))
    with pytest.raises(InputError, match="set rotate to false"):
        train_normals(plain, val, SETTINGS, seed=0, device=CPU)
    with pytest.raises(InputError, match="choose one of paper, resnet18"):
        make_normal_net("vgg", 32, seed=0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="multiple of 8 pixels, got 30"):
        make_normal_net("paper", 30, seed=0)
    with pytest.raises(InputError, match="n_images must be 1 or more, got 0"):
        replace(SETTINGS, n_images=0)
    holes = replace(train, crop_uvw=np.full_like(train.crop_uvw, np.nan))
    with pytest.raises(TrainingDiverged, match=r"step 1 .*loss/normal"):
        train_normals(holes, val, SETTINGS, seed=0, device=CPU)


class _Constant(torch.nn.Module):
    """Always the same normal."""

    def __init__(self, uvw: np.ndarray) -> None:
        super().__init__()
        self.uvw = torch.nn.Parameter(torch.tensor(uvw, dtype=torch.float32))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self.uvw.expand(len(crops), 3), dim=1)
