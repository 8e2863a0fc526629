"""What the report says class by class, and that it says nothing of that where there is one class."""

import numpy as np
import pytest
from planted import collect_boxes, collect_classes

from synth.compare.figures import Figures, Measured, MeasuredPart
from synth.compare.plan import Contest
from synth.compare.report.keys import to_json
from synth.compare.report.tables import list_breakdowns
from synth.metrics.comparison import Effect
from synth.train.tasks import TASKS

N = {"bolt": 30, "nut": 4}


def test_every_class_stands_beside_every_mix() -> None:
    """A row a class with its truths, few of them called an indication, a column a mix, for COCO's figures and
    for VOC's; then a row an IoU. Every figure has its key in report.json, and the mean over classes is the
    ranking's.
    """
    figures = collect_classes({"real": 0.0, "synthetic": 6.0}, N)
    (contest,) = figures.contests
    ap50, ap50_95, voc, by_iou = list_breakdowns(contest, figures)
    assert "VOC AP50" in voc.title
    assert ap50.header == ap50_95.header == voc.header == ("class", "truths", "real", "synthetic")
    assert [row[:2] for row in ap50.rows] == [("bolt", "30"), ("nut", "4, an indication")]
    assert by_iou.header == ("IoU", "real", "synthetic")
    assert [row[0] for row in by_iou.rows] == [f"{0.5 + i / 20:.2f}" for i in range(10)]
    content = to_json(figures)
    for mix in ("real", "synthetic"):
        keys = [f"detection.yolov5n.{mix}.by_class.{name}.ap50_95" for name in N]
        assert [content[key]["n_true"] for key in keys] == [30, 4]
        mean = figures.the(Measured, mix=mix, metric="standard_map50_95").effect.value
        assert np.mean([content[key]["value"] for key in keys]) == pytest.approx(mean)
        assert f"detection.yolov5n.{mix}.by_iou.0.75.ap" in content
        shown = ap50_95.rows[0][2 + ("real", "synthetic").index(mix)]
        assert shown.startswith(f"{content[keys[0]]['value']:.3f} (")


def test_one_class_has_nothing_new() -> None:
    """No table, no row and no key."""
    figures = collect_boxes({"real": 0.0, "synthetic": 6.0})
    assert list_breakdowns(figures.contests[0], figures) == []
    assert not figures.of(MeasuredPart)
    assert not any("by_class" in key or "by_iou" in key for key in to_json(figures))


def test_what_is_of_the_truth_alone_stands_once() -> None:
    """A class's share of the test pixels has one column, beside the first figures; its IoU has one a mix."""
    contest = Contest("segmentation", TASKS["segmentation"].settings(), (0,))
    effects = [Effect(value, 0.1, 0.9, None, 9, 1) for value in (0.2, 0.3, 0.4)]
    figures = Figures(
        MeasuredPart(contest, mix, "by_class", "sky", 9, metric, effects[i])
        for mix, places in (("real", (0, 1)), ("other", (0, 2)))
        for metric, i in zip(("share", "iou"), places, strict=True)
    )
    (iou,) = list_breakdowns(contest, figures)
    assert iou.title == "IoU by class"
    assert iou.header == ("class", "truths", "real", "other", "share of pixels")
    assert iou.rows[0][:2] == ("sky", "9, an indication")
    assert [cell[:5] for cell in iou.rows[0][2:]] == ["0.300", "0.400", "0.200"]
