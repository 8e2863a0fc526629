"""Tensors of somebody else's ``.pt``: nothing in it runs, and what is no network of Ultralytics is named."""

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from synth.errors import InputError

_EXPECTED = ("torch.nn.modules.", "ultralytics.", "numpy.")

_OLD_REPOSITORY = ("models.yolo.", "models.common.", "models.experimental.")

_ADVICE = "give one of Ultralytics' own, such as yolov5nu.pt for yolov5n, or safetensors that synth wrote"

# How files begin that are no archive of torch.
_BEGINNINGS = (
    (
        b"version https://git-lfs",
        "it is a pointer of Git LFS and not the file: fetch it with git lfs pull, or",
    ),
    (b"<", "it is a web page or XML, as a download that failed leaves: download it again, or"),
    (
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19",
        "it is in the format of torch before 1.6: load it where it came from and save it again with a newer "
        "torch, or",
    ),
    (b"\x08", "it looks like ONNX, which is for running a network: take what it was exported from, or"),
)


class _Inert(nn.Module):
    """Stands for every class and function that a checkpoint names, so that opening it calls none of them."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            super().__setstate__(state)  # type: ignore[no-untyped-call]


def open_pt(path: Path) -> dict[str, Tensor]:
    """Tensors by name: of the network in a checkpoint of Ultralytics, or of a plain state dict.

    Raises InputError for all else, which says what the file is.
    """
    if not path.is_file():
        raise InputError(f"there is no checkpoint at {path}")
    _demand_archive(path)
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception as error:  # As above.
        raise _refusal(path, "it is torn, or no archive of torch: copy it again, or") from error
    _demand_layers(path, names)
    try:
        with torch.serialization.safe_globals([(_Inert, name) for name in names]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # As above.
        raise _refusal(path, "it is torn, or holds more than layers and tensors:") from error
    return _take_tensors(path, content)


def _refusal(path: Path, why: str) -> InputError:
    return InputError(f"{path} is not opened, since {why} {_ADVICE}")


def _demand_archive(path: Path) -> None:
    """Raise InputError for what torch did not save as an archive."""
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                files = {name.rpartition("/")[2] for name in archive.namelist()}
        except Exception as error:  # A torn archive can fail in any way.
            raise _refusal(path, "it is a torn zip file: copy it again, or") from error
        if "constants.pkl" in files:
            raise _refusal(
                path,
                "it is TorchScript, a program with its tensors: take the .pt that it was exported from, or",
            )
        if "data.pkl" not in files:
            raise _refusal(path, "it is a zip file, but none of torch:")
        return
    with path.open("rb") as file:
        start = file.read(64).lstrip(b" \t\r\n")
    if not start:
        raise _refusal(path, "it is empty: copy it again, or")
    if start.startswith(b"PK"):
        raise _refusal(path, "its end is missing: copy it again, or")
    for beginning, what in _BEGINNINGS:
        if start.startswith(beginning):
            raise _refusal(path, what)
    raise _refusal(path, "it is no zip file, as what torch saves is:")


def _demand_layers(path: Path, names: list[str]) -> None:
    """Raise InputError where ``names``, the classes and functions to be opened, are more than layers."""
    foreign = sorted(name for name in names if not name.startswith(_EXPECTED))
    old = [name for name in foreign if name.startswith(_OLD_REPOSITORY)]
    if old and old == foreign:
        raise _refusal(
            path,
            f"it asks for {old[-1]}, as checkpoints of the old yolov5 repository (and of others that grew "
            "from it) do, whose layers are code and not tensors: save model.state_dict() there with "
            "torch.save, of which whatever fits is taken, or",
        )
    if foreign:
        raise _refusal(path, f"it holds more than layers and tensors, it asks for {', '.join(foreign[:3])}:")


def _take_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if _is_state_dict(content):
        return dict(content)
    if isinstance(content, _Inert):
        raise _refusal(path, "it is a network by itself and no checkpoint as Ultralytics writes:")
    if not isinstance(content, dict):
        raise _refusal(path, f"it holds a {type(content).__name__} and no network:")
    for key in ("ema", "model", "state_dict", "model_state_dict"):
        value = content.get(key)
        if isinstance(value, _Inert):
            return dict(value.float().state_dict())
        if value and _is_state_dict(value):
            raise _refusal(
                path,
                f"it holds a plain state dict under {key!r} and no network: save what is under {key!r} by "
                "itself with torch.save, of which whatever fits is taken, or",
            )
    raise _refusal(path, f"it holds {', '.join(map(str, list(content)[:5])) or 'nothing'} and no network:")


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, dict) and bool(content) and all(isinstance(v, Tensor) for v in content.values())
    )
