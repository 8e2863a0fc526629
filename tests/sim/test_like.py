"""Rendering like photographs: what is measured on them, where new poses lie, what no test image enters."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import trimesh
from photographed_set import YELLOW, make_wall, write_photographed
from rich.console import Console

from synth.cell.mesh import load_coloured_mesh
from synth.compute.progress import make_progress
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError
from synth.geometry import se3
from synth.geometry.boxes import inside_image, square_box
from synth.sim.blender import QUALITIES, Blender
from synth.sim.furnish import pinhole_of
from synth.sim.like.appearance import Appearance, measure_appearance
from synth.sim.like.backdrop import lay_over, make_plates
from synth.sim.like.objects import Objects, Seen, list_seen
from synth.sim.like.poses import DEPTH_FACTOR, make_fresh, make_twin
from synth.sim.like.run import LikeSettings, count_twinnable, render_like
from synth.sim.meshes import write_meshes
from synth.sim.noise import NO_NOISE
from synth.sim.plan import Shares
from synth.sim.scene import SceneCamera

QUIET = make_progress(Console(quiet=True))


@pytest.fixture(scope="module")
def photographed(tmp_path_factory):
    """Five train, one val, two test pictures."""
    return write_photographed(tmp_path_factory.mktemp("photographed"))


@pytest.fixture(scope="module")
def ground(photographed):
    """Dataset, objects, seen poses, plates, appearance."""
    dataset = DatasetReader(photographed)
    objects = Objects.of(dataset)
    seen = list_seen(dataset, objects)
    plates = make_plates(dataset, [s.sample for s in seen])
    appearance = measure_appearance(dataset, [s.sample for s in seen], ["box"], plates)
    return dataset, objects, seen, plates, appearance


def test_plates_show_what_the_part_hid(ground):
    """The wall comes back where another picture of the film shows it, and nothing yellow stays elsewhere."""
    dataset, _, _, plates, _ = ground
    assert [p.sample.split for p in plates] == ["train"] * 5
    for plate in plates:
        wrong = np.abs(plate.rgb_u8.astype(int) - make_wall()).max(axis=-1)
        free = ~np.all([dataset.load_mask(p.sample) > 0 for p in plates], axis=0)
        free = cv2.erode(free.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
        assert np.quantile(wrong[free], 0.999) < 12
        assert np.abs(plate.rgb_u8.astype(int) - YELLOW).sum(axis=-1).min() > 60


def test_appearance_is_the_photographs(ground):
    """The part's hue, the surroundings' colour and the noise are found within their tolerances."""
    _, _, _, _, appearance = ground
    colour = np.asarray(appearance.colours_rgb["box"])
    np.testing.assert_allclose(colour / colour.max(), YELLOW / YELLOW.max(), atol=0.06)
    np.testing.assert_allclose(
        appearance.surroundings_rgb, np.median(make_wall().reshape(-1, 3), axis=0), atol=4
    )
    assert max(*appearance.noise.read, *appearance.noise.shot) > 0


def test_poses_of_test_samples_are_never_asked(ground):
    """Only train and val say where parts were."""
    _, _, seen, _, _ = ground
    assert {s.sample.split for s in seen} == {"train", "val"}


def test_twins_stand_where_they_stood(ground):
    """Same camera and pose to the last digit; the sample is the parent and the split its own."""
    _, _, seen, _, appearance = ground
    for s in seen:
        scene = make_twin(s, appearance, seed=0)
        (body,) = scene.bodies
        np.testing.assert_array_equal(body.T_base_body, s.poses[0][1])
        assert (scene.name, scene.split, scene.parents) == (s.sample.name, s.sample.split, (s.sample.name,))


def test_fresh_poses_reach_around_the_observed_range(ground):
    """Whole in the image, all over it, at distances around the observed ones, never test; repeatable."""
    _, objects, seen, _, appearance = ground
    scenes = [make_fresh(seen, i, f"{i:06d}", objects, appearance, seed=1) for i in range(60)]
    depths_m = [float(T[2, 3]) for s in seen for _, T in s.poses]
    centres = []
    for scene in scenes:
        T = np.asarray(scene.bodies[0].T_base_body)
        camera = pinhole_of(scene.camera)
        pixels = camera.project(se3.transform(T, objects.meshes["box"].vertices_m)) + 0.5
        assert inside_image(
            square_box(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])), camera.size_wh
        )
        assert min(depths_m) / DEPTH_FACTOR <= T[2, 3] <= max(depths_m) * DEPTH_FACTOR
        centres.append(camera.project(T[None, :3, 3])[0] / camera.size_wh)
    assert {scene.split for scene in scenes} == {"train", "val"}
    assert (np.ptp(centres, axis=0) > 0.5).all()
    again = make_fresh(seen, 7, "000007", objects, appearance, seed=1)
    assert again == scenes[7]
    assert make_fresh(seen, 7, "000007", objects, appearance, seed=2) != again


def test_a_part_is_laid_over_only_where_it_covers():
    """Full cover gives the part's light, none the plate to the count, half a mix of both."""
    plate = np.full((40, 60, 3), 60, np.uint8)
    light = np.full((40, 60, 3), 0.5, np.float32)
    coverage = np.zeros((40, 60), np.float32)
    coverage[10:30, 20:40] = 1.0
    coverage[10:30, 40] = 0.5
    light[coverage == 0] = 9.0  # Whatever a renderer shows beside the part.
    picture = lay_over(
        plate,
        light,
        coverage,
        gain_rgb=(1.0, 0.5, 0.0),
        edge_sigma_px=0.0,
        noise=NO_NOISE,
        rng=np.random.default_rng(0),
    )
    assert (picture[coverage == 0] == 60).all()
    np.testing.assert_allclose(picture[15:25, 25:35].reshape(-1, 3).mean(axis=0), [188, 137, 0], atol=1)
    edge = picture[20, 40].astype(int)
    assert 60 < edge[0] < 188
    assert 0 < edge[2] < 60


@pytest.mark.slow
def test_renders_like_photographs(photographed, tmp_path):
    """Twins and a fresh pose on disk: whole, like their photographs, and gone on with to the same bytes."""
    dataset = DatasetReader(photographed)
    assert count_twinnable(dataset) == 6
    settings = LikeSettings(dataset, tmp_path / "out", Shares(2, 1, 0), quality="draft", n_workers=1)
    assert render_like(settings, QUIET).n_new == 3
    assert verify(settings.out) == []
    found = DatasetReader(settings.out)
    assert [s.name for s in found] == ["000000", "000005", "100000"]
    assert (found.info.kind, found.info.box_kind, found.info.classes) == ("rendered", "tight", ("box",))
    twin, real = found["000000"], dataset["000000"]
    np.testing.assert_allclose(twin.instances[0].box_xyxy_px, real.instances[0].box_xyxy_px, atol=1)
    mask = found.load_mask(twin) > 0
    difference = np.abs(found.load_rgb(twin).astype(int) - dataset.load_rgb(real)).max(axis=-1)
    assert np.median(difference[~mask]) <= 2
    assert np.median(difference[mask]) < 60
    assert {p.split for s in found for p in s.origin.parents} <= {"train", "val"}
    before = (settings.out / "samples.jsonl").read_bytes().splitlines()
    with DatasetWriter.open(settings.out) as writer:
        writer.reject("100000", "to be made again")
    assert render_like(settings, QUIET).n_new == 1
    after = (settings.out / "samples.jsonl").read_bytes().splitlines()
    assert [_untimed(line) for line in after] == [_untimed(line) for line in before]
    with pytest.raises(DatasetError, match="seed"):
        render_like(replace(settings, seed=3), QUIET)
    (settings.out / "look" / "appearance.json").write_text("{}")
    with pytest.raises(InputError, match=r"appearance\.json is damaged: delete it"):
        render_like(settings, QUIET)


@pytest.mark.slow
def test_a_part_with_colours_of_its_own_is_rendered_in_them(tmp_path):
    """Red above and blue below in the file, so in the light; without colours it is of one hue."""
    box = trimesh.creation.box((0.08, 0.08, 0.01))
    box.visual.vertex_colors = np.where(box.vertices[:, 1:2] > 0, [[220, 20, 20]], [[20, 20, 220]])
    box.export(tmp_path / "box.ply")
    meshes = {"box": load_coloured_mesh(tmp_path / "box.ply", "m")}
    write_meshes(meshes, tmp_path)
    camera = SceneCamera(
        size_wh=(96, 96),
        K=((200, 0, 47.5), (0, 200, 47.5), (0, 0, 1)),
        dist=(0, 0, 0, 0, 0),
        T_base_cam=np.eye(4).tolist(),
    )
    T_cam_box = se3.make(np.eye(3), [0, 0, 0.3])
    seen = Seen(SimpleNamespace(name="000000", split="train"), camera, (("box", T_cam_box),))
    appearance = Appearance(colours_rgb={"box": (200, 200, 200)}, surroundings_rgb=(128, 128, 128))
    scene = make_twin(seen, appearance, seed=0)
    with Blender(tmp_path) as blender:
        light = blender.render(scene, pinhole_of(camera), (0, 0, 96, 96), QUALITIES["draft"]).rgb
    below, above = light[22:28, 40:56].mean(axis=(0, 1)), light[68:74, 40:56].mean(axis=(0, 1))
    assert below[2] > 2 * below[0]  # y points down in the image.
    assert above[0] > 2 * above[2]


def _untimed(line: bytes) -> dict[str, object]:
    return {key: value for key, value in json.loads(line).items() if key != "timing"}


def test_what_cannot_be_rendered_like_is_one_sentence(captured, photographed, tmp_path):
    """Captured sets bring no models; a model that was changed is no longer the one of the labels."""
    with pytest.raises(InputError, match="brings no models"):
        count_twinnable(DatasetReader(captured))
    broken = tmp_path / "broken"
    shutil.copytree(photographed, broken)
    model = next((broken / "models").iterdir())
    model.write_text(model.read_text() + "\n# changed\n")
    with pytest.raises(DatasetError, match="is not the model"):
        count_twinnable(DatasetReader(broken))
    model.unlink()
    with pytest.raises(DatasetError, match="is missing"):
        count_twinnable(DatasetReader(Path(broken)))
