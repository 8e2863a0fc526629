"""Which pairs of datasets may train a translator."""

import shutil

import numpy as np
import pytest
from look_pair import SIZE_WH, write_look

from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError, InputError
from synth.gan.inputs import check_pair, refuse_leaks


def write_plain(root, *, classes=("cover",), splits=("train", "train", "val", "val"), size_wh=SIZE_WH):
    info = DatasetInfo(kind="rendered", classes=classes, made_by=MadeBy(verb="test", simulated=True))
    rng = np.random.default_rng(7)
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(splits):
            rgb_u8 = rng.integers(0, 256, (*size_wh[::-1], 3)).astype(np.uint8)
            writer.append(Draft(name=f"{i:06d}", split=split, size_wh=size_wh), layers={"image": rgb_u8})
    return DatasetReader(root)


def test_a_fitting_pair_passes(looks):
    """Two looks of one part are what a translator learns from."""
    check_pair(*looks)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": ("gear",)}, "no class in common: one shows gear, the other cover"),
        ({"splits": ("train", "val", "val")}, "has 1 train images, .* trained and judged with 2 or more"),
        ({"splits": ("train", "train")}, "has 0 val images, .* trained and judged with 1 or more"),
        ({"size_wh": (64, 64)}, r"differ in size.*64×64.*96×80.*render at the size.*--method mtgan"),
    ],
)
def test_what_does_not_fit_is_one_sentence(looks, tmp_path, changes, sentence):
    """Classes, counts and sizes are looked at before anything is trained."""
    with pytest.raises(InputError, match=sentence):
        check_pair(write_plain(tmp_path / "synthetic", **changes), looks[1])


def test_crops_may_come_from_images_of_any_size(looks, tmp_path):
    """They are all brought to one side."""
    check_pair(write_plain(tmp_path / "synthetic", size_wh=(64, 64)), looks[1], any_size=True)


def test_one_dataset_is_no_pair(looks):
    """A look cannot be translated into itself."""
    with pytest.raises(InputError, match="--sim and --real are one dataset"):
        check_pair(looks[1], looks[1])


def test_a_captured_test_image_among_the_rendered_is_named(looks, tmp_path):
    """A test image of the target that lies in the source's train split is an error that names both."""
    sim, real = looks
    shutil.copytree(sim.root, tmp_path / "synthetic")
    leaked = real.of_split("test")[0]
    with DatasetWriter.open(tmp_path / "synthetic") as writer:
        draft = Draft(name="000099", split="train", size_wh=SIZE_WH, instances=leaked.instances)
        writer.append(draft, layers={"image": real.load_rgb(leaked), "mask": real.load_mask(leaked)})
    with pytest.raises(DatasetError, match=rf"000099.*{leaked.image}"):
        refuse_leaks(DatasetReader(tmp_path / "synthetic"), real, print)


def test_clean_datasets_are_counted(looks):
    """What was looked at is said in numbers."""
    said = []
    n_looked_at = refuse_leaks(*looks, said.append)
    assert n_looked_at == sum(len(d) - len(d.of_split("test")) for d in looks)
    assert said == [f"No test image among {n_looked_at} train and val images (6 test images compared)."]


def test_sizes_of_test_images_do_not_matter(looks, tmp_path):
    """Test images neither train nor choose, so that theirs may differ."""
    sim = write_look(tmp_path / "synthetic", "rendered", 12, seed=3)
    with DatasetWriter.open(sim.root) as writer:
        writer.append(
            Draft(name="000050", split="test", size_wh=(32, 32)),
            layers={"image": np.zeros((32, 32, 3), np.uint8)},
        )
    check_pair(DatasetReader(sim.root), looks[1])
