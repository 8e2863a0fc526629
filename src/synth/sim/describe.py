"""What records say of composites: of a run's dataset, and of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, TypeAdapter

from synth.compute.versions import list_versions
from synth.dataset.info import DatasetInfo, MadeBy, SemanticInfo
from synth.dataset.layers import LayerName
from synth.dataset.origin import Origin, Step, merge_parents
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.sim.composite import Composite, Compositor
from synth.sim.cutting_table import CuttingTable
from synth.sim.placing.placement import Bounds
from synth.sim.placing.recipe import Recipe

_BOUNDS: TypeAdapter[Bounds | None] = TypeAdapter(Bounds | None)
_PACKAGES = ("synth-robotics", "numpy", "opencv-python")


def describe_composite(name: str, recipe: Recipe, made: Composite, compositor: Compositor) -> Draft:
    """The record: parts, each with what was done to its picture before, a plate, patches of others."""
    table = compositor.table
    picks, bench = compositor.picks_of(recipe), table.bench
    before = [parent for pick in picks for parent in pick.sample.origin.parents]
    steps = [
        step.model_copy(update={"region": i})
        for i, pick in enumerate(picks)
        for step in pick.sample.origin.steps
    ]
    origin = Origin(
        parents=merge_parents(
            *before,
            *(pick.parent for pick in picks),
            bench.parents[recipe.plate],
            *(bench.parents[p.plate].model_copy(update={"used": ("pixels",)}) for p in made.patches),
        ),
        steps=(
            *steps,
            Step(
                verb="compose",
                method=table.ingredients.place,
                params={"blend": recipe.blend},
                seed=table.seed,
            ),
        ),
    )
    return Draft(
        name=name,
        split=recipe.split,
        size_wh=bench.size_wh,
        instances=made.labels.instances,
        origin=origin,
        quality={"plate": recipe.plate, "bench_patches": len(made.patches)},
    )


def to_layers(made: Composite, info: DatasetInfo) -> dict[LayerName, NDArray[Any]]:
    """What is written of a composite. Its semantic map, where the dataset has some, tells the classes of
    parts alone; all else is void, since plates have no label maps.
    """
    layers: dict[LayerName, NDArray[Any]] = {"image": made.rgb_u8, "mask": made.labels.ids}
    if info.semantic is not None:
        names, void = info.semantic.names, info.semantic.void
        ids = [void, *(names.index(instance.class_name) for instance in made.labels.instances)]
        layers["semantic"] = np.array(ids, np.uint8 if void == 255 else np.uint16)[made.labels.ids]
    return layers


def _find_semantic(datasets: Sequence[DatasetReader], classes: Sequence[str]) -> SemanticInfo | None:
    """The classes of pixels that all datasets have; None where they differ or a part is of none of them."""
    told = [dataset.info.semantic for dataset in datasets]
    first = told[0]
    if first is None or any(one != first for one in told) or not {*classes} <= {*first.names}:
        return None
    return first


def describe_run(table: CuttingTable) -> DatasetInfo:
    """dataset.json of composites of what lies on a table."""
    ingredients, source, bench = table.ingredients, table.source, table.bench
    datasets = ingredients.datasets
    first = datasets[0].info
    dealt = [number for numbers in table.shares.values() for number in numbers]
    config: dict[str, JsonValue] = {
        "max_parts": ingredients.max_parts,
        "min_visible": ingredients.min_visible,
        "place": ingredients.place,
        "bounds": _BOUNDS.dump_python(table.bounds, mode="json"),
        "where": ingredients.where,
        "blend": ingredients.blend,
        "patches": ingredients.patches,
        "doubtful_left_out": table.n_doubtful,
        "datasets": {d.name: {"kind": d.info.kind, "digest": d.digest()} for d in datasets},
        "plates": {
            "dataset": source.name,
            "pixels_sha256": [parent.pixels_sha256 for parent in bench.parents],
        },
        "plates_of_split": {split: list(numbers) for split, numbers in table.shares.items()},
        "plates_shared_by_splits": len(dealt) > len(set(dealt)),
    }
    classes = tuple(dict.fromkeys(name for d in datasets for name in d.info.classes))
    own = ingredients.own
    if own is not None:
        config |= own.to_config()
    before = () if own is None else own.list_readings()
    return DatasetInfo(
        kind="composited",
        classes=classes,
        semantic=_find_semantic(datasets, classes),
        flip_pairs=tuple(dict.fromkeys(pair for d in datasets for pair in d.info.flip_pairs)),
        camera=first.camera,
        part=first.part,
        box_kind=first.box_kind,
        made_by=MadeBy(
            verb="compose",
            config=config,
            seed=table.seed,
            versions=list_versions(_PACKAGES),
            parents=tuple(dict.fromkeys(d.name for d in (*datasets, source))),
            readings=tuple(dict.fromkeys((*before, *(r for d in datasets for r in d.info.made_by.readings)))),
            simulated=any(d.info.made_by.simulated for d in (*datasets, source)),
        ),
    )
