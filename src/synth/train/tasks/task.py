"""What a task is to the rest of synth; beside this, its writer needs report.py, settings.py and the registry.

A task owns everything that is particular to it: settings and presets, data, network, metrics, words,
pictures, export. Training, comparing, the command line and the report go by what it says of itself. It is a
class that names `Task` as its base; what stands here with a body is inherited by tasks that have nothing to
add.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.dataset.choices import CropKind
from synth.dataset.info import DatasetInfo, SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.metrics.comparison import Draws
from synth.metrics.operating_point import OperatingPoint
from synth.train.loop import Learner
from synth.train.settings import TaskSettings
from synth.train.tasks.report import Metric, Part, Report, Said, Words
from synth.train.torch_data import TorchData

Rgb = NDArray[np.uint8]
PresetName = Literal["quick", "default", "paper"]
PRESETS: tuple[PresetName, ...] = ("quick", "default", "paper")
"""quick: minutes on two cores.

default: hours there, minutes on a GPU. paper: as the work that synth follows.
"""


S = TypeVar("S", bound=TaskSettings)
D = TypeVar("D")


@dataclass(frozen=True)
class Recipe(Generic[S]):
    """One network of a preset, and how many seeds it is trained with."""

    settings: S
    n_seeds: int


@dataclass(frozen=True)
class Baseline:
    """What needs no training. predict: of every test image of the captured dataset; None where it cannot."""

    name: str
    note: str
    predict: Callable[[DatasetReader], list[Any] | None]


@dataclass(frozen=True)
class Export:
    """A network for programs without torch.

    about: what goes in and comes out. wrap: what is traced. words: what else who runs it must know.
    """

    about: str
    output: str
    wrap: Callable[[nn.Module], nn.Module] = lambda net: net
    words: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SeenPart:
    """What can be seen of one part of a composite, at the size at which a target sees it.

    box_xyxy_px: tight, edges 0 to W. covered: [H,W], the pixels that it covers by more than half.
    """

    box_xyxy_px: Sequence[float]
    class_name: str
    covered: NDArray[np.bool_]


class Target(Protocol):
    """A network as somebody who trains against it sees it: a class that names this as its base.

    All figures are differentiable by the images. The network is frozen while it is asked: it is in eval mode,
    and gradients reach the images and none of its parameters. images: float [N,3,H,W], RGB in 0 to 1. truth:
    of each image, as ``Task.target_truth`` gives it.
    """

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """The task's own loss of each image, [N], 0 or more."""
        ...

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """How far each image's answer is off, [N], from 0, all right, to 1, all wrong."""
        ...

    def classification(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """What a synthesizer makes large, [N], 0 or more: for boxes −log of the confidence in the truth, as
        a loss of boxes would be largest where a part has left the picture; for all else the loss.
        """
        return self.loss(images, truth)

    def judge(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """`classification`, and `hardness` without gradient, each [N]; of one pass where that can be."""
        with torch.no_grad():
            hardness = self.hardness(images, truth)
        return self.classification(images, truth), hardness


class Task(Protocol[S, D]):
    """One thing to learn from labelled images. S: its settings, D: images with their truth.

    name: how commands call it. settings: their class, a frozen dataclass; its fields are what options can
    set. presets: the networks of each of PRESETS, with the source of their numbers. headline: the metric that
    decides. baselines: what anybody would try first.
    """

    name: str
    words: Words
    settings: type[S]
    presets: Mapping[PresetName, tuple[Recipe[S], ...]]
    headline: Metric
    report: Report
    export: Export
    baselines: tuple[Baseline, ...] = ()
    own_presets: Mapping[str, tuple[Recipe[S], ...]] = MappingProxyType({})
    """Further ones, which other tasks have not."""

    @property
    def compared(self) -> Metric:
        """The metric by which mixes are told apart, where the headline is not the sharpest one for that."""
        return self.headline

    def adapt(self, settings: S, learnt: Sequence[DatasetInfo], test: DatasetInfo) -> S:
        """Settings as the labels of the datasets ask that are learnt from, and of the one that tests."""
        return settings

    def classes_of(self, settings: S) -> tuple[str, ...]:
        """The classes that a network tells apart, in its order; empty where there is one without a name."""
        return ()

    def with_net(self, settings: S, net: str) -> S:
        """Settings for another network, with what goes with it."""
        return replace(settings, net=net)

    def with_pretrained(self, settings: S, checkpoint: str) -> S | None:
        """Settings that begin with weights of a local checkpoint; None where the task has no use for one."""
        return None

    def with_plain_crops(self, settings: S) -> S | None:
        """Settings for crops that are cut as the image is, never turned; None for a task without crops."""
        return None

    def refuse_unfit(self, dataset: DatasetReader, settings: S) -> None:
        """Raises InputError where the task cannot be learnt from a dataset's labels or with these
        settings.
        """
        return

    def count(self, samples: Sequence[Sample]) -> int:
        """How many images for this task some samples have."""
        ...

    def load(self, dataset: DatasetReader, samples: Sequence[Sample], settings: S) -> D:
        """Some samples' images; raises InputError when none of them can be used."""
        ...

    def join(self, first: D, second: D) -> D:
        """Both, in this order."""
        ...

    def to_torch(self, dataset: DatasetReader, samples: Sequence[Sample]) -> TorchData[Any]:
        """Some samples' images at full size with their truth, for training loops that are not synth's."""
        ...

    def make_learner(
        self,
        stages: Sequence[D],
        val: D,
        settings: S,
        *,
        seed: int,
        device: torch.device,
        test: D | None = None,
    ) -> Learner:
        """A fresh network with the data that it learns from."""
        ...

    def make_net(self, settings: S) -> nn.Module:
        """A network for weights that are loaded into it."""
        ...

    def predict(self, net: nn.Module, data: D) -> list[Any]:
        """What the network says of each image, as numbers in lists."""
        ...

    def predict_pictures(self, net: nn.Module, settings: S, pictures: Sequence[Rgb]) -> list[Any]:
        """The same of bare pictures [H,W,3] without any truth."""
        ...

    def truth(self, data: D) -> list[Any]:
        """What is true of each image, in the same form."""
        ...

    def names(self, data: D) -> tuple[str, ...]:
        """How the images are called."""
        ...

    def draw_scores(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> dict[str, Draws]:
        """Every metric by name, of networks that differ by their seed, on the same images.

        clusters: what each image belongs to; what belongs together is drawn as one. The same seed draws the
        same images again. Raises InputError for too few images.
        """
        ...

    def break_down(
        self, said: Sequence[Said], seed: int = 0, clusters: Sequence[str] | None = None
    ) -> Mapping[str, Sequence[Part]]:
        """Metrics part by part, under the names of the report's breakdowns; seed and clusters as in
        ``draw_scores``.
        """
        return {}

    def measure_losses(self, net: nn.Module, data: D) -> dict[str, float]:
        """Losses an image, outside training; empty where nobody asks for them."""
        return {}

    def measure_use(self, predicted: Sequence[list[Any]], true: list[Any]) -> OperatingPoint | None:
        """What is found in use, of each seed's predictions; None for a task that finds nothing."""
        return None

    def badness(self, predicted: Any, true: Any) -> float:
        """How far one image's prediction is off; the worst are shown."""
        ...

    def show(self, dataset: DatasetReader, settings: S, name: str) -> Rgb:
        """The picture [H,W,3] of a test image by its name."""
        ...

    def draw(self, picture: Rgb, caption: str, predicted: Any, true: Any = None) -> Rgb:
        """A tile: a picture with what is said of it and, where it is known, what is true."""
        ...

    def only_sure(self, predicted: Any, confidence: float) -> Any:
        """One image's prediction without what is less sure."""
        return predicted

    def find_threshold(self, net: nn.Module, val: D) -> float | None:
        """The confidence from which predictions are to be believed; None where they have none."""
        return None

    def describe_export(self, settings: S) -> Export:
        """What a network of these settings is to programs without torch."""
        return self.export

    def describe_start(self, settings: S) -> str:
        """A sentence of what the network is and from what its training began; empty for none."""
        return ""

    takes_composites: bool = False
    """Whether composites, which have boxes and masks alone, can be learnt from."""

    sees_composites: bool = False
    """Whether its `Target` sees whole pictures of which nothing but their parts is known."""

    reads_crops: bool = False
    """Whether its data are ``Crops`` and `read_crops` reads them: then compare asks where networks look."""

    def crop_kind(self, settings: S) -> CropKind:
        """How the crops were cut that it reads."""
        return "rectified"

    def read_crops(self, net: nn.Module, crops_u8: Rgb) -> NDArray[np.float64]:
        """Unit vectors [N,3] in crop axes that a network reads from crops [N,S,S,3]."""
        raise InputError(f"the task {self.name} reads no crops")

    tells_pixels: bool = False
    """Whether its networks say the class of every pixel: then they can label pictures."""

    def pixel_classes(self, settings: S) -> SemanticInfo:
        """The classes that `tell_pixels` tells apart, in its order, with colours."""
        raise InputError(f"a network of the task {self.name} does not tell the class of pixels")

    def tell_pixels(self, net: nn.Module, settings: S, picture: Rgb) -> NDArray[np.float32]:
        """How likely each pixel of a picture [H,W,3] is of each class, [C,H,W], sum 1."""
        raise InputError(f"a network of the task {self.name} does not tell the class of pixels")

    def target(self, net: nn.Module, settings: S) -> Target:
        """A trained network for whoever trains against it."""
        ...

    def target_size(self, settings: S, size_wh: tuple[int, int]) -> tuple[int, int]:
        """Width and height at which `Target` sees whole pictures of a size; raises InputError for a task that
        sees no whole pictures, or more in them than their parts.
        """
        raise InputError(
            f"a target of the task {self.name} takes no composites, which are whole pictures with boxes and "
            "classes alone: give the run of a detector"
        )

    def composite_truth(self, settings: S, seen: Sequence[SeenPart]) -> Any:
        """What `Target` takes as true of a composite of which these parts can be seen."""
        raise InputError(f"a target of the task {self.name} takes no composites")

    def target_truth(self, data: D) -> list[Any]:
        """What `Target` takes as true, of each image at the size and in the axes in which it is loaded."""
        return self.truth(data)


class Crops(Protocol):
    """Data of a task that reads unit vectors from crops: where its networks look can be asked.

    crops_u8: [N,S,S,3]. crop_uvw: [N,3], the truth in crop axes. names: of sample and instance.
    """

    @property
    def crops_u8(self) -> Rgb: ...
    @property
    def crop_uvw(self) -> NDArray[np.float64]: ...
    @property
    def names(self) -> tuple[str, ...]: ...
