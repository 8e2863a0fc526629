"""Whatever stands in somebody else's folder: an import takes it, or says why not, and only reads it."""

import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from damage import damage_bytes, damage_entry, damage_json, damage_lines, damage_picture, damage_words
from guard import attempt, bounded, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.cell.load import load_cell
from synth.dataset.imports.bop import BopSettings, import_bop
from synth.dataset.imports.coco import CocoSettings, import_coco
from synth.dataset.imports.images import ImagesSettings, import_images
from synth.dataset.imports.semantic import SemanticSettings, import_semantic
from synth.dataset.imports.yolo import YoloSettings, import_yolo
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.gan.elsewhere import ElsewhereSettings, import_translated

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]


def bop(folder: Path, out: Path) -> Any:
    axis = (0.0, 0.0, 1.0)
    return import_bop(
        BopSettings(
            folder=folder, out=out, models=None, names={}, normal=axis, face=None, box_kind="tight", splits={}
        )
    )


def yolo(folder: Path, out: Path) -> Any:
    return import_yolo(YoloSettings(folder, out))


def coco(folder: Path, out: Path) -> Any:
    return import_coco(CocoSettings(folder, out))


def pictures(folder: Path, out: Path) -> Any:
    return import_images(ImagesSettings(folder, out, load_cell().label, "part"))


def semantic(folder: Path, out: Path) -> Any:
    return import_semantic(
        SemanticSettings(folder / "images", folder / "labels", out, str(folder / "classes.json"))
    )


def translated(folder: Path, out: Path) -> Any:
    return import_translated(ElsewhereSettings(folder / "pictures", folder / "dataset", out))


TEXTS = {
    "scene_gt.json": (damage_json, damage_json, damage_bytes),
    "scene_camera.json": (damage_json, damage_json, damage_bytes),
    "scene_gt_info.json": (damage_json, damage_json, damage_bytes),
    "models_info.json": (damage_json, damage_json, damage_bytes),
    "instances_train.json": (damage_json, damage_json, damage_bytes),
    "classes.json": (damage_json, damage_json, damage_bytes),
    "data.yaml": (damage_words, damage_lines, damage_bytes),
    ".txt": (damage_words, damage_lines, damage_bytes),
    ".obj": (damage_words, damage_lines, damage_bytes),
}


def damage(folder: Path, outside: Path, rng: Random) -> None:
    """One to three files of the folder, each in a way of its kind."""
    for _ in range(rng.randint(1, 3)):
        names = sorted(p for p in folder.rglob("*") if not p.name.endswith((".mtl", ".bin")))
        path = rng.choice([p for p in names if p.suffix in (".json", ".yaml", ".txt", ".obj")] * 2 + names)
        if rng.random() < 0.15 or not path.is_file() or path.is_symlink():
            if not (outside / "parked").exists():
                damage_entry(path, outside, rng, pipes=False)
            continue
        changes = TEXTS.get(path.name) or TEXTS.get(path.suffix) or (damage_picture,)
        path.write_bytes(rng.choice(changes)(path.read_bytes(), rng))


@pytest.mark.parametrize("take", [bop, yolo, coco, pictures, semantic, translated])
def test_any_folder_is_imported_or_refused_in_a_sentence(
    templates: Path, take: Callable[[Path, Path], Any]
) -> None:
    """No other exception, no hang, the folder and its neighbours unchanged; what was imported verifies."""

    @settings(settings.get_profile("fuzz"))
    @given(seed=st.integers(0, 2**62))
    def holds(seed: int) -> None:
        with TemporaryDirectory() as name:
            outer = Path(name).resolve()
            shutil.copytree(templates / take.__name__, outer / "theirs")
            (outer / "bystanders").mkdir()
            (outer / "bystander.txt").write_bytes(b"torn")
            damage(outer / "theirs", outer, Random(seed))
            before = snapshot(outer)
            with bounded(), chdir(outer):
                summary = attempt(lambda: take(outer / "theirs", outer / "out"))
                if summary is not None:
                    assert verify(outer / "out") == []
                    assert len(DatasetReader(outer / "out")) == summary.n_samples > 0
            assert snapshot(outer, without=(outer / "out",)) == before

    holds()


@pytest.mark.parametrize("take", [bop, yolo, coco, pictures, semantic, translated])
def test_a_sound_folder_is_imported(
    templates: Path, take: Callable[[Path, Path], Any], tmp_path: Path
) -> None:
    """Without damage every picture is taken: what the other finds is no fault of the template."""
    shutil.copytree(templates / take.__name__, tmp_path / "theirs")
    summary = take(tmp_path / "theirs", tmp_path / "out")
    n_instances = 0 if take is semantic else 3
    assert (summary.n_samples, summary.n_instances, list(summary.misfits)) == (3, n_instances, [])
