"""Pretrained weights are taken over from either kind of file, frozen ones stay, and nothing in them runs."""

import os
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from toy_sets import make_detection_images

from synth.compute.checkpoint import save_weights
from synth.errors import InputError
from synth.train.loop import learn
from synth.train.models.yolo import count_backbone, load_pretrained, make_yolo
from synth.train.tasks.detection.images import DetectionImages
from synth.train.tasks.detection.learning import DetectionLearner, DetectionSettings
from synth.train.ultralytics_parts import ultralytics

CPU = torch.device("cpu")
SETTINGS = DetectionSettings(side_px=64, n_images=12, batch_size=6, n_checks=1)


@pytest.fixture(scope="module")
def images() -> DetectionImages:
    return make_detection_images(12, seed=0)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return make_yolo("yolov5n", 1, seed=0).eval()


def write_own(net: nn.Module, path: Path) -> Path:
    save_weights(path.with_suffix(".safetensors"), net.state_dict(), {})
    return path.with_suffix(".safetensors")


def write_theirs(net: nn.Module, path: Path) -> Path:
    """As Ultralytics ends a training: half, no optimiser, settings beside."""
    content = {"epoch": -1, "best_fitness": None, "model": net.half(), "ema": None, "updates": None}
    content |= {"optimizer": None, "train_args": {"imgsz": 640}, "date": "2024", "version": "8.3"}
    torch.save(content, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


def write_running(net: nn.Module, path: Path) -> Path:
    """As in the middle of one: the moving average counts, and numbers of numpy stand beside."""
    moving = make_yolo("yolov5n", 1, seed=5)
    moving.load_state_dict(net.state_dict())
    other = make_yolo("yolov5n", 1, seed=9)
    torch.save({"model": other, "ema": moving, "best_fitness": np.float64(0.5)}, path.with_suffix(".pt"))
    return path.with_suffix(".pt")


@pytest.mark.parametrize("write", [write_own, write_theirs, write_running])
def test_a_frozen_backbone_stays_bit_for_bit(
    images: DetectionImages, tmp_path: Path, write: Callable[[nn.Module, Path], Path]
) -> None:
    """Checkpoints of both kinds are taken over; training changes the head and not one bit of the backbone,
    running means included.
    """
    pretrained = make_yolo("yolov5n", 1, seed=5).train()
    pretrained(torch.rand(2, 3, 64, 64))
    path = write(pretrained, tmp_path / "first")
    wanted = {name: tensor.float().clone() for name, tensor in pretrained.state_dict().items()}
    settings = replace(SETTINGS, pretrained=str(path), freeze=True)
    learner = DetectionLearner([images], images, settings, seed=0, device=CPU)
    assert all(torch.equal(t.float(), wanted[n]) for n, t in learner.net.state_dict().items())
    learn(learner, settings, seed=0)
    backbone = {f"model.{i}." for i in range(count_backbone(pretrained))}
    for name, tensor in learner.net.state_dict().items():
        if name.startswith(tuple(backbone)):
            assert torch.equal(tensor.float(), wanted[name]), name
        elif name.endswith(("weight", "running_mean")) and "dfl" not in name:
            assert not torch.equal(tensor.float(), wanted[name]), name


def test_without_freezing_everything_learns(images: DetectionImages, tmp_path: Path) -> None:
    """Pretrained weights are a start: the backbone moves, running means included."""
    path = write_own(make_yolo("yolov5n", 1, seed=5), tmp_path / "first")
    learner = DetectionLearner([images], images, replace(SETTINGS, pretrained=str(path)), seed=0, device=CPU)
    before = {name: tensor.clone() for name, tensor in learner.net.state_dict().items()}
    learn(learner, SETTINGS, seed=0)
    after = learner.net.state_dict()
    for name in ("model.0.conv.weight", "model.0.bn.running_mean", "model.9.cv2.conv.weight"):
        assert not torch.equal(after[name], before[name])


def test_a_head_for_other_classes_is_left_out(tmp_path: Path) -> None:
    """A checkpoint for 80 classes gives all but the tensors that depend on their number."""
    many = make_yolo("yolov5n", 80, seed=5)
    path = write_own(many, tmp_path / "coco")
    fresh = make_yolo("yolov5n", 1, seed=0)
    n_fit = load_pretrained(fresh, path)
    own, theirs = fresh.state_dict(), many.state_dict()
    same = [name for name in own if own[name].shape == theirs[name].shape]
    assert n_fit == len(same) < len(own)
    assert all(torch.equal(own[name], theirs[name]) for name in same)


class _Runs:
    """Calls something when it is unpickled."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class _Foreign:
    """A class of nobody's package."""


class _BuildsYaml(nn.Module):
    """Unpickled, it calls the constructor of Ultralytics' network."""

    def __reduce__(self) -> tuple[Any, ...]:
        return ultralytics("nn.tasks").DetectionModel, ("yolov5n.yaml",)


def test_a_checkpoint_that_could_run_is_refused(net: nn.Module, tmp_path: Path) -> None:
    """Calls of the system, of torch's own helpers that run commands, and foreign classes: one sentence, and
    nothing has run. A call of one of Ultralytics' classes is not made either.
    """
    import torch.utils.collect_env

    mark = tmp_path / "ran"
    model = make_yolo("yolov5n", 1, seed=5)
    evil = [
        _Runs(os.system, f"touch {mark}"),
        _Runs(torch.utils.collect_env.run, f"touch {mark}"),
        _Runs(eval, f"open({str(mark)!r}, 'w')"),
        _Foreign(),
    ]
    path = tmp_path / "evil.pt"
    for thing in evil:
        for content in ({"model": model, "ema": None, "extra": thing}, {"model": thing}, thing):
            torch.save(content, path)
            with pytest.raises(InputError, match=r"evil\.pt is not opened.*yolov5nu\.pt"):
                load_pretrained(net, path)
    assert not mark.exists()
    torch.save({"model": _BuildsYaml()}, path)
    with pytest.raises(InputError, match="fits 0 of"):
        load_pretrained(net, path)


def test_checkpoints_that_do_not_fit_are_one_sentence(net: nn.Module, tmp_path: Path) -> None:
    """Absent, torn, empty, of no network, of another one: InputError with the path, weights as before."""
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    path = write_theirs(make_yolo("yolov5n", 1, seed=5), tmp_path / "good")
    content = path.read_bytes()
    for name, data in (("torn", content[: len(content) // 2]), ("empty", b""), ("text", b"weights: yes")):
        (tmp_path / f"{name}.pt").write_bytes(data)
        with pytest.raises(InputError, match=rf"{name}\.pt is not opened"):
            load_pretrained(net, tmp_path / f"{name}.pt")
        (tmp_path / f"{name}.safetensors").write_bytes(data)
        with pytest.raises(InputError, match=rf"{name}\.safetensors is torn"):
            load_pretrained(net, tmp_path / f"{name}.safetensors")
    for content in ({"epoch": 1}, {"model": {"w": torch.zeros(2)}}, [torch.zeros(2)]):
        torch.save(content, tmp_path / "odd.pt")
        with pytest.raises(InputError, match=r"odd\.pt is not opened"):
            load_pretrained(net, tmp_path / "odd.pt")
    for suffix in ("pt", "safetensors"):
        with pytest.raises(InputError, match="there is no checkpoint at"):
            load_pretrained(net, tmp_path / f"none.{suffix}")
    wide = {name: torch.cat([t, t]) if t.ndim else t for name, t in before.items()}
    save_weights(tmp_path / "wide.safetensors", wide, {})
    with pytest.raises(InputError, match=r"wide\.safetensors fits \d+ of \d+ tensors .*give a checkpoint"):
        load_pretrained(net, tmp_path / "wide.safetensors")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_plain_state_dict_is_taken_where_it_fits(net: nn.Module, tmp_path: Path) -> None:
    """Tensors by name and nothing else are a start like any other; of another network they fit nothing."""
    other = make_yolo("yolov5n", 80, seed=5)
    torch.save(other.state_dict(), tmp_path / "plain.pt")
    fresh = make_yolo("yolov5n", 1, seed=0)
    assert load_pretrained(fresh, tmp_path / "plain.pt") == 391
    assert torch.equal(fresh.state_dict()["model.0.conv.weight"], other.state_dict()["model.0.conv.weight"])
    for name in ("foreign.pt", "foreign.safetensors"):
        write = torch.save if name.endswith("pt") else lambda tensors, path: save_weights(path, tensors, {})
        write({"conv1.weight": torch.zeros(2)}, tmp_path / name)
        with pytest.raises(InputError, match=r"fits 0 of 427 .*it has conv1\.weight, which this one has not"):
            load_pretrained(net, tmp_path / name)


def write_old_repository(path: Path) -> None:
    """A checkpoint that pickles the classes of the repository that was before Ultralytics' package."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (("models.yolo", "DetectionModel"), ("models.common", "Conv")):
            made = type(name, (nn.Module,), {"__module__": module})
            patch.setitem(sys.modules, "models", ModuleType("models"))
            patch.setitem(sys.modules, module, ModuleType(module))
            setattr(sys.modules[module], name, made)
        model = sys.modules["models.yolo"].DetectionModel()
        model.conv = sys.modules["models.common"].Conv()
        torch.save({"model": model, "ema": None}, path)


def write_torchscript(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"")
        archive.writestr("net/constants.pkl", b"")


def write_other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", b"{}")


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (write_old_repository, r"asks for models\.yolo\.DetectionModel, as .* the old yolov5 repository"),
        (lambda path: torch.save({"model": {"w": torch.zeros(2)}}, path), "a plain state dict under 'model'"),
        (lambda path: torch.save({"epoch": 1, "date": "2024"}, path), "it holds epoch, date and no network"),
        (lambda path: torch.save(nn.Conv2d(1, 1, 1), path), "it is a network by itself"),
        (lambda path: torch.save([torch.zeros(2)], path), "it holds a list and no network"),
        (write_torchscript, "it is TorchScript"),
        (write_other_zip, "it is a zip file, but none of torch"),
        (lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch"), "it looks like ONNX"),
        (
            lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1"),
            "a pointer of Git LFS",
        ),
        (lambda path: path.write_bytes(b"<!DOCTYPE html><html>"), "it is a web page"),
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_bytes(b"PK\x03\x04 and no more"), "its end is missing"),
        (
            lambda path: torch.save({"w": torch.zeros(2)}, path, _use_new_zipfile_serialization=False),
            r"in the format of torch before 1\.6",
        ),
    ],
)
def test_what_is_no_checkpoint_of_ultralytics_is_told_apart(
    net: nn.Module, tmp_path: Path, write: Callable[[Path], object], says: str
) -> None:
    """Each kind of file is called what it is, with what can be given instead."""
    write(tmp_path / "given.pt")
    with pytest.raises(InputError, match=rf"given\.pt is not opened, since .*{says}.*yolov5nu\.pt"):
        load_pretrained(net, tmp_path / "given.pt")
