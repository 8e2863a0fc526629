"""COCO as other programs write it: right where it can mean one thing alone, else refused, and why."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_pictures import write_picture, write_turned
from pycocotools import mask as coco_mask

from synth.dataset.classes import ClassChoice
from synth.dataset.imports.coco import CocoSettings, import_coco
from synth.dataset.imports.coco_places import find_pictures
from synth.dataset.imports.coco_records import CocoAnnotation, CocoCategory, CocoImage, match_id, parse
from synth.dataset.imports.intake import Misfit, Summary
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import InputError

BBOX, BOX, AREA = [24, 12, 16, 24], (24, 12, 40, 36), 16 * 24
RING = [24, 12, 40, 12, 40, 36, 24, 36]
POINTS = [[24, 12], [40, 12], [40, 36], [24, 36]]
HOLE = [[30, 20], [34, 20], [34, 24], [30, 24]]
CUP = {"category_id": 1, "bbox": BBOX}


def take(folder: Path, out: Path, **changes: Any) -> Summary:
    return import_coco(CocoSettings(folder, out, **changes))


def write_json(
    path: Path,
    shown: dict[str, list[dict[str, Any]]],
    categories: tuple[tuple[Any, str], ...] = ((1, "cup"),),
    **changes: Any,
) -> Path:
    """A JSON of pictures of 64 by 48 pixels, each with its annotations, whose ids are filled in."""
    document = {
        "categories": [{"id": number, "name": name} for number, name in categories],
        "images": [
            {"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(shown, start=1)
        ],
        "annotations": [
            {"image_id": i, **entry} for i, entries in enumerate(shown.values(), start=1) for entry in entries
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document | changes))
    return path


def packed(mask: Any) -> dict[str, Any]:
    return {"size": [48, 64], "counts": coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]}


def part() -> Any:
    """The mask of the cup, from which a corner is cut so that its run lengths are not all alike."""
    mask = np.zeros((48, 64), bool)
    mask[12:36, 24:40] = True
    mask[12:20, 24:30] = False
    return mask


SPELT = packed(part())["counts"].decode()
SHOWN_AS_BYTES = {"size": [48, 64], "counts": str(SPELT.encode())}
FORWARD, BACKWARD = (
    [24, 12, 28, 12, 40, 36, 36, 36],
    [36, 12, 40, 12, 28, 36, 24, 36],
)

ODD: dict[str, tuple[list[dict[str, Any]], int, int | None, str]] = {
    "flat": ([CUP | {"segmentation": RING}], 1, AREA, "read as one polygon"),
    "triple nested": ([CUP | {"segmentation": [[RING]]}], 1, AREA, "read as one polygon"),
    "a list of points": ([CUP | {"segmentation": POINTS}], 1, AREA, "read as one polygon"),
    "nested points": ([CUP | {"segmentation": [POINTS]}], 1, AREA, "read as one polygon"),
    "parts or holes": ([CUP | {"segmentation": [POINTS, HOLE]}], 1, None, "may be parts or holes"),
    "nested empty": ([CUP | {"segmentation": [[]]}], 1, None, "fewer than three points"),
    "two points": ([CUP | {"segmentation": [RING[:4]]}], 1, None, "fewer than three points"),
    "short second": ([CUP | {"segmentation": [RING, [1, 1, 2, 2]]}], 1, None, "fewer than three points"),
    "words": ([CUP | {"segmentation": "none"}], 1, None, "neither polygons nor run lengths"),
    "nothing": ([CUP | {"segmentation": []}], 1, None, ""),
    "bytes": ([CUP | {"segmentation": SHOWN_AS_BYTES}], 1, int(part().sum()), "as Python shows bytes"),
    "no bbox": ([{"category_id": 1, "segmentation": [RING]}], 1, AREA, "without a bbox"),
    "empty bbox": ([{"category_id": 1, "bbox": [], "segmentation": [RING]}], 1, AREA, "without a bbox"),
    "no bbox, runs": (
        [{"category_id": 1, "segmentation": {"size": [48, 64], "counts": SPELT}}],
        1,
        int(part().sum()),
        "without a bbox",
    ),
    "crowd null": ([CUP | {"iscrowd": None}], 1, None, ""),
    "id as text": ([CUP | {"category_id": "1"}], 1, None, ""),
    "id with a point": ([CUP | {"category_id": 1.0}], 1, None, ""),
    "doubled": ([CUP | {"segmentation": [RING]}] * 2, 1, AREA, "repeated object"),
    "digits": ([CUP, CUP | {"bbox": [24.04, 12, 15.96, 24]}], 1, None, "repeated object"),
    "box and polygon": ([CUP, CUP | {"segmentation": [RING]}], 1, AREA, "repeated object"),
    "crossing": (
        [CUP | {"segmentation": [FORWARD]}, CUP | {"segmentation": [BACKWARD]}],
        2,
        None,
        "",
    ),
    "two classes": ([CUP, CUP | {"category_id": 2}], 2, None, ""),
    "crowd": ([CUP, CUP | {"iscrowd": 1}], 1, None, "what it shows counts as background"),
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, DatasetReader]:
    """A dataset of one picture for each oddity, and one without any annotation."""
    root = tmp_path_factory.mktemp("odd")
    shown = {f"{key}.png": entries for key, (entries, *_) in ODD.items()} | {"background.png": []}
    for i, name in enumerate(shown):
        write_picture(root / "in/images" / name, i)
    write_json(root / "in/all.json", shown, ((1, "cup"), (2, "lid")))
    last = f"0-{len(shown) - 1}"
    summary = take(root / "in", root / "out", splits={"train": last})
    assert verify(root / "out") == []
    return summary, DatasetReader(root / "out")


@pytest.mark.parametrize("key", ODD)
def test_an_oddity_has_its_box_its_mask_and_its_note(key: str, odd: tuple[Summary, DatasetReader]) -> None:
    """The box is that of the cup in every writing; a mask has its area, or is left out with the reason."""
    summary, dataset = odd
    entries, n_objects, area, remark = ODD[key]
    (sample,) = (s for s in dataset if s.quality["source"] == f"images/{key}.png")
    first = sum(len(entries) for entries, *_ in list(ODD.values())[: list(ODD).index(key)])
    places = [f"in/all.json annotations.{first + i}" for i in range(len(entries))]
    assert len(sample.instances) == n_objects
    for instance in sample.instances:
        assert instance.box_xyxy_px == pytest.approx(BOX, abs=0.25)
    mask = dataset.load_mask(sample)
    if key != "crossing":
        assert (None if mask is None else int(np.count_nonzero(mask))) == area
    notes = [note.text for note in summary.notes if note.where.endswith(tuple(places))]
    assert any(remark in text for text in notes) if remark else notes == []


def test_a_picture_without_annotations_is_background_and_counted(odd: tuple[Summary, DatasetReader]) -> None:
    """It comes in without objects, its record says that no label was found, and the summary counts it."""
    summary, dataset = odd
    assert (summary.misfits, summary.unlabelled) == ((), {"train": 1})
    (sample,) = (s for s in dataset if s.quality.get("label") == "none found")
    assert (sample.quality["source"], sample.instances) == ("images/background.png", ())


def test_a_json_without_sizes_takes_those_of_the_pictures(tmp_path: Path) -> None:
    """Boxes are right, and it is said what could not be held against the picture; ids may be texts."""
    for name in ("0.png", "1.png"):
        write_picture(tmp_path / "in/images" / name, int(name[0]))
    images = [{"id": f"{i}", "file_name": f"{i}.png"} for i in range(2)]
    write_json(
        tmp_path / "in/all.json", {}, images=images, annotations=[CUP | {"image_id": i} for i in (0, 1.0)]
    )
    summary = take(tmp_path / "in", tmp_path / "out", splits={"train": "0-1"})
    assert (summary.n_samples, summary.n_instances, summary.misfits) == (2, 2, ())
    assert {i.box_xyxy_px for s in DatasetReader(tmp_path / "out") for i in s.instances} == {BOX}
    assert {note.text for note in summary.notes} == {
        "the JSON does not say its size, which would tell labels of another scale"
    }


def test_ids_are_matched_where_they_mean_one_thing() -> None:
    """1, 1.0 and "1" are one id, unless two ids are written so; true, 01 and what is no id match nothing."""
    assert [match_id(value, {1}) for value in (1, 1.0, "1")] == [1, 1, 1]
    assert [match_id(value, {"1"}) for value in (1, 1.0, "1")] == ["1", "1", "1"]
    assert [match_id(value, {1, "1"}) for value in (1, "1")] == [1, "1"]
    assert [match_id(value, {1, "1"}) for value in (True, "01", None, [1], 1.5, "²")] == [None] * 6


CORNERS = [{"category_id": 1, "bbox": list(BOX)}]
REFUSED = [
    ([CUP | {"bbox": [10, 5, 60, 40]}], "1 of 1 boxes leave their pictures if .* if they were the corners"),
    (
        [*CORNERS, CUP | {"bbox": [9, 9, 60, 40]}],
        "1 of 2 boxes leave their pictures if .* Likely .* a guess: if so, .*; if not, cut them",
    ),
    ([{"category_id": 1, "bbox": [4, 5, 20, 25], "area": 320}], "contradict their areas if .* the corners"),
    (
        [{"category_id": 1, "bbox": [4, 5, 20, 25], "segmentation": [[4, 5, 20, 5, 20, 25]]}],
        "contradict their polygons if they are x, y, width and height .* were the corners",
    ),
    (
        [{"category_id": 1, "bbox": [32, 24, 16, 24], "segmentation": [RING]}],
        "contradict their polygons if .* were the centre, width and height",
    ),
    ([CUP | {"bbox": [0.4, 0.25, 0.25, 0.5]}] * 2, "Likely they are fractions"),
    ([CUP | {"iscrowd": 1}], "all 1 annotations of .* are crowds .* write 0"),
    ([CUP | {"image_id": "one"}], "no annotation finds its picture: .*'one', which images lacks.* ids 1"),
    ([], "has no annotations: every picture would teach"),
]


@pytest.mark.parametrize(("entries", "sentence"), REFUSED)
def test_a_file_that_would_be_misread_is_refused(
    entries: list[dict[str, Any]], sentence: str, tmp_path: Path
) -> None:
    """Both readings are named and none is taken; nothing is written."""
    write_json(tmp_path / "in/all.json", {"a.png": entries})
    with pytest.raises(InputError, match=sentence):
        take(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tiny_objects_one_pixel_apart_are_two(tmp_path: Path) -> None:
    """A box of three pixels beside an outline of as many."""
    write_picture(tmp_path / "in/images/a.png", 1)
    outline = CUP | {"bbox": [20, 20, 3, 3], "segmentation": [[20, 20, 23, 20, 23, 23, 20, 23]]}
    write_json(tmp_path / "in/all.json", {"a.png": [outline, CUP | {"bbox": [21, 20, 3, 3]}]})
    assert take(tmp_path / "in", tmp_path / "out").n_instances == 2


def test_boxes_that_are_all_0_are_empty_and_no_fractions(tmp_path: Path) -> None:
    """Multiplied by a size they would stay what they are."""
    write_picture(tmp_path / "in/images/a.png", 1)
    write_json(tmp_path / "in/all.json", {"a.png": [CUP | {"bbox": [0, 0, 0, 0]}]})
    with pytest.raises(InputError, match=r"box empty \(1\)"):
        take(tmp_path / "in", tmp_path / "out")


def test_a_file_without_categories_is_told_what_to_add(tmp_path: Path) -> None:
    """There is no name to be changed."""
    write_picture(tmp_path / "in/images/a.png", 1)
    write_json(tmp_path / "in/all.json", {"a.png": [CUP]}, ())
    with pytest.raises(InputError, match="has no categories, so there are no classes: give each"):
        take(tmp_path / "in", tmp_path / "out")


def test_polygons_speak_for_coco_s_own_reading(tmp_path: Path) -> None:
    """A box that leaves its picture with its polygon is one misfit, though it would lie in it as corners."""
    write_picture(tmp_path / "in/images/a.png", 1)
    write_picture(tmp_path / "in/images/b.png", 2)
    outside = CUP | {"bbox": [10, 5, 60, 40], "segmentation": [[10, 5, 70, 5, 70, 45]]}
    shown = {"a.png": [CUP | {"bbox": [4, 6, 20, 30]}], "b.png": [outside]}
    write_json(tmp_path / "in/all.json", shown)
    assert take(tmp_path / "in", tmp_path / "out", splits={"train": "0-1"}).reasons == {"box outside": 1}


def test_corners_are_seen_where_the_picture_alone_tells_its_size(tmp_path: Path) -> None:
    """A turned picture counts upright, as 64 by 48."""
    write_turned(tmp_path / "in/images/a.jpg")
    images = [{"id": 1, "file_name": "a.jpg"}]
    write_json(tmp_path / "in/all.json", {"a.jpg": [CUP | {"bbox": [10, 5, 60, 40]}]}, images=images)
    with pytest.raises(InputError, match="1 of 1 boxes leave their pictures"):
        take(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize(
    ("model", "entry", "sentence"),
    [
        (
            CocoImage,
            {"id": 1, "file_name": "a.png", "width": "wide"},
            "width must be a whole number .*'wide'",
        ),
        (CocoImage, {"id": 1}, "file_name is missing: file_name must be a text"),
        (CocoImage, [1], "must be a record of names and values, got"),
        (CocoCategory, {"id": None, "name": "cup"}, "id must be a number or a text, got None"),
        (CocoAnnotation, {"bbox": [1, 2, 3]}, "bbox must be four numbers: x, y, width and height"),
        (CocoAnnotation, {"iscrowd": "maybe"}, "iscrowd must be 0 or 1, got 'maybe'"),
    ],
)
def test_a_malformed_record_says_what_it_must_be(model: Any, entry: Any, sentence: str) -> None:
    """The key, what is allowed and what was got; never the words of a library."""
    with pytest.raises(Misfit, match=sentence) as caught:
        parse(model, entry, "all.json images.0")
    assert not any(word in str(caught.value) for word in ("Input should", "Field required"))


def test_an_annotation_without_a_category_lists_them(tmp_path: Path) -> None:
    """Nothing is guessed, even where there is one category."""
    write_picture(tmp_path / "in/images/a.png")
    write_json(tmp_path / "in/all.json", {"a.png": [CUP | {"category_id": None}]})
    with pytest.raises(InputError, match=r"has no category_id: give it that of one, 1 \(cup\)"):
        take(tmp_path / "in", tmp_path / "out")


NAMES = [
    ("a.png", "images/a.png", False),
    ("images/a.png", "images/a.png", False),
    ("images\\a.png", "images/a.png", False),
    ("sub\\b.png", "images/sub/b.png", False),
    ("..\\..\\images\\a.png", "images/a.png", True),
    ("../label/a.png", "images/a.png", True),
    ("https://example.org/data/a.png", "images/a.png", True),
    ("C:\\bench\\part%20c.png", "images/part c.png", True),
    ("A.PNG", "images/a.png", True),
    ("Two.png", "images/Two.png", False),
    ("x/two.png", "images/two.png", True),
    ("x/TWO.png", None, False),
    ("x/same.png", None, False),
    ("/etc/passwd", None, False),
    ("../outside.png", None, False),
    ("n" * 400, None, False),
]


@pytest.mark.parametrize(("name", "path", "is_by_name"), NAMES)
def test_a_file_name_leads_to_its_picture(
    name: str, path: str | None, is_by_name: bool, tmp_path: Path
) -> None:
    """Beside the JSON, with backslashes, by its base name where one picture alone has it; else --images is
    named, or that it leads out.
    """
    root = tmp_path / "in"
    for there in ("a.png", "sub/b.png", "part c.png", "Two.png", "two.png", "1/same.png", "2/same.png"):
        (root / "images" / there).parent.mkdir(parents=True, exist_ok=True)
        (root / "images" / there).touch()
    (tmp_path / "outside.png").touch()
    (place,) = find_pictures([(name, (root / "images", root))], root)
    if path is None:
        assert "--images says" in place.absence or "leads out" in place.absence
    else:
        assert (place.path, place.is_by_name, place.absence) == (path, is_by_name, "")


def test_a_picture_that_two_records_ask_for_goes_to_none_by_its_base_name(tmp_path: Path) -> None:
    """Labels of one record are never laid on the picture of another."""
    (tmp_path / "a.png").touch()
    asked = [(name, (tmp_path,)) for name in ("x/a.png", "y/a.png")]
    assert all(place.absence for place in find_pictures(asked, tmp_path))
    by_name, direct = find_pictures([("x/a.png", (tmp_path,)), ("a.png", (tmp_path,))], tmp_path)
    assert (bool(by_name.absence), direct.absence) == (True, "")


CATEGORIES = [
    (((0, "bench-parts"), (1, "cup")), ("cup",), "1 of 2 classes are left out, .*: bench-parts"),
    (((0, "cup"), (1, "cup")), ("cup",), "two categories are called cup: 0, which no label has"),
    (((0, "parts/all"), (1, "cup")), ("cup",), "left out, .*: parts/all"),
    (tuple((i, f"thing {i}") for i in range(80)), ("thing 1",), "79 of 80 classes are left out"),
    (((1, "cup"), (2, "lid")), ("cup",), "left out, .*: lid"),
]


@pytest.mark.parametrize(("categories", "classes", "remark"), CATEGORIES)
def test_classes_are_those_that_occur(
    categories: tuple[tuple[int, str], ...], classes: tuple[str, ...], remark: str, tmp_path: Path
) -> None:
    """A root, a namesake, a name that is none, 79 others, one that only a crowd and an absent picture have:
    left out and named.
    """
    write_picture(tmp_path / "in/images/a.png")
    absent = CUP | {"category_id": 2}
    shows = [CUP, absent | {"iscrowd": 1}] if (2, "lid") in categories else [CUP]
    write_json(tmp_path / "in/all.json", {"a.png": shows, "b.png": [absent]}, categories)
    summary = take(tmp_path / "in", tmp_path / "out", splits={"train": "0-1"})
    assert DatasetReader(tmp_path / "out").info.classes == classes
    assert any(re.search(remark, note.text) for note in summary.notes)


def test_a_class_that_was_asked_for_stays(tmp_path: Path) -> None:
    """--classes names what is kept, whether or not it occurs."""
    write_picture(tmp_path / "in/images/a.png")
    write_json(tmp_path / "in/all.json", {"a.png": [CUP]}, ((1, "cup"), (2, "lid"), (3, "pot")))
    choice = ClassChoice(keep=("cup", "lid"))
    take(tmp_path / "in", tmp_path / "out", splits={"train": "0"}, choice=choice)
    assert DatasetReader(tmp_path / "out").info.classes == ("cup", "lid")


def test_a_split_without_a_single_annotation_is_left_out(tmp_path: Path) -> None:
    """Its pictures may show what nobody labelled; the summary says that the split is empty."""
    for i, split in enumerate(("train", "val", "test")):
        write_picture(tmp_path / f"in/{split}/a.png", i)
        shown = {"a.png": [] if split == "test" else [CUP]}
        write_json(tmp_path / f"in/{split}/_annotations.coco.json", shown)
    summary = take(tmp_path / "in", tmp_path / "out")
    assert (summary.splits, summary.emptied, summary.unlabelled) == ({"val": 1, "train": 1}, ["test"], {})
    (misfit,) = summary.misfits
    assert str(misfit) == (
        "test/a.png: is of test, none of whose pictures has an annotation, while others have: perhaps nobody "
        "has labelled them yet"
    )
