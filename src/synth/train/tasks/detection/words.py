"""What the detection task says of itself to the report: its metrics, tables and pictures."""

from synth.metrics import by_class
from synth.train.tasks.report import Breakdown, Curves, Metric, PaperTable, Report, Strip

_METRICS = (("P", "precision"), ("R", "recall"), ("mAP50", "map50"), ("mAP50-95", "map50_95"))
_VOC = ("VOC mAP50", "voc_map50")
_LOSSES = ("box", "cls", "dfl")
_OTHER_LOSSES = ("rpn_box", "objectness")

_PICTURES = (
    Curves(
        "losses",
        tuple(
            (f"{split} {loss} loss", f"{split}_{loss}_loss")
            for split in ("train", "val")
            for loss in (*_LOSSES, *_OTHER_LOSSES)
        ),
        "Losses throughout training, train images changed at random, val images of each mix's own (Figure 16 "
        "of the paper).",
    ),
    Curves(
        "metrics",
        (
            ("precision", "test_precision"),
            ("recall", "test_recall"),
            ("mAP50", "test_map50"),
            ("mAP50-95", "test_map50_95"),
        ),
        "Metrics on the test images throughout training (Figure 17 of the paper); they choose nothing.",
    ),
)

_BREAKDOWNS = (
    Breakdown(
        "by_class",
        "class",
        (
            Metric("ap50", "AP50", "", lower_is_better=False),
            Metric("ap50_95", "AP50-95", "", lower_is_better=False),
            Metric("voc_ap50", "VOC AP50", "", lower_is_better=False),
        ),
        by_class.FEW_TRUTHS,
        "Average precision of each class that test images show, protocol standard; mAP is the mean of these. "
        "AP50 and AP50-95 are COCO's, at 101 recalls; VOC AP50 is Pascal VOC's of 2010 on, at all points. "
        "A class that was never learnt is never found. In use, too, a part is found only where its class is "
        "right.",
    ),
    Breakdown(
        "by_iou",
        "IoU",
        (Metric("ap", "AP", "", lower_is_better=False),),
        note="Average precision, mean over classes, where a box must overlap the truth by that IoU or more.",
    ),
)

_PAPER = PaperTable(
    metrics=tuple((title, f"paper_{key}") for title, key in _METRICS),
    losses=tuple((f"{name} loss", f"test_{name}_loss") for name in _LOSSES),
    note=lambda n: (
        f"Protocol paper: confidence from 0.5, at most 10 boxes an image, n = {n} test images. Losses per "
        "image on test images, which cannot be set beside the paper's: of a yolo, Ultralytics' v5u heads "
        "have no objectness, and dfl in its place is the distribution-focal loss."
    ),
    captions={"real": "Table 1 of the paper", "synthetic": "Table 2 of the paper"},
)

HEADLINE = Metric("standard_map50_95", "mAP50-95", "", lower_is_better=False)

REPORT = Report(
    columns=tuple(
        Metric(f"standard_{key}", title, "", lower_is_better=False) for title, key in (*_METRICS, _VOC)
    ),
    note="Protocol standard: confidence from 0.001, 100 boxes an image. mAP50 and mAP50-95 are COCO's "
    "average precision, at 101 recalls; VOC mAP50 is Pascal VOC's of 2010 on, at all points, by VOC's own "
    "matching.",
    breakdowns=_BREAKDOWNS,
    pictures=_PICTURES,
    strip=Strip(
        "stages",
        "Predictions of confidence 0.5 and more at the first look and by the weights kept (Figure 18 of the "
        "paper).",
        n=2,
        a_row=4,
        early=True,
    ),
    worst=Strip("worst", "least overlap", n=4, a_row=4),
    paper=_PAPER,
)
