"""What methods that paint label maps have in common: their networks' figures and files, and the painter."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from synth.compute.device import inference
from synth.dataset.codecs import file_sha256
from synth.dataset.label_maps import scale_ids, scale_rgb
from synth.dataset.origin import Used
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.generator_file import open_generator, save_generator
from synth.gan.learned import fit_by_training
from synth.gan.map_pairs import lay_out, refuse_missing, scale_layer, see_size
from synth.gan.methods.method import Direction, Identity, Layers, Networks, Rgb, Rows, Translator
from synth.gan.patches import to_u8
from synth.gan.schedule import MapSettings
from synth.networks.batch_statistics import measure_statistics
from synth.networks.spade import SpatialNorm
from synth.storage.atomic import write_bytes

_CHUNK = 4
"""Maps that batch norm is measured on at once."""


class PaintingGenerator(Protocol):
    """Planes [N,P,H,W], and styles [N,n_style] where it has any, to float32 pictures [N,3,H,W] in −1..1.

    multiple_px: of what H and W must be multiples.
    """

    n_style: int
    multiple_px: int

    def __call__(self, planes: Tensor, style: Tensor | None = None) -> Tensor: ...


class PaintingNetworks(Networks):
    """Networks of a method that paints. G: its generator, a `PaintingGenerator`."""

    G: nn.Module
    settings: MapSettings

    @property
    def generators(self) -> Mapping[Direction, nn.Module]:
        """From maps to pictures alone."""
        return {"sim2real": self.G}

    def settle(self, averages: Mapping[Direction, nn.Module], sim: Tensor) -> None:
        """Batch norm's statistics, over these maps in styles that are always the same."""
        average: Any = averages["sim2real"]
        rng = torch.Generator().manual_seed(0)
        measure_statistics(
            average,
            lambda planes: average(planes, draw_styles(average, planes, rng)),
            torch.split(sim, _CHUNK),
        )

    def show(self, averages: Mapping[Direction, nn.Module], sim: Tensor, real: Tensor) -> Sequence[Rows]:
        """Maps in their colours, painted in the mean style and in another, and the photographs."""
        average: Any = averages["sim2real"]
        rows: Rows = {"map": self._colour(sim), "painted": average(sim)}
        if average.n_style:
            rng = torch.Generator().manual_seed(0)
            rows["another style"] = average(sim, draw_styles(average, sim, rng))
        return [rows | {"photograph": real}]

    def _colour(self, planes: Tensor) -> Tensor:
        colours = planes.new_tensor(self.settings.colours) / 127.5  # [C,3], 0..2
        return torch.einsum("nchw,cd->ndhw", planes[:, : len(colours)], colours) - 1


def draw_styles(generator: PaintingGenerator, planes: Tensor, rng: torch.Generator) -> Tensor | None:
    """A style for each map, [N,n_style], from N(0, 1); None for a generator without styles."""
    if not generator.n_style:
        return None
    return torch.randn(len(planes), generator.n_style, generator=rng, device=rng.device).to(planes.device)


class PaintingMethod(Protocol):
    """A method that learns to paint label maps; a member names it as its base.

    What stands here with a body is inherited. settings_type: of its presets.
    """

    name: str
    title: str
    presets: Mapping[str, Any]
    settings_type: type[MapSettings]
    reads: tuple[Used, ...] = ("pixels", "labels", "mask")

    @abstractmethod
    def make_networks(self, settings: Any, rng: torch.Generator) -> PaintingNetworks:
        """Fresh networks. rng: draws the first weights, on the CPU."""
        ...

    @abstractmethod
    def build_generator(self, settings: Any) -> nn.Module:
        """A generator of any weights."""
        ...

    def default_preset(self, device: torch.device) -> str:
        """quick without a GPU, paper with one."""
        return "quick" if device.type == "cpu" else "paper"

    def needs(self, settings: MapSettings) -> Mapping[str, str]:
        """Nothing besides maps and pictures."""
        return {}

    def fit(
        self, sim: DatasetReader, real: DatasetReader, settings: Any, seed: int, device: torch.device
    ) -> Translator:
        """Train to the end of the schedule, from the pictures and maps of ``real``."""
        return fit_by_training(self, sim, real, settings, seed, device)

    def load(self, path: Path, direction: Direction, device: torch.device) -> Translator:
        """Of a checkpoint."""
        return NetworkPainter(self, path, direction, device)

    def save_generators(
        self, path: Path, generators: Mapping[Direction, nn.Module], settings: Any, words: Mapping[str, str]
    ) -> None:
        """The one generator, and all settings."""
        save_generator(path, self.name, generators["sim2real"], settings, words)

    def load_generator(self, path: Path, direction: Direction) -> nn.Module:
        """Of a checkpoint."""
        return self.open(path, direction)[0]

    def open(self, path: Path, direction: Direction) -> tuple[nn.Module, MapSettings]:
        """A checkpoint's generator in eval mode on the CPU, and its settings.

        Raises InputError for a file that does not hold both, and for the direction from pictures to maps.
        """
        if direction != "sim2real":
            raise InputError(f"{self.name} paints label maps and makes none of pictures: leave --reverse out")
        return open_generator(path, self.name, self.settings_type, self.build_generator, "paint")


class NetworkPainter:
    """The generator of a checkpoint, its norms folded in, in bfloat16 where that is fast: a picture is then
    some 0.1 counts in the mean from what float32 gives. Raises InputError as `PaintingMethod.open` does.
    """

    def __init__(
        self, method: PaintingMethod, path: Path, direction: Direction, device: torch.device
    ) -> None:
        generator, self.settings = method.open(path, direction)
        self._content = path.read_bytes()
        self.identity = Identity(method.name, direction, file_sha256(self._content))
        fold_norms(generator)
        self._device = device
        self._generator: Any = generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def apply(self, frame: Rgb, layers: Layers) -> Rgb:
        """The layer ``semantic``, its ids places in ``settings.classes``, painted in the style of seed 0.

        Raises InputError where there is none.
        """
        if "semantic" not in layers:
            raise InputError(
                f"{self.identity.method} paints label maps, and there is none: import or render some"
            )
        return self.paint(layers["semantic"].astype(np.uint16), layers, seed=0)

    def paint(self, ids: NDArray[np.uint16], layers: Layers, seed: int) -> Rgb:
        """At the scale at which it learnt, then scaled to that of the map; raises InputError for a map that
        lacks a layer.
        """
        refuse_missing(layers, self.settings, "a map")
        height, width = ids.shape
        size = see_size(ids.shape, self.settings)
        multiple = self._generator.multiple_px
        known = {name: scale_layer(layers[name], size) for name in self.settings.list_layers()}
        planes = lay_out(scale_ids(ids, size), known, self.settings)[None].to(self._device)
        planes = functional.pad(planes, (0, -size[0] % multiple, 0, -size[1] % multiple), mode="replicate")
        planes = planes.contiguous(memory_format=torch.channels_last)
        rng = torch.Generator().manual_seed(seed)
        with inference(self._device):
            images = self._generator(planes, draw_styles(self._generator, planes, rng))
        painted = to_u8(images[..., : size[1], : size[0]])[0]
        return painted if size == (width, height) else scale_rgb(painted, (width, height))

    def save(self, path: Path) -> None:
        """The whole checkpoint, byte for byte; raises StorageError."""
        write_bytes(path, self._content)

    def export(self, path: Path) -> str:
        """There is no such form yet."""
        raise InputError(
            f"{self.identity.method} paints label maps, and painters are not exported: synth paint "
            "--checkpoint paints with one"
        )


@contextmanager
def drawn_by(rng: torch.Generator) -> Iterator[None]:
    """What torch's global generator draws inside the block depends on ``rng`` alone, and it is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=rng)))
        yield


def fold_norms(net: nn.Module) -> None:
    """Divide weights by their spectral norms once and for all, and lay batch norm's statistics into what the
    map decides; a network in eval mode gives the same.
    """
    for module in net.modules():
        if isinstance(module, SpatialNorm):
            module.fold()
        if is_parametrized(module, "weight"):
            remove_parametrizations(module, "weight")
