"""Detectors by name: what Ultralytics ships for boxes learns by one loss, what else is refused."""

import pytest
import torch

from synth.errors import InputError
from synth.train.models.yolo import find_stride, list_yolos, make_yolo

FAMILIES = (
    "yolov3-tiny",
    "yolov5n",
    "yolov6n",
    "yolov8n",
    "yolov9t",
    "yolov10n",
    "yolo11n",
    "yolo12n",
    "yolo26n",
)


@pytest.mark.parametrize("name", [*FAMILIES, "yolov5n-p6", "yolov8n-p2"])
def test_a_family_learns_three_classes(name: str) -> None:
    """Three losses with gradients, and one form of answer: four numbers and three confidences a place."""
    net = make_yolo(name, 3, seed=0)
    side = max(64, find_stride(net))
    batch = {
        "img": torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)),
        "batch_idx": torch.tensor([0.0, 1.0]),
        "cls": torch.tensor([[0.0], [2.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.4, 0.4, 0.3, 0.3]]),
    }
    losses, _ = net.loss(batch)
    assert losses.shape == (3,)
    losses.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())
    assert next(net.parameters()).grad is not None
    with torch.no_grad():
        out = net.eval()(batch["img"])[0]
    assert out.shape[:2] == (2, 7)
    assert ((out[:, 4:] >= 0) & (out[:, 4:] <= 1)).all()


def test_every_size_of_a_family_has_a_name() -> None:
    """Those that Ultralytics itself takes, each with its own scale."""
    names = set(list_yolos())
    assert {f"yolo{v}{s}" for v in ("v5", "v8", "11", "12", "26") for s in "nsmlx"} <= names
    assert {f"yolov10{s}" for s in "nsmblx"} | {f"yolov9{s}" for s in "tsmce"} | {"yolov3"} <= names
    assert list_yolos()["yolo11m"]["scale"] == "m"
    assert "yolov5" not in names


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("yolo99n", "there is no detector 'yolo99n'"),
        ("yolov8", "there is no detector 'yolov8'"),
        ("yolo11n-seg", "yolo11n-seg is no plain detector, its last layer is Segment"),
        ("yolo11n-pose", "no plain detector"),
        ("yolo11n-obb", "no plain detector"),
        ("yolo11n-cls", "no plain detector"),
        ("yolov8n-world", "no plain detector"),
        ("rtdetr-l", "rtdetr-l is no plain detector, its last layer is RTDETRDecoder"),
    ],
)
def test_what_is_no_detector_is_answered_with_all_that_are(name: str, says: str) -> None:
    """Networks of other kinds and unknown names: one sentence with the names that can be given."""
    with pytest.raises(InputError) as refused:
        make_yolo(name, 1, seed=0)
    said = str(refused.value)
    assert says in said
    assert "choose one of yolov5n, yolov5m, yolov5x, the presets' own, or of yolo11[nsmlx]" in said
    assert "yolov10[blmnsx]" in said
    assert "-seg," not in said
