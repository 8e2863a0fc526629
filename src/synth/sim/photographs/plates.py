"""Photographs without parts, and a rendered part laid over one of them as if it had been there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import pixels_sha256
from synth.dataset.imports.pictures import SUFFIXES, open_picture
from synth.dataset.origin import Parent
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.sim.camera_response import RENDERED_EDGE_SIGMA_PX
from synth.sim.colour import Linear, linear_of_u8, u8_of_linear
from synth.sim.noise import Noise
from synth.sim.photographs.painting import paint_in
from synth.sim.scene import Scene, SceneCamera

_RIM_PX = 7
_INPAINT_PX = 5
_SPREAD_PX = 1.5
_INSIDE = 0.995
MAX_PLATES = 40
_PLATE_STREAM = 3


@dataclass(frozen=True, eq=False)
class Plate:
    """A picture [H,W,3] without parts, and what records say of the one that it was made of.

    sample: the train image whose labelled parts were painted out; None for an unrelated picture. camera: that
    took it, where parts are laid anywhere; None where poses bring their own.
    """

    rgb_u8: NDArray[np.uint8]
    parent: Parent
    sample: Sample | None = None
    camera: SceneCamera | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.rgb_u8.shape[1], self.rgb_u8.shape[0]


def choose_for_plates(dataset: DatasetReader, samples: Sequence[Sample]) -> list[Sample]:
    """The train samples with a mask, 40 at most, of which plates are made. Raises InputError for none."""
    chosen = [s for s in samples if s.split == "train" and s.mask is not None]
    chosen = chosen[:: -(-len(chosen) // MAX_PLATES) or 1]
    if not chosen:
        raise InputError(f"{dataset.root} has no train sample with a mask to make a plate of")
    return chosen


def make_plates(dataset: DatasetReader, samples: Sequence[Sample]) -> list[Plate]:
    """A plate of each sample that `choose_for_plates` chooses.

    Where a camera stood still, what a part hid is taken from the nearest of these images that shows it free,
    and spread inwards from its edge where none does; otherwise it is painted in with what lies around it.
    """
    chosen = choose_for_plates(dataset, samples)
    pictures = [dataset.load_rgb(s) for s in chosen]
    hidden = [_hidden(dataset, s) for s in chosen]
    return [
        Plate(paint_out(i, pictures, hidden), dataset.as_parent(s, "mask", "plate"), s)
        for i, s in enumerate(chosen)
    ]


def list_backgrounds(folder: Path, option: str = "--backgrounds") -> list[Path]:
    """The pictures in a folder that an option names, 40 at most, evenly chosen. Raises InputError where there
    is none.
    """
    if not folder.is_dir():
        raise InputError(f"{option} takes a folder of pictures, and {folder} is none")
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        known = ", ".join(suffix[1:] for suffix in SUFFIXES)
        labelled = "; synth import makes a dataset of an export with labels" if option == "--over" else ""
        raise InputError(f"{folder} itself holds no picture: {option} takes a folder of {known}{labelled}")
    return found[:: -(-len(found) // MAX_PLATES)]


def make_backgrounds(
    folder: Path, sizes_wh: Collection[tuple[int, int]], dataset: DatasetReader
) -> list[Plate]:
    """A plate of each size of each picture of a folder: scaled until it fills the size, its middle cut out.

    Records call the folder a dataset of imported pictures. Raises InputError for a folder without pictures,
    or with a test image of ``dataset``; DatasetError for a picture that does not open.
    """
    plates, tests = [], {sample.pixels_sha256: sample for sample in dataset.of_split("test")}
    for i, path in enumerate(list_backgrounds(folder)):
        rgb_u8 = open_picture(path).rgb_u8
        digest = pixels_sha256(rgb_u8)
        if digest in tests:
            raise InputError(
                f"{path} is the test image {tests[digest].name} of {dataset.root}, which nothing that trains "
                "may show: take it out of that folder"
            )
        parent = Parent(
            dataset=folder.resolve().name,
            kind="imported",
            name=f"{i:06d}",
            pixels_sha256=digest,
            used=("plate",),
        )
        plates += [Plate(_fill(rgb_u8, size_wh), parent) for size_wh in sorted(sizes_wh)]
    return plates


def choose_plate(plates: Sequence[Plate], scene: Scene) -> Plate:
    """A twin's own where there is one, else any that the camera may have taken, drawn by the scene's seed."""
    fitting = [p for p in plates if p.size_wh == scene.camera.size_wh and p.camera in (None, scene.camera)]
    own = [p for p in fitting if p.sample is not None and p.sample.name in scene.parents]
    candidates = own or fitting or list(plates)
    rng = np.random.default_rng([scene.seed, _PLATE_STREAM])
    return candidates[int(rng.integers(len(candidates)))]


def _fill(rgb_u8: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = rgb_u8.shape[:2]
    scale = max(size_wh[0] / width, size_wh[1] / height)
    # Cut before it is scaled: a strip scaled until it fills a picture would fill the memory too.
    w, h = (min(max(round(n / scale), 1), most) for n, most in zip(size_wh, (width, height), strict=True))
    x, y = (width - w) // 2, (height - h) // 2
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    middle = np.ascontiguousarray(rgb_u8[y : y + h, x : x + w])
    return np.asarray(cv2.resize(middle, size_wh, interpolation=way), dtype=np.uint8)


def _hidden(dataset: DatasetReader, sample: Sample) -> NDArray[np.bool_]:
    """[H,W] labelled parts with a rim, where their edges and their light reach."""
    mask = dataset.load_mask(sample)
    assert mask is not None
    rim = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RIM_PX + 1,) * 2)
    return np.asarray(cv2.dilate((mask > 0).astype(np.uint8), rim) > 0)


def paint_out(
    i: int, pictures: Sequence[NDArray[np.uint8]], hidden: Sequence[NDArray[np.bool_]]
) -> NDArray[np.uint8]:
    """The i-th of some pictures [H,W,3] without what its labels hide [H,W]; others of the same view help."""
    picture, left, stood_still = pictures[i].copy(), hidden[i].copy(), False
    for j in sorted(range(len(pictures)), key=lambda j: abs(j - i)):
        if pictures[j].shape == picture.shape and _same_view(pictures[i], pictures[j], hidden[i] | hidden[j]):
            free = left & ~hidden[j]
            picture[free] = pictures[j][free]
            left &= hidden[j]
            stood_still |= i != j
    if not left.any():
        return picture
    if not stood_still:
        return paint_in(picture, left)
    return np.asarray(cv2.inpaint(picture, left.astype(np.uint8), _INPAINT_PX, cv2.INPAINT_TELEA), np.uint8)


def _same_view(a_u8: NDArray[np.uint8], b_u8: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> bool:
    """Whether most of what parts do not hide is the same in both: the camera stood still."""
    difference = cv2.absdiff(cv2.blur(a_u8, (5, 5)), cv2.blur(b_u8, (5, 5))).max(axis=-1)
    free = ~hidden
    return bool(free.any() and np.median(difference[free]) < 4)


def lay_over(
    plate_u8: NDArray[np.uint8],
    light: Linear,
    coverage: NDArray[np.float32],
    *,
    gain_rgb: Sequence[float],
    edge_sigma_px: float,
    noise: Noise,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """The picture [H,W,3] of parts over a plate.

    light: [H,W,3] rendered, linear. coverage: [H,W] share of each pixel that parts fill. gain_rgb: from light
    to the photographs'. edge_sigma_px: spread of an edge in them. noise: theirs; the plate has its own.
    """
    inside = (coverage > _INSIDE).astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), _SPREAD_PX)
    spread = cv2.GaussianBlur(light * inside[..., None], (0, 0), _SPREAD_PX)
    # Near its edge a part has the light of its inside: what the renderer mixed in there is no plate.
    near_edge = np.where(weight[..., None] > 1e-3, spread / np.maximum(weight, 1e-3)[..., None], light)
    part: NDArray[np.floating] = np.where(inside[..., None] > 0, light, near_edge)
    share: NDArray[np.floating] = coverage
    blur_px = float(np.sqrt(max(edge_sigma_px**2 - RENDERED_EDGE_SIGMA_PX**2, 0.0)))
    if blur_px > 0.1:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), blur_px), np.float32)
        share = np.asarray(cv2.GaussianBlur(coverage, (0, 0), blur_px), np.float32)
    picture = part * np.asarray(gain_rgb, np.float32)
    if any(noise.read) or any(noise.shot):
        picture = picture + noise.sigma(picture) * noise.draw((picture.shape[0], picture.shape[1]), rng)
    share = np.clip(share, 0, 1)[..., None]
    return u8_of_linear(np.asarray(share * picture + (1 - share) * linear_of_u8(plate_u8), np.float32))
