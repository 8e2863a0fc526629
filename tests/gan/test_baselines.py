"""The baselines: what each does to a picture, held against its definition."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from look_pair import write_look
from test_inputs import write_plain

from synth.dataset.codecs import file_sha256
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.dataset.statistics import compute_figures
from synth.dataset.verify import verify
from synth.errors import InputError
from synth.gan.judge import JudgeSettings, by_translator
from synth.gan.methods import BASELINES, METHODS
from synth.gan.patches import PatchCutter, to_u8
from synth.witness.drift import DriftLimits
from synth.witness.witness import WitnessSettings
from typed import synth

CPU = torch.device("cpu")
Looks = tuple[DatasetReader, DatasetReader]


class PixelsOfTrain(DatasetReader):
    """Shows train pictures and nothing else of any sample."""

    def load_rgb(self, sample: Sample) -> np.ndarray:
        assert sample.split == "train"
        return super().load_rgb(sample)

    def load_mask(self, sample: Sample) -> None:
        raise AssertionError(sample.name)


def fit(name: str, looks: Looks, preset: str | None = None) -> Any:
    method = METHODS[name]()
    return method.fit(*looks, method.presets[preset or method.default_preset(CPU)], 0, CPU)


def show_train(look: DatasetReader, translator: Any = None) -> np.ndarray:
    frames = [look.load_rgb(s) for s in look.of_split("train")]
    return np.stack([f if translator is None else translator.apply(f, {}) for f in frames])


@pytest.mark.parametrize("name", BASELINES)
def test_it_learns_from_train_pictures_alone(name: str, looks: Looks) -> None:
    """No val or test picture and no label is looked at, of either look; it says that it reads pixels."""
    blind = fit(name, tuple(PixelsOfTrain(look.root) for look in looks))
    assert blind.identity == fit(name, looks).identity
    assert METHODS[name]().reads == ("pixels",)


def test_gains_give_the_other_looks_means(looks: Looks) -> None:
    """Each channel's mean over all train pixels, to half a count; black stays black."""
    translator = fit("gains", looks)
    translated, real = show_train(looks[0], translator), show_train(looks[1])
    np.testing.assert_allclose(translated.mean(axis=(0, 1, 2)), real.mean(axis=(0, 1, 2)), atol=0.5)
    assert not translator.apply(np.zeros((4, 4, 3), np.uint8), {}).any()


def test_gains_refuse_a_channel_without_light(looks: Looks, tmp_path: Path) -> None:
    """One sentence names the dataset and the channel."""
    dark = write_look(tmp_path / "dark", "real", 12, seed=2)
    dark.load_rgb = lambda _sample: np.full((80, 96, 3), (9, 0, 9), np.uint8)
    with pytest.raises(InputError, match=r"dark are black in G, and no gain"):
        fit("gains", (looks[0], dark))


@pytest.mark.parametrize(("preset", "within"), [("exact", 1.5), ("smooth", 12.0)])
def test_a_colour_map_gives_the_other_looks_histogram(looks: Looks, preset: str, within: float) -> None:
    """Nine quantiles of each channel lie within some counts of real's; no curve falls."""
    translator = fit("colour-map", looks, preset)
    at = np.linspace(0.1, 0.9, 9)
    found, asked = (
        np.quantile(pixels.reshape(-1, 3), at, axis=0)
        for pixels in (show_train(looks[0], translator), show_train(looks[1]))
    )
    assert np.abs(found - asked).max() <= within
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert (np.diff(translator.apply(ramp, {}).astype(int), axis=1) >= 0).all()


def test_fda_is_the_published_swap(looks: Looks) -> None:
    """By the whole transform of one picture, as in equation 1: low amplitudes of real, phases of sim."""
    method = METHODS["fda"]()
    settings = type(method.presets["wide"])(beta=0.05, n_pictures=1)
    translator = method.fit(*looks, settings, 0, CPU)
    frame = np.random.default_rng(0).integers(0, 256, (80, 96, 3)).astype(np.uint8)
    train = looks[1].of_split("train")
    real = looks[1].load_rgb(train[np.random.default_rng(0).permutation(len(train))[0]])
    of_sim, of_real = (np.fft.fft2(picture.astype(float), axes=(0, 1)) for picture in (frame, real))
    rows, columns = (np.abs(np.fft.fftfreq(n, 1 / n)) <= int(0.05 * 80) for n in frame.shape[:2])
    low = (rows[:, None] & columns)[..., None]
    swapped = np.where(low, np.abs(of_real), np.abs(of_sim)) * np.exp(1j * np.angle(of_sim))
    expected = np.clip(np.rint(np.fft.ifft2(swapped, axes=(0, 1)).real), 0, 255)
    assert np.abs(translator.apply(frame, {}) - expected).max() <= 1


def test_fda_draws_among_pictures_by_the_frame(looks: Looks) -> None:
    """Frames differ in the mean that they are given; equal frames get the same."""
    translator = fit("fda", looks)
    rng = np.random.default_rng(0)
    frames = rng.integers(60, 190, (6, 48, 64, 3)).astype(np.uint8)
    means = [translator.apply(frame, {}).mean() for frame in (*frames, frames[0])]
    assert len({round(mean, 1) for mean in means[:6]}) > 1
    assert means[6] == means[0]


@pytest.mark.parametrize("name", BASELINES)
def test_back_and_forth_it_comes_back(name: str, looks: Looks, tmp_path: Path) -> None:
    """The translator of the other direction gives real pictures the source's mean."""
    fit(name, looks).save(tmp_path / "it")
    back = METHODS[name]().load(tmp_path / "it", "real2sim", CPU)
    sim, came = (pixels.mean(axis=(0, 1, 2)) for pixels in (show_train(looks[0]), show_train(looks[1], back)))
    np.testing.assert_allclose(came, sim, atol=2.5)


def test_patches_are_judged_as_their_frames_come_out(looks: Looks) -> None:
    """A patch is cut from the frame that was translated whole, not translated by itself."""
    sim = looks[0]
    translator = fit("fda", looks)
    patches = PatchCutter(sim, "val", 32).draw(5, np.random.default_rng(1))
    cut = to_u8(by_translator(translator, sim)(patches))
    for patch, name, (x, y) in zip(cut, patches.names, patches.corners_xy, strict=True):
        whole = translator.apply(sim.load_rgb(sim[name]), {})
        np.testing.assert_array_equal(patch, whole[y : y + 32, x : x + 32])


def test_bad_settings_are_refused() -> None:
    """Each in one sentence with what was got."""
    of = {name: type(next(iter(METHODS[name]().presets.values()))) for name in BASELINES}
    for make, said in (
        (partial(of["colour-map"], smooth_counts=-1), "0 to 255, got -1"),
        (partial(of["fda"], beta=0.6), r"0 to 0\.5, got 0\.6"),
        (partial(of["fda"], n_pictures=0), "got n_pictures = 0"),
    ):
        with pytest.raises(InputError, match=said):
            make()


def test_pictures_of_any_size_are_taken(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline counts pixels wherever they stand, so what mtgan has translated has its baselines too."""

    def stop(*_: object) -> None:
        raise InputError("past the sizes")

    monkeypatch.setattr("synth.gan.translate.refuse_leaks", stop)
    sim = write_plain(tmp_path / "sim", size_wh=(64, 64))
    where = ("--sim", sim.root, "--real", looks[1].root, "--device", "cpu")
    for method, answer in (("gains", "past the sizes"), ("cyclegan", "the images differ in size")):
        assert answer in synth("translate", "--method", method, *where, cwd=tmp_path).stderr


def test_the_command_makes_a_dataset(looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged, watched for drift, with its origin; it read the pixels of real images and no label."""
    witness = partial(WitnessSettings, n_steps=1, n_error_patches=8)
    anything_goes = DriftLimits(9.0, 9.0, 99.0, 1.0, 180.0, 10_000)
    monkeypatch.setattr("synth.gan.request.WitnessSettings", witness)
    monkeypatch.setattr("synth.gan.request.JudgeSettings", partial(JudgeSettings, n_patches=8))
    monkeypatch.setattr("synth.gan.translate.DriftLimits", lambda: anything_goes)
    where = ("--sim", looks[0].root, "--real", looks[1].root, "--device", "cpu")
    said = synth("translate", "--method", "colour-map", *where, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    out = tmp_path / "data/translated"
    assert verify(out) == []
    translated = DatasetReader(out)
    step = translated.samples[0].origin.steps[-1]
    (checkpoint,) = (tmp_path / "runs/translate/checkpoints").iterdir()
    assert (step.method, step.checkpoint_sha256) == ("colour-map", file_sha256(checkpoint.read_bytes()))
    assert "drift_droplets" in translated.samples[0].quality
    assert compute_figures(translated)["real_labels_read"] == {"labels": 0, "mask": 0, "pose": 0}
