"""The toolkit from Python: what ``import synth`` offers, and nothing that costs anything before it is called.

Each function is a verb of the command line: the same defaults, the same files, the same logs. What was
begun in a folder is gone on with, and what is finished is only read.

Files and folders are str or Path; a dataset may stand for its own folder. Frames, boxes and units are those
of CONVENTIONS.md: metres, radians, boxes xyxy in pixels with edges 0 to W, normals as (u, v, w).

progress: True shows the command's bar, on stderr; False shows nothing.

Errors are SynthErrors, and say what to do next: InputError for what the caller can correct (DatasetError
for a folder that is no dataset or was made otherwise, CellError for a cell file), StorageError for the
disk. KeyboardInterrupt leaves every folder whole; the same call goes on.
"""

from synth.front.learning import Comparison, Prediction, Training, compare, predict, train
from synth.front.looks import paint, translate
from synth.front.making import capture, compose, render
from synth.front.mapping import balance, label
from synth.front.opening import StrPath, load_cell, open_dataset

__all__ = [
    "Comparison",
    "Prediction",
    "StrPath",
    "Training",
    "balance",
    "capture",
    "compare",
    "compose",
    "label",
    "load_cell",
    "open_dataset",
    "paint",
    "predict",
    "render",
    "train",
    "translate",
]
