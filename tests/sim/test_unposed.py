"""CAD files over photographs without poses: sizes by boxes, lenses by EXIF, outlines out of boxes."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from photographed_set import YELLOW, write_photographed
from PIL import Image
from PIL.ExifTags import IFD, Base

from synth.cell.mesh import read_mesh
from synth.compute.progress import make_progress
from synth.dataset.codecs import pixels_sha256
from synth.dataset.imports.pictures import open_picture
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError
from synth.geometry import se3
from synth.geometry.boxes import inside_image, square_box
from synth.sim.furnish import pinhole_of
from synth.sim.photographs.asked import Unposed, make_unposed, parse_distance
from synth.sim.photographs.cad import CadFile, load_parts, name_files
from synth.sim.photographs.framed import open_pictures
from synth.sim.photographs.lens import PHONE_FOV_DEG, find_lens
from synth.sim.photographs.outlines import outline_parts
from synth.sim.photographs.unposed import SIZE_FACTOR, UnposedBackdrop
from synth.sim.run import make_plan, render
from synth.sim.settings import RenderSettings
from synth.sim.sources import SOURCES
from synth.sim.sources.photographs import make_fresh
from synth.terminal import make_console

QUIET = make_progress(make_console(), "render")
DRAWN = 40


@pytest.fixture(scope="module")
def posed(tmp_path_factory) -> DatasetReader:
    """Pictures of a yellow box, with masks and poses: five train, one val, two test."""
    return DatasetReader(write_photographed(tmp_path_factory.mktemp("photographed")))


@pytest.fixture(scope="module")
def boxed(posed, tmp_path_factory) -> DatasetReader:
    """The same with boxes alone."""
    out = tmp_path_factory.mktemp("boxed") / "photographs"
    info = posed.info.model_copy(update={"models": (), "camera": None, "part": None, "semantic": None})
    with DatasetWriter.create_or_resume(out, info) as writer:
        for sample in posed:
            instances = tuple(
                type(i)(class_name=i.class_name, box_xyxy_px=i.box_xyxy_px, visib_fract=1.0)
                for i in sample.instances
            )
            draft = Draft(name=sample.name, split=sample.split, size_wh=sample.size_wh, instances=instances)
            writer.append(draft, layers={"image": posed.load_rgb(sample)})
    return DatasetReader(out)


@pytest.fixture(scope="module")
def cad(tmp_path_factory) -> Path:
    """An STL of 80 × 60 × 20 mm, far from its origin, as drawings of assemblies have it."""
    path = tmp_path_factory.mktemp("cad") / "bracket.stl"
    trimesh.creation.box((80, 60, 20)).apply_translation((400, 0, -900)).export(path)
    return path


@pytest.fixture(scope="module")
def backdrop(boxed, cad) -> UnposedBackdrop:
    asked, over = make_unposed([str(cad)], boxed.root)
    return UnposedBackdrop(asked, over).measured()


def test_parts_are_as_large_as_their_boxes_and_turned_every_way(backdrop, boxed) -> None:
    """Whole in the image, all over it; no test picture says anything; the same for equal seeds."""
    train = boxed.of_split("train")
    assert len(backdrop.sightings) == len(train) == 5
    assert {plate.sample.split for plate in backdrop.plates} == {"train"}
    seen = [np.ptp(np.reshape(s.instances[0].box_xyxy_px, (2, 2)), axis=0).max() for s in train]
    scenes = [make_fresh(backdrop, i, f"{i:06d}", seed=1) for i in range(DRAWN)]
    places, axes = [], []
    for scene in scenes:
        T = np.asarray(scene.bodies[0].T_base_body)
        camera = pinhole_of(scene.camera)
        pixels = camera.project(se3.transform(T, backdrop.meshes["box"].vertices_m)) + 0.5
        side = np.ptp(pixels, axis=0).max()
        assert min(seen) / SIZE_FACTOR * 0.98 <= side <= max(seen) * SIZE_FACTOR * 1.02
        square = square_box(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]))
        assert inside_image(square, camera.size_wh)
        places.append(pixels.mean(axis=0) / camera.size_wh)
        axes.append(T[:3, 2])
    assert (np.ptp(places, axis=0) > 0.4).all()
    assert np.linalg.norm(np.mean(axes, axis=0)) < 0.5
    assert {scene.split for scene in scenes} == {"train", "val"}
    assert make_fresh(backdrop, 3, "000003", seed=1) == scenes[3]


def test_distances_are_as_they_are_given(boxed, cad) -> None:
    """Along the camera's axis, in metres, whatever boxes say."""
    asked, over = make_unposed([str(cad)], boxed.root, distance_m=(0.5, 0.7))
    drawn = UnposedBackdrop(asked, over).measured()
    depths_m = [make_fresh(drawn, i, f"{i:06d}", seed=0).bodies[0].T_base_body[2][3] for i in range(DRAWN)]
    assert 0.5 <= min(depths_m) < 0.55
    assert 0.65 < max(depths_m) <= 0.7


@pytest.mark.parametrize("size_mm", [(200, 4, 4), (90, 90, 0.5), (9, 9, 9)])
def test_every_shape_comes_out_as_large_as_its_boxes(size_mm, boxed, tmp_path) -> None:
    """A rod, a sheet and a tiny cube: none is lost on its way to its size, none too thin to be labelled."""
    trimesh.creation.box(size_mm).export(tmp_path / "shape.stl")
    asked, over = make_unposed([str(tmp_path / "shape.stl")], boxed.root)
    backdrop = UnposedBackdrop(asked, over).measured()
    shares = [share for seen in backdrop.sightings for _, share in seen]
    for i in range(DRAWN):
        scene = make_fresh(backdrop, i, f"{i:06d}", seed=0)
        camera, T = pinhole_of(scene.camera), np.asarray(scene.bodies[0].T_base_body)
        pixels = camera.project(se3.transform(T, backdrop.meshes["box"].vertices_m)).astype(np.float32)
        share = np.ptp(pixels, axis=0).max() / max(camera.size_wh)
        assert min(shares) / SIZE_FACTOR * 0.98 <= share <= max(shares) * SIZE_FACTOR * 1.02
        assert cv2.contourArea(cv2.convexHull(pixels)) > 40


def test_a_class_without_boxes_needs_a_distance(boxed, cad) -> None:
    """Then it is drawn as often as the others."""
    asked, over = make_unposed([str(cad)], boxed.root)
    both = replace(asked, files=(*asked.files, replace(asked.files[0], class_name="bolt")))
    with pytest.raises(InputError, match="has a box of bolt"):
        UnposedBackdrop(both, over).measured()
    drawn = UnposedBackdrop(replace(both, distance_m=(0.5, 0.8)), over).measured()
    meshes = [b.mesh for i in range(DRAWN) for b in make_fresh(drawn, i, f"{i:06d}", seed=0).bodies]
    assert abs(meshes.count("bolt") - meshes.count("box")) < len(meshes) / 3


def test_a_lens_that_is_known_is_taken(posed, cad) -> None:
    """K of the photographs' records stands above EXIF, and --fov above K; masks that are read are told."""
    asked, over = make_unposed([str(cad)], posed.root)
    drawn = UnposedBackdrop(asked, over).measured()
    assert drawn.n_known_lenses == len(drawn.plates)
    np.testing.assert_allclose(drawn.plates[0].camera.K, posed.of_split("train")[0].K)
    assert {use for reading in drawn.readings for use in reading.used} == {"labels", "mask", "plate", "look"}
    assert UnposedBackdrop(replace(asked, fov_deg=40.0), over).measured().n_known_lenses == 0


def test_models_are_files_of_their_own(cad, tmp_path) -> None:
    """Around their middle, whatever the file was: a glTF, which is several files, or one with colours."""
    box = trimesh.creation.box((0.08, 0.06, 0.02)).apply_translation((0.4, 0, -0.9))
    box.export(tmp_path / "box.gltf")
    box.visual.vertex_colors = [200, 20, 20, 255]
    box.export(tmp_path / "box.ply")
    named = ((cad, "mm"), (tmp_path / "box.gltf", "m"), (tmp_path / "box.ply", "m"))
    parts = load_parts([CadFile(f"part {i}", path, units) for i, (path, units) in enumerate(named)])
    for i, (record, content) in enumerate(zip(parts.records, parts.files.values(), strict=True)):
        (tmp_path / "again.ply").write_bytes(content)
        again = read_mesh(tmp_path / "again.ply", record.units).mesh
        np.testing.assert_allclose(again.vertices_m.max(axis=0), (0.04, 0.03, 0.01), atol=1e-6)
        np.testing.assert_allclose(again.vertices_m.min(axis=0), (-0.04, -0.03, -0.01), atol=1e-6)
        assert (again.corner_rgb is not None) == (i == 2)


def test_an_outline_comes_out_of_a_box(boxed, posed) -> None:
    """Nearly as the mask has it."""
    for sample in boxed.of_split("train"):
        ((name, outline),) = outline_parts(boxed, sample, boxed.load_rgb(sample), {"box"})
        mask = posed.load_mask(posed[sample.name]) > 0
        assert name == "box"
        assert (outline & mask).sum() / (outline | mask).sum() > 0.9


def test_a_colour_comes_out_of_boxes(backdrop) -> None:
    """The hue of what they hold."""
    colour = np.asarray(backdrop.appearance.colours_rgb["box"])
    np.testing.assert_allclose(colour / colour.max(), YELLOW / YELLOW.max(), atol=0.06)


def write_jpeg(path: Path, equivalent_mm: int | None, size_wh: tuple[int, int] = (400, 300)) -> Path:
    """A grey photograph whose EXIF tells a focal length, or nothing."""
    exif = Image.Exif()
    if equivalent_mm is not None:
        exif.get_ifd(IFD.Exif)[Base.FocalLengthIn35mmFilm] = equivalent_mm
    Image.new("RGB", size_wh, (120, 120, 120)).save(path, exif=exif)
    return path


def test_a_lens_is_known_by_exif(tmp_path) -> None:
    """50 mm on 36 × 24 sees 46.8° across the diagonal; a field of view that is given stands above it."""
    lens = find_lens(write_jpeg(tmp_path / "a.jpg", 50), (400, 300), None)
    assert lens.is_known
    f = lens.camera_of((400, 300)).K[0][0]
    assert 2 * np.degrees(np.arctan(250 / f)) == pytest.approx(46.8, abs=0.05)
    assert lens.camera_of((800, 600)).K[0][0] == pytest.approx(2 * f)
    write_jpeg(tmp_path / "b.jpg", None)
    write_jpeg(tmp_path / "c.jpg", 0)
    for told in ("b.jpg", "c.jpg", "none.jpg"):
        guessed = find_lens(tmp_path / told, (400, 300), None)
        assert not guessed.is_known
        assert 2 * np.degrees(np.arctan(200 / guessed.camera_of((400, 300)).K[0][0])) == pytest.approx(
            PHONE_FOV_DEG
        )
    given = find_lens(tmp_path / "a.jpg", (400, 300), 90.0)
    assert given.camera_of((400, 300)).K[0][0] == pytest.approx(200)


def test_large_photographs_become_smaller_plates(tmp_path) -> None:
    """A phone's twelve million pixels are more than a detector looks at."""
    write_jpeg(tmp_path / "a.jpg", 26, (4000, 3000))
    exif = Image.Exif()
    exif[0x0112] = 6  # Turned by a quarter.
    exif.get_ifd(IFD.Exif)[Base.FocalLengthIn35mmFilm] = 26
    Image.new("RGB", (4000, 3000), (120, 120, 120)).save(tmp_path / "b.jpg", exif=exif)
    Image.new("RGB", (9000, 2), (120, 120, 120)).save(tmp_path / "c.jpg")
    plates = [plate for plate, _ in open_pictures(tmp_path, None)]
    assert [is_known for _, is_known in open_pictures(tmp_path, None)] == [True, True, False]
    assert [plate.size_wh for plate in plates] == [(1280, 960), (960, 1280), (1280, 1)]
    for plate in plates[:2]:
        assert plate.camera.K[0][0] == pytest.approx(26 / 43.267 * 1600, abs=1)  # The diagonal, 1600 px.


@pytest.mark.parametrize(
    ("words", "classes", "named"),
    [
        (["a/bracket.stl"], (), ["bracket"]),
        (["a/bracket.stl"], ("cup",), ["cup"]),
        (["lid=a/bracket.stl", "cup.ply"], ("cup", "lid"), ["lid", "cup"]),
        (["a/##.stl"], (), ["part"]),
    ],
)
def test_files_are_of_classes(words, classes, named) -> None:
    """As they are named, else the only class there is, else as the file is called."""
    assert [file.class_name for file in name_files(words, "mm", classes)] == named


@pytest.mark.parametrize(
    ("words", "classes", "says"),
    [
        (["a.stl", "b/a.stl"], (), "two --mesh are of class a"),
        (["bolt=a.stl"], ("cup", "lid"), r"label cup, lid, and no bolt: .* --mesh cup=part\.stl"),
        (["<b>=a.stl"], (), "cannot name a class"),
    ],
)
def test_a_class_that_cannot_be_is_one_sentence(words, classes, says) -> None:
    with pytest.raises(InputError, match=says):
        name_files(words, "mm", classes)


def test_what_cannot_be_rendered_is_one_sentence(boxed, posed, cad, tmp_path) -> None:
    """No size, no file, no picture, a distance or a lens that there is not; a part that fits nowhere."""
    write_jpeg(tmp_path / "a.jpg", None)
    file = CadFile("bracket", cad, "mm")
    with pytest.raises(InputError, match="nothing says how large it comes out"):
        UnposedBackdrop(Unposed((file,), tmp_path)).measured()
    with pytest.raises(InputError, match="There is no file"):
        UnposedBackdrop(
            Unposed((replace(file, path=tmp_path / "none.stl"),), tmp_path, (1.0, 1.0))
        ).measured()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no picture"):
        UnposedBackdrop(Unposed((file,), tmp_path / "empty", (0.3, 0.4))).measured()
    for distance_m in ((0.0, 1.0), (2.0, 1.0)):
        with pytest.raises(InputError, match="--distance says metres"):
            Unposed((file,), tmp_path, distance_m)
    with pytest.raises(InputError, match="--fov must be from 5 to 150"):
        Unposed((file,), tmp_path, None, 170)
    with pytest.raises(InputError, match=r"such as 0\.3-0\.8, got 'near'"):
        parse_distance("near")
    with pytest.raises(InputError, match=r"is 80 × 60 × 20 m large, .* right one with --units"):
        UnposedBackdrop(Unposed((replace(file, units="m"),), tmp_path, (0.3, 0.4))).measured()
    for near_m, far_m in ((0.02, 0.03), (200, 300)):
        asked = Unposed((file,), tmp_path, (near_m, far_m))
        with pytest.raises(InputError, match=r"finds no place .* is 80 × 60 × 20 mm large"):
            make_fresh(UnposedBackdrop(asked).measured(), 0, "000000", seed=0)
    settings = RenderSettings(out=tmp_path / "out", own={"photographs": asked})
    assert SOURCES["twin"].most(settings)[0] == 0
    with pytest.raises(InputError, match="needs a cell"):
        make_plan(replace(settings, shares={"fresh": 1}))


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_cad_file_over_boxes_alone(boxed, cad, tmp_path) -> None:
    """Whole samples with masks, as bright and yellow as what the boxes hold; plates are told as parents."""
    asked, over = make_unposed([str(cad)], boxed.root)
    settings = RenderSettings(
        out=tmp_path / "out",
        over=over,
        shares={"photographs": 3},
        quality="draft",
        n_workers=1,
        own={"photographs": asked},
    )
    assert render(make_plan(settings), QUIET).n_new == 3
    assert verify(settings.out) == []
    found = DatasetReader(settings.out)
    assert (found.info.kind, found.info.classes, found.info.models[0].units) == ("rendered", ("box",), "mm")
    assert {(p.split, p.used) for s in found for p in s.origin.parents} == {("train", ("plate",))}
    assert {use for r in found.info.made_by.readings for use in r.used} == {"labels", "plate", "look"}
    assert {name for r in found.info.made_by.readings for name in r.names} == {
        s.name for s in boxed.of_split("train")
    }
    shown = []
    for sample in found:
        inside = cv2.erode((found.load_mask(sample) == 1).astype(np.uint8), np.ones((3, 3))) > 0
        shown.append(found.load_rgb(sample)[inside])
    r, g, b = np.median(np.concatenate(shown), axis=0)
    assert r > g > 1.3 * b
    assert r > 100


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_cad_file_over_a_folder_of_pictures(cad, tmp_path) -> None:
    """A picture of no dataset is named by its hash, so that a test set that has it is found out."""
    photos = tmp_path / "photos"
    photos.mkdir()
    write_jpeg(photos / "a.jpg", 26)
    asked, over = make_unposed([f"bolt={cad}"], photos, distance_m=(0.3, 0.5))
    assert over is None
    settings = RenderSettings(
        out=tmp_path / "out",
        shares={"photographs": 1},
        quality="draft",
        n_workers=1,
        own={"photographs": asked},
    )
    assert render(make_plan(settings), QUIET).n_new == 1
    assert verify(settings.out) == []
    (sample,) = DatasetReader(settings.out)
    assert sample.instances[0].class_name == "bolt"
    (parent,) = sample.origin.parents
    assert (parent.dataset, parent.kind, parent.used) == ("photos", "imported", ("plate",))
    assert parent.pixels_sha256 == pixels_sha256(open_picture(photos / "a.jpg").rgb_u8)
    assert render(make_plan(settings), QUIET).n_new == 0
    asked, _ = make_unposed([f"bolt={cad}"], photos, distance_m=(0.3, 0.6))
    with pytest.raises(DatasetError, match="distance_m"):
        render(make_plan(replace(settings, own={"photographs": asked})), QUIET)
