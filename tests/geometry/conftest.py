import numpy as np
import pytest

from synth.geometry.pinhole import Pinhole


@pytest.fixture(scope="session")
def l515() -> Pinhole:
    """A colour camera like the L515's, its distortion as strong as real ones have it."""
    K = np.array([[905.1, 0.0, 645.7], [0.0, 904.6, 358.9], [0.0, 0.0, 1.0]])
    return Pinhole((1280, 720), K, np.array([0.166, -0.51, -0.0005, -0.0007, 0.468]))
