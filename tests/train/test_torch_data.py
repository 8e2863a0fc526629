"""Datasets in training loops that are not synth's."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from toy_sets import write_detection_set, write_normal_set

import synth
from synth.errors import InputError


def test_boxes_feed_a_plain_loader(tmp_path: Path) -> None:
    """Every labelled instance comes once, in its picture's pixels; hidden ones do not; a loss can be made."""
    written = write_detection_set(tmp_path / "a", seed=0, n=9, classes=("cover", "lid"))
    data = synth.open_dataset(tmp_path / "a").to_torch("detection", "train")
    loader = DataLoader(data, batch_size=2, collate_fn=data.collate)
    seen = [one for pictures, truths in loader for one in zip(pictures, truths, strict=True)]
    train = written.of_split("train")
    assert len(seen) == len(train)
    for (picture, truth), sample in zip(seen, train, strict=True):
        rgb_u8 = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        assert np.array_equal(rgb_u8, written.load_rgb(sample))
        labelled = [i for i in sample.instances if i.visib_fract > 0.5]
        assert np.allclose(truth["boxes"], [i.square_xyxy_px for i in labelled])
        assert truth["labels"].tolist() == [1] * len(labelled)
        assert truth["labels"].dtype == torch.int64


def test_normals_feed_a_plain_loader_and_a_network_learns(tmp_path: Path) -> None:
    """Three lines of PyTorch lower a loss; all splits together are asked for by None."""
    write_normal_set(tmp_path / "a", seed=0, n=12)
    data = synth.open_dataset(tmp_path / "a").to_torch("normals", None)
    assert len(data) == 12
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.AvgPool2d(28), torch.nn.Flatten(), torch.nn.Linear(192, 3))
    optimizer, losses = torch.optim.Adam(net.parameters(), 1e-2), []
    for _ in range(5):
        for crops, normals in DataLoader(data, batch_size=4, collate_fn=data.collate):
            loss = (net(crops) - normals).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])


def test_workers_get_it_too(tmp_path: Path) -> None:
    """What a loader's processes are sent gives the same items."""
    write_normal_set(tmp_path / "a", seed=0, n=6)
    data = synth.open_dataset(tmp_path / "a").to_torch("normals")
    again = pickle.loads(pickle.dumps(data))
    assert all(torch.equal(a, b) for a, b in zip(data[0], again[0], strict=True))


@pytest.mark.parametrize(
    ("task", "split", "sentence"),
    [
        ("poses", "train", "there is no task 'poses'"),
        ("detection", "dev", "split must be one of train, val, test, or None for all, got 'dev'"),
        ("normals", "train", "has nothing for the task normals in its train split"),
    ],
)
def test_what_cannot_be_given_is_a_sentence(tmp_path: Path, task: str, split: str, sentence: str) -> None:
    """Unknown words are answered with those that there are, and a set without crops has no normals."""
    write_detection_set(tmp_path / "a", seed=0, n=4)
    with pytest.raises(InputError, match=sentence):
        synth.open_dataset(tmp_path / "a").to_torch(task, split)
