"""Datasets become one: classes by name, splits and parents kept; no test image of one trains in another."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_scene import fill
from hypothesis import given
from hypothesis import strategies as st
from small_sets import SIZE_WH, make_camera, one_each, write_set
from typer.testing import CliRunner

from synth.dataset.carry import convert_depth, make_remap
from synth.dataset.classes import ClassChoice
from synth.dataset.codecs import file_sha256
from synth.dataset.commands import app
from synth.dataset.info import MadeBy, ModelRecord, SemanticInfo
from synth.dataset.merge import Merged, MergeSettings, choose_names, merge, unite_kinds, unite_semantic
from synth.dataset.origin import count_real_labels
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind
from synth.dataset.resplit import SplitSettings, resplit
from synth.dataset.sample import Draft
from synth.dataset.store import DatasetWriter
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError, SynthError

NAMES = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=8, unique=True)


def take(tmp_path: Path, *roots: str, out: str = "out", **changes: Any) -> tuple[DatasetReader, Merged]:
    settings = MergeSettings(tuple(tmp_path / root for root in roots), tmp_path / out, **changes)
    merged = merge(settings)
    return DatasetReader(tmp_path / out), merged


def test_everything_stands_in_the_merged_dataset(tmp_path: Path) -> None:
    """Classes by name in the order of first appearance, splits, groups and shots; files are links; it
    verifies.
    """
    a = write_set(tmp_path / "a", one_each(group="monday", shot_id="s"), classes=("cup", "lid"))
    b = write_set(tmp_path / "b", one_each(shows=("pot", "cup")), seed=1, classes=("pot", "cup"))
    out, _ = take(tmp_path, "a", "b")
    assert out.info.classes == ("cup", "lid", "pot")
    assert [s.split for s in out] == ["train", "val", "test"] * 2
    assert [(s.group, s.shot_id) for s in out] == [("monday", "s")] * 3 + [(None, None)] * 3
    assert [[i.class_name for i in s.instances] for s in out] == [["cup"]] * 3 + [["pot", "cup"]] * 3
    for sample, before, source in zip(out, (*a, *b), (a,) * 3 + (b,) * 3, strict=True):
        for name, path in sample.layers.items():
            assert (out.root / path).samefile(source.root / before.layers[name])
    assert (tmp_path / "out/labels/000003.txt").read_text().startswith("2 ")
    assert verify(tmp_path / "out") == []


def test_a_sample_says_which_it_was(tmp_path: Path) -> None:
    """Its parent has the old name, dataset and digest, and what was taken; its parents come before; a taken
    name becomes the lowest free one, and says so.
    """
    write_set(tmp_path / "a", one_each())
    b = write_set(tmp_path / "b", [{"name": "000001", "split": "val"}, {"name": "000007"}], seed=1)
    out, merged = take(tmp_path, "a", "b")
    assert [s.name for s in out] == ["000000", "000001", "000002", "000003", "000007"]
    (parent,) = out["000003"].origin.parents
    assert (parent.dataset, parent.name, parent.split) == ("b", "000001", "val")
    assert parent.digest == b.digest()
    assert parent.used == ("pixels", "labels", "mask")
    assert [step.verb for step in out["000003"].origin.steps] == ["merge"]
    assert any("000001 is 000003" in note for note in merged.notes)


@given(st.lists(st.lists(st.integers(0, 30), max_size=12, unique=True), min_size=2, max_size=4))
def test_names_are_unlike_and_few_change(numbers: list[list[int]]) -> None:
    """No two samples share a name, and one that nobody before had is kept."""
    names = [[f"{n:06d}" for n in some] for some in numbers]
    chosen = choose_names(names)
    flat = [new for some in chosen for new in some.values()]
    assert len(set(flat)) == len(flat)
    seen: set[str] = set()
    for some, new in zip(names, chosen, strict=True):
        assert all(new[name] == name for name in some if name not in seen)
        seen |= set(some)


@given(st.lists(NAMES, min_size=1, max_size=4), st.booleans())
def test_pixels_keep_the_names_of_their_classes(names: list[list[str]], wide: bool) -> None:
    """Whatever classes datasets have in whatever order, each pixel has its class's id or void afterwards."""
    infos = [
        SemanticInfo(names=some, colours=((0, 0, 0),) * len(some), void=65535 if wide and k == 0 else 255)
        for k, some in enumerate(names)
    ]
    united = unite_semantic(infos)
    assert united is not None
    for info in infos:
        ids = make_remap(info, united)
        for i, name in enumerate(info.names):
            assert united.names[i if ids is None else ids[i]] == name
        assert (info.void if ids is None else ids[info.void]) == united.void
        assert ids is not None or info.void == united.void


def test_maps_that_no_longer_fit_in_8_bits_become_16(tmp_path: Path) -> None:
    """200 and 100 classes of pixels make maps of 16 bits whose void is 65535; what fitted stays as it was."""
    void = np.full(SIZE_WH[::-1], 255, np.uint8)
    for root, n, first in (("a", 200, 0), ("b", 100, 150)):
        ids = void.copy()
        ids[10:20] = n - 1
        semantic = SemanticInfo(
            names=tuple(f"c{first + i}" for i in range(n)), colours=((1, 2, 3),) * n, void=255
        )
        write_set(tmp_path / root, one_each(), seed=n, semantic=semantic, layers={"semantic": ids})
    out, _ = take(tmp_path, "a", "b")
    assert out.info.semantic is not None
    assert (len(out.info.semantic.names), out.info.semantic.void) == (250, 255)
    assert (out.root / out["000000"].layers["semantic"]).samefile(tmp_path / "a/semantic/000000.png")
    names = tuple(f"d{i}" for i in range(20))
    semantic = SemanticInfo(names=names, colours=((1, 2, 3),) * 20)
    write_set(tmp_path / "c", one_each(), seed=9, semantic=semantic, layers={"semantic": void})
    wide, _ = take(tmp_path, "a", "b", "c", out="wide")
    assert wide.info.semantic is not None
    for sample in wide:
        ids = wide.load_semantic(sample)
        assert ids is not None
        assert ids.dtype == np.uint16
        assert ids[0, 0] == 65535
    shown = [wide.info.semantic.names[int(wide.load_semantic(wide[n])[15, 0])] for n in ("000000", "000003")]
    assert shown == ["c199", "c249"]
    assert verify(tmp_path / "wide") == []


def test_chosen_classes_take_their_pixels_and_crops_along(tmp_path: Path) -> None:
    """What is not kept leaves the mask, the others close up; crops keep their bytes; a single class has one
    name.
    """
    write_set(tmp_path / "a", one_each(shows=("lid", "cup", "lid")))
    write_set(tmp_path / "b", one_each(), seed=1)
    out, _ = take(tmp_path, "a", "b", choice=ClassChoice(keep=("cup",)))
    mask = out.load_mask(out["000000"])
    assert mask is not None
    assert out.info.classes == ("cup",)
    assert set(np.unique(mask)) == {0, 1}
    assert mask[5, 21] == 1
    single, _ = take(tmp_path, "a", "b", out="single", choice=ClassChoice(single="part"))
    assert {i.class_name for s in single for i in s.instances} == {"part"} == set(single.info.classes)
    assert verify(out.root) == verify(single.root) == []


def test_captured_ones_keep_poses_depth_crops_and_plates(tmp_path: Path) -> None:
    """Of two captures with one camera everything stays, and the plates of both are there."""
    for seed, name in enumerate(("a", "b")):
        fill(tmp_path / name, 4, seed=seed)
    out, _ = take(tmp_path, "a", "b")
    before = DatasetReader(tmp_path / "b")
    assert (out.info.kind, out.info.camera, len(out.plates)) == ("real", before.info.camera, 2)
    assert out.info.part == before.info.part
    sample = out["000004"]
    assert sample.instances[0].T_cam_part == before["000000"].instances[0].T_cam_part
    assert (out.root / str(sample.instances[0].crop)).samefile(before.root / "crops/000000_0.png")
    assert sample.origin.parents[0].used == ("pixels", "labels", "mask", "pose")
    assert verify(out.root) == []


def test_depth_gets_one_unit(tmp_path: Path) -> None:
    """Counts of a finer camera become counts of the coarser, half a count off at most; dataset.json says
    several.
    """
    depth = np.full(SIZE_WH[::-1], 4001, np.uint16)
    depth[0] = 0
    write_set(tmp_path / "a", one_each(), camera=make_camera(0.00025), layers={"depth": depth})
    write_set(tmp_path / "b", one_each(), seed=1, camera=make_camera(0.001), layers={"depth": depth})
    out, merged = take(tmp_path, "a", "b")
    assert out.info.camera is not None
    assert (out.info.camera.name, out.info.camera.depth_scale_m) == ("several", 0.001)
    depth_m = out.load_depth_m(out["000000"])
    assert depth_m is not None
    np.testing.assert_allclose(depth_m[1:], 4001 * 0.00025, atol=0.0005)
    assert not depth_m[0].any()
    assert any("0.5 mm at most" in note for note in merged.notes)
    assert (out.root / str(out["000003"].depth)).samefile(tmp_path / "b/depth/000000.png")


@given(st.integers(1, 65535), st.floats(1e-5, 1e-3), st.floats(1, 8))
def test_converted_depth_has_room_and_stays_near(counts: int, scale_m: float, coarser: float) -> None:
    """No depth overflows, becomes missing, or moves by more than half a coarse count (one at the nearest)."""
    array = np.array([[counts, 0]], np.uint16)
    converted = convert_depth(array, scale_m, scale_m * coarser)
    assert converted[0, 1] == 0 < converted[0, 0]
    assert abs(int(converted[0, 0]) - counts / coarser) <= (0.5 + 1e-6 if counts > coarser else 1)


KINDS: list[tuple[tuple[Kind, ...], Kind]] = [
    (("real", "real"), "real"),
    (("rendered", "rendered"), "rendered"),
    (("real", "imported"), "imported"),
    (("real", "rendered"), "mixed"),
    (("imported", "mixed"), "mixed"),
    (("rendered", "translated"), "mixed"),
]


@pytest.mark.parametrize(("kinds", "kind"), KINDS)
def test_what_is_not_all_photographed_is_not_called_real(kinds: tuple[Kind, ...], kind: Kind) -> None:
    """One kind stays, photographs of two origins are imported, everything else is mixed."""
    assert unite_kinds(kinds) == kind
    with pytest.raises(InputError, match="label maps"):
        unite_kinds((*kinds, "maps"))


def test_real_labels_of_a_merge_are_counted_once(tmp_path: Path) -> None:
    """Of real and rendered samples the real ones count, as parents and as what trained a network, and never
    twice, however often they are merged and split.
    """
    write_set(tmp_path / "a", one_each())
    write_set(tmp_path / "b", one_each(), seed=1, kind="rendered")
    write_set(tmp_path / "c", one_each(), seed=2, kind="rendered")
    take(tmp_path, "a", "b", out="ab")
    merged, _ = take(tmp_path, "ab", "c", out="abc")
    resplit(SplitSettings(merged.root, tmp_path / "again", asked={"test": "1-2"}))
    resplit(SplitSettings(tmp_path / "a", tmp_path / "a_again", asked={"test": "1-2"}))
    for mixed in (merged, DatasetReader(tmp_path / "again")):
        assert [mixed.kind_of(s) for s in mixed] == ["imported"] * 3 + ["rendered"] * 6
        assert count_real_labels([s.origin for s in mixed], ()) == {"labels": 3, "mask": 3, "pose": 0}
        for samples, n in ((mixed.samples, 3), (mixed.samples[1:], 2), (mixed.samples[3:], 0)):
            readings = mixed.trace_readings(samples, "labels")
            counted = count_real_labels((), readings)
            assert counted is not None
            assert counted["labels"] == n
    photographs = DatasetReader(tmp_path / "a_again")
    assert count_real_labels((), photographs.trace_readings(photographs.samples, "labels")) == {
        "labels": 3,
        "mask": 0,
        "pose": 0,
    }


def model_of(class_name: str, content: bytes) -> tuple[ModelRecord, bytes]:
    mesh = "models/part.ply"
    record = ModelRecord(
        class_name=class_name, mesh=mesh, units="mm", sha256=file_sha256(content), point_part_m=(0, 0, 0)
    )
    return record, content


def write_models(root: Path, *models: tuple[ModelRecord, bytes], seed: int) -> None:
    write_set(root, one_each(), seed=seed, models=tuple(record for record, _ in models))
    for record, content in models:
        (root / "models").mkdir(exist_ok=True)
        (root / record.mesh).write_bytes(content)


def test_models_come_along_where_they_do_not_clash(tmp_path: Path) -> None:
    """Two files of one name get two; two models of one class leave none, with a note; one for all none."""
    write_models(tmp_path / "a", model_of("cup", b"cup"), seed=0)
    write_models(tmp_path / "b", model_of("lid", b"lid"), seed=1)
    write_models(tmp_path / "c", model_of("cup", b"another"), seed=2)
    out, _ = take(tmp_path, "a", "b")
    files = {m.class_name: (out.root / m.mesh).read_bytes() for m in out.info.models}
    assert files == {"cup": b"cup", "lid": b"lid"}
    assert verify(out.root) == []
    clash, merged = take(tmp_path, "a", "b", "c", out="clash")
    assert [m.class_name for m in clash.info.models] == ["lid"]
    assert any("different models of cup" in note for note in merged.notes)
    single, merged = take(tmp_path, "a", "b", out="single", choice=ClassChoice(single="part"))
    assert single.info.models == ()
    assert any("called part" in note for note in merged.notes)


def test_pairs_are_united(tmp_path: Path) -> None:
    """A pair said either way round is one; contradictions are refused unless pairs are said anew."""
    for seed, (name, pair) in enumerate(
        {"a": ("cup", "lid"), "b": ("lid", "cup"), "c": ("cup", "pot")}.items()
    ):
        write_set(tmp_path / name, one_each(), seed=seed, classes=("cup", "lid", "pot"), flip_pairs=(pair,))
    assert take(tmp_path, "a", "b")[0].info.flip_pairs == (("cup", "lid"),)
    with pytest.raises(InputError, match="cup is paired with lid in one dataset and with pot in another"):
        take(tmp_path, "a", "c", out="refused")
    pairs = (("lid", "pot"),)
    out, _ = take(tmp_path, "a", "c", out="said", choice=ClassChoice(flip_pairs=pairs))
    assert out.info.flip_pairs == pairs


def test_a_merge_that_was_stopped_goes_on(tmp_path: Path) -> None:
    """The same command adds what is missing and ends with the very records; nothing is written twice."""
    write_set(tmp_path / "a", one_each())
    write_set(tmp_path / "b", one_each(), seed=1)
    take(tmp_path, "a", "b", out="whole")
    settings = MergeSettings((tmp_path / "a", tmp_path / "b"), tmp_path / "out")

    def stop(what: str, done: int, total: int) -> None:
        if what == "linking" and done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(settings, stop)
    assert len(DatasetReader(tmp_path / "out")) == 4
    assert merge(settings).n_new == 2
    assert merge(settings).n_new == 0
    whole, out = ((tmp_path / root / "samples.jsonl").read_bytes() for root in ("whole", "out"))
    assert out == whole
    with DatasetWriter.open(tmp_path / "b") as writer:
        writer.reject("000000", "glare")
    with pytest.raises(DatasetError, match="made otherwise"):
        merge(settings)


def leak_a_test_image(tmp_path: Path) -> None:
    a, b = DatasetReader(tmp_path / "a"), tmp_path / "b"
    test = a.of_split("test")[0]
    with DatasetWriter.open(b) as writer:
        almost_it = a.load_rgb(test) // 2 * 2
        draft = Draft(name="000009", split="train", size_wh=SIZE_WH)
        writer.append(draft, layers={"image": almost_it})


def copy_a_train_image(tmp_path: Path) -> None:
    write_set(tmp_path / "c", one_each())
    (tmp_path / "b").rename(tmp_path / "old")
    (tmp_path / "c").rename(tmp_path / "b")


def square_boxes(tmp_path: Path) -> None:
    info = json.loads((tmp_path / "b/dataset.json").read_text()) | {"box_kind": "square"}
    (tmp_path / "b/dataset.json").write_text(json.dumps(info))


def damage(tmp_path: Path) -> None:
    (tmp_path / "b/masks/000001.png").write_bytes((tmp_path / "a/masks/000001.png").read_bytes() + b"x")


def nothing(tmp_path: Path) -> None:
    pass


REFUSED = [
    (leak_a_test_image, ("a", "b"), {}, "test images would leak"),
    (copy_a_train_image, ("a", "b"), {}, "3 pictures stand there twice"),
    (square_boxes, ("a", "b"), {}, "--boxes square or --boxes tight"),
    (damage, ("a", "b"), {}, r"masks/000001\.png is not the file"),
    (nothing, ("a",), {}, "two datasets or more"),
    (nothing, ("a", "a"), {}, "named twice"),
    (nothing, ("a", "b"), {"out": "b"}, "is one of the datasets"),
    (nothing, ("a", "none"), {}, "there is no dataset"),
    (
        nothing,
        ("a", "b"),
        {"choice": ClassChoice(keep=("cup", "pot"))},
        "no class 'pot' to keep: .* cup, lid",
    ),
    (nothing, ("a", "b"), {"choice": ClassChoice(flip_pairs=(("cup", "pot"),))}, "'pot', which is no class"),
]


@pytest.mark.parametrize(("prepare", "roots", "changes", "sentence"), REFUSED)
def test_what_does_not_go_together_is_refused(
    prepare: Any, roots: tuple[str, ...], changes: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    """One sentence each, which says what to do."""
    write_set(tmp_path / "a", one_each())
    write_set(tmp_path / "b", one_each(), seed=1)
    prepare(tmp_path)
    with pytest.raises(SynthError, match=sentence):
        take(tmp_path, *roots, **changes)


def test_the_command_says_what_came_of_it(tmp_path: Path) -> None:
    """Counts, classes by split, what one dataset leaves unlabelled, what comes next; boxes may be chosen."""
    write_set(tmp_path / "a", one_each(), made_by=MadeBy(verb="capture", simulated=True), box_kind="square")
    write_set(tmp_path / "b", one_each(), seed=1, classes=("cup", "lid", "pot"))
    arguments = ["merge", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*arguments, "--boxes", "tight", "--classes", "cup,pot"])
    assert done.exit_code == 0, done.output
    for words in (
        "SIMULATED",
        "6 images (2 train, 2 val, 2 test)",
        "a does not label pot",
        "train detection",
    ):
        assert words in done.output
    out = DatasetReader(tmp_path / "out")
    assert (out.info.box_kind, out.info.made_by.simulated) == ("tight", True)
    assert "synth dataset sheet" in (tmp_path / "out.log").read_text()
