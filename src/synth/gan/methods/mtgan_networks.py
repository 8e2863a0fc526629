"""SYN-MTGAN's networks and losses: CycleGAN's, whose discriminators also tell class and place of instances.

::

    L_G = CycleGAN's, identity outside boxes + μ Σ class + w_localisation Σ localisation, of translated crops
    L_D = Σ adv + μ Σ class + w_localisation Σ localisation, of the crops that `MTGANSettings` names

A head's part of L_G counts once the head is good enough; both parts are written down from the start.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synth.gan import losses
from synth.gan.methods.cyclegan_networks import CURVES, CycleGAN, Fakes
from synth.gan.methods.method import Batch, Look, Losses, Stateful, Step
from synth.gan.methods.mtgan_settings import MTGANSettings
from synth.networks import adversarial
from synth.networks.multi_task import HEADS, Findings, HeadName, MultiTaskDiscriminator

_REAL: Look = "real"
_SIM: Look = "sim"

_FORGETS = 0.02
"""Share of a running mean that one step replaces."""


class Skill:
    """How good each head is: running means from 0 on, on the device, so that no step waits for them."""

    def __init__(self) -> None:
        self.means: dict[str, Tensor] = {}

    def note(self, name: str, value: Tensor) -> None:
        """Take in one step's value."""
        mean = self.means.get(name, torch.zeros(())).to(value)
        self.means[name] = mean.lerp(value.detach(), _FORGETS)

    def is_enough(self, name: str, least: float) -> Tensor | float:
        """1 where a mean has come up to ``least``, else 0."""
        return (self.means[name] >= least).float() if name in self.means else 0.0

    def state_dict(self) -> dict[str, Tensor]:
        """As `save_state` takes it."""
        return {name: mean.cpu() for name, mean in self.means.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict` gave."""
        self.means = dict(state)


class Turn:
    """Whose turn it is, of several, step by step."""

    def __init__(self) -> None:
        self._n = 0

    def take(self, names: Sequence[HeadName]) -> HeadName:
        """The next one."""
        self._n += 1
        return names[(self._n - 1) % len(names)]

    def state_dict(self) -> dict[str, Any]:
        """As `save_state` takes it."""
        return {"n": self._n}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._n = int(state["n"])


class MTGAN(CycleGAN):
    """CycleGAN's four networks, their discriminators with heads. rng: draws the first weights, on the CPU."""

    curves = CURVES | {"loss/G/class": "class", "loss/G/localisation": "localisation"}

    settings: MTGANSettings
    D_real: MultiTaskDiscriminator
    D_sim: MultiTaskDiscriminator

    def __init__(self, settings: MTGANSettings, rng: torch.Generator) -> None:
        is_idle = {"class"} if len(settings.classes) < 2 else set()
        self.head_names = [name for name in HEADS if name in set(settings.heads) - is_idle]
        super().__init__(settings, rng)
        self._skill, self._turn = Skill(), Turn()

    @property
    def memories(self) -> Mapping[str, Stateful]:
        """The pools, how good heads are, and whose turn it is."""
        return {**super().memories, "skill": self._skill, "turn": self._turn}

    def discriminator_losses(
        self, batch: Batch, fakes: Fakes, rng: torch.Generator, fresh: Fakes | None = None
    ) -> Losses:
        """As CycleGAN's; ``skill/…`` are no losses but how good heads are.

        fresh: translations of this very batch, whose classes are known, for class heads that learn as the
        paper writes; None where ``fakes`` are that already.
        """
        made = fresh or fakes
        terms = self._teach("real", batch, fakes.real, made.real, rng)
        terms |= self._teach("sim", batch, fakes.sim, made.sim, rng)
        turn = self._turn.take(self.head_names) if self.settings.alternate else None
        learning = {name: term for name, term in terms.items() if turn in (None, _head_of(name))}
        terms["loss/D/total"] = self._weighted_sum(learning)
        return terms | {f"skill/{name}": mean for name, mean in self._skill.means.items()}

    def _teach(self, look: Look, batch: Batch, fake: Tensor, made: Tensor, rng: torch.Generator) -> Losses:
        """What one discriminator makes small. fake: from the pool. made: of this batch, in its look."""
        s, terms = self.settings, Losses()
        D, other = (self.D_real, _SIM) if look == "real" else (self.D_sim, _REAL)
        own, known = _images(batch, look), [batch.labels[look], batch.labels[other]]
        is_sure = s.class_loss == "sure"
        shows = {"own": own}
        if "adversarial" in self.head_names:
            shows["fake"] = fake
        if "localisation" in self.head_names or ("class" in self.head_names and is_sure):
            shows["other"] = _images(batch, other)
        if "class" in self.head_names and not is_sure:
            shows["made"] = made
        found = _look(D, shows)
        if "adversarial" in self.head_names:

            def score(images: Tensor) -> list[Tensor]:
                return _scores(D(images))

            scores = _scores(found["own"]), _scores(found["fake"])
            terms[f"loss/D/adv/{look}"] = adversarial.discriminator_loss(s.adversarial, *scores)
            terms |= self._penalties(look, score, own, fake, rng)
        if "class" in self.head_names:
            logits = _both(found["own"].classes, found["other" if is_sure else "made"].classes)
            classes = torch.cat([labels.classes for labels in known])
            terms[f"loss/D/class/{look}"] = losses.class_loss(logits, classes)
            self._skill.note(f"class/{look}", (logits.argmax(dim=1) == classes).float().mean())
        if "localisation" in self.head_names:
            boxes = _both(found["own"].boxes, found["other"].boxes)
            true_boxes = torch.cat([labels.boxes for labels in known])
            terms[f"loss/D/localisation/{look}"] = losses.localisation_loss(boxes, true_boxes)
            self._skill.note(f"localisation/{look}", box_iou(boxes.detach(), true_boxes).mean())
        return terms

    def _make_discriminator(self, rng: torch.Generator) -> nn.Module:
        s = self.settings
        return MultiTaskDiscriminator(s.discriminator.n_filters, self.head_names, len(s.classes), rng)

    def _judge(self, batch: Batch, fakes: Fakes) -> Losses:
        terms = Losses()
        for direction, D, fake, labels in (
            ("sim2real", self.D_real, fakes.real, batch.labels["sim"]),
            ("real2sim", self.D_sim, fakes.sim, batch.labels["real"]),
        ):
            found: Findings = D(fake)
            if found.scores is not None:
                kind = self.settings.adversarial
                terms[f"loss/G/adv/{direction}"] = adversarial.generator_loss(kind, found.scores)
            if found.classes is not None:
                terms[f"loss/G/class/{direction}"] = losses.class_loss(found.classes, labels.classes)
            if found.boxes is not None:
                terms[f"loss/G/localisation/{direction}"] = losses.localisation_loss(
                    found.boxes, labels.boxes
                )
        return terms

    def _own(self, look: Look, batch: Batch) -> Tensor:
        images = super()._own(look, batch)
        if self.settings.identity == "whole":
            return images
        return losses.blot_out(images, losses.outside_boxes(batch.labels[look].boxes, images.shape[-1]))

    def _identity_loss(self, look: Look, batch: Batch, mapped: Tensor) -> Tensor:
        if self.settings.identity == "whole":
            return super()._identity_loss(look, batch, mapped)
        outside = losses.outside_boxes(batch.labels[look].boxes, mapped.shape[-1])
        return losses.background_identity_loss(self._own(look, batch), mapped, outside)

    def _compute_discriminator_phase(self, step: Step) -> Losses:
        fresh = Fakes(step.made["real"], step.made["sim"])
        return self.discriminator_losses(step.batch, self._show(step), step.rng_device, fresh)

    def _weight(self, name: str) -> float | Tensor:
        s, head = self.settings, _head_of(name)
        if head == "adversarial":
            return super()._weight(name)
        weight, least = (s.w_class, s.min_accuracy) if head == "class" else (s.w_localisation, s.min_iou)
        if name.startswith("loss/D/") or (head == "class" and s.class_loss == "paper"):
            return weight
        judged_by = "real" if name.endswith("/sim2real") else "sim"
        return weight * self._skill.is_enough(f"{head}/{judged_by}", least)


def _head_of(name: str) -> HeadName:
    """Whose a loss is, by its name; penalties are the adversarial head's."""
    named: tuple[HeadName, ...] = ("class", "localisation")
    return next((head for head in named if f"/{head}/" in name), "adversarial")


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union [N] of boxes [N,4], xyxy; 0 for a box turned inside out."""
    overlap = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(dim=1)
    areas = [(box[:, 2:] - box[:, :2]).clamp(min=0).prod(dim=1) for box in (a, b)]
    return overlap / (areas[0] + areas[1] - overlap).clamp(min=1e-9)


def _images(batch: Batch, look: Look) -> Tensor:
    return batch.real if look == "real" else batch.sim


def _look(D: nn.Module, shows: Mapping[str, Tensor]) -> dict[str, Findings]:
    """What a discriminator says of several sets of images, all in one pass."""
    found: Findings = D(torch.cat(list(shows.values())))
    sizes = [len(images) for images in shows.values()]

    def split(values: Tensor | None) -> Sequence[Tensor | None]:
        return [None] * len(sizes) if values is None else torch.split(values, sizes)

    scores = split(None if found.scores is None else found.scores[0])
    each = zip(shows, scores, split(found.classes), split(found.boxes), strict=True)
    return {name: Findings(None if s is None else [s], c, b) for name, s, c, b in each}


def _scores(found: Findings) -> list[Tensor]:
    assert found.scores is not None
    return found.scores


def _both(first: Tensor | None, second: Tensor | None) -> Tensor:
    assert first is not None
    assert second is not None
    return torch.cat([first, second])
