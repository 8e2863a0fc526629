"""How far a calibration may be off."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution

from synth.capture.calibrate.chain import N_POSE
from synth.capture.calibrate.fit import Fit
from synth.capture.calibrate.noise import Noise, ViewErrors, estimate_noise
from synth.geometry.se3 import Array

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Of X, Y and the lens together, in the steps of `chain.moved`.

    covariance: [P,P]; X's rotation (radians) and translation (metres) come first, in X's own axes.
    """

    covariance: Array
    noise: Noise
    n_views: int

    @property
    def rotation_covariance(self) -> Array:
        """[3,3] of X's rotation vector about X's own axes, radians."""
        return self.covariance[:3, :3]

    @property
    def sigma_mm(self) -> float:
        """Root of the mean square error of X's place, all three axes together."""
        return float(1000 * np.sqrt(np.trace(self.covariance[3:6, 3:6])))

    @property
    def sigma_deg(self) -> float:
        """Root of the mean square angle by which X is turned wrongly."""
        return float(np.degrees(np.sqrt(np.trace(self.covariance[:3, :3]))))

    @property
    def normal_sigma_deg(self) -> float:
        """Root mean square angle of the normal label of a face that looks at the camera, by X and the tool's
        readings.
        """
        across = self.rotation_covariance[0, 0] + self.rotation_covariance[1, 1] + 2 * self.noise.tool_rad**2
        return float(np.degrees(np.sqrt(across)))

    def holds(self, step: Array) -> bool:
        """Whether an error [6] of X lies in the stated 95 % region: an ellipsoid, by the F distribution with
        n_views − 2 degrees of freedom, since two poses were fitted to as many readings of the tool.
        """
        limit = N_POSE * float(f_distribution.ppf(CONFIDENCE, N_POSE, self.n_views - 2))
        return float(step @ np.linalg.solve(self.covariance[:N_POSE, :N_POSE], step)) <= limit


def estimate_uncertainty(fit: Fit) -> Uncertainty:
    """The covariance of all free steps of a fit, by the noise that it left (`noise.estimate_noise`). Needs
    three views or more.
    """
    views = [view for view, _ in _by_view(fit)]
    noise = estimate_noise(views)
    tool = np.repeat([noise.tool_rad**2, noise.tool_m**2], 3)
    inverse = np.linalg.pinv(sum(H for _, H in _by_view(fit)), hermitian=True)
    middle = sum(noise.corner_px**2 * view.JJ + (view.GJ.T * tool) @ view.GJ for view in views)
    return Uncertainty(inverse @ middle @ inverse, noise, len(views))


def bootstrap_steps(fit: Fit, n_draws: int, rng: np.random.Generator) -> Array:
    """[n_draws,P] how far the fit moves when its views are drawn anew with replacement; one Gauss–Newton step
    each.
    """
    views = _by_view(fit)
    hessians = np.stack([H for _, H in views])
    gradients = np.stack([view.J.T @ view.r for view, _ in views])
    counts = rng.multinomial(len(views), np.full(len(views), 1 / len(views)), size=n_draws)
    H, g = np.einsum("dv,vij->dij", counts, hessians), np.einsum("dv,vi->di", counts, gradients)
    return np.stack([-np.linalg.pinv(Hd, hermitian=True) @ gd for Hd, gd in zip(H, g, strict=True)])


def _by_view(fit: Fit) -> list[tuple[ViewErrors, Array]]:
    """Each view's errors, by the loss's pulls, and its share [P,P] of the loss's second derivatives."""
    parts = (fit.pull_px, fit.jacobian, fit.chain.tool_jacobian(fit.guess), fit.stiffness)
    by_view = zip(*(np.split(part, fit.chain.starts[1:]) for part in parts), strict=True)
    result = []
    for r, J, G, stiffness in by_view:
        J = J.reshape(-1, fit.jacobian.shape[2])
        hessian = (J.T * stiffness.ravel()) @ J
        result.append((ViewErrors(r.ravel(), J, G.reshape(-1, N_POSE)), hessian))
    return result
