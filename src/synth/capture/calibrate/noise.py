"""What makes a view's corners lie elsewhere than predicted: noise of each corner, and of the tool's reading.

A view's corners share one reading of the arm, so they err together. Each view's residuals are taken as
independent noise of corners plus one small turn and shift of the tool; the sizes of the three are estimated
from the residuals (restricted maximum likelihood), and with them how far the fit may be off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import minimize

from synth.geometry.se3 import Array

_BEGIN = (0.3**2, 1e-3**2, 1e-3**2)


@dataclass(frozen=True)
class Noise:
    """Standard deviations on or about one axis: of a corner, of the tool's turn, of its shift. Whatever else
    is common to a view's corners, such as a lens that is not quite known, is in the latter two.
    """

    corner_px: float
    tool_rad: float
    tool_m: float


@dataclass(frozen=True, eq=False)
class ViewErrors:
    """A view's residuals r [2n], their derivatives by all steps J [2n,P] and by the tool's turn and shift G
    [2n,6].
    """

    r: Array
    J: Array
    G: Array

    @cached_property
    def rr(self) -> float:
        return float(self.r @ self.r)

    @cached_property
    def JJ(self) -> Array:
        return self.J.T @ self.J

    @cached_property
    def GG(self) -> Array:
        return self.G.T @ self.G

    @cached_property
    def Gr(self) -> Array:
        return self.G.T @ self.r

    @cached_property
    def GJ(self) -> Array:
        return self.G.T @ self.J


def estimate_noise(views: Sequence[ViewErrors]) -> Noise:
    """The noise that best explains what a fit of P steps left over, by three views or more."""
    found = minimize(
        _restricted_deviance, np.log(_BEGIN), (views,), method="Nelder-Mead", options={"xatol": 0.02}
    )
    corner, *tool = np.sqrt(np.exp(found.x))
    return Noise(float(corner), float(tool[0]), float(tool[1]))


def _restricted_deviance(log_variances: Array, views: Sequence[ViewErrors]) -> float:
    """Minus twice the restricted log-likelihood (Patterson and Thompson, 1971), each view's covariance
    inverted by Woodbury's identity. A variance of the tool is kept from being estimated as nothing by a
    factor of its root (Chung and others, "A nondegenerate penalized likelihood estimator for variance
    parameters in multilevel models", 2013).
    """
    corner, *tool = np.exp(np.clip(log_variances, -60, 20))
    D = np.repeat(tool, 3)
    deviance, information = 0.0, np.zeros_like(views[0].JJ)
    for view in views:
        inner = np.diag(1 / D) + view.GG / corner
        solve: Any = np.linalg.inv(inner)
        deviance += len(view.r) * np.log(corner) + np.log(D).sum() + np.linalg.slogdet(inner)[1]
        deviance += (view.rr - view.Gr @ solve @ view.Gr / corner) / corner
        information += (view.JJ - view.GJ.T @ solve @ view.GJ / corner) / corner
    away_from_zero = -float(np.log(tool).sum())
    return float(deviance + np.linalg.slogdet(information)[1] + away_from_zero)
