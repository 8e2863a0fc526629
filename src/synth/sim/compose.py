"""The paper's detection sets (section 3.3.1): one to four parts on the empty bench, cut from other pictures.

A part moves by whole pixels and turns by quarters, never by less and never in scale, so nothing is resampled.
A turn in the image turns the normal, and perspective changes with the place: composites carry boxes and
masks, no normals, poses or crops. Patches of bench in the shape of parts are laid the same way, so that an
edge alone tells nothing (TERSE, Tripathi et al., CVPR 2019).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from synth.compute.progress import Progress
from synth.dataset import codecs
from synth.dataset.folder import read_inside, refuse_other_kind
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import SPLITS, Split
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError, InputError
from synth.sim.composite import CompositeMaker, Pick

MIN_SOURCE_VISIBLE = 0.9
_PACKAGES = ("synth-robotics", "numpy", "opencv-python")


@dataclass(frozen=True)
class ComposeSettings:
    """How many composites, with 1 to max_parts parts each.

    min_visible: share of each part that no other may hide.
    """

    count: int
    seed: int = 0
    max_parts: int = 4
    min_visible: float = 0.5

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"the number of composites must be 1 or more, got {self.count}")
        if not 1 <= self.max_parts <= 20:
            raise InputError(f"the number of parts must be 1 to 20, got {self.max_parts}")
        if not 0.25 <= self.min_visible <= 1:
            raise InputError(f"the visible share must be 0.25 to 1, got {self.min_visible:g}")
        if self.seed < 0:
            raise InputError(f"the seed must be 0 or more, got {self.seed}")


def compose(
    sources: Sequence[DatasetReader],
    out: Path,
    settings: ComposeSettings,
    progress: Progress,
    *,
    plates: DatasetReader | None = None,
) -> int:
    """Make a dataset of composites, or go on with it; returns how many were added.

    sources: captured, rendered or translated sets whose parts are cut out. plates: the set whose empty bench
    they are laid on, None for the first source that has plates. Each composite takes parts and plate of one
    split. Raises InputError for sources that do not fit together, DatasetError for a source that mixes
    splits or a folder that was made otherwise, StorageError when the disk refuses.
    """
    refuse_other_kind(out, "composited")
    bench = _bench_of(sources, plates)
    picks = _list_picks(sources)
    splits = _deal_splits(picks, settings)
    shares = _deal_plates(bench, [s for s in SPLITS if picks[s]])
    info = _describe(sources, bench, settings, shares)
    with DatasetWriter.create_or_resume(out, info) as writer:
        done = writer.done_names()
        maker = CompositeMaker(
            bench,
            picks,
            shares,
            seed=settings.seed,
            max_parts=settings.max_parts,
            min_visible=settings.min_visible,
        )
        todo = [i for i in range(settings.count) if f"{i:06d}" not in done]
        progress.begin(total=settings.count, done=len(done))
        try:
            for i in todo:
                draft, rgb_u8, mask = maker.make(i, splits[i])
                writer.append(draft, rgb_u8=rgb_u8, mask=mask)
                progress.accepted(draft.name)
        finally:
            progress.end()
    return len(todo)


def _list_picks(sources: Sequence[DatasetReader]) -> dict[Split, list[Pick]]:
    """What can be cut out, by split; pictures that are for analysis only stay out."""
    picks: dict[Split, list[Pick]] = {split: [] for split in SPLITS}
    for dataset in sources:
        for sample in dataset.samples:
            if wrong := sorted({p.split for p in sample.origin.parents} - {sample.split}):
                raise DatasetError(
                    f"{dataset.root} {sample.name} is {sample.split} but was made from a {wrong[0]} sample: "
                    "composites of it would mix splits"
                )
            if sample.mask is None or sample.quality.get("analysis_only"):
                continue
            for i, instance in enumerate(sample.instances):
                if instance.visib_fract >= MIN_SOURCE_VISIBLE:
                    picks[sample.split].append(Pick(dataset, sample, i))
    if not any(picks.values()):
        raise InputError(
            f"nothing can be cut out of {', '.join(str(d.root) for d in sources)}: no sample has a mask of a "
            f"part of which {MIN_SOURCE_VISIBLE:g} or more is visible"
        )
    return picks


def _deal_splits(picks: dict[Split, list[Pick]], settings: ComposeSettings) -> list[Split]:
    """The split of each composite, in the proportions of the sources, each that they have once at least."""
    present = [s for s in SPLITS if picks[s]]
    weights = np.array([len(picks[s]) for s in present], dtype=float)
    ideal = settings.count * weights / weights.sum()
    counts = np.floor(ideal).astype(int)
    if settings.count >= len(present):
        counts = np.maximum(counts, 1)
    while counts.sum() != settings.count:
        step = 1 if counts.sum() < settings.count else -1
        counts[np.argmax(step * (ideal - counts))] += step
    dealt = [s for s, n in zip(present, counts.tolist(), strict=True) for _ in range(n)]
    order = np.random.default_rng([settings.seed, settings.count, 0]).permutation(len(dealt))
    return [dealt[int(k)] for k in order]


def _deal_plates(bench: DatasetReader, present: Sequence[Split]) -> dict[Split, tuple[int, ...]]:
    """Plates by split, disjoint where there are enough: test first, then train, then val, in turns."""
    order = sorted(present, key=("test", "train", "val").index)
    n = len(bench.plates)
    if n == 1:
        return dict.fromkeys(order, (0,))
    if n < len(order):  # Two plates, three splits: train and val share one.
        return {s: ((0,) if s == "test" else (1,)) for s in order}
    return {s: tuple(range(k, n, len(order))) for k, s in enumerate(order)}


def _bench_of(sources: Sequence[DatasetReader], plates: DatasetReader | None) -> DatasetReader:
    if not sources:
        raise InputError("composites need at least one dataset to cut parts from")
    names = [d.root.resolve().name for d in sources]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two sources are called {twice[0]}: records name them so, rename the folder of one")
    bench = plates or next((d for d in sources if d.plates), None)
    if bench is None or not bench.plates:
        where = plates.root if plates else ", ".join(str(d.root) for d in sources)
        raise InputError(
            f"{where} has no plate of the empty bench to lay parts on: name a captured dataset with plates"
        )
    sizes = {tuple(s.size_wh) for d in sources for s in d.samples}
    sizes |= {codecs.decode_rgb(read_inside(bench.root, p.image), p.image).shape[1::-1] for p in bench.plates}
    if len(sizes) > 1:
        found = ", ".join(f"{w}×{h}" for w, h in sorted(sizes))
        raise InputError(f"sources and plates must have one image size, got {found}")
    if len({d.info.box_kind for d in sources}) > 1:
        raise InputError("sources must agree on their box kind: one has square boxes, another tight ones")
    if any(d.info.kind == "composited" for d in sources):
        raise InputError("composites are not cut out again: name the datasets that they were made from")
    return bench


def _describe(
    sources: Sequence[DatasetReader],
    bench: DatasetReader,
    settings: ComposeSettings,
    shares: dict[Split, tuple[int, ...]],
) -> DatasetInfo:
    first = sources[0].info
    dealt = [number for numbers in shares.values() for number in numbers]
    config: dict[str, JsonValue] = {
        "count": settings.count,
        "max_parts": settings.max_parts,
        "min_visible": settings.min_visible,
        "sources": {
            d.root.resolve().name: {"kind": d.info.kind, "pixels_sha256": _digest(d)} for d in sources
        },
        "plates": {
            "dataset": bench.root.resolve().name,
            "pixels_sha256": [p.pixels_sha256 for p in bench.plates],
        },
        "plates_of_split": {split: list(numbers) for split, numbers in shares.items()},
        "plates_shared_by_splits": len(dealt) > len(set(dealt)),
    }
    return DatasetInfo(
        kind="composited",
        classes=tuple(dict.fromkeys(name for d in sources for name in d.info.classes)),
        camera=first.camera,
        part=first.part,
        box_kind=first.box_kind,
        made_by=MadeBy(
            verb="compose",
            config=config,
            seed=settings.seed,
            versions={package: version(package) for package in _PACKAGES},
            parents=tuple(dict.fromkeys(d.root.resolve().name for d in (*sources, bench))),
            simulated=any(d.info.made_by.simulated for d in (*sources, bench)),
        ),
    )


def _digest(dataset: DatasetReader) -> str:
    """One hash for all pictures of a dataset: what is cut out must not change while composites are made."""
    lines = "".join(f"{s.name} {s.split} {s.pixels_sha256}\n" for s in dataset.samples)
    return hashlib.sha256(lines.encode()).hexdigest()
