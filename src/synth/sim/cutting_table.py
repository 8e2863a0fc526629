"""The cutting table: what can be cut out and what it can be laid on, by split. Opening it makes nothing.

Of photographs that bring no plate of the empty bench, plates are made: the train images, each part painted
out. Then no test photograph is cut from either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synth.dataset import codecs
from synth.dataset.doubt import find_doubt
from synth.dataset.folder import read_inside
from synth.dataset.origin import REAL_KINDS
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Split
from synth.errors import DatasetError, InputError
from synth.geometry.se3 import Array
from synth.sim.blend import ALL_BLENDS, DWIBEDI
from synth.sim.ingredients import Bench, Ingredients, Pick
from synth.sim.photographs.plates import make_plates
from synth.sim.placing import PLACERS
from synth.sim.placing.placement import Bounds
from synth.sim.placing.ranges import measure_log_scale

MIN_VISIBLE = 0.9
"""Of a part that is cut out."""

_LABELLED_BY_OTHERS = ("imported", "mixed")


@dataclass(frozen=True, eq=False)
class CuttingTable:
    """What all composites of a run share.

    source: the dataset whose plates these are. picks: what may be cut out, by split. n_doubtful: how many
    were left out, since their mask and box disagree. shares: numbers of the
    plates of each split. splits: of each composite. bounds: within which parts are laid; None for parts as
    they were taken, turned by quarters.
    """

    ingredients: Ingredients
    source: DatasetReader
    bench: Bench
    picks: dict[Split, list[Pick]]
    shares: dict[Split, tuple[int, ...]]
    splits: tuple[Split, ...]
    bounds: Bounds | None
    seed: int
    n_doubtful: int = 0

    @property
    def min_visible(self) -> float:
        """Share of each part that must be seen."""
        return self.ingredients.min_visible

    @property
    def squares_inside(self) -> bool:
        """Whether no square box may leave the picture; it is moved back into it otherwise, as imports do."""
        if self.bounds is None:
            return True
        return self.bounds.truncation == 0 and self.ingredients.datasets[0].info.box_kind == "square"

    def find(self, split: Split, key: tuple[str, str, int]) -> Pick:
        """The pick of a split that recipes call so; raises InputError for one that is not there."""
        if key not in self._by_key[split]:
            raise InputError(
                f"no {split} part on the cutting table is instance {key[2]} of {key[0]} {key[1]}"
            )
        return self._by_key[split][key]

    def blend_of(self, i: int) -> str:
        """The blend of composite ``i``."""
        blend = self.ingredients.blend
        return DWIBEDI[i % len(DWIBEDI)] if blend == ALL_BLENDS else blend

    def recipe_of(self, i: int) -> int:
        """Which draw composite ``i`` is: with all blends, as many after each other are one."""
        return i // len(DWIBEDI) if self.ingredients.blend == ALL_BLENDS else i

    @cached_property
    def train_boxes(self) -> dict[str, Array]:
        """By class, tight boxes xyxy [n,4] in train images, pixels."""
        return list_train_boxes(self.ingredients.datasets)

    @property
    def max_patches(self) -> int:
        """Patches of bench in a picture, at most."""
        return self.ingredients.max_parts if self.ingredients.patches else 0

    @cached_property
    def _by_key(self) -> dict[Split, dict[tuple[str, str, int], Pick]]:
        return {split: {pick.key: pick for pick in picks} for split, picks in self.picks.items()}


def open_cutting_table(ingredients: Ingredients, count: int, seed: int) -> CuttingTable:
    """What ``count`` composites are made of.

    Raises InputError for datasets that do not fit together, DatasetError for one that mixes splits.
    """
    source = _source_of(ingredients.datasets, ingredients.plates)
    splits: tuple[Split, ...] = SPLITS if source.plates else ("train", "val")
    picks, n_doubtful = _list_picks(ingredients.datasets, splits, clean=not ingredients.keep_doubtful)
    if source.plates:
        bench = _load_bench(source)
        shares = _deal_plates(len(bench.rgb_u8), [s for s in SPLITS if picks[s]])
    else:
        bench = _paint_bench(source)
        shares = {split: tuple(range(len(bench.rgb_u8))) for split in SPLITS if picks[split]}
    _refuse_unlike(ingredients.datasets, bench)
    if ingredients.where == "context":
        _refuse_unseen(ingredients.datasets, picks)
    return CuttingTable(
        ingredients,
        source,
        bench,
        picks,
        shares,
        _deal_all(picks, count, seed, ingredients.blend),
        _bounds_of(ingredients),
        seed,
        n_doubtful,
    )


def _deal_all(picks: dict[Split, list[Pick]], count: int, seed: int, blend: str) -> tuple[Split, ...]:
    """The split of each composite; composites that differ in their blend alone are of one."""
    n_blends = len(DWIBEDI) if blend == ALL_BLENDS else 1
    dealt = _deal_splits(picks, -(-count // n_blends), seed)
    return tuple(dealt[i // n_blends] for i in range(count))


def _bounds_of(ingredients: Ingredients) -> Bounds | None:
    """As asked for; scales, where they were not, as far as train boxes of a class differ."""
    ranges = ingredients.ranges
    free = ranges.are_given or ingredients.where == "context" or PLACERS[ingredients.place].within_bounds
    return ranges.bounds(measure_log_scale(list_train_boxes(ingredients.datasets))) if free else None


def list_train_boxes(datasets: Sequence[DatasetReader]) -> dict[str, Array]:
    """By class, tight boxes xyxy [n,4] in train images, pixels."""
    boxes: dict[str, list[Sequence[float]]] = {}
    for dataset in datasets:
        for sample in dataset.of_split("train"):
            for instance in sample.instances:
                boxes.setdefault(instance.class_name, []).append(instance.box_xyxy_px)
    return {name: np.array(found, dtype=float) for name, found in boxes.items()}


def _refuse_unseen(datasets: Sequence[DatasetReader], picks: dict[Split, list[Pick]]) -> None:
    """Raises InputError for a class that may be laid and of which no train box says where it is."""
    seen = list_train_boxes(datasets)
    names = dict.fromkeys(pick.class_name for split in SPLITS for pick in picks[split])
    if unseen := [name for name in names if name not in seen]:
        raise InputError(
            f"--where context goes by train boxes, and no train image shows {', '.join(unseen)}: leave it "
            "out, or name a dataset that has some"
        )


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


def _list_picks(
    datasets: Sequence[DatasetReader], splits: Sequence[Split], *, clean: bool
) -> tuple[dict[Split, list[Pick]], int]:
    """What can be cut out of some splits, and how many are left out as doubtful.

    Pictures that are for analysis only stay out. Masks of imported datasets alone can be in doubt: others are
    what boxes are made of.
    """
    n_doubtful = 0
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
            mask = dataset.load_mask(sample) if clean and dataset.info.kind in _LABELLED_BY_OTHERS else None
            for i, instance in enumerate(sample.instances):
                if instance.visib_fract < MIN_VISIBLE:
                    continue
                if mask is not None and find_doubt(instance.box_xyxy_px, np.asarray(mask == i + 1)):
                    n_doubtful += 1
                else:
                    picks[sample.split].append(Pick(dataset, sample, i))
    if not any(picks.values()):
        raise InputError(
            f"nothing can be cut out of {', '.join(str(d.root) for d in datasets)}: no {', '.join(splits)} "
            f"sample has a mask of a part of which {MIN_VISIBLE:g} or more is visible"
            + (f"; {n_doubtful} disagree with their box, --keep-doubtful takes them" if n_doubtful else "")
        )
    return picks, n_doubtful


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
