"""`synth predict` as it is typed: what is drawn, and what is refused."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typed_commands import Type, files_in, is_refused, write_foreign_weights


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three pictures of other sizes than any dataset's, one upright, one a few pixels."""
    rng = np.random.default_rng(0)
    paths = []
    for name, (h, w) in {"wide": (90, 200), "upright": (150, 70), "tiny": (5, 7)}.items():
        paths.append(tmp_path / "photos" / f"{name}.png")
        paths[-1].parent.mkdir(exist_ok=True)
        cv2.imwrite(str(paths[-1]), rng.integers(0, 256, (h, w, 3)).astype(np.uint8))
    return paths


def test_predict_draws_boxes_over_the_confidence(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """Every picture is drawn at its own size; boxes lie inside it, and those under --confidence are neither
    listed nor drawn.
    """
    answer = synth("predict", "--run", "runs/boxes", *photos, "--out", tmp_path / "all", "--confidence", 0)
    assert answer.code == 0, answer
    assert "3 pictures drawn in" in answer.words
    assert f"Look at {tmp_path / 'all' / 'wide.png'}" in answer.words
    every = json.loads((tmp_path / "all" / "predictions.json").read_text())
    assert list(every) == [str(path) for path in photos]
    for path, boxes in zip(photos, every.values(), strict=True):
        picture, drawn = (cv2.imread(str(p)) for p in (path, tmp_path / "all" / path.name))
        assert drawn.shape == picture.shape
        h, w = picture.shape[:2]
        assert all(0 <= x0 <= x1 <= w and 0 <= y0 <= y1 <= h for x0, y0, x1, y1, _ in boxes)
    sure = sorted(box[4] for boxes in every.values() for box in boxes)
    assert len(set(sure)) > 5
    middle = sure[len(sure) // 2]
    synth("predict", "--run", "runs/boxes", *photos, "--out", tmp_path / "some", "--confidence", middle)
    some = json.loads((tmp_path / "some" / "predictions.json").read_text())
    assert some == {path: [box for box in boxes if box[4] >= middle] for path, boxes in every.items()}
    nothing = synth("predict", "--run", "runs/boxes", *photos, "--out", tmp_path / "none", "--confidence", 1)
    assert f"Nothing was found at confidence 1; the surest box has {sure[-1]:.2f}" in nothing.words
    for path in photos:
        picture, all_drawn, none_drawn = (
            cv2.imread(str(p)) for p in (path, tmp_path / "all" / path.name, tmp_path / "none" / path.name)
        )
        assert (picture == none_drawn).all()
        assert (picture != all_drawn).any() == bool(every[str(path)])
    assert files_in(tmp_path / "none") == {"predictions.json", *(path.name for path in photos)}


def test_phone_pictures_stand_upright_and_grey_ones_have_three_channels(synth: Type, tmp_path: Path) -> None:
    """As an import would have them: turned as EXIF says, grey as RGB."""
    rng = np.random.default_rng(0)
    lying = Image.fromarray(rng.integers(0, 256, (20, 60, 3)).astype(np.uint8))
    exif = lying.getexif()
    exif[0x0112] = 6  # Turned by a quarter.
    lying.save(tmp_path / "phone.jpg", exif=exif)
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((40, 30), 90, np.uint8))
    pictures = [tmp_path / "phone.jpg", tmp_path / "grey.png"]
    answer = synth("predict", "--run", "runs/boxes", *pictures, "--out", tmp_path / "out")
    assert answer.code == 0, answer
    assert cv2.imread(str(tmp_path / "out" / "phone.png")).shape == (60, 20, 3)
    assert cv2.imread(str(tmp_path / "out" / "grey.png")).shape == (40, 30, 3)


def test_a_folder_stands_for_its_pictures(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """Of any folder those that lie in it, of a dataset its images; a network of crops wants to be told."""
    assert synth("predict", photos[0].parent, "--run", "runs/boxes", "--out", tmp_path / "all").code == 0
    assert set(json.loads((tmp_path / "all/predictions.json").read_text())) == {str(p) for p in photos}
    for run, folder in (("runs/boxes", "real"), ("runs/normals", "real/crops")):
        out = tmp_path / Path(folder).name
        answer = synth("predict", folder, "--run", run, "--out", out)
        assert answer.code == 0, answer
        listed = set(json.loads((out / "predictions.json").read_text()))
        inside = Path(folder) / "images" if folder == "real" else Path(folder)
        assert listed == {str(path) for path in inside.iterdir()}
    answer = synth("predict", "real", "--run", "runs/normals", "--out", tmp_path / "no")
    assert is_refused(
        answer, "real is a dataset, and this network reads crops: give them, such as real/crops"
    )


def write_film(path: Path, n: int = 5) -> Path:
    """``n`` frames of grain, 10 a second, in lossless FFV1."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for _ in range(n):
            pixels = rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_a_film_is_drawn_frame_by_frame(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """Times and boxes of every frame, and a film as large, as long and as fast; pictures beside it."""
    film, out = write_film(tmp_path / "bench.mkv"), tmp_path / "out"
    answer = synth("predict", film, photos[0], "--run", "runs/boxes", "--out", out, "--confidence", 0)
    assert answer.code == 0, answer
    assert "1 picture and 1 film drawn" in answer.words
    said = json.loads((out / "predictions.json").read_text())
    frames = said[str(film)]
    assert [frame["t_s"] for frame in frames] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert any(frame["found"] for frame in frames)
    drawn = cv2.VideoCapture(str(out / "bench.mp4"))
    assert drawn.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    assert [drawn.read()[0] for _ in range(6)] == [True] * 5 + [False]
    assert (drawn.get(cv2.CAP_PROP_FRAME_WIDTH), drawn.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (64, 48)
    assert files_in(out) == {"predictions.json", "bench.mp4", "wide.png"}


def test_a_film_that_cannot_be_is_one_sentence(synth: Type, tmp_path: Path) -> None:
    """No film, a torn one, one for a network of crops; nothing is left behind."""
    film, out = write_film(tmp_path / "bench.mkv"), tmp_path / "out"
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(b"nothing")
    answer = synth("predict", film, "--run", "runs/normals", "--out", out)
    assert is_refused(answer, "bench.mkv is a film, and this network reads crops")
    assert is_refused(synth("predict", torn, "--run", "runs/boxes", "--out", out), "torn.mp4", "no film")
    absent = tmp_path / "absent.mp4"
    assert is_refused(synth("predict", absent, "--run", "runs/boxes", "--out", out), "absent.mp4")
    assert not out.exists() or not list(out.iterdir())


def test_a_camera_is_looked_through(synth: Type, tmp_path: Path) -> None:
    """Pictures of the simulated cell's camera, one after the other; no arm is connected for it."""
    out = tmp_path / "out"
    answer = synth("predict", "--live", 2, "--run", "runs/boxes", "--out", out, "--confidence", 0)
    assert answer.code == 0, answer
    assert "2 pictures drawn" in answer.words
    assert "simulated" in answer.words
    said = json.loads((out / "predictions.json").read_text())
    assert list(said) == ["live_000000", "live_000001"]
    first, second = (cv2.imread(str(out / f"{name}.png")) for name in said)
    assert first.shape == (720, 1280, 3)
    assert first.std() > 5
    assert (first != second).any()
    answer = synth("predict", "--live", 1, "--run", "runs/normals", "--out", out)
    assert is_refused(answer, "--live shows whole pictures, and this network reads crops")
    assert is_refused(synth("predict", "--run", "runs/boxes"), "nothing is to be looked at")


def test_predict_draws_normals(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """A unit normal for every picture, and an arrow drawn into it."""
    crops = sorted(Path("real").rglob("crops/*.png"))[:2]
    answer = synth("predict", "--run", "runs/normals", *photos, *crops, "--out", tmp_path / "out")
    assert answer.code == 0, answer
    said = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert list(said) == [str(path) for path in (*photos, *crops)]
    assert np.linalg.norm(list(said.values()), axis=1) == pytest.approx(1, abs=1e-5)
    for path in crops:
        drawn = cv2.imread(str(tmp_path / "out" / path.name)).astype(int)
        changed = np.abs(drawn - cv2.imread(str(path))).max(axis=2) > 60
        assert 10 < changed.sum() < changed.size / 20
        u, v, _ = said[str(path)]
        ys, xs = np.nonzero(changed)
        if np.hypot(u, v) > 0.1:  # The arrow lies to the side that the normal leans to, v up.
            assert u * (xs.mean() - 112) - v * (ys.mean() - 112) > 0


def test_pictures_of_one_name_do_not_overwrite_each_other(
    synth: Type, photos: list[Path], tmp_path: Path
) -> None:
    """Two files that would be drawn under one name, or one given twice: refused, nothing drawn."""
    twin = tmp_path / "others" / "wide.png"
    twin.parent.mkdir()
    shutil.copy(photos[1], twin)
    for second in (twin, photos[0]):
        answer = synth("predict", "--run", "runs/boxes", photos[0], second, "--out", tmp_path / "out")
        assert is_refused(answer, str(photos[0]), str(second), "wide.png")
        assert not (tmp_path / "out").exists()


def test_a_picture_is_not_drawn_over_itself(synth: Type, photos: list[Path]) -> None:
    """--out that is the pictures' own folder is refused, and they stay as they are."""
    before = [path.read_bytes() for path in photos]
    answer = synth("predict", "--run", "runs/boxes", *photos, "--out", photos[0].parent)
    assert is_refused(answer, str(photos[0]), "--out")
    assert [path.read_bytes() for path in photos] == before
    assert files_in(photos[0].parent) == {path.name for path in photos}


@pytest.mark.parametrize(
    ("weights", "picture", "says"),
    [
        ("runs/boxes", "absent.png", "no picture at absent.png"),
        ("runs/boxes", "real/dataset.json", "real/dataset.json is not a picture that can be read"),
        ("runs/boxes", "runs", "runs has no picture: give files, or a folder of .png"),
        ("runs/nothing", "good.png", "runs/nothing"),
        ("real", "good.png", "no trained network at real"),
        ("foreign.safetensors", "good.png", "synth train wrote"),
    ],
)
def test_predictions_that_cannot_be(
    synth: Type, desk: Path, tmp_path: Path, weights: str, picture: str, says: str
) -> None:
    """Absent or damaged pictures, after a good one, and weights of something else: one sentence, no file."""
    write_foreign_weights(desk / "foreign.safetensors")
    cv2.imwrite(str(desk / "good.png"), np.full((40, 40, 3), 90, np.uint8))
    others = [] if picture == "good.png" else ["good.png"]
    assert is_refused(synth("predict", "--run", weights, *others, picture, "--out", tmp_path / "out"), says)
    assert not (tmp_path / "out").exists()


def test_a_confidence_is_a_share(synth: Type, tmp_path: Path) -> None:
    """Above 1: refused by the option's name."""
    answer = synth(
        "predict", "--run", "runs/boxes", "good.png", "--confidence", 1.5, "--out", tmp_path / "out"
    )
    assert answer.code == 2
    assert "--confidence" in answer.err
    assert not (tmp_path / "out").exists()
