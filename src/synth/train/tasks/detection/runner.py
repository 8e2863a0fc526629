"""Boxes that a detector finds in pictures: python MODEL.py PICTURE... [--confidence 0.5], a JSON line each.

It stands beside MODEL.onnx and needs onnxruntime and opencv-python-headless, no synth. A box is x0 y0
x1 y1 in pixels of the picture, its confidence and, where classes have names, its class.
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
parser.add_argument("pictures", nargs="+")
parser.add_argument("--confidence", type=float)
asked = parser.parse_args()

session = onnxruntime.InferenceSession(Path(__file__).with_suffix(".onnx"))
known = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
side_px, classes = known["side_px"], known.get("classes", [])
least = known.get("threshold", 0.5) if asked.confidence is None else asked.confidence

for name in asked.pictures:
    picture = cv2.imread(name)
    if picture is None:
        sys.exit(f"{name} is no picture that can be read")
    height, width = picture.shape[:2]
    ratio = side_px / max(width, height)
    w, h = (max(1, round(side * ratio)) for side in (width, height))
    seen = np.full((side_px, side_px, 3), 114, np.uint8)
    seen[:h, :w] = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA)
    images = seen[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    places = np.asarray(session.run(["boxes"], {"images": images})[0])[0].T  # [A,4+C]
    corners = places[:, :2] - places[:, 2:4] / 2
    rows, of = np.nonzero(places[:, 4:] >= least)
    sure, xywh = places[rows, 4 + of], np.hstack([corners[rows], places[rows, 2:4]])
    kept = cv2.dnn.NMSBoxesBatched(xywh.tolist(), sure.tolist(), of.tolist(), 0.0, known["nms_iou"])
    scale, limit = (width / w, height / h) * 2, (width, height) * 2
    boxes = []
    for i in kept:
        ends = np.clip(np.hstack([xywh[i, :2], xywh[i, :2] + xywh[i, 2:]]) * scale, 0, limit)
        boxes.append([*ends.tolist(), float(sure[i]), *([classes[of[i]]] if classes else [])])
    print(json.dumps({"picture": name, "boxes": boxes}))
