"""Ultralytics' layout for detection, as its documentation of detection datasets describes it.

``images/SPLIT/NAME.png``, ``labels/SPLIT/NAME.txt`` and ``data.yaml``, which names folders relative to
itself. A label line is ``class xc yc w h``, fractions of the image, of the dataset's box kind; an image
without a labelled instance has an empty file. Images are hard links to the dataset's where the disk allows
it: whoever edits one in place edits both.
"""

from pathlib import Path, PurePosixPath

from synth.dataset.exports.folder import link_from, new_folder
from synth.dataset.reader import DatasetReader
from synth.dataset.record import KIND_WORDS, SPLITS
from synth.dataset.views import names_yaml, yolo_label
from synth.storage.atomic import write_bytes


def export_yolo(dataset: DatasetReader, out: Path) -> Path:
    """Write the folder and return its data.yaml, which names the splits that have samples.

    Raises InputError when ``out`` holds anything, DatasetError when an image is missing, StorageError.
    """
    info = dataset.info
    with new_folder(dataset, out) as folder:
        for sample in dataset:
            image = f"{sample.split}/{PurePosixPath(sample.image).name}"
            link_from(dataset, sample.image, folder / "images" / image)
            write_bytes(
                folder / f"labels/{sample.split}/{sample.name}.txt", yolo_label(sample, info).encode()
            )
        lists = "".join(f"{split}: images/{split}\n" for split in SPLITS if dataset.of_split(split))
        simulated = ", simulated" if info.made_by.simulated else ""
        about = f"# {KIND_WORDS[info.kind]} images{simulated}; boxes are {info.box_kind}.\n"
        write_bytes(folder / "data.yaml", f"{about}{lists}{names_yaml(info.classes)}".encode())
    return out / "data.yaml"
