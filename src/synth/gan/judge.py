"""How good a checkpoint is, on val images alone: how near the real ones it comes, and what labels lose."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.dataset.reader import DatasetReader
from synth.gan.crop_translator import translate_sample
from synth.gan.distance import DistanceMeter, Distances
from synth.gan.methods.method import Rgb, Translator
from synth.gan.patches import PatchCutter, Patches, from_u8, to_u8
from synth.gan.sample_layers import SampleLayers
from synth.metrics.inception import load_inception
from synth.metrics.intervals import Estimate
from synth.witness.observation import WitnessScore, compare_observations
from synth.witness.witness import Witness, WitnessSettings, evaluate_witness, train_witness

Translate = Callable[[Patches], Tensor]
"""Gives patches the other look: images [N,3,S,S] in −1..1 on the CPU."""

DOWNSTREAM = WitnessSettings(n_steps=200, look_strength=0.3)
"""A task network that depends on what its training images look like."""

_BATCH = 16
_N_FRAMES = 256
"""Translated frames that are kept while patches are cut from them."""


@dataclass(frozen=True)
class JudgeSettings:
    """n_patches: of each domain. downstream: how a task network is trained on translated images to be scored
    on labelled real ones, None for not at all. inception: a file of Inception's weights, None to do without.
    """

    n_patches: int = 192
    inception: Path | None = None
    downstream: WitnessSettings | None = DOWNSTREAM
    seed: int = 0


@dataclass(frozen=True)
class Change:
    """What a translation does to val patches at all, mean absolute 8-bit counts.

    beyond_shift_counts: of it, what is left when each channel's mean change is taken off; 0 where one number
    is added to each channel of everything.
    """

    counts: float
    beyond_shift_counts: float


@dataclass(frozen=True)
class Score:
    """A checkpoint on val images.

    box_drift: median move of a box side as a share of the box side; normal_drift_deg: median turn of the
    normal; both as a frozen witness sees n_parts parts before and after, its own unrest (``Sway``) included.
    kept: mask IoU with the labels after translation over that before, the witness's eyes. downstream: a task
    network trained on translated patches, scored on labelled real ones.
    """

    step: int
    distances: Distances
    box_drift: float
    normal_drift_deg: float
    n_parts: int
    kept: float
    change: Change
    downstream: WitnessScore | None = None


class Judge:
    """Scores translations on patches that are drawn once.

    before: the score of the untranslated images, as step 0. floor: what real images give against real ones.
    """

    def __init__(
        self,
        sim_train: PatchCutter,
        sim_val: PatchCutter,
        real_val: PatchCutter,
        witness: Witness,
        settings: JudgeSettings,
        device: torch.device,
    ) -> None:
        rng = np.random.default_rng(settings.seed)
        self._settings, self._witness, self._device = settings, witness, device
        self._sim_train = sim_train
        self._sim = sim_val.draw(settings.n_patches, rng)
        self._real = real_val.draw(settings.n_patches, rng)
        self._sim_u8 = sim_u8 = to_u8(self._sim.images)
        self._meter = DistanceMeter(
            to_u8(self._real.images),
            witness,
            seed=settings.seed,
            inception=None if settings.inception is None else load_inception(settings.inception),
        )
        self._observation = witness.observe(sim_u8)
        self._view = self._meter.look(sim_u8)
        self.floor = self._meter.floor
        self.before = self._score(0, sim_u8, lambda patches: patches.images)

    def score(self, step: int, translate: Translate) -> Score:
        """The score of a translation of the source's patches."""
        return self._score(step, to_u8(translate(self._sim)), translate)

    def kernel_drop(self, translate: Translate, than: Translate | None = None) -> Estimate:
        """How much smaller the kernel distance to real images is after a translation than before.

        than: another translation to begin with; None for the source as it is.
        """
        after = self._meter.look(to_u8(translate(self._sim)))
        before = self._view if than is None else self._meter.look(to_u8(than(self._sim)))
        return self._meter.kernel_drop(before, after)

    def _score(self, step: int, images_u8: NDArray[np.uint8], translate: Translate) -> Score:
        observation = self._witness.observe(images_u8)
        masks = self._sim.masks[:, 0].numpy()
        sway = compare_observations(self._observation, observation, masks)
        return Score(
            step=step,
            distances=self._meter.measure(self._meter.look(images_u8)),
            box_drift=sway.box_px / _median_side_px(masks),
            normal_drift_deg=sway.normal_deg,
            n_parts=sway.n,
            kept=_iou(observation.masks, masks) / _iou(self._observation.masks, masks),
            change=_measure_change(self._sim_u8, images_u8),
            downstream=self._train_downstream(translate),
        )

    def _train_downstream(self, translate: Translate) -> WitnessScore | None:
        settings = self._settings.downstream
        if settings is None:
            return None

        def draw(n: int, rng: np.random.Generator) -> Patches:
            patches = self._sim_train.draw(n, rng)
            return replace(patches, images=translate(patches))

        held_out = self._sim
        witness = train_witness(draw, settings, draw_val=lambda _n, _rng: held_out, device=self._device)
        return evaluate_witness(witness, self._real)


def by_generator(generator: nn.Module, device: torch.device) -> Translate:
    """By a network that maps images [N,3,S,S] in −1..1 to the same; nothing is rounded."""
    generator = generator.to(device).eval()

    def translate(patches: Patches) -> Tensor:
        with torch.inference_mode():
            parts = [generator(part.to(device)).float().cpu() for part in torch.split(patches.images, _BATCH)]
        return torch.cat(parts)

    return translate


def by_translator(translator: Translator, dataset: DatasetReader) -> Translate:
    """Each patch cut from its whole frame, translated as it is when the dataset is.

    dataset: the one that the patches are of.
    """

    @lru_cache(maxsize=_N_FRAMES)
    def load(name: str) -> Rgb:
        sample = dataset[name]
        return translate_sample(
            translator, sample, dataset.load_rgb(sample), SampleLayers(dataset, sample)
        ).rgb_u8

    def translate(patches: Patches) -> Tensor:
        side_px = patches.images.shape[-1]
        places = zip(patches.names, patches.corners_xy, strict=True)
        return from_u8(np.stack([load(name)[y : y + side_px, x : x + side_px] for name, (x, y) in places]))

    return translate


def _measure_change(before_u8: NDArray[np.uint8], after_u8: NDArray[np.uint8]) -> Change:
    """Of patches [N,S,S,3]."""
    change = after_u8.astype(np.float32) - before_u8
    shift = change.mean(axis=(0, 1, 2))
    return Change(float(np.abs(change).mean()), float(np.abs(change - shift).mean()))


def _iou(found: NDArray[np.float32], masks: NDArray[np.float32]) -> float:
    a, b = found > 0.5, masks > 0.5
    return float((a & b).sum() / max((a | b).sum(), 1))


def _median_side_px(masks: NDArray[np.float32]) -> float:
    """Median of the longer side of what is seen of the parts, pixels."""
    sides = [max(np.ptp(axis) + 1 for axis in np.nonzero(mask > 0.5)) for mask in masks if mask.any()]
    return float(np.median(sides)) if sides else float("nan")
