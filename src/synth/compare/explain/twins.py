"""Captured crops beside their rendered twins: where one network reads two vectors of one pose."""

from dataclasses import dataclass

import numpy as np

from synth.compare.mixes import REAL
from synth.compare.plan import Contest, Plan
from synth.compare.run import load_net
from synth.geometry.normals import angle_deg
from synth.train.tasks import TASKS
from synth.train.tasks.task import Crops

N_TWINS = 60


@dataclass(frozen=True, eq=False)
class Twins:
    """Pairs of crops of the same pose, in the same order, with what the real-trained network reads of them.

    turned_deg: [N], the angle between the two readings; their labels are the same.
    """

    captured: Crops
    made: Crops
    read_uvw: tuple[np.ndarray, np.ndarray]
    turned_deg: np.ndarray


def find_twins(plan: Plan, contest: Contest, name: str) -> Twins | None:
    """Twins of captured train and val samples in a dataset; None where it has none with crops."""
    task = TASKS[contest.task]
    captured, made = plan.reader(contest.task, REAL), plan.reader(contest.task, name)
    by_hash = {sample.pixels_sha256: sample for sample in captured if sample.split != "test"}
    pairs = []
    for twin in made:
        parents = [by_hash[p.pixels_sha256] for p in twin.origin.parents if p.pixels_sha256 in by_hash]
        single = [x for x in (*parents, twin) if len(x.instances) == 1 and x.instances[0].normal_crop]
        if len(parents) == 1 and len(single) == 2 and twin.split != "test":
            pairs.append((parents[0], twin))
    if not pairs:
        return None
    pairs = pairs[:N_TWINS]
    sets = (
        task.load(captured, [a for a, _ in pairs], contest.settings),
        task.load(made, [b for _, b in pairs], contest.settings),
    )
    net = load_net(plan, contest, REAL, contest.seeds[0])
    read = (task.read_crops(net, sets[0].crops_u8), task.read_crops(net, sets[1].crops_u8))
    return Twins(*sets, read, angle_deg(*read))
