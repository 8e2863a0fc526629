"""Classes of crops: python MODEL.py CROP..., one JSON line each.

It stands beside MODEL.onnx and needs onnxruntime and opencv-python-headless, no synth.
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
parser.add_argument("crops", nargs="+")
asked = parser.parse_args()

session = onnxruntime.InferenceSession(Path(__file__).with_suffix(".onnx"))
known = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
side_px, classes = known["side_px"], known["classes"]

for name in asked.crops:
    crop = cv2.imread(name)
    if crop is None:
        sys.exit(f"{name} is no picture that can be read")
    height, width = crop.shape[:2]
    side = max(width, height)
    left, above = -round((width - side) / 2), -round((height - side) / 2)
    rest = (above, side - height - above, left, side - width - left)
    square = cv2.copyMakeBorder(crop, *rest, cv2.BORDER_REPLICATE)
    how = cv2.INTER_AREA if side > side_px else cv2.INTER_LINEAR
    seen = cv2.resize(square, (side_px, side_px), interpolation=how)
    images = seen[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    (sure,) = np.asarray(session.run(["confidences"], {"images": images})[0])
    best = int(sure.argmax())
    print(json.dumps({"picture": name, "class": classes[best], "confidence": float(sure[best])}))
