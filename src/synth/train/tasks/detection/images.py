"""Pictures with boxes as a detector sees them: small, in memory, changed at random by Ultralytics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.dataset.choices import BoxKind
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Sample
from synth.errors import InputError
from synth.train.loop import Rows
from synth.train.photometric import list_widths, seeded
from synth.train.tasks.known_classes import refuse_foreign
from synth.train.ultralytics_parts import ultralytics, undisturbed

Boxes = NDArray[np.float64]
STRIDE_PX = 32
MOSAIC = 0.5
"""Share of train images laid together from four; Ultralytics has 1 and stops it in the last epochs."""

GREY = 114
"""Of what fills up a picture's sides, counts."""

_NO_OTHER_MIRROR = {"flipud": 0.0, "copy_paste": 0.0}
"""Ultralytics' own defaults: of its changes that mirror, the flip from left to right alone."""


@dataclass(frozen=True, eq=False)
class DetectionImages:
    """N images with their boxes.

    bgr_u8: [h,w,3] each, as small as the detector looks at them. sizes_wh: of the originals. boxes_xyxy_px:
    [M,4] each, in pixels of the originals. names: of the samples. classes: [M] each, of every box the place
    of its class in ``class_names``; all 0 if not given. class_names: those that the network learns, in its
    order, then others that these images show; empty for one class without a name. mirrored_classes: for each
    class that the network learns, which one it is in a mirror; empty where a mirror changes none.
    """

    bgr_u8: tuple[NDArray[np.uint8], ...]
    sizes_wh: tuple[tuple[int, int], ...]
    boxes_xyxy_px: tuple[Boxes, ...]
    names: tuple[str, ...]
    classes: tuple[Rows, ...] = ()
    class_names: tuple[str, ...] = ()
    mirrored_classes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.classes:
            object.__setattr__(self, "classes", tuple(np.zeros(len(b), np.int64) for b in self.boxes_xyxy_px))

    def __len__(self) -> int:
        return len(self.names)

    def joined(self, other: "DetectionImages") -> "DetectionImages":
        """These and then those; their classes are brought together by name."""
        class_names = tuple(dict.fromkeys((*self.class_names, *other.class_names)))
        places = np.array([class_names.index(name) for name in other.class_names] or [0])
        return DetectionImages(
            self.bgr_u8 + other.bgr_u8,
            self.sizes_wh + other.sizes_wh,
            self.boxes_xyxy_px + other.boxes_xyxy_px,
            self.names + other.names,
            self.classes + tuple(places[each] for each in other.classes),
            class_names,
            _merge_mirrored(self.mirrored_classes, other.mirrored_classes, class_names),
        )


def refuse_other_labels(dataset: DatasetReader, box_kind: BoxKind, classes: Sequence[str] = ()) -> None:
    """Raises InputError where a dataset's labels are boxes of another kind, or none of its classes is known.

    classes: what the network learns; empty for one class without a name, to which any one class answers.
    """
    info = dataset.info
    if info.box_kind != box_kind:
        raise InputError(
            f"{dataset.root} is labelled with {info.box_kind} boxes and the others with {box_kind} "
            "ones: they cannot be compared; synth import takes either, with --square or without"
        )
    if not classes and len(info.classes) > 1:
        raise InputError(
            f"{dataset.root} has {len(info.classes)} classes ({', '.join(info.classes)}), and this network "
            "learns one, from data that have no other: give a dataset of that class alone"
        )
    if classes:
        refuse_foreign(dataset, classes)


def load_detection_images(
    dataset: DatasetReader,
    samples: Sequence[Sample],
    side_px: int,
    box_kind: BoxKind,
    classes: tuple[str, ...] = (),
) -> DetectionImages:
    """Images whose longer side is ``side_px``, with the boxes of every instance visible enough for a label.

    classes: what the network learns, in its order. Raises InputError when no sample has a box, and as
    ``refuse_other_labels`` does.
    """
    refuse_other_labels(dataset, box_kind, classes)
    known = (*classes, *(name for name in dataset.info.classes if name not in classes)) if classes else ()
    places = {name: i for i, name in enumerate(known)}
    images, sizes, boxes, kinds = [], [], [], []
    for sample in samples:
        rgb = dataset.load_rgb(sample)
        images.append(shrink(rgb, side_px)[..., ::-1].copy())
        sizes.append((rgb.shape[1], rgb.shape[0]))
        labelled = [i for i in sample.instances if i.visib_fract >= MIN_VISIBLE_FOR_LABEL]
        boxes.append(np.array([i.box_of(box_kind) for i in labelled], dtype=np.float64).reshape(-1, 4))
        kinds.append(np.array([places.get(i.class_name, 0) for i in labelled], dtype=np.int64))
    if not any(len(b) for b in boxes):
        raise InputError(f"{dataset.root} has no boxes among the {len(samples)} samples asked for")
    return DetectionImages(
        tuple(images),
        tuple(sizes),
        tuple(boxes),
        tuple(s.name for s in samples),
        tuple(kinds),
        known,
        mirror_classes(classes, dataset.info.flip_pairs),
    )


def mirror_classes(classes: Sequence[str], flip_pairs: Sequence[tuple[str, str]]) -> tuple[int, ...]:
    """For each class its place in a mirror, by pairs of names that a mirror swaps; empty where none is."""
    places = {name: i for i, name in enumerate(classes)}
    mirrored = list(range(len(classes)))
    for a, b in flip_pairs:
        if a in places and b in places:
            mirrored[places[a]], mirrored[places[b]] = places[b], places[a]
    return () if mirrored == list(range(len(classes))) else tuple(mirrored)


def _merge_mirrored(
    first: tuple[int, ...], second: tuple[int, ...], class_names: Sequence[str]
) -> tuple[int, ...]:
    """What either swaps; raises InputError where one swaps a class with one and the other with another."""
    if not first or not second:
        return first or second
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        if i not in (a, b) and a != b:
            raise InputError(
                f"one dataset says that a mirror turns {class_names[i]} into {class_names[a]}, another into "
                f"{class_names[b]}: make their flip_pairs agree"
            )
    return tuple(b if a == i else a for i, (a, b) in enumerate(zip(first, second, strict=True)))


def shrink(rgb_u8: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """The picture with its longer side at ``side_px``."""
    h, w = rgb_u8.shape[:2]
    size = shrink_size((w, h), side_px)
    return np.asarray(cv2.resize(rgb_u8, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shrink_size(size_wh: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Width and height with the longer side at ``side_px``."""
    ratio = side_px / max(size_wh)
    return max(1, round(size_wh[0] * ratio)), max(1, round(size_wh[1] * ratio))


class AugmentedImages:
    """Random versions of train images, side × side: Ultralytics' mosaics, scales, shifts, colours and flips.

    photometric: as `TaskSettings` has it, 1 for Ultralytics' own colours. A picture may be mirrored left to
    right: its boxes stay true, and classes that a mirror swaps are swapped.
    """

    def __init__(self, images: DetectionImages, side_px: int, photometric: float = 1.0) -> None:
        self._dataset = _make_dataset(images, side_px, photometric)

    def batch(self, rows: Rows, seed: int) -> dict[str, Tensor]:
        """img [B,3,S,S] uint8 RGB, batch_idx [M], cls [M,1], bboxes [M,4] xywh as shares; by the seed."""
        with seeded(seed):
            items = [self._dataset[int(row)] for row in rows]
        batch = self._dataset.collate_fn(items)
        return {key: batch[key] for key in ("img", "batch_idx", "cls", "bboxes")}


def plain_batches(
    images: DetectionImages, n: int, stride_px: int = STRIDE_PX
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """Rows and batches like AugmentedImages', of up to n unchanged images, grey to the right and below.

    stride_px: what their sides are made multiples of.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for row, image in enumerate(images.bgr_u8):
        by_shape.setdefault(image.shape, []).append(row)
    for rows in by_shape.values():
        for i in range(0, len(rows), n):
            part = rows[i : i + n]
            yield (
                part,
                lay_out(
                    [images.bgr_u8[row][..., ::-1] for row in part],
                    [to_xywh(images, row) for row in part],
                    [images.classes[row] for row in part],
                    stride_px,
                ),
            )


def lay_out(
    rgb_u8: Sequence[NDArray[np.uint8]], boxes_xywh: Sequence[Boxes], classes: Sequence[Rows], stride_px: int
) -> dict[str, Tensor]:
    """A batch like AugmentedImages' of pictures [h,w,3] at the top left of grey ones, multiples of
    ``stride_px``, that hold the largest. boxes_xywh: [M,4] each, as shares of their picture.
    """
    h, w = (-(-max(p.shape[axis] for p in rgb_u8) // stride_px) * stride_px for axis in (0, 1))
    img = np.full((len(rgb_u8), h, w, 3), GREY, np.uint8)
    for k, picture in enumerate(rgb_u8):
        img[k, : picture.shape[0], : picture.shape[1]] = picture
    boxes = [
        own * np.tile([picture.shape[1] / w, picture.shape[0] / h], 2)
        for own, picture in zip(boxes_xywh, rgb_u8, strict=True)
    ]
    index = [np.full(len(b), k) for k, b in enumerate(boxes)]
    return {
        "img": torch.from_numpy(img).permute(0, 3, 1, 2),
        "batch_idx": torch.from_numpy(np.concatenate(index)).float(),
        "cls": torch.from_numpy(np.concatenate(classes))[:, None].float(),
        "bboxes": torch.from_numpy(np.concatenate(boxes)).float(),
    }


def to_xywh(images: DetectionImages, row: int) -> Boxes:
    """Centres and sizes as shares of the picture."""
    boxes = images.boxes_xyxy_px[row] / np.tile(images.sizes_wh[row], 2)
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def _make_dataset(images: DetectionImages, side_px: int, photometric: float) -> Any:
    base = ultralytics("data.dataset").YOLODataset

    class InMemory(base):  # type: ignore[misc, valid-type]
        """Ultralytics' dataset over pictures that are loaded already; no file, no cache on disk."""

        def get_img_files(self, img_path: Any) -> list[str]:
            return [f"{name}_{i}.png" for i, name in enumerate(images.names)]

        def get_labels(self) -> list[dict[str, Any]]:
            return [
                {
                    "im_file": file,
                    "shape": images.bgr_u8[i].shape[:2],
                    "cls": images.classes[i][:, None].astype(np.float32),
                    "bboxes": to_xywh(images, i).astype(np.float32),
                    "segments": [],
                    "keypoints": None,
                    "normalized": True,
                    "bbox_format": "xywh",
                }
                for i, file in enumerate(self.im_files)
            ]

        def load_image(self, i: int, *_args: Any, **_options: Any) -> tuple[Any, Any, Any]:
            h, w = images.bgr_u8[i].shape[:2]
            return images.bgr_u8[i], (h, w), (h, w)

    settings = ultralytics("utils").IterableSimpleNamespace(
        **{
            **vars(ultralytics("utils").DEFAULT_CFG),
            "mosaic": MOSAIC,
            **_NO_OTHER_MIRROR,
            **list_widths(photometric),
        }
    )
    with undisturbed():
        dataset = InMemory(
            img_path="", imgsz=side_px, augment=True, hyp=settings, data={"names": {0: "part"}}
        )
        dataset.cache = "ram"  # Mosaics then draw from all pictures, not from those shown lately.
        changes = dataset.build_transforms(settings)
    # It acts only where that package is installed, and the seed alone shall decide.
    optional = ultralytics("data.augment").Albumentations
    changes.transforms = [change for change in changes.transforms if not isinstance(change, optional)]
    if images.mirrored_classes:
        changes.transforms = [_swap_when_mirrored(c, images.mirrored_classes) for c in changes.transforms]
    dataset.transforms = changes
    return dataset


def _swap_when_mirrored(change: Any, mirrored_classes: tuple[int, ...]) -> Any:
    """Ultralytics' flip, after which every box has the class that it has in a mirror; any other change as is.

    The one door of mirror images: what is learnt from is flipped nowhere else.
    """
    flip = ultralytics("data.augment").RandomFlip
    if not isinstance(change, flip) or change.direction != "horizontal":
        return change
    mirrored = np.array(mirrored_classes, np.float32)

    class SwappingFlip(flip):  # type: ignore[misc, valid-type]
        def apply_instances(self, labels: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            labels = dict(super().apply_instances(labels, params))
            if params["flip"]:
                labels["cls"] = mirrored[labels["cls"].astype(np.int64)]
            return labels

    return SwappingFlip(change.p, change.direction, change.flip_idx)
