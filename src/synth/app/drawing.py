"""Behind the page that draws: a painter, maps that can be begun with, and the dataset of drawings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from synth.app.map_file import MOST_SIDE_PX, read_map_file
from synth.compute.device import choose_device
from synth.compute.threads import use_free_cores
from synth.compute.versions import list_versions
from synth.dataset.codecs import Rgb, pixels_sha256
from synth.dataset.folder import INFO_FILE, refuse_other_kind, refuse_strangers
from synth.dataset.info import DatasetInfo, MadeBy, SemanticInfo
from synth.dataset.label_maps import Ids, find_mirrored, find_void, read_ids, scale_ids
from synth.dataset.origin import Origin, Step
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.errors import InputError
from synth.gan.checkpoint import read_method, read_readings, read_simulated
from synth.gan.map_pairs import refuse_unknown
from synth.gan.methods import METHODS
from synth.gan.methods.method import Painter

MOST_ASPECT = 8
"""How much longer than wide a map may be: painters see its shorter side at the size that they learnt at."""

_PACKAGES = ("synth-robotics", "numpy", "opencv-python", "torch")


@dataclass(frozen=True)
class DrawSettings:
    """What a page draws with.

    checkpoint: the painter's. maps: datasets whose label maps can be begun with. out: the drawings' dataset.
    size_wh: of the canvas; None for the size that the painter learnt at. device: None for the best there is.
    Raises InputError for a size that is out of bounds.
    """

    checkpoint: Path
    maps: tuple[DatasetReader, ...] = ()
    out: Path = Path("data/drawn")
    size_wh: tuple[int, int] | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if self.size_wh is not None and not all(8 <= side <= MOST_SIDE_PX for side in self.size_wh):
            most, (width, height) = MOST_SIDE_PX, self.size_wh
            raise InputError(f"--size must be 8×8 to {most}×{most}, got {width}×{height}")
        if self.size_wh is not None and max(self.size_wh) > MOST_ASPECT * min(self.size_wh):
            width, height = self.size_wh
            raise InputError(f"--size: {MOST_ASPECT} times as long as wide at most, got {width}×{height}")


class Drawing:
    """One painter and one folder of drawings; a context manager. Not for several threads at once.

    Raises InputError for a checkpoint that does not paint or that wants more than a map, for maps of other
    classes, and for a folder that holds something else.
    """

    def __init__(self, settings: DrawSettings) -> None:
        checkpoint = settings.checkpoint
        self._painter = _load(checkpoint, settings.device)
        self.classes = self._painter.settings.classes
        self.colours = self._painter.settings.colours
        self.void = find_void(self.classes)
        self.size_wh = settings.size_wh or self._painter.settings.size_wh
        self.maps: Mapping[str, DatasetReader] = {dataset.name: dataset for dataset in settings.maps}
        if len(self.maps) < len(settings.maps):
            raise InputError("two of the datasets of --maps have one name: give datasets of different names")
        for dataset in settings.maps:
            if dataset.info.semantic is None:
                raise InputError(f"{dataset.root} has no label maps to begin with: leave it out of --maps")
            refuse_unknown(dataset, self._painter.settings)
        self.mirrored = self._find_mirrored(settings.maps)
        self.out = settings.out
        self._info = self._describe(checkpoint)
        self._writer: DatasetWriter | None = None
        refuse_other_kind(self.out, "painted")
        if self._is_there():
            self._open()
        elif self.out.is_dir():
            refuse_strangers(self.out)
        elif self.out.exists():
            raise InputError(f"{self.out} is a file, and drawings want a folder: name one with --out")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None and self._is_there():
            self._writer.close()

    @property
    def n_kept(self) -> int:
        """Drawings in the folder."""
        return 0 if self._writer is None else len(self._writer.samples)

    @property
    def is_simulated(self) -> bool:
        """Whether any device was simulated whose pictures taught the painter."""
        return self._info.made_by.simulated

    def list_maps(self) -> dict[str, list[str]]:
        """Names of the samples with a label map, by dataset."""
        return {
            name: [s.name for s in dataset.samples if "semantic" in s.layers]
            for name, dataset in self.maps.items()
        }

    def load_map(self, dataset: str, name: str) -> Ids:
        """A map of a dataset, [H,W] at the size of the canvas; raises InputError where there is none."""
        reader, sample = self._find(dataset, name)
        return scale_ids(read_ids(reader, sample, self.classes), self.size_wh)

    def read_file(self, content: bytes) -> Ids:
        """A PNG of ids or of the classes' colours, [H,W] at the size of the canvas; raises InputError."""
        return scale_ids(read_map_file(content, self.classes, self.colours), self.size_wh)

    def paint(self, ids: Ids, seed: int) -> Rgb:
        """A map [H,W] as a photograph [H,W,3]; raises InputError for an id that is no class."""
        self._refuse_unknown(ids)
        return self._painter.paint(ids, {}, seed)

    def keep(self, ids: Ids, seed: int, base: tuple[str, str] | None) -> str:
        """Add a drawing and its painting to the folder, where it is not yet; returns its name.

        base: dataset and name of the map that it was begun with, whose split it keeps. Raises InputError for
        an id that is no class and for a map without any, DatasetError and StorageError.
        """
        if (ids == self.void).all():
            raise InputError("the map has no class anywhere: draw something first")
        if self._writer is not None and not self._is_there():
            raise InputError(
                f"{self.out} was taken away since: end synth draw with Ctrl-C, start it again, and load the "
                "map anew"
            )
        parents: Sequence[Any] = ()
        split = "train"
        if base is not None:
            reader, sample = self._find(*base)
            parents, split = (*sample.origin.parents, reader.as_parent(sample, "labels")), sample.split
        painted = self.paint(ids, seed)
        writer, pixels = self._open(), pixels_sha256(painted)
        for sample in writer.samples:
            if sample.pixels_sha256 == pixels:
                return sample.name
        name = f"{max((int(s.name) for s in writer.samples), default=-1) + 1:06d}"
        identity = self._painter.identity
        steps = (
            Step(verb="draw"),
            Step(verb="paint", method=identity.method, checkpoint_sha256=identity.sha256, seed=seed),
        )
        height, width = ids.shape
        writer.append(
            Draft(
                name=name,
                split=split,
                size_wh=(width, height),
                origin=Origin(parents=tuple(dict.fromkeys(parents)), steps=steps),
            ),
            layers={"image": painted, "semantic": _narrow(ids, self.void)},
        )
        return name

    def _find(self, dataset: str, name: str) -> tuple[DatasetReader, Any]:
        reader = self.maps.get(dataset)
        sample = None if reader is None else next((s for s in reader.samples if s.name == name), None)
        if reader is None or sample is None or "semantic" not in sample.layers:
            raise InputError(f"there is no label map {name} in {dataset}: take one of the list")
        return reader, sample

    def _is_there(self) -> bool:
        return (self.out / INFO_FILE).exists()

    def _refuse_unknown(self, ids: Ids) -> None:
        unknown = np.unique(ids[(ids >= len(self.classes)) & (ids != self.void)])
        if len(unknown):
            n, void = len(self.classes), self.void
            raise InputError(
                f"the id {unknown[0]} is no class: there are {n}, from 0 on, and {void} for none"
            )

    def _open(self) -> DatasetWriter:
        if self._writer is None:
            self._writer = DatasetWriter.create_or_resume(self.out, self._info)
            known = self._writer.info.made_by.readings
            for dataset in self.maps.values():
                if not {*dataset.info.made_by.readings} <= {*known}:
                    self._writer.close()
                    raise InputError(
                        f"{self.out} was begun without {dataset.root}, whose maps were made by other "
                        "pictures or labels, of which it would not tell: choose another folder with --out"
                    )
        return self._writer

    def _find_mirrored(self, maps: Sequence[DatasetReader]) -> list[int]:
        """Of each class the one that it is in a mirror, as the first dataset says that pairs any."""
        paired = next((dataset for dataset in maps if dataset.info.flip_pairs), None)
        n = len(self.classes)
        return list(range(n)) if paired is None else find_mirrored(paired, self.classes)[:n].tolist()

    def _describe(self, checkpoint: Path) -> DatasetInfo:
        identity = self._painter.identity
        readings = [
            r.model_copy(update={"checkpoint_sha256": identity.sha256}) for r in read_readings(checkpoint)
        ]
        return DatasetInfo(
            kind="painted",
            classes=(),
            semantic=self._describe_maps(checkpoint),
            made_by=MadeBy(
                verb="draw",
                config={"method": identity.method, "checkpoint_sha256": identity.sha256},
                versions=list_versions(_PACKAGES),
                parents=tuple(dict.fromkeys(r.dataset for r in readings)),
                readings=(*(r for d in self.maps.values() for r in d.info.made_by.readings), *readings),
                simulated=read_simulated(checkpoint)
                or any(d.info.made_by.simulated for d in self.maps.values()),
            ),
        )

    def _describe_maps(self, checkpoint: Path) -> SemanticInfo:
        try:
            return SemanticInfo(
                names=self.classes, colours=self.colours, void=255 if self.void == 255 else 65535
            )
        except ValidationError as error:
            why = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InputError(
                f"{checkpoint} paints classes that no dataset can have: {why}; train a painter anew"
            ) from error


def _load(checkpoint: Path, device: str | None) -> Painter:
    chosen = choose_device(device)
    use_free_cores(chosen)
    painter = METHODS[read_method(checkpoint)]().load(checkpoint, "sim2real", chosen)
    if not isinstance(painter, Painter):
        raise InputError(
            f"{checkpoint} translates pictures and paints no maps: synth paint trains a painter, and writes "
            "its checkpoints below runs/paint/checkpoints"
        )
    if layers := painter.settings.list_layers():
        raise InputError(
            f"{checkpoint} paints by {', '.join(layers)} too, which a drawing lacks: train one without "
            "(synth paint --set planes= --set edges_where_known=false)"
        )
    return painter


def _narrow(ids: Ids, void: int) -> NDArray[np.unsignedinteger[Any]]:
    return ids.astype(np.uint8) if void == 255 else ids
