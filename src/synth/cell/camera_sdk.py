"""Whether the SDK that is installed drives the camera that a cell names."""

import importlib.metadata

from synth.cell.model import CameraCell
from synth.extras import how_to_install, how_to_install_package


def wrong_sdk(camera: CameraCell) -> str | None:
    """What is wrong and the command that mends it, in one sentence; None where nothing is.

    A simulated camera goes with every version, and a UVC camera needs none.
    """
    known = camera.known
    if camera.is_simulated or not known.sdk:
        return None
    named = f"camera.model is {camera.model}, and {known.sdk}"
    try:
        found = importlib.metadata.version(known.sdk)
    except importlib.metadata.PackageNotFoundError:
        return f"{named} is not installed: {how_to_install(known.extra)}"
    newest = known.newest_sdk
    if newest and _version(found)[: len(_version(newest))] > _version(newest):
        return (
            f"{named} {found} is installed, which has no driver for an {known.title}: "
            f"{how_to_install_package(f'{known.sdk}=={newest}')} in CPython 3.11"
        )
    return None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
