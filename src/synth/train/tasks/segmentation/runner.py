"""Label maps that a segmenter makes of pictures: python MODEL.py PICTURE... --out FOLDER, one JSON line each.

It stands beside MODEL.onnx and needs onnxruntime and opencv-python-headless, no synth. A map is a PNG
of the picture's size whose values are places in the list of classes; the line has each class's share.
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
parser.add_argument("--out", type=Path, default=Path("maps"))
asked = parser.parse_args()
places = [asked.out / f"{Path(name).stem}.png" for name in asked.pictures]
given = {Path(name).resolve() for name in asked.pictures}
if len(set(places)) < len(places) or any(place.resolve() in given for place in places):
    sys.exit(f"a map in {asked.out} would lie over a picture or another map: give another --out")
asked.out.mkdir(parents=True, exist_ok=True)

session = onnxruntime.InferenceSession(Path(__file__).with_suffix(".onnx"))
known = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
side_px, classes = known["side_px"], known["classes"]

for name, place in zip(asked.pictures, places, strict=True):
    picture = cv2.imread(name)
    if picture is None:
        sys.exit(f"{name} is no picture that can be read")
    height, width = picture.shape[:2]
    ratio = side_px / max(width, height)
    w, h = (max(1, round(side * ratio)) for side in (width, height))
    how = cv2.INTER_AREA if w < width else cv2.INTER_LINEAR
    small = cv2.resize(picture, (w, h), interpolation=how)
    seen = cv2.copyMakeBorder(small, 0, side_px - h, 0, side_px - w, cv2.BORDER_REPLICATE)
    images = seen[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    (sure,) = np.asarray(session.run(["confidences"], {"images": images})[0])  # [C,S,S]
    full = [cv2.resize(each[:h, :w], (width, height), interpolation=cv2.INTER_LINEAR) for each in sure]
    labels = np.argmax(full, axis=0).astype(np.uint8)
    if not cv2.imwrite(str(place), labels):
        sys.exit(f"{place} cannot be written")
    shares = {kind: round(float((labels == i).mean()), 4) for i, kind in enumerate(classes)}
    print(json.dumps({"picture": name, "shares": shares}))
