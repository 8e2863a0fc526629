"""The guard that keeps test images, and what shows one or was made from one, out of every training."""

from synth.dataset.leak.guard import LeakGuard

__all__ = ["LeakGuard"]
