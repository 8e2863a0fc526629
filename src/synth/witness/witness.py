"""A witness: a small task network, trained on labelled patches, then frozen and asked what it sees.

It judges translations (the same part before and after) and, trained on translated images and scored on
captured ones, what a translation is worth.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synth.compute.checkpoint import load_state, load_weights, save_state, save_weights
from synth.errors import InputError, SynthError
from synth.witness.augment import vary_look
from synth.witness.network import WitnessNet
from synth.witness.observation import (
    Observation,
    Patches,
    Sway,
    WitnessScore,
    compare_observations,
    score_observation,
)

Draw = Callable[[int, np.random.Generator], Patches]
"""Gives so many patches, at random."""

OnStep = Callable[[int, dict[str, float]], None]

_KIND = "witness"
_BATCH = 32
_SWAY_STRENGTH = 0.5
_KEPT_EVERY = 50
"""Steps after which it keeps where it stands: some seconds of a CPU."""


@dataclass(frozen=True)
class WitnessSettings:
    """How a witness learns.

    look_strength: how far looks are varied (augment.vary_look); 1 to be blind to looks, less to depend on
    what the images look like. n_error_patches: held-out patches that its own error is measured on.
    """

    n_filters: int = 16
    n_steps: int = 600
    batch_size: int = 8
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    w_normal: float = 4.0
    look_strength: float = 0.6
    n_error_patches: int = 256
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Witness:
    """A trained network, frozen, with its own error on held-out patches and how far looks alone move it."""

    net: WitnessNet
    settings: WitnessSettings
    error: WitnessScore
    sway: Sway

    def observe(self, rgb_u8: NDArray[np.uint8]) -> Observation:
        """Masks and normals of images [N,H,W,3]."""
        images = torch.from_numpy(np.ascontiguousarray(rgb_u8.transpose(0, 3, 1, 2)))
        return _observe(self.net, images.float() / 127.5 - 1)

    def save(self, path: Path, learnt_from: str = "") -> None:
        """Write weights, settings and errors to one safetensors file; raises StorageError.

        learnt_from: names the patches, so that it can be told from a witness of others.
        """
        about = {"settings": asdict(self.settings), "error": asdict(self.error), "sway": asdict(self.sway)}
        metadata = {
            "kind": _KIND,
            "learnt_from": learnt_from,
            **{key: json.dumps(value) for key, value in about.items()},
        }
        save_weights(path, self.net.state_dict(), metadata)


def load_witness(path: Path, device: torch.device) -> Witness:
    """A witness that was saved; raises InputError for an absent, torn or foreign file."""
    tensors, metadata = load_weights(path)
    try:
        if metadata["kind"] != _KIND:
            raise ValueError
        settings = WitnessSettings(**json.loads(metadata["settings"]))
        error, sway = (json.loads(metadata[key]) for key in ("error", "sway"))
        net = WitnessNet(settings.n_filters)
        net.load_state_dict(tensors)
        return Witness(_frozen(net, device), settings, WitnessScore(**error), Sway(**sway))
    except (KeyError, TypeError, ValueError, RuntimeError) as problem:
        raise InputError(f"{path} is not a witness of this version: train it again") from problem


def is_witness_of(path: Path, settings: WitnessSettings, learnt_from: str) -> bool:
    """Whether a file holds what was trained by these settings on the patches of that name."""
    try:
        metadata = load_weights(path)[1]
        return (
            metadata.get("kind") == _KIND
            and metadata.get("learnt_from") == learnt_from
            and WitnessSettings(**json.loads(metadata.get("settings", "{}"))) == settings
        )
    except (InputError, TypeError, ValueError):
        return False


def train_witness(
    draw: Draw,
    settings: WitnessSettings,
    *,
    draw_val: Draw,
    device: torch.device,
    on_step: OnStep = lambda _step, _losses: None,
    state: Path | None = None,
) -> Witness:
    """Train on ``draw`` for ``settings.n_steps``; measure the witness's own error on ``draw_val``.

    The same settings and draws give the same witness on one machine and device, stopped on the way or not.
    on_step: called with the step and its losses. state: the file in which it keeps where it stands, for the
    same call to go on from; None to keep nothing. Raises SynthError with the step and the losses when one is
    not finite, InputError for a state that is torn or of another witness, StorageError.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    net = WitnessNet(settings.n_filters)
    _initialise(net, generator)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, settings.n_steps, pct_start=0.2
    )
    begun = 0 if state is None or not state.exists() else _go_on(state, net, optimiser, schedule, generator)
    for step in range(begun, settings.n_steps):
        patches = draw(settings.batch_size, np.random.default_rng((settings.seed, step)))
        images, masks, normals = _turn(
            *(t.to(device) for t in (patches.images, patches.masks, patches.normals))
        )
        images = vary_look(images, masks, generator, settings.look_strength)
        logits, seen_normals = net(images.contiguous(memory_format=torch.channels_last))
        losses = {
            "loss/mask": mask_loss(logits, masks),
            "loss/normal": normal_loss(seen_normals, masks, normals),
        }
        loss = losses["loss/mask"] + settings.w_normal * losses["loss/normal"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        figures = {name: float(value.detach()) for name, value in losses.items()}
        if not np.isfinite(list(figures.values())).all():
            raise SynthError(f"a loss of the witness is not finite at step {step}: {figures}")
        if state is not None and (step + 1) % _KEPT_EVERY == 0:
            save_state(
                state,
                {
                    "step": step + 1,
                    "net": net.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "generator": generator.get_state(),
                },
            )
        on_step(step, figures)
    return _judged(_frozen(net, device), settings, draw_val, generator)


def _go_on(
    path: Path,
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generator: torch.Generator,
) -> int:
    """Bring all to where a state has them; returns how many steps that is."""
    state = load_state(path)
    try:
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        generator.set_state(state["generator"])
        return int(state["step"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} is no state of this witness: delete it, and it begins anew") from error


def evaluate_witness(witness: Witness, patches: Patches) -> WitnessScore:
    """How far a witness is off on labelled patches, whoever's they are."""
    observation = _observe(witness.net, patches.images)
    return score_observation(observation, patches.masks[:, 0].numpy(), patches.normals.numpy())


def mask_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross entropy a pixel, plus 1 − Dice over the batch (Milletari et al. 2016); both [N,1,S,S]."""
    found = logits.sigmoid()
    overlap = 2 * (found * masks).sum() / (found.sum() + masks.sum() + 1.0)
    return functional.binary_cross_entropy_with_logits(logits, masks) + 1 - overlap


def normal_loss(seen: Tensor, masks: Tensor, normals: Tensor) -> Tensor:
    """Mean 1 − cos between normals seen [N,3,S,S] and true [N,3] over the pixels of parts that have one."""
    known = normals.isfinite().all(dim=1)
    weight = masks[:, 0] * known[:, None, None]
    cosine = torch.einsum("nchw,nc->nhw", seen, normals.nan_to_num())
    return ((1 - cosine) * weight).sum() / weight.sum().clamp_min(1.0)


def _turn(images: Tensor, masks: Tensor, normals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A quarter of the patches each as they are and turned by 90°, 180° and 270°, as a rolled camera sees
    them.
    """
    turned: list[tuple[Tensor, Tensor, Tensor]] = []
    for k, rows in enumerate(torch.arange(len(images), device=images.device).chunk(4)):
        uvw = normals[rows]
        for _ in range(k):
            uvw = torch.stack([-uvw[:, 1], uvw[:, 0], uvw[:, 2]], dim=1)
        turned.append((images[rows].rot90(k, (2, 3)), masks[rows].rot90(k, (2, 3)), uvw))
    images, masks, normals = (torch.cat(parts) for parts in zip(*turned, strict=True))
    return images, masks, normals


def _initialise(net: nn.Module, generator: torch.Generator) -> None:
    """He's initialisation (2015) from a generator that was given."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _frozen(net: WitnessNet, device: torch.device) -> WitnessNet:
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval().requires_grad_(False)


def _judged(
    net: WitnessNet, settings: WitnessSettings, draw_val: Draw, generator: torch.Generator
) -> Witness:
    patches = draw_val(settings.n_error_patches, np.random.default_rng((settings.seed, settings.n_steps)))
    as_is = _observe(net, patches.images)
    varied = _observe(net, vary_look(patches.images, patches.masks, generator, _SWAY_STRENGTH))
    true_masks = patches.masks[:, 0].numpy()
    return Witness(
        net,
        settings,
        error=score_observation(as_is, true_masks, patches.normals.numpy()),
        sway=compare_observations(as_is, varied, true_masks),
    )


def _observe(net: WitnessNet, images: Tensor) -> Observation:
    device = next(net.parameters()).device
    masks, normals = [], []
    with torch.inference_mode():
        for batch in torch.split(images, _BATCH):
            logits, seen = net(batch.to(device).contiguous(memory_format=torch.channels_last))
            masks.append(logits[:, 0].sigmoid().cpu().numpy())
            normals.append(seen.permute(0, 2, 3, 1).cpu().numpy())
    return Observation(np.concatenate(masks), np.concatenate(normals))
