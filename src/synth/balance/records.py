"""A map that was made, as a sample."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.balance.describe import VERB, list_used
from synth.balance.label_map import LabelMap
from synth.balance.settings import BalanceSettings
from synth.balance.study import Study
from synth.balance.ways.way import Made
from synth.dataset.info import SemanticInfo
from synth.dataset.layers import LayerName
from synth.dataset.origin import Step
from synth.dataset.record import Figure
from synth.dataset.sample import Draft, Instance
from synth.geometry.boxes import square_inside, tight_box

_LAID, _REFUSED, _MIXES = "laid", "refused", "mixes refused"
"""In a sample's ``quality``: how many things of each class were laid; how many places were refused, and
why; how many mixes of maps were, for neighbours that no train map has.
"""


def to_draft(name: str, settings: BalanceSettings, made: Made, of: LabelMap, study: Study) -> Draft:
    """The record of a map; all that it was made of are its parents, and it stands in its base's film."""
    data, base = settings.data, settings.maps[made.base]
    donors = [settings.maps[i] for i in sorted(made.canvas.donors)]
    laid = Counter(study.names[made.canvas.pieces[i - 1].class_id] for i in made.canvas.laid)
    refused = Counter[str]()
    for (_, reason), n in made.refused.items():
        refused[reason] += n
    quality: dict[str, Figure] = {f"{_LAID} {key}": n for key, n in sorted(laid.items())}
    quality |= {f"{_REFUSED} {key}": n for key, n in sorted(refused.items())}
    if made.n_unseen:
        quality[_MIXES] = made.n_unseen
    height, width = of.shape_hw
    step = Step(verb=VERB, method=settings.way, params={"base": base.name}, seed=settings.seed)
    return Draft(
        name=name,
        split="train",
        group=base.group,
        size_wh=(width, height),
        K=base.K,
        dist=base.dist,
        T_base_cam=base.T_base_cam,
        instances=_list_instances(of, study.names),
        origin=base.origin.then(step, *(data.as_parent(donor, *list_used(settings)) for donor in donors)),
        quality=quality,
    )


def to_layers(of: LabelMap, semantic: SemanticInfo) -> dict[LayerName, NDArray[Any]]:
    """The files of a map: the semantic one and, where instances are known, their mask."""
    ids = of.ids.astype(np.uint8 if semantic.void == 255 else np.uint16)
    ids[of.ids == len(semantic.names)] = semantic.void
    layers: dict[LayerName, NDArray[Any]] = {"semantic": ids}
    if of.instance is not None:
        layers["mask"] = of.instance
    return layers


def read_laid(quality: Mapping[str, Figure]) -> Counter[str]:
    """How many things of each class were laid into a map."""
    return _read(quality, _LAID)


def read_refused(quality: Mapping[str, Figure]) -> Counter[str]:
    """How many places were refused on the way to a map, by reason."""
    return _read(quality, _REFUSED)


def read_mixes(quality: Mapping[str, Figure]) -> int:
    """How many mixes of maps were refused on the way to a map."""
    return int(quality.get(_MIXES, 0))


def _read(quality: Mapping[str, Figure], word: str) -> Counter[str]:
    return Counter(
        {key.removeprefix(f"{word} "): int(n) for key, n in quality.items() if key.startswith(f"{word} ")}
    )


def _list_instances(of: LabelMap, names: Sequence[str]) -> tuple[Instance, ...]:
    if of.instance is None:
        return ()
    found: list[Instance] = []
    for number, class_id in of.classes.items():
        box = tight_box(of.instance == number)
        assert box is not None
        square = square_inside(box, of.shape_hw[::-1])
        found.append(
            Instance(class_name=names[class_id], box_xyxy_px=box, square_xyxy_px=square, visib_fract=1.0)
        )
    return tuple(found)
