"""One joint least-squares fit of camera, board and, if asked for, the lens to every corner of every view."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from synth.capture.calibrate.chain import N_LENS, N_POSE, Chain, Guess, moved
from synth.geometry.se3 import Array

MIN_LOSS_SCALE_PX = 0.3
GROSS = 4.0
"""Errors beyond so many typical ones count less."""

_MAD = 1.4826


@dataclass(frozen=True, eq=False)
class Fit:
    """Where a fit ended.

    residuals_px: [N,2]. jacobian: [N,2,P] by steps in the axes of X and Y (`chain.moved`). loss_scale_px:
    where errors begin to count less.
    """

    chain: Chain
    guess: Guess
    residuals_px: Array
    jacobian: Array
    loss_scale_px: float

    @property
    def view_rms_px(self) -> Array:
        """[V]."""
        return self.chain.view_rms_px(self.guess)

    @property
    def rms_px(self) -> float:
        """Root mean square over all corners' distances from where they are predicted."""
        return float(np.sqrt((self.residuals_px**2).sum(axis=1).mean()))

    @property
    def rms_axis_px(self) -> float:
        """The same along one axis: less by √2."""
        return self.rms_px / float(np.sqrt(2))

    @property
    def pull_px(self) -> Array:
        """[N,2] the loss's derivative by each residual: the residual itself where it is small."""
        return np.asarray(self.residuals_px / np.sqrt(1 + (self.residuals_px / self.loss_scale_px) ** 2))

    @property
    def stiffness(self) -> Array:
        """[N,2] the loss's second derivative: 1 where the residual is small."""
        return np.asarray((1 + (self.residuals_px / self.loss_scale_px) ** 2) ** -1.5)


def fit(
    chain: Chain, start: Guess, *, free_lens: bool = False, free_scale: bool = False, loss: str = "soft_l1"
) -> Fit:
    """Least squares over reprojection errors from ``start``; gross ones count less.

    loss: one of scipy.optimize.least_squares'. What is gross follows from the start, then once more from a
    first end.
    """
    guess = start
    for _ in range(2):
        guess = _descend(chain, guess, free_lens, free_scale, loss)
    residuals = chain.residuals(guess)
    jacobian = chain.jacobian(guess, np.zeros((2, 3)), with_lens=free_lens, with_scale=free_scale)
    return Fit(chain, guess, residuals, jacobian, _loss_scale_px(residuals))


def _descend(chain: Chain, start: Guess, free_lens: bool, free_scale: bool, loss: str) -> Guess:
    n_steps = 2 * N_POSE + free_lens * N_LENS + free_scale

    def at(step: Array) -> Guess:
        return moved(start, step, with_lens=free_lens, with_scale=free_scale)

    def residuals(step: Array) -> Array:
        return np.asarray(chain.residuals(at(step)).ravel())

    def jacobian(step: Array) -> Array:
        turned = np.stack([step[:3], step[6:9]])
        by = chain.jacobian(at(step), turned, with_lens=free_lens, with_scale=free_scale)
        return by.reshape(-1, n_steps)

    found = least_squares(
        residuals,
        np.zeros(n_steps),
        jacobian,
        method="trf",
        x_scale="jac",
        loss=loss,
        f_scale=_loss_scale_px(chain.residuals(start)),
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
        max_nfev=200,
    )
    return at(found.x)


def _loss_scale_px(residuals: Array) -> float:
    return max(MIN_LOSS_SCALE_PX, GROSS * _MAD * float(np.median(np.abs(residuals))))
