"""The paper's detection sets (section 3.3.1): one to four parts on the empty bench, cut from other pictures.

Of photographs that bring no plate of the empty bench, plates are made: the train images, each part painted
out. Then no test photograph is cut from either.

A part moves by whole pixels and turns by quarters, never by less and never in scale, so nothing is resampled.
A turn in the image turns the normal, and perspective changes with the place: composites carry boxes and
masks, no normals, poses or crops. Patches of bench in the shape of parts are laid the same way, so that an
edge alone tells nothing (TERSE, Tripathi et al., CVPR 2019).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from synth.compute.versions import list_versions
from synth.dataset import codecs
from synth.dataset.folder import read_inside
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import REAL_KINDS
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Split
from synth.errors import DatasetError, InputError
from synth.sim.composite import Bench, CompositeMaker, Ingredients, Pick
from synth.sim.photographs.plates import make_plates
from synth.sim.settings import RenderSettings
from synth.sim.sources.source import N_NAMES, MadeSample, Order, Studio

MIN_VISIBLE = 0.9
"""Of a part that is cut out."""

_PACKAGES = ("synth-robotics", "numpy", "opencv-python")


class Composites:
    """Made when asked for alone: they have names from 0 on and a kind of dataset of their own."""

    words = ("composite", "composites")

    def studio_of(self, settings: RenderSettings) -> "Callable[[RenderSettings], CuttingTable]":
        """Takes ``settings.own["composites"]``, `Ingredients`, which ``synth compose`` alone asks for."""
        if not isinstance(settings.own.get("composites"), Ingredients):
            raise InputError(
                "--share composites is no part of a rendering: composites are cut out of a dataset by "
                "synth compose, with options of its own"
            )
        return open_cutting_table

    def most(self, settings: RenderSettings) -> tuple[int, str]:
        """As many as have names of six digits."""
        return 10 * N_NAMES, "that have names"

    def portion(self, settings: RenderSettings) -> float:
        """None unasked."""
        return 0.0

    def plan(self, studio: "CuttingTable", n: int, *, seed: int) -> Sequence[Order]:
        """Each with its split, in the proportions of the pictures that parts are cut from."""
        splits = _deal_splits(studio.picks, n, seed)
        return [Order(f"{i:06d}", (i, split)) for i, split in enumerate(splits)]


@dataclass(frozen=True, eq=False)
class CuttingTable(Studio):
    """What all composites of a run share.

    picks: what may be cut out, by split. shares: numbers of the plates of each split.
    """

    info: DatasetInfo
    ingredients: Ingredients
    bench: Bench
    picks: dict[Split, list[Pick]]
    shares: dict[Split, tuple[int, ...]]
    seed: int

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Order], MadeSample]]:
        """What comes out makes one composite after the other."""
        maker = CompositeMaker(
            self.bench,
            self.picks,
            self.shares,
            seed=self.seed,
            max_parts=self.ingredients.max_parts,
            min_visible=self.ingredients.min_visible,
        )

        def make(order: Order) -> MadeSample:
            draft, rgb_u8, mask = maker.make(*order.job)
            return MadeSample(draft, {"image": rgb_u8, "mask": mask})

        yield make


def open_cutting_table(settings: RenderSettings) -> CuttingTable:
    """Where composites are made.

    Raises InputError for datasets that do not fit together, DatasetError for one that mixes splits.
    """
    ingredients: Ingredients = settings.own["composites"]
    source = _source_of(ingredients.datasets, ingredients.plates)
    splits: tuple[Split, ...] = SPLITS if source.plates else ("train", "val")
    picks = _list_picks(ingredients.datasets, splits)
    if source.plates:
        bench = _load_bench(source)
        shares = _deal_plates(len(bench.rgb_u8), [s for s in SPLITS if picks[s]])
    else:
        bench = _paint_bench(source)
        shares = {split: tuple(range(len(bench.rgb_u8))) for split in SPLITS if picks[split]}
    _refuse_unlike(ingredients.datasets, bench)
    info = _describe(ingredients, source, bench, shares, settings.seed)
    return CuttingTable(info, ingredients, bench, picks, shares, settings.seed)


def _load_bench(source: DatasetReader) -> Bench:
    """The captured plates."""
    return Bench(
        tuple(
            codecs.decode_rgb(read_inside(source.root, plate.image), str(source.root / plate.image))
            for plate in source.plates
        ),
        tuple(source.as_parent(plate, "plate") for plate in source.plates),
    )


def _paint_bench(source: DatasetReader) -> Bench:
    """The train images with their parts painted out."""
    plates = make_plates(source, source.samples)
    return Bench(tuple(plate.rgb_u8 for plate in plates), tuple(plate.parent for plate in plates))


def _list_picks(datasets: Sequence[DatasetReader], splits: Sequence[Split]) -> dict[Split, list[Pick]]:
    """What can be cut out of some splits; pictures that are for analysis only stay out."""
    picks: dict[Split, list[Pick]] = {split: [] for split in SPLITS}
    for dataset in datasets:
        for sample in dataset.samples:
            if wrong := sorted({p.split for p in sample.origin.parents if p.split} - {sample.split}):
                raise DatasetError(
                    f"{dataset.root} {sample.name} is {sample.split} but was made from a {wrong[0]} sample: "
                    "composites of it would mix splits"
                )
            if sample.split not in splits or sample.mask is None or sample.quality.get("analysis_only"):
                continue
            for i, instance in enumerate(sample.instances):
                if instance.visib_fract >= MIN_VISIBLE:
                    picks[sample.split].append(Pick(dataset, sample, i))
    if not any(picks.values()):
        raise InputError(
            f"nothing can be cut out of {', '.join(str(d.root) for d in datasets)}: no {', '.join(splits)} "
            f"sample has a mask of a part of which {MIN_VISIBLE:g} or more is visible"
        )
    return picks


def _deal_splits(picks: dict[Split, list[Pick]], count: int, seed: int) -> list[Split]:
    """The split of each composite: in the proportions of what can be cut out, each at least once."""
    present = [s for s in SPLITS if picks[s]]
    weights = np.array([len(picks[s]) for s in present], dtype=float)
    ideal = count * weights / weights.sum()
    counts = np.floor(ideal).astype(int)
    if count >= len(present):
        counts = np.maximum(counts, 1)
    while counts.sum() != count:
        step = 1 if counts.sum() < count else -1
        counts[np.argmax(step * (ideal - counts))] += step
    dealt = [s for s, n in zip(present, counts.tolist(), strict=True) for _ in range(n)]
    order = np.random.default_rng([seed, count, 0]).permutation(len(dealt))
    return [dealt[int(k)] for k in order]


def _deal_plates(n: int, present: Sequence[Split]) -> dict[Split, tuple[int, ...]]:
    """Plates by split, disjoint where there are enough: test first, then train, then val, in turns."""
    order = sorted(present, key=("test", "train", "val").index)
    if n == 1:
        return dict.fromkeys(order, (0,))
    if n < len(order):  # Two plates, three splits: train and val share one.
        return {s: ((0,) if s == "test" else (1,)) for s in order}
    return {s: tuple(range(k, n, len(order))) for k, s in enumerate(order)}


def _source_of(datasets: Sequence[DatasetReader], plates: DatasetReader | None) -> DatasetReader:
    """The dataset that has plates, or photographs to make them of."""
    if not datasets:
        raise InputError("composites need at least one dataset to cut parts from")
    names = [d.name for d in datasets]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"two datasets are called {twice[0]}: records name them so, rename the folder of one"
        )
    among = (plates,) if plates else tuple(datasets)
    source = next((d for d in among if d.plates), None) or next(filter(_can_be_painted, among), None)
    if source is None:
        raise InputError(
            f"{', '.join(str(d.root) for d in among)} has no plate of the empty bench to lay parts on, nor "
            "train photographs with masks to make one of: name a captured dataset with plates"
        )
    return source


def _can_be_painted(dataset: DatasetReader) -> bool:
    return dataset.info.kind in REAL_KINDS and any(s.mask for s in dataset.of_split("train"))


def _refuse_unlike(datasets: Sequence[DatasetReader], bench: Bench) -> None:
    sizes = {tuple(s.size_wh) for d in datasets for s in d.samples}
    sizes |= {rgb_u8.shape[1::-1] for rgb_u8 in bench.rgb_u8}
    if len(sizes) > 1:
        found = ", ".join(f"{w}×{h}" for w, h in sorted(sizes))
        raise InputError(f"datasets and plates must have one image size, got {found}")
    if len({d.info.box_kind for d in datasets}) > 1:
        raise InputError("datasets must agree on their box kind: one has square boxes, another tight ones")
    if any(d.info.kind == "composited" for d in datasets):
        raise InputError("composites are not cut out again: name the datasets that they were made from")


def _describe(
    ingredients: Ingredients,
    source: DatasetReader,
    bench: Bench,
    shares: dict[Split, tuple[int, ...]],
    seed: int,
) -> DatasetInfo:
    datasets = ingredients.datasets
    first = datasets[0].info
    dealt = [number for numbers in shares.values() for number in numbers]
    config: dict[str, JsonValue] = {
        "max_parts": ingredients.max_parts,
        "min_visible": ingredients.min_visible,
        "datasets": {d.name: {"kind": d.info.kind, "digest": d.digest()} for d in datasets},
        "plates": {
            "dataset": source.name,
            "pixels_sha256": [parent.pixels_sha256 for parent in bench.parents],
        },
        "plates_of_split": {split: list(numbers) for split, numbers in shares.items()},
        "plates_shared_by_splits": len(dealt) > len(set(dealt)),
    }
    return DatasetInfo(
        kind="composited",
        classes=tuple(dict.fromkeys(name for d in datasets for name in d.info.classes)),
        flip_pairs=tuple(dict.fromkeys(pair for d in datasets for pair in d.info.flip_pairs)),
        camera=first.camera,
        part=first.part,
        box_kind=first.box_kind,
        made_by=MadeBy(
            verb="compose",
            config=config,
            seed=seed,
            versions=list_versions(_PACKAGES),
            parents=tuple(dict.fromkeys(d.name for d in (*datasets, source))),
            readings=tuple(dict.fromkeys(r for d in datasets for r in d.info.made_by.readings)),
            simulated=any(d.info.made_by.simulated for d in (*datasets, source)),
        ),
    )


COMPOSITES = Composites()
