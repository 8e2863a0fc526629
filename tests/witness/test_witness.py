"""The witness learns what it is shown, says how far off it is, and is the same again when asked again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from synth.compute.checkpoint import save_state
from synth.errors import InputError, SynthError
from synth.witness.augment import vary_look
from synth.witness.network import WitnessNet
from synth.witness.observation import score_observation, soft_box
from synth.witness.witness import Witness, WitnessSettings, evaluate_witness, load_witness, train_witness
from toy_patches import ToyPatches, draw_toy

CPU = torch.device("cpu")
SETTINGS = WitnessSettings(
    n_filters=8, n_steps=300, batch_size=16, w_normal=2.0, look_strength=0.6, n_error_patches=48
)


@pytest.fixture(scope="module")
def trained() -> tuple[Witness, list[float]]:
    losses: list[float] = []
    witness = train_witness(
        draw_toy,
        SETTINGS,
        draw_val=draw_toy,
        device=CPU,
        on_step=lambda _, figures: losses.append(sum(figures.values())),
    )
    return witness, losses


@pytest.mark.slow
def test_learns_the_mask_of_a_toy_part(trained: tuple[Witness, list[float]]) -> None:
    """The loss falls by half and more, and held-out plates are found to a pixel and their normal to 15°."""
    witness, losses = trained
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    assert witness.error.mask_iou > 0.85
    assert witness.error.found == 1.0
    assert witness.error.box_px < 1.0
    assert witness.error.normal_deg < 15
    assert (witness.error.n_patches, witness.error.n_normals) == (48, 24)
    assert witness.sway.n > 20


@pytest.mark.slow
def test_sees_another_look(trained: tuple[Witness, list[float]]) -> None:
    """Plates of another colour, darker and noisy, are found nearly as well as those it was trained on; a
    darker picture alone changes the mask IoU by a hundredth at most.
    """
    witness, _ = trained
    patches = draw_toy(32, np.random.default_rng(5))
    rng = np.random.default_rng(6)
    images = patches.images.flip(1) * 0.7 - 0.15

    def iou_of(images: torch.Tensor) -> float:
        return evaluate_witness(witness, ToyPatches(images, patches.masks, patches.normals)).mask_iou

    own = iou_of(patches.images)
    assert iou_of(patches.images * 0.5 - 0.3) > own - 0.01
    images = (images + torch.from_numpy(rng.normal(0, 0.04, images.shape)).float()).clamp(-1, 1)
    assert iou_of(images) > 0.8


def test_same_seed_gives_the_same_witness() -> None:
    """Two trainings with one seed agree in every bit; another seed gives another witness."""
    settings = replace(SETTINGS, n_steps=3, n_error_patches=4)
    first, again, other = (
        train_witness(draw_toy, s, draw_val=draw_toy, device=CPU)
        for s in (settings, settings, replace(settings, seed=1))
    )
    weights, weights_again, weights_other = (r.net.state_dict() for r in (first, again, other))
    assert all(torch.equal(weights[k], weights_again[k]) for k in weights)
    assert not torch.equal(weights["stem.0.weight"], weights_other["stem.0.weight"])
    assert first.error == again.error


@pytest.mark.slow
def test_saved_witness_sees_the_same(trained: tuple[Witness, list[float]], tmp_path: Path) -> None:
    """A witness that was saved and loaded answers bit for bit as before and still knows its own error."""
    witness, _ = trained
    witness.save(tmp_path / "witness.safetensors")
    loaded = load_witness(tmp_path / "witness.safetensors", CPU)
    rgb_u8 = np.random.default_rng(0).integers(0, 255, (2, 50, 70, 3)).astype(np.uint8)
    before, after = witness.observe(rgb_u8), loaded.observe(rgb_u8)
    assert before.masks.shape == (2, 50, 70)
    np.testing.assert_array_equal(before.masks, after.masks)
    np.testing.assert_array_equal(before.normals_uvw, after.normals_uvw)
    assert (loaded.error, loaded.sway, loaded.settings) == (witness.error, witness.sway, witness.settings)


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    """Weights that are no witness's are refused with what to do."""
    from synth.compute.checkpoint import save_weights

    save_weights(tmp_path / "other.safetensors", {"w": torch.zeros(2)}, {"kind": "generator"})
    with pytest.raises(InputError, match="train it again"):
        load_witness(tmp_path / "other.safetensors", CPU)


def test_non_finite_loss_stops() -> None:
    """Images with a hole in them stop the training with the step and the losses."""

    def draw(n: int, rng: np.random.Generator) -> ToyPatches:
        patches = draw_toy(n, rng)
        patches.images[0, 0, 0, 0] = np.nan
        return patches

    with pytest.raises(SynthError, match=r"step 0.*loss/mask"):
        train_witness(draw, SETTINGS, draw_val=draw_toy, device=CPU)


def test_features_are_one_row_an_image() -> None:
    """Features do not depend on the size of the image but in their values, and tell dark from bright."""
    net = WitnessNet(8).eval()
    small, large = net.features(torch.zeros(3, 3, 64, 64)), net.features(torch.zeros(2, 3, 96, 160))
    assert small.shape == (3, 2 * (8 + 16 + 32))
    assert large.shape == (2, small.shape[1])
    assert not torch.allclose(small[0], net.features(torch.ones(1, 3, 64, 64))[0])


def test_varied_look_moves_nothing() -> None:
    """At strength 0 a patch stays as it is; at 1 it changes much, within −1..1, and differs between
    images.
    """
    patches = draw_toy(4, np.random.default_rng(0))
    images, masks = patches.images, patches.masks
    same = vary_look(images, masks, torch.Generator().manual_seed(0), strength=0.0)
    torch.testing.assert_close(same, images, atol=2e-3, rtol=0)
    twice = torch.stack([images[1], images[1]])
    varied = vary_look(twice, masks[[1, 1]], torch.Generator().manual_seed(0))
    assert varied.abs().max() <= 1
    assert (varied[0] - varied[1]).abs().mean() > 0.05


@pytest.mark.parametrize("cut", [0.0, 0.25, 0.5])
def test_soft_box_is_exact_on_covered_pixels(cut: float) -> None:
    """Where a pixel is covered to a share, the side of the box lies at that share of the pixel."""
    mask = np.zeros((30, 40), np.float32)
    mask[5:20, 8:30] = 1
    mask[5:20, 30] = cut
    mask[2, 2] = 1
    box = soft_box(mask)
    assert box is not None
    np.testing.assert_allclose(box[[0, 1, 3]], [8, 5, 20])
    assert box[2] == pytest.approx(30 + max(cut - 0.5, 0) if cut else 30, abs=0.51)


def test_score_counts_what_it_says() -> None:
    """A mask read one pixel too far to the right costs just that, and nothing found is said as such."""
    from synth.witness.observation import Observation

    true_masks = np.zeros((2, 40, 40), np.float32)
    true_masks[:, 10:20, 10:30] = 1
    found = np.zeros_like(true_masks)
    found[0, 10:20, 11:31] = 1
    normals = np.tile(np.float32([0, 0, 1]), (2, 40, 40, 1))
    tilted = np.array([[0, np.sin(0.1), np.cos(0.1)], [np.nan] * 3], np.float32)
    score = score_observation(Observation(found, normals), true_masks, tilted)
    assert score.mask_iou == pytest.approx(190 / 410)
    assert (score.found, score.n_sides, score.n_normals) == (0.5, 4, 1)
    assert score.box_px == pytest.approx(0.5)
    assert score.normal_deg == pytest.approx(np.degrees(0.1), abs=1e-3)


def test_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped twice, also between two states that it kept, it ends as if it had not been, bit for bit."""
    monkeypatch.setattr("synth.witness.witness._KEPT_EVERY", 3)
    settings = WitnessSettings(n_filters=4, n_steps=12, batch_size=4, n_error_patches=8)
    state = tmp_path / "state.pt"
    steps: list[int] = []

    def train(stop_at: int | None, state: Path | None) -> Witness:
        def tell(step: int, _losses: dict[str, float]) -> None:
            steps.append(step)
            if step == stop_at:
                raise KeyboardInterrupt

        return train_witness(draw_toy, settings, draw_val=draw_toy, device=CPU, on_step=tell, state=state)

    undisturbed = train(None, None)
    steps.clear()
    for stop_at in (4, 5):
        with pytest.raises(KeyboardInterrupt):
            train(stop_at, state)
    witness = train(None, state)
    assert steps == [0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert (witness.error, witness.sway) == (undisturbed.error, undisturbed.sway)
    for name, tensor in undisturbed.net.state_dict().items():
        assert torch.equal(tensor, witness.net.state_dict()[name])


def test_a_state_of_another_witness_is_one_sentence(tmp_path: Path) -> None:
    """It is not trained on."""
    state = tmp_path / "state.pt"
    save_state(state, {"step": 3})
    with pytest.raises(InputError, match="no state of this witness: delete it"):
        train_witness(draw_toy, SETTINGS, draw_val=draw_toy, device=CPU, state=state)
