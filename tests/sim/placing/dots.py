"""The smallest material and pupil: bright squares on a dark picture, which its network finds hard."""

from pathlib import Path

import torch
from torch import nn

from synth.compute.checkpoint import load_state, save_state
from synth.sim.placing.material import Batch, Material
from synth.sim.placing.placement import Bounds
from synth.sim.placing.players import Pupil
from synth.train.tasks.task import Target

SIDE = 16
N_STEPS = 4


class Dots(Material):
    """A key is its split and its square's side, 4 or 6 pixels; there is a second square where that is 6."""

    bounds = Bounds(angle_deg=0, log_scale=(-0.2, 0.2), log_gain=0.7)

    def draw(self, split, n, rng):
        return [[split, int(side)] for side in rng.choice([4, 6], n)]

    def load(self, keys):
        cutouts = torch.zeros(len(keys), 2, 4, 8, 8)
        for i, (_, side) in enumerate(keys):
            inside = slice(4 - side // 2, 4 + side // 2)
            for k in range(side // 2 - 1):
                cutouts[i, k, :3, inside, inside] = 0.5
                cutouts[i, k, 3, inside, inside] = 1
        sides = torch.tensor([[[side] * 2] * 2 for _, side in keys]).float()
        there = cutouts[:, :, 3].amax(dim=(2, 3)) > 0
        return Batch(tuple(keys), cutouts, sides, there, torch.full((len(keys), 3, SIDE, SIDE), 0.1))

    def truth(self, keys, pasted):
        return [0.0] * len(keys)

    def find_unfair(self, key, placements, sides_px, visible):
        return "hidden" if min(visible) < 0.4 else None

    def find_fault(self, key, placements):
        return "too far to the left" if placements[0].centre_xy_px[0] < 4 else None

    def place(self, key, unit):
        rows = [torch.tensor(row, dtype=torch.float64).numpy() for row in unit]
        return tuple(self.bounds.place(row, (key[1],) * 2, (SIDE, SIDE)) for row in rows)

    def kind_of(self, key):
        return str(key[1])

    def load_real(self, n, rng):
        return torch.from_numpy(rng.random((n, 3, SIDE, SIDE))).float()


class Brightness(Target):
    """What its network says of a picture's pixels, from 0 to 1."""

    def __init__(self, net):
        self._net = net

    def loss(self, images, truth):
        return -(1 - self.hardness(images, truth)).clamp(min=1e-4).log()

    def hardness(self, images, truth):
        return self._net(images.flatten(1))[:, 0].sigmoid()


class Watcher(Pupil):
    """Its network finds everything a little easier after each step; a state is written after each."""

    def __init__(self, folder: Path) -> None:
        self.net, self._folder = nn.Linear(3 * SIDE * SIDE, 1), folder
        nn.init.constant_(self.net.weight, 4 / SIDE**2)
        nn.init.constant_(self.net.bias, -2.5)
        self._begun = {name: t.clone() for name, t in self.net.state_dict().items()}
        self.target = Brightness(self.net)

    def count_steps(self, n_kept):
        return N_STEPS

    def learn(self, kept, cycle, on_step):
        file, first = self._folder / f"training_{cycle}.pt", 1
        if file.is_file():
            state = load_state(file)
            self.net.load_state_dict(state["net"])
            first = state["step"] + 1
        for step in range(first, N_STEPS + 1):
            with torch.no_grad():
                self.net.bias -= 0.005 * len(kept)
            save_state(file, {"net": self.net.state_dict(), "step": step})
            on_step(step)
        return {"bias": self.net.bias.item()}

    def save(self, cycle):
        save_state(self._folder / f"target_{cycle}.pt", self.net.state_dict())

    def load(self, cycle):
        self.net.load_state_dict(load_state(self._folder / f"target_{cycle}.pt") if cycle else self._begun)
