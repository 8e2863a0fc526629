"""Films become single frames: each window's sharpest one, and the fate of every frame is as it is written."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import (
    GROUP,
    InThisProcess,
    card,
    damage,
    drive,
    lay_on_side,
    list_fates,
    make_film,
    make_sound,
    shaken,
)

from synth.dataset.imports import video_process
from synth.dataset.imports.video import import_video
from synth.dataset.imports.video_film import Film
from synth.dataset.imports.video_job import VideoSettings
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError
from typed import synth

EVERY_S = 1.0


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films are decoded in this process."""
    monkeypatch.setattr("synth.dataset.imports.video_film._Child", InThisProcess)


def run(path: Path, out: Path, **options: object) -> tuple[DatasetReader, list[tuple[float, str]]]:
    """Import, and tell the fates of the first film's windows."""
    settings = VideoSettings(path=path, out=out, **{"every_s": EVERY_S, "gap_s": 0.0, **options})
    import_video(settings)
    return DatasetReader(out), list(list_fates(json.loads((out / "films/000.json").read_bytes())))


@pytest.mark.usefixtures("no_process")
def test_every_frame_has_the_fate_that_is_written(tmp_path: Path) -> None:
    """Of a film with shaken seconds, one sharp frame among shaken ones, a title card, black, a standing scene
    and a scene that was seen before, each window's fate is the right one, and pictures of those refused lie
    in rejected/ with the reason.
    """
    first, second = drive(80, 1), drive(24, 2)
    for i in (*range(20, 24), *range(48, 52)):
        first[i] = shaken(first[i])
    for i in (32, 33, 35):
        first[i] = shaken(first[i])
    black = [np.full_like(first[0], 4)] * 12
    frames = [*first, *card(12), *black, *second, *second[-1:] * 12, *first[:8]]
    film = make_film(tmp_path / "tour.mkv", frames)

    dataset, fates = run(film, tmp_path / "out")

    said = [fate for _, fate in fates]
    expected = ["taken"] * 41
    expected[5] = expected[12] = "blurred"
    expected[20:23] = ["title card"] * 3
    expected[23:26] = ["black"] * 3
    expected[33:35] = ["standing scene"] * 2
    expected[35:37] = ["duplicate"] * 2
    assert said == expected[:37]
    assert fates[8][0] == 8.5
    assert len(dataset) == said.count("taken")
    assert sorted(r.reason for r in dataset.rejections) == sorted(fate for fate in said if fate != "taken")
    assert all(r.sha256 for r in dataset.rejections)
    assert verify(dataset.root) == []
    assert (dataset.root / "footage.png").is_file()
    sample = dataset.samples[0]
    assert (sample.group, sample.size_wh, sample.quality["time_s"]) == ("tour.mkv", (128, 64), fates[0][0])
    taken = round(float(sample.quality["time_s"]) * 4)
    assert np.abs(dataset.load_rgb(sample).astype(int) - frames[taken]).mean() < 3


@pytest.mark.usefixtures("no_process")
def test_what_follows_a_broken_frame_is_broken(tmp_path: Path) -> None:
    """Frames that are made of a damaged one are never taken; a window that has others takes one of those, and
    from the next key frame on all is well.
    """
    film = damage(make_film(tmp_path / "a.mp4", drive(40, 12)), 2 * GROUP + 2)
    dataset, fates = run(film, tmp_path / "out")
    assert [fate for _, fate in fates] == ["taken"] * 5 + ["broken"] + ["taken"] * 4
    assert 16 / 4 <= fates[4][0] < 18 / 4
    assert [r.reason for r in dataset.rejections] == ["broken"]


@pytest.mark.usefixtures("no_process")
def test_windows_go_by_presentation_time(tmp_path: Path) -> None:
    """Of a film that shows 20 frames in its first two seconds and then one in two seconds, each window of two
    seconds gives one.
    """
    times = [*np.arange(20) / 10, *(2.0 + 2 * np.arange(12))]
    film = make_film(tmp_path / "slow.mkv", drive(32, 3), times_s=times)
    dataset, fates = run(film, tmp_path / "out", every_s=2.0)
    assert [int(t_s / 2) for t_s, _ in fates] == list(range(13))
    assert len(dataset) == 13


@pytest.mark.usefixtures("no_process")
def test_a_film_that_lies_on_its_side_is_stood_up(tmp_path: Path) -> None:
    """A display matrix that turns by 90° clockwise turns the pictures so, before they are cut to 2:1."""
    frames = drive(8, 4)
    for frame in frames:
        frame[:, :40] = (250, 0, 0)
    film = lay_on_side(make_film(tmp_path / "phone.mp4", frames))
    whole, _ = run(film, tmp_path / "whole", as_it_is=True)
    assert whole.samples[0].size_wh == (64, 128)
    assert whole.load_rgb(whole.samples[0])[:30, :, 0].mean() > 220
    cut, _ = run(film, tmp_path / "cut")
    assert cut.samples[0].size_wh == (64, 32)


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize("overlay", ["void", "crop", "drop"])
def test_what_stays_while_the_scene_moves(tmp_path: Path, overlay: str) -> None:
    """A mark that all frames but some carry is found and is void in the layer `ignore`, or is cut off, or the
    frames that show it are refused.
    """
    frames = drive(70, 5, step_px=21)
    for frame in frames[:62]:
        cv2.putText(frame, "LOGO", (70, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 4)
        cv2.putText(frame, "LOGO", (70, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1)
    film = make_film(tmp_path / "marked.mkv", frames, fps=2)
    dataset, fates = run(film, tmp_path / "out", overlay=overlay)
    assert (dataset.root / "films/000_marks.png").is_file()
    if overlay == "drop":
        assert {r.reason for r in dataset.rejections} == {"permanent mark"}
        assert (len(dataset), len(dataset.rejections)) == (4, 31)
        return
    assert len(dataset) == len(fates) == 35
    if overlay == "crop":
        (width, height), rgb_u8 = dataset.samples[0].size_wh, dataset.load_rgb(dataset.samples[0])
        assert width == 2 * height < 128
        assert not ((rgb_u8 > 250).all(2) | (rgb_u8 < 5).all(2)).any()
        return
    ignored = dataset.load_layer(dataset.samples[0], "ignore") == 255
    letters = np.zeros((64, 128), np.uint8)
    cv2.putText(letters, "LOGO", (70, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 4)
    assert ignored[letters > 0].mean() > 0.98
    assert ignored[cv2.dilate(letters, np.ones((21, 21))) == 0].mean() < 0.02


@pytest.mark.usefixtures("no_process")
def test_splits_are_blocks_of_time_with_gaps(tmp_path: Path) -> None:
    """Train, val and test follow one another in a film's time, and no two splits are nearer than the gap;
    named films go whole.
    """
    film = make_film(tmp_path / "a.mkv", drive(60, 6, step_px=21), fps=1)
    dataset, _ = run(film, tmp_path / "out", gap_s=4.0)
    times = {
        split: [float(s.quality["time_s"]) for s in dataset.of_split(split)]
        for split in ("train", "val", "test")
    }
    assert min(times["val"]) - max(times["train"]) >= 4
    assert min(times["test"]) - max(times["val"]) >= 4
    assert {r.reason for r in dataset.rejections} == {"gap"}
    named, _ = run(film, tmp_path / "named", splits={"test": "a"})
    assert {s.split for s in named} == {"test"}


@pytest.mark.usefixtures("no_process")
def test_an_import_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped by Ctrl-C and begun again, it looks at no film twice and ends as one that was not stopped."""
    film = make_film(tmp_path / "a.mkv", [*drive(16, 7, step_px=21), *card(4)], fps=1)
    whole, _ = run(film, tmp_path / "whole")

    def stop(done: int, total: int) -> None:
        if done > 1.5 * total / 2:
            raise KeyboardInterrupt

    settings = VideoSettings(path=film, out=tmp_path / "out", every_s=EVERY_S, gap_s=0.0)
    with pytest.raises(KeyboardInterrupt):
        import_video(settings, stop)
    n_before = len(DatasetReader(tmp_path / "out"))
    assert 0 < n_before < len(whole)
    monkeypatch.setattr("synth.dataset.imports.video_job.survey", None)
    summary = import_video(settings)
    again = DatasetReader(tmp_path / "out")
    assert summary.n_new == len(whole) - n_before
    assert [s.to_line() for s in again] == [s.to_line() for s in whole]
    assert [r.to_line() for r in again.rejections] == [r.to_line() for r in whole.rejections]


def test_an_engine_s_workers_look_through_films_to_the_same_dataset(tmp_path: Path) -> None:
    """Each film by a child process; one that is none is refused, what was seen in an earlier one too."""
    (tmp_path / "films").mkdir()
    frames = drive(16, 7, step_px=21)
    make_film(tmp_path / "films/a.mkv", frames, fps=1)
    (tmp_path / "films/b.mkv").write_bytes(b"no film")
    make_film(tmp_path / "films/c.mkv", [*drive(8, 3, step_px=21), *frames[:8]], fps=1)
    words = ("import", "video", "films", "--every", 1, "--gap", 0, "--out")
    assert synth(*words, "here", cwd=tmp_path).returncode == 0
    answer = synth(*words, "there", "--engine", "local", "--workers", 2, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    here, there = (DatasetReader(tmp_path / out) for out in ("here", "there"))
    assert {"duplicate", "no film"} <= {r.reason for r in here.rejections}
    assert [s.to_line() for s in there] == [s.to_line() for s in here]
    assert [r.to_line() for r in there.rejections] == [r.to_line() for r in here.rejections]
    assert synth(*words, "there", "--engine", "ray", "--address", "8.8.8.8:1", cwd=tmp_path).returncode == 2


@pytest.mark.usefixtures("no_process")
def test_places_are_made_unrecognisable(tmp_path: Path) -> None:
    """Inside a given rectangle, at the given time, a picture has 16 colours at most; else it is as it was."""
    film = make_film(tmp_path / "a.mkv", drive(4, 8, step_px=21), fps=1)
    table = tmp_path / "faces.csv"
    table.write_text("film,from_s,to_s,x0,y0,x1,y1\na.mkv,1,2,20,10,60,40\n")
    plain, _ = run(film, tmp_path / "plain")
    blurred, _ = run(film, tmp_path / "blurred", blur=table)
    for i, (a, b) in enumerate(zip(plain, blurred, strict=True)):
        before, after = plain.load_rgb(a), blurred.load_rgb(b)
        if i not in (1, 2):
            assert (before == after).all()
            continue
        assert len(np.unique(after[10:40, 20:60].reshape(-1, 3), axis=0)) <= 16
        after[10:40, 20:60] = before[10:40, 20:60]
        assert (before == after).all()


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("sound", "sound.mkv holds sound and no pictures: give a film"),
        ("text", "text.mp4 is no film that can be read, or is cut short"),
        ("cut", "cut.mp4 is no film that can be read, or is cut short"),
        ("playlist", "playlist.mp4 is no film that can be read"),
        ("empty folder", "has no films, and notes.txt is none: give a film, or a folder with some (mp4"),
        ("nothing", "there is no film or folder"),
        ("header", "its header must be film,from_s,to_s,x0,y0,x1,y1"),
        ("split", "--test b names 'b', and the films are film.mkv"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, kind: str, said: str) -> None:
    """What is no film, and what is asked of none, ends with exit code 2 and a sentence; nothing is left."""
    options: list[object] = []
    path = tmp_path / "absent"
    if kind == "sound":
        path = make_sound(tmp_path / "sound.mkv")
    elif kind == "text":
        (path := tmp_path / "text.mp4").write_text("not a film\n" * 100)
    elif kind == "playlist":
        (path := tmp_path / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    elif kind == "cut":
        path = make_film(tmp_path / "cut.mp4", drive(8, 9))
        path.write_bytes(path.read_bytes()[:-1200])
    elif kind == "empty folder":
        (path := tmp_path / "films").mkdir()
        (path / "notes.txt").write_text("none yet")
    elif kind in ("header", "split"):
        path = make_film(tmp_path / "film.mkv", drive(4, 9))
        (tmp_path / "regions.csv").write_text("x,y\n")
        options = ["--blur", tmp_path / "regions.csv"] if kind == "header" else ["--test", "b"]
    answer = synth("import", "video", path, "--out", "out", *options, cwd=tmp_path)
    assert answer.returncode == 2
    assert said in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()


def test_a_child_decodes_and_a_film_that_was_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    """Decoded by the child process, a damaged film costs itself alone: one that ends early gives the frames
    that it has, and one that is none is refused beside it.
    """
    (folder := tmp_path / "films").mkdir()
    whole = make_film(folder / "a.mkv", drive(20, 10, step_px=21), fps=1)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) * 6 // 10])
    (folder / "b.mp4").write_bytes(b"\0" * 999)
    answer = synth("import", "video", folder, "--out", "out", "--every", 1, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    said = " ".join(answer.stdout.split())
    assert "a.mkv: it promises 20.0 s and ends after 1" in said
    assert "no film: 1" in said
    dataset = DatasetReader(tmp_path / "out")
    assert 8 <= len(dataset) <= 12
    assert verify(dataset.root) == []


@pytest.mark.usefixtures("no_process")
def test_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A film of more frames, pixels or bytes than the limits is refused, and says which."""
    film = make_film(tmp_path / "a.mkv", drive(6, 11))
    for limit, said in (
        ("MAX_FRAMES", "more than 5 frames"),
        ("MAX_PIXELS", "128×64"),
        ("MAX_FILE_BYTES", "GB"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(video_process, limit, 5)
            with pytest.raises(InputError, match=said), Film(film, "a.mkv") as opened:
                list(opened.read((0, 0, 128, 64), (128, 64), colour=False))


def test_decoded_pictures_are_rgb(tmp_path: Path) -> None:
    """Red comes back as red, through film, child and file."""
    red = np.zeros((64, 128, 3), np.uint8)
    red[..., 0] = 200
    red[::8] = 90
    with Film(make_film(tmp_path / "red.mkv", [red]), "red.mkv") as film:
        (frame,) = film.read((0, 0, 128, 64), (128, 64), colour=True)
    assert frame.pixels is not None
    assert np.abs(frame.pixels.astype(int) - red).max() <= 3
