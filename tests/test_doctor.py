"""Doctor's judgement of what it finds."""

import importlib.metadata

import pytest

from synth import doctor
from synth.extras import how_to_install


def _versions(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> dict[str, doctor.Row]:
    def version(name: str) -> str:
        if name in versions:
            return versions[name]
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    return {row.part: row for row in doctor.check_wheels()}


def test_a_librealsense_without_the_l515_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer librealsense wheel drives a D435 and has lost the L515: doctor names the wheel for that; with
    an L515 on USB the camera's own row is bad (tests/hardware/test_realsense_source.py).
    """
    rows = _versions(monkeypatch, {"numpy": "2.4.6", "pyrealsense2": "2.56.5.9235"})
    assert rows["pyrealsense2"].verdict == "note"
    assert "2.54.2.5684" in rows["pyrealsense2"].advice


def test_an_absent_extra_is_a_note_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the hardware extra everything else still works, so its absence is no failure."""
    rows = _versions(monkeypatch, {"numpy": "2.4.6"})
    assert rows["ur-rtde"].verdict == "note"
    assert how_to_install("hardware") == rows["ur-rtde"].advice
    assert rows["open3d"].verdict == "bad"


def test_two_opencvs_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two OpenCV packages overwrite each other; doctor says which to remove."""
    rows = _versions(monkeypatch, {"opencv-python": "4.13.0", "opencv-contrib-python": "4.13.0"})
    assert rows["OpenCV twice"].verdict == "bad"
    assert "opencv-contrib-python" in rows["OpenCV twice"].advice


def test_opencv_five_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV 5 lacks what later stages need."""
    assert _versions(monkeypatch, {"opencv-python": "5.0.1"})["opencv-python"].verdict == "bad"
