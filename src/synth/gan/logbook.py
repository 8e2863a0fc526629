"""What a training leaves in its folder while it runs: ticks, curves, grids, checkpoints."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from synth.compute.run_dir import RunDir
from synth.gan.checkpoint import path_of_step
from synth.gan.figures import draw_losses, make_grid, write_grid
from synth.gan.training import Training

FIGURES, TENSORBOARD = "figures", "tensorboard"
LOSSES = "losses.png"
"""In the folder of figures."""


@dataclass
class Window:
    """Losses and time since the last tick."""

    sums: dict[str, float] = field(default_factory=dict)
    n: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    def add(self, losses: Mapping[str, float]) -> None:
        """Take in one step, which ends now."""
        now = time.perf_counter()
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in losses.items()}
        self.n += 1
        self.seconds, self.began = self.seconds + now - self.began, now

    def restart_clock(self) -> None:
        """Leave out what was done since the last step."""
        self.began = time.perf_counter()

    def means(self) -> dict[str, float]:
        """Every loss, averaged over the steps since the last tick."""
        return {name: value / self.n for name, value in self.sums.items()}

    def state(self) -> dict[str, Any]:
        """As save_state takes it."""
        return {"sums": self.sums, "n": self.n, "seconds": self.seconds}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """What `state` gave, its clock going on from now."""
        return cls(dict(state["sums"]), int(state["n"]), float(state["seconds"]))


class Logbook:
    """Writes what a run says into its folder. grid_sim, grid_real: images [N,3,S,S] of the fixed grid."""

    def __init__(self, run: RunDir, step: int, grid_sim: Tensor, grid_real: Tensor) -> None:
        run.truncate_stats(step)
        self._run, self._grid_sim, self._grid_real = run, grid_sim, grid_real
        self._board = SummaryWriter(str(run.root / TENSORBOARD), purge_step=step + 1)

    def tick(self, step: int, n_images_seen: int, learning_rate: float, window: Window) -> None:
        """One line in stats.jsonl, one point a curve on TensorBoard."""
        means = window.means()
        seconds = window.seconds / window.n
        self._run.append_stats(
            {
                "step": step,
                "n_images_seen": n_images_seen,
                "learning_rate": learning_rate,
                **means,
                "timing": {"s_per_step": round(seconds, 4)},
            }
        )
        for name, value in {**means, "learning_rate": learning_rate, "s_per_step": seconds}.items():
            self._board.add_scalar(name, value, step)

    def checkpoint(self, training: Training) -> None:
        """The averaged generators, what they make of the fixed images, and the curves so far."""
        root, step, ema = self._run.root, training.step, training.ema
        training.save_checkpoint(path_of_step(root, step))
        device = next(ema["sim2real"].parameters()).device
        sim, real = self._grid_sim.to(device), self._grid_real.to(device)
        with torch.inference_mode():
            grids = [make_grid(rows) for rows in training.networks.show(ema, sim, real)]
        write_grid(grids, root / FIGURES / f"grid_{step:06d}.png")
        draw_losses(self._run.read_stats(), training.phases, root / FIGURES / LOSSES)
        for name, grid in zip(("sim", "real"), grids, strict=False):
            self._board.add_image(f"grid/{name}", torch.from_numpy(grid), step, dataformats="HWC")
        self._board.flush()

    def close(self) -> None:
        """Let go of the folder."""
        self._board.close()
        self._run.close()
