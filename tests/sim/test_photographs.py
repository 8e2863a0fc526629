"""Rendering over photographs: what is measured on them, where new poses lie, what no test image enters."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from photographed_set import YELLOW, make_wall, write_photographed
from rich.console import Console

from synth.cell.mesh import read_mesh
from synth.compute.progress import make_progress
from synth.dataset.crops import recut
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError
from synth.geometry import se3
from synth.geometry.boxes import inside_image, square_box
from synth.sim.backdrop import Placement
from synth.sim.blender import QUALITIES, Blender
from synth.sim.compose import make_settings
from synth.sim.furnish import pinhole_of, scene_seed
from synth.sim.ingredients import Ingredients
from synth.sim.meshes import write_meshes
from synth.sim.noise import NO_NOISE
from synth.sim.photographs.appearance import Appearance
from synth.sim.photographs.plates import lay_over
from synth.sim.photographs.posed import DEPTH_FACTOR, PosedBackdrop, find_twinnable
from synth.sim.run import make_plan, render
from synth.sim.scene import SceneCamera
from synth.sim.settings import RenderSettings
from synth.sim.sources import SOURCES
from synth.sim.sources.photographs import make_fresh
from synth.sim.twins import STREAM, make_twin

QUIET = make_progress(Console(quiet=True))


@pytest.fixture(scope="module")
def photographed(tmp_path_factory):
    """Five train, one val, two test pictures."""
    return write_photographed(tmp_path_factory.mktemp("photographed"))


@pytest.fixture(scope="module")
def backdrop(photographed):
    """Plates and appearance as measured, where parts were seen."""
    return PosedBackdrop(DatasetReader(photographed)).measured()


def test_plates_show_what_the_part_hid(backdrop):
    """The wall comes back where another picture of the film shows it, and nothing yellow stays elsewhere."""
    dataset, plates = backdrop.over, backdrop.plates
    assert [p.sample.split for p in plates] == ["train"] * 5
    for plate in plates:
        wrong = np.abs(plate.rgb_u8.astype(int) - make_wall()).max(axis=-1)
        free = ~np.all([dataset.load_mask(p.sample) > 0 for p in plates], axis=0)
        free = cv2.erode(free.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
        assert np.quantile(wrong[free], 0.999) < 12
        assert np.abs(plate.rgb_u8.astype(int) - YELLOW).sum(axis=-1).min() > 60


def test_appearance_is_the_photographs(backdrop):
    """The part's hue, the surroundings' colour and the noise are found within their tolerances."""
    appearance = backdrop.appearance
    colour = np.asarray(appearance.colours_rgb["box"])
    np.testing.assert_allclose(colour / colour.max(), YELLOW / YELLOW.max(), atol=0.06)
    np.testing.assert_allclose(
        appearance.surroundings_rgb, np.median(make_wall().reshape(-1, 3), axis=0), atol=4
    )
    assert max(*appearance.noise.read, *appearance.noise.shot) > 0


def test_poses_of_test_samples_are_never_asked(backdrop):
    """Only train and val say where parts were."""
    assert {s.sample.split for s in backdrop.seen} == {"train", "val"}


def test_twins_stand_where_they_stood(backdrop):
    """Same camera and pose to the last digit; the sample is the parent and the split its own."""
    for s in backdrop.seen:
        scene = make_twin(s.sample, backdrop, seed=0)
        (body,) = scene.bodies
        np.testing.assert_array_equal(body.T_base_body, s.poses[0][1])
        assert (scene.name, scene.split, scene.parents) == (s.sample.name, s.sample.split, (s.sample.name,))


def test_as_many_twins_as_were_promised_can_be_made(photographed, tmp_path):
    """A picture of a size of which there is no plate has no twin, and is not counted as one that can have."""
    dataset = DatasetReader(shutil.copytree(photographed, tmp_path / "photographed"))
    sample = dataset["000000"]
    rgb_u8 = np.pad(dataset.load_rgb(sample), ((0, 16), (0, 16), (0, 0)))
    larger = Draft(
        name="000050", split="train", size_wh=rgb_u8.shape[1::-1], K=sample.K, instances=sample.instances
    )
    with DatasetWriter.open(dataset.root) as writer:  # Without a mask no plate can be made of it.
        writer.append(larger, layers={"image": rgb_u8}, crops=recut(larger, rgb_u8))
    settings = RenderSettings(out=tmp_path / "out", over=DatasetReader(dataset.root), shares={"twin": 1})
    n, _ = SOURCES["twin"].most(settings)
    assert n == 6
    plan = make_plan(replace(settings, shares={"twin": n}))
    assert [order.name for order in plan.orders] == [f"{i:06d}" for i in range(6)]


def test_fresh_poses_reach_around_the_observed_range(backdrop):
    """Whole in the image, all over it, at distances around the observed ones, never test; repeatable."""
    scenes = [make_fresh(backdrop, i, f"{i:06d}", seed=1) for i in range(60)]
    depths_m = [float(T[2, 3]) for s in backdrop.seen for _, T in s.poses]
    centres = []
    for scene in scenes:
        T = np.asarray(scene.bodies[0].T_base_body)
        camera = pinhole_of(scene.camera)
        pixels = camera.project(se3.transform(T, backdrop.meshes["box"].vertices_m)) + 0.5
        assert inside_image(
            square_box(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])), camera.size_wh
        )
        assert min(depths_m) / DEPTH_FACTOR <= T[2, 3] <= max(depths_m) * DEPTH_FACTOR
        centres.append(camera.project(T[None, :3, 3])[0] / camera.size_wh)
    assert {scene.split for scene in scenes} == {"train", "val"}
    assert (np.ptp(centres, axis=0) > 0.5).all()
    again = make_fresh(backdrop, 7, "000007", seed=1)
    assert again == scenes[7]
    assert make_fresh(backdrop, 7, "000007", seed=2) != again


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
@pytest.mark.usefixtures("in_this_process")
def test_renders_over_photographs(photographed, tmp_path):
    """Twins and a fresh pose on disk: whole, like their photographs, and gone on with to the same bytes."""
    dataset = DatasetReader(photographed)
    assert len(find_twinnable(dataset)) == 6
    settings = RenderSettings(
        out=tmp_path / "out",
        over=dataset,
        shares={"twin": 2, "photographs": 1},
        quality="draft",
        n_workers=1,
    )
    assert render(make_plan(settings), QUIET).n_new == 3
    assert verify(settings.out) == []
    found = DatasetReader(settings.out)
    assert [s.name for s in found] == ["000000", "000004", "100000"]
    assert (found.info.kind, found.info.box_kind, found.info.classes) == ("rendered", "tight", ("box",))
    twin, real = found["000000"], dataset["000000"]
    np.testing.assert_allclose(twin.instances[0].box_xyxy_px, real.instances[0].box_xyxy_px, atol=1)
    mask = found.load_mask(twin) > 0
    difference = np.abs(found.load_rgb(twin).astype(int) - dataset.load_rgb(real)).max(axis=-1)
    assert np.median(difference[~mask]) <= 2
    assert np.median(difference[mask]) < 60
    assert {p.split for s in found for p in s.origin.parents} <= {"train", "val"}
    assert [(p.name, p.used) for p in twin.origin.parents] == [("000000", ("pose", "plate"))]
    assert [p.used for p in found["100000"].origin.parents] == [("plate",)]
    assert {use for r in found.info.made_by.readings for use in r.used} == {"mask", "plate", "look", "pose"}
    before = (settings.out / "samples.jsonl").read_bytes().splitlines()
    with DatasetWriter.open(settings.out) as writer:
        writer.reject("100000", "to be made again")
    assert render(make_plan(settings), QUIET).n_new == 1
    after = (settings.out / "samples.jsonl").read_bytes().splitlines()
    assert [_untimed(line) for line in after] == [_untimed(line) for line in before]
    with pytest.raises(DatasetError, match="seed"):
        render(make_plan(replace(settings, seed=3)), QUIET)
    (settings.out / "look" / "appearance.json").write_text("{}")
    with DatasetWriter.open(settings.out) as writer:
        writer.reject("100000", "to be made again")
    with pytest.raises(InputError, match=r"appearance\.json is damaged: delete it"):
        render(make_plan(settings), QUIET)


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_part_with_colours_of_its_own_is_rendered_in_them(tmp_path):
    """Red above and blue below in the file, so in the light; without colours it is of one hue."""
    box = trimesh.creation.box((0.08, 0.08, 0.01))
    box.visual.vertex_colors = np.where(box.vertices[:, 1:2] > 0, [[220, 20, 20]], [[20, 20, 220]])
    box.export(tmp_path / "box.ply")
    meshes = {"box": read_mesh(tmp_path / "box.ply", "m").mesh}
    write_meshes(meshes, tmp_path)
    camera = SceneCamera(
        size_wh=(96, 96),
        K=((200, 0, 47.5), (0, 200, 47.5), (0, 0, 1)),
        dist=(0, 0, 0, 0, 0),
        T_base_cam=np.eye(4).tolist(),
    )
    T_cam_box = se3.make(np.eye(3), [0, 0, 0.3])
    appearance = Appearance(colours_rgb={"box": (200, 200, 200)}, surroundings_rgb=(128, 128, 128))
    scene = PosedBackdrop(None, appearance=appearance).furnish(
        Placement(camera, (("box", T_cam_box),)),
        name="000000",
        scenario="twin",
        split="train",
        seed=scene_seed(0, STREAM, 0),
    )
    with Blender(tmp_path) as blender:
        light = blender.render(scene, pinhole_of(camera), (0, 0, 96, 96), QUALITIES["draft"]).rgb
    below, above = light[22:28, 40:56].mean(axis=(0, 1)), light[68:74, 40:56].mean(axis=(0, 1))
    assert below[2] > 2 * below[0]  # y points down in the image.
    assert above[0] > 2 * above[2]


def _untimed(line: bytes) -> dict[str, object]:
    return {key: value for key, value in json.loads(line).items() if key != "timing"}


def test_what_cannot_be_rendered_over_is_one_sentence(captured, photographed, tmp_path):
    """Captured sets bring no models, renderings are no photographs; a model that was changed is no longer the
    one of the labels.
    """
    with pytest.raises(InputError, match="brings no models"):
        find_twinnable(DatasetReader(captured))
    made = tmp_path / "made"
    shutil.copytree(photographed, made)
    info = (made / "dataset.json").read_text()
    (made / "dataset.json").write_text(info.replace('"kind": "imported"', '"kind": "rendered"'))
    with pytest.raises(InputError, match="is rendered, and renderings are made after photographs"):
        find_twinnable(DatasetReader(made))
    broken = tmp_path / "broken"
    shutil.copytree(photographed, broken)
    model = next((broken / "models").iterdir())
    model.write_text(model.read_text() + "\n# changed\n")
    with pytest.raises(DatasetError, match="is not the model"):
        find_twinnable(DatasetReader(broken))
    model.unlink()
    with pytest.raises(DatasetError, match="is missing"):
        find_twinnable(DatasetReader(Path(broken)))


def test_unrelated_backgrounds(photographed, tmp_path):
    """Parts stand before pictures of a folder, cut to the photographs' size, and records name those."""
    folder, reader = tmp_path / "elsewhere", DatasetReader(photographed)
    with pytest.raises(InputError, match="takes a folder"):
        PosedBackdrop(reader, backgrounds=folder).measured()
    folder.mkdir()
    with pytest.raises(InputError, match="holds no picture"):
        PosedBackdrop(reader, backgrounds=folder).measured()
    width, height = reader.samples[0].size_wh
    (folder / "a folder.png").mkdir()
    for i, size_wh in enumerate([(width // 2, height // 3), (height, width), (20_000, 1)]):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((*size_wh[::-1], 3), (0, 0, 50 + i), np.uint8))
    backdrop = PosedBackdrop(reader, backgrounds=folder).measured()
    assert [p.rgb_u8.shape for p in backdrop.plates] == [(height, width, 3)] * 3
    reds = [p.rgb_u8.max(axis=(0, 1)).tolist() for p in backdrop.plates]
    assert reds == [[50, 0, 0], [51, 0, 0], [52, 0, 0]]
    scene = make_twin(backdrop.list_twinnable()[0], backdrop, seed=0)
    (parent,) = backdrop.list_behind(scene)
    assert (parent.dataset, parent.kind, parent.used) == ("elsewhere", "imported", ("plate",))
    assert not any("plate" in (reading.used or ()) for reading in backdrop.readings)
    (folder / "test.png").write_bytes((reader.root / reader.of_split("test")[0].image).read_bytes())
    with pytest.raises(InputError, match=r"test.png is the test image \d+ of .*: take it out of that folder"):
        PosedBackdrop(reader, backgrounds=folder).measured()
    with pytest.raises(InputError, match="name it with --over"):
        RenderSettings(out=tmp_path, backgrounds=folder)


def test_photographs_lend_composites_their_own_plates(photographed, tmp_path):
    """Cut-outs go on train images whose parts are painted out; test images lend nothing."""
    settings = make_settings(Ingredients((DatasetReader(photographed),), max_parts=1), tmp_path / "out", 4)
    render(make_plan(settings), QUIET)
    made = DatasetReader(tmp_path / "out")
    parents = [parent for sample in made for parent in sample.origin.parents]
    assert {parent.split for parent in parents} == {"train", "val"}
    assert {p.split for p in parents if "plate" in p.used} == {"train"}
    assert all("mask" in p.used for p in parents if "plate" in p.used)
    (sample, *_) = made
    away = made.load_mask(sample) == 0
    wrong = np.abs(made.load_rgb(sample).astype(int) - make_wall()).max(axis=-1)
    assert np.median(wrong[away]) < 15
