"""Unit normals that a network reads from crops: python MODEL.py CROP..., one JSON line each.

It stands beside MODEL.onnx and needs onnxruntime and opencv-python-headless, no synth. A normal is
u v w in the crop's own axes.
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

for name in asked.crops:
    crop = cv2.imread(name)
    if crop is None:
        sys.exit(f"{name} is no picture that can be read")
    seen = cv2.resize(crop, (known["side_px"],) * 2, interpolation=cv2.INTER_AREA)
    images = seen[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    (normal,) = np.asarray(session.run(["normal"], {"images": images})[0])
    print(json.dumps({"picture": name, "normal": normal.tolist()}))
