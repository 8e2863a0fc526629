"""Captured crops beside their rendered twins: where one network reads two normals of one pose."""

from dataclasses import dataclass

import numpy as np

from synth.compare.arms import REAL
from synth.compare.explain import load_net
from synth.compare.plan import Contest, Plan
from synth.geometry.normals import angle_deg
from synth.train.tasks.normals import (
    NormalCrops,
    NormalSettings,
    load_normal_crops,
    predict_crop_uvw,
)

N_TWINS = 60


@dataclass(frozen=True, eq=False)
class Twins:
    """Pairs of crops of the same pose, in the same order, with what the real-trained network reads of them.

    turned_deg: [N], the angle between the two readings; their labels are the same.
    """

    captured: NormalCrops
    made: NormalCrops
    read_uvw: tuple[np.ndarray, np.ndarray]
    turned_deg: np.ndarray


def find_twins(plan: Plan, contest: Contest, kind: str) -> Twins | None:
    """Twins of captured train and val samples in a dataset; None where it has none with crops."""
    s = contest.settings
    assert isinstance(s, NormalSettings)
    captured, made = plan.reader("normals", REAL), plan.reader("normals", kind)
    by_hash = {sample.pixels_sha256: sample for sample in captured if sample.split != "test"}
    pairs = []
    for twin in made:
        parents = [by_hash[p.pixels_sha256] for p in twin.origin.parents if p.pixels_sha256 in by_hash]
        single = [x for x in (*parents, twin) if len(x.instances) == 1 and x.instances[0].crop is not None]
        if len(parents) == 1 and len(single) == 2 and twin.split != "test":
            pairs.append((parents[0], twin))
    if not pairs:
        return None
    pairs = pairs[:N_TWINS]
    sets = (
        load_normal_crops(captured, [a for a, _ in pairs], s.side_px, s.crop),
        load_normal_crops(made, [b for _, b in pairs], s.side_px, s.crop),
    )
    net = load_net(plan, contest, REAL, contest.seeds[0])
    read = (predict_crop_uvw(net, sets[0].crops_u8), predict_crop_uvw(net, sets[1].crops_u8))
    return Twins(*sets, read, angle_deg(*read))
