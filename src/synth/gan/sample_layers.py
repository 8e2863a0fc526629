"""What is known of a frame's pixels besides its colours, decoded when it is first asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample


class SampleLayers(Mapping[str, NDArray[Any]]):
    """The layers of one sample by name, as methods/method.py has them; each is decoded once.

    Asking raises DatasetError for a file that is missing or damaged.
    """

    def __init__(self, dataset: DatasetReader, sample: Sample) -> None:
        load: dict[str, tuple[str | None, Callable[[Sample], NDArray[Any] | None]]] = {
            "mask": (sample.mask, dataset.load_mask),
            "depth": (sample.depth, dataset.load_depth_m),
            "normals": (sample.layers.get("normals"), dataset.load_normals_cam),
            "semantic": (sample.layers.get("semantic"), dataset.load_semantic),
        }
        self._load = {name: decode for name, (path, decode) in load.items() if path is not None}
        self._sample = sample
        self._decoded: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._decoded:
            layer = self._load[name](self._sample)
            assert layer is not None
            self._decoded[name] = layer
        return self._decoded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load)

    def __len__(self) -> int:
        return len(self._load)
