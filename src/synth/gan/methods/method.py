"""What a method of translation is: it is fitted to two datasets and gives a translator of whole frames.

To add one, write a file beside this one with a class that has what `Method` asks for, and name it in
`METHODS` (`__init__.py`); the command line, the choice of a checkpoint and the drift limits follow.
tests/contracts/test_method.py holds what every method promises, tests/contracts/toys/toy_method.py the
smallest one: the mean and spread of each channel, computed at once. A method that learns step by step has
what `LearnedMethod` asks for besides; the loop, its state on disk, the averages and the logbook are then
given (gan/run.py). `checkpoint.py` reads and writes files that name their method.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.dataset.origin import Used
from synth.dataset.reader import DatasetReader
from synth.gan.schedule import MapSettings
from synth.witness.artefacts import Artefacts

Direction = Literal["sim2real", "real2sim"]
"""From the look of ``sim`` to that of ``real``, and back."""


Rgb = NDArray[np.uint8]
Layers = Mapping[str, NDArray[Any]]
"""What is known of a frame's pixels, by name, as far as its sample has it: ``mask`` [H,W] uint16, instance
index + 1; ``depth`` [H,W] float32, metres along z, 0 = missing; ``normals`` [H,W,3] float32, camera axes;
``semantic`` [H,W], class ids. Of a patch ``mask`` alone, 1 on any part. Decoded when it is asked for."""


@dataclass(frozen=True)
class Identity:
    """Which translator it is. sha256: of the bytes that `Translator.save` writes."""

    method: str
    direction: Direction
    sha256: str


class Translator(Protocol):
    """A fitted translation in one direction."""

    @property
    def identity(self) -> Identity:
        """What a translated dataset says of where it came from."""
        ...

    def apply(self, frame: Rgb, layers: Layers) -> Rgb:
        """A frame [H,W,3] of any size in the other look: as large, and equal for equal arguments."""
        ...

    def save(self, path: Path) -> None:
        """Write what `Method.load` reads, in every direction that there is, as one safetensors file whose
        header names the method; raises StorageError.
        """
        ...

    def export(self, path: Path) -> str:
        """Write an ONNX file; returns what goes in and comes out, in words.

        Raises InputError, in one sentence, where the method has no such form.
        """
        ...


@runtime_checkable
class Painter(Translator, Protocol):
    """A translator that reads label maps: of a frame `apply` looks at the layer ``semantic`` alone."""

    @property
    def settings(self) -> MapSettings:
        """What it was trained with, classes and all."""
        ...

    def paint(self, ids: NDArray[np.uint16], layers: Layers, seed: int) -> Rgb:
        """A picture [H,W,3] of a map [H,W] of ids, places in ``settings.classes``; equal for equal arguments.

        layers: what ``settings.planes`` are made from, as large. seed: of the style.
        """
        ...


@dataclass(frozen=True, eq=False)
class Translated:
    """A translated frame; one whose instances were translated, each for itself, says where.

    rgb_u8: [H,W,3]. share_u8: [H,W], how much of a pixel a network made, 255 = all of it; where it is 0 the
    frame is as it was, bit for bit; None where it made all. seams_counts: of each instance, how much of its
    change is left where that fades into the frame (crops.py); None where it fades nowhere. artefacts: of all
    its crops; None where it was translated whole.
    """

    rgb_u8: Rgb
    share_u8: NDArray[np.uint8] | None = None
    seams_counts: tuple[float | None, ...] = ()
    artefacts: Artefacts | None = None


@runtime_checkable
class InstanceTranslator(Translator, Protocol):
    """A translator of instances alone; `apply` looks for them in the layer ``mask`` and nowhere else."""

    def translate_instances(
        self, frame: Rgb, boxes_xyxy_px: Sequence[Sequence[float]], mask: NDArray[np.uint16] | None
    ) -> Translated:
        """A frame [H,W,3] with the instances of these tight boxes in the other look.

        mask: [H,W], value = place among the boxes + 1; None where only boxes are known.
        """
        ...


@runtime_checkable
class Method(Protocol):
    """A way of learning a translation. A registry calls its class without arguments.

    One whose settings are `schedule.MapSettings` reads label maps where others read pictures: ``sim`` and
    ``real`` are then one dataset, its maps and its pictures, and what it gives is a `Painter`.

    name: as in `METHODS`. title: as people write it. reads: what `fit` takes of train samples, for the list
    of what was used. presets: settings by name, frozen dataclasses of plain values; the source of each number
    stands in the module's docstring.
    """

    name: str
    title: str
    reads: tuple[Used, ...]
    presets: Mapping[str, Any]

    def default_preset(self, device: torch.device) -> str:
        """The preset for who names none."""
        ...

    def fit(
        self, sim: DatasetReader, real: DatasetReader, settings: Any, seed: int, device: torch.device
    ) -> Translator:
        """Learn to give images of ``sim`` the look of ``real``; from their train images alone.

        Returns the translator from sim to real. Equal arguments give equal translators on one machine.
        Raises InputError for datasets that the method cannot learn from.
        """
        ...

    def load(self, path: Path, direction: Direction, device: torch.device) -> Translator:
        """What `Translator.save` wrote; saved again, it keeps further words of the header.

        Raises InputError for a file that is absent, torn or another method's, and for a direction that the
        method has no translator of.
        """
        ...


# Methods that learn step by step.

Losses = dict[str, Tensor]

Rows = dict[str, Tensor]
"""Pictures [N,3,H,W] in −1..1 by what a row of them is called."""

WITNESS = "witness"
"""What `LearnedMethod.needs` calls the network that watches labels; its other names are those of layers."""


Look = Literal["sim", "real"]


@dataclass(frozen=True)
class Labels:
    """What crops show, each one instance.

    classes: int64 [N], places in the settings' ``classes``. boxes: float32 [N,4], the tight box as xyxy in
    fractions of the crop's side, what lies outside cut off.
    """

    classes: Tensor
    boxes: Tensor


@dataclass(frozen=True)
class Batch:
    """Images of both looks [N,3,S,S] in −1 to 1, and the layers [N,1,S,S] of ``sim`` that the method needs.

    layers: by name, as `Layers` has them; ``mask`` is 1 on any part. labels: of crops, for methods whose
    settings are `schedule.CropSettings`. For those whose settings are `schedule.MapSettings`, ``sim`` holds
    the label maps [N,P,H,W] (map_pairs.lay_out) of the pictures in ``real``. first: of a part of a batch,
    which image of it is its first.
    """

    sim: Tensor
    real: Tensor
    layers: Mapping[str, Tensor] = field(default_factory=dict)
    labels: Mapping[Look, Labels] = field(default_factory=dict)
    first: int = 0

    def split(self, n: int) -> "list[Batch]":
        """As ``n`` parts of equally many images."""
        size = len(self.sim) // n
        return [self._cut(slice(i * size, (i + 1) * size)) for i in range(n)]

    def _cut(self, images: slice) -> "Batch":
        labels = {look: Labels(of.classes[images], of.boxes[images]) for look, of in self.labels.items()}
        layers = {name: layer[images] for name, layer in self.layers.items()}
        return Batch(self.sim[images], self.real[images], layers, labels, images.start)


@dataclass(frozen=True)
class Step:
    """All that one step learns from.

    witness: a frozen network that watches labels, where the method needs one. rng_cpu, rng_device: the step's
    own chance. made: what a phase leaves for the next, cut off from its graph.
    """

    batch: Batch
    witness: nn.Module | None
    rng_cpu: torch.Generator
    rng_device: torch.Generator
    made: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One part of a step: some parameters go down one loss, all others stand still.

    compute_losses: losses by name, ``total`` among them, the one that is made small. learning_rate: Adam's
    at its highest. curves: labels of further losses in the figure, by the beginning of their names.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    compute_losses: Callable[[Step], Losses]
    total: str
    learning_rate: float
    betas: tuple[float, float]
    curves: Mapping[str, str] = field(default_factory=dict)


class Stateful(Protocol):
    """What remembers something between steps, as a pool of past images does."""

    def state_dict(self) -> Any:
        """As `compute.checkpoint.save_state` takes it."""
        ...

    def load_state_dict(self, state: Any) -> None:
        """Go on from what `state_dict` gave."""
        ...


class Networks(nn.Module):
    """All networks of a learned method, and what a step teaches them."""

    @property
    def generators(self) -> Mapping[Direction, nn.Module]:
        """Images [N,3,H,W] in −1..1, or label maps [N,P,H,W], to images; their weights are averaged and kept
        in checkpoints.
        """
        raise NotImplementedError

    @property
    def memories(self) -> Mapping[str, Stateful]:
        """What each process remembers besides weights."""
        return {}

    def phases(self) -> Sequence[Phase]:
        """The parts of a step in order; asked for once, when the networks are on their device."""
        raise NotImplementedError

    def fit_inputs(self, sim: Tensor, real: Tensor) -> None:
        """Look at train images [N,3,S,S] of each look, before the first step of a fresh run."""

    def settle(self, averages: Mapping[Direction, nn.Module], sim: Tensor) -> None:
        """Measure anew, on train images, what averaged generators hold besides weights; before a checkpoint.

        averages: in eval mode, and so again afterwards.
        """

    def show(self, averages: Mapping[Direction, nn.Module], sim: Tensor, real: Tensor) -> Sequence[Rows]:
        """What a figure shows of fixed images of each look, on the networks' device: a block of rows each."""
        there, back = averages["sim2real"], averages.get("real2sim")
        translated = there(sim)
        blocks: list[Rows] = [{"source": sim, "translated": translated}]
        if back is not None:
            blocks[0]["and back"] = back(translated)
            in_source = back(real)
            blocks.append({"real": real, "in source look": in_source, "and back": there(in_source)})
        return blocks

    def compile_networks(self) -> None:
        """Make the networks faster where there is a GPU."""


@runtime_checkable
class LearnedMethod(Method, Protocol):
    """A method that is trained. Its settings are a `schedule.LearnedSettings`, and it learns from patches; or
    a `schedule.CropSettings`, and it learns from crops of instances with their labels.

    `Method.fit` trains to the end and takes the last checkpoint (learned.fit_by_training); the stage judges
    every checkpoint and chooses. It has no witness, so for settings that need one it only raises InputError.
    """

    def needs(self, settings: Any) -> Mapping[str, str]:
        """What a step must hold besides images, names of layers of ``sim`` and `WITNESS`, each with the
        settings that ask for it, in words.
        """
        ...

    def make_networks(self, settings: Any, rng: torch.Generator) -> Networks:
        """Fresh networks. rng: draws the first weights, on the CPU."""
        ...

    def save_generators(
        self,
        path: Path,
        generators: Mapping[Direction, nn.Module],
        settings: Any,
        words: Mapping[str, str],
    ) -> None:
        """Write a checkpoint, which `Method.load` reads. words: for its header. Raises StorageError."""
        ...

    def load_generator(self, path: Path, direction: Direction) -> nn.Module:
        """A checkpoint's generator, in eval mode on the CPU; raises InputError as `Method.load` does."""
        ...
