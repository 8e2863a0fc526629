"""Images with label maps: in and out again, value for value; what cannot be right is one sentence."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from synth.dataset.exports.semantic import export_semantic
from synth.dataset.imports.semantic import SemanticSettings, import_semantic
from synth.dataset.palettes.palette import voc_colour
from synth.dataset.palettes.reading import list_palettes, load_palette, parse_json, parse_text
from synth.dataset.pixel_counts import count_pixels
from synth.dataset.reader import DatasetReader
from synth.dataset.statistics import compute_figures
from synth.dataset.verify import verify
from synth.errors import InputError
from typed import synth

HW = (12, 16)
PALETTE = {
    "classes": ["road", "sky", "rest"],
    "palette": [[128, 64, 128], [70, 130, 180], [0, 0, 0]],
    "ignore": 2,
}
COLOURS = np.array(PALETTE["palette"], np.uint8)


def draw_ids(seed: int, n: int = 3, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, n, HW).astype(dtype)


def write(folder: Path, maps: dict[str, np.ndarray | Image.Image], palette: object = PALETTE) -> Path:
    """An image of noise for every map, maps and palette.json."""
    for i, (name, values) in enumerate(maps.items()):
        path = folder / "maps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (values if isinstance(values, Image.Image) else Image.fromarray(values)).save(path)
        image = (folder / "images" / name).with_suffix(".jpg")
        image.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (*HW, 3)).astype(np.uint8)
        assert cv2.imwrite(str(image), noise)
    (folder / "palette.json").write_text(json.dumps(palette))
    return folder


def take(folder: Path, out: Path, palette: str = "", **options: object) -> DatasetReader:
    given = {"palette": palette or str(folder / "palette.json"), **options}
    import_semantic(SemanticSettings(folder / "images", folder / "maps", out, **given))  # type: ignore[arg-type]
    assert verify(out) == []
    return DatasetReader(out)


def semantic_of(dataset: DatasetReader, source: str) -> np.ndarray:
    (sample,) = [s for s in dataset if s.quality["source"] == source]
    ids = dataset.load_semantic(sample)
    assert ids is not None
    return ids


def indexed(ids: np.ndarray) -> Image.Image:
    """A PNG whose palette says other colours than any class has."""
    image = Image.fromarray(ids).convert("P")
    image.putdata(ids.ravel().tolist())
    image.putpalette([7, 7, 7] * 256)
    return image


@pytest.mark.parametrize("coding", ["grey", "16 bits", "indexed", "two bits", "colours"])
def test_maps_come_in_and_go_out_value_for_value(coding: str, tmp_path: Path) -> None:
    """Ids and colours are kept, void among them; counts are an independent count's; so is the export."""
    truth = {f"{i}.png": draw_ids(i) for i in range(2)}
    make = {
        "grey": lambda ids: ids,
        "16 bits": lambda ids: ids.astype(np.uint16),
        "indexed": indexed,
        "two bits": lambda ids: ids,
        "colours": lambda ids: COLOURS[ids],
    }[coding]
    folder = write(tmp_path / "in", {name: make(ids) for name, ids in truth.items()})
    if coding == "two bits":
        for name, ids in truth.items():
            cv2.imwrite(str(folder / "maps" / name), ids * 85, (cv2.IMWRITE_PNG_BILEVEL, 0))
            write_two_bits(folder / "maps" / name, ids)
    dataset = take(folder, tmp_path / "out")
    assert dataset.info.semantic is not None
    assert (dataset.info.semantic.names, dataset.info.semantic.void) == (("road", "sky"), 255)
    assert dataset.info.semantic.colours == ((128, 64, 128), (70, 130, 180))
    for name, ids in truth.items():
        assert np.array_equal(semantic_of(dataset, f"{Path(name).stem}.jpg"), np.where(ids == 2, 255, ids))
    everything = np.bincount(np.concatenate([ids.ravel() for ids in truth.values()]), minlength=3)
    assert np.array_equal(sum(count_pixels(dataset).values()), everything)
    out = export_semantic(
        dataset,
        tmp_path / "back",
        coding="colours" if coding == "colours" else "ids",
        palette=load_palette(str(folder / "palette.json")),
    )
    for sample in dataset:
        back = np.asarray(Image.open(out / f"labels/{sample.name}.png"))
        name = f"{Path(str(sample.quality['source'])).stem}.png"
        assert np.array_equal(back, COLOURS[truth[name]] if coding == "colours" else truth[name])


def write_two_bits(path: Path, ids: np.ndarray) -> None:
    """A grey PNG of two bits a pixel, which readers spread over 0 to 255."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = ids.shape
    packed = (ids.reshape(height, -1, 4) * np.array([64, 16, 4, 1])).sum(axis=2).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, 2, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_what_was_exported_is_imported_alike(tmp_path: Path) -> None:
    """Maps of colours, classes, splits and groups of the export make the dataset again."""
    folder = write(tmp_path / "in", {f"{i}.png": draw_ids(i) for i in range(3)})
    (tmp_path / "films.csv").write_text("image,film\n" + "".join(f"{i},{'ab'[i > 1]}\n" for i in range(3)))
    first = take(folder, tmp_path / "first", group=tmp_path / "films.csv")
    assert {s.group for s in first} == {"a", "b"}
    again = import_again(export_semantic(first, tmp_path / "back", coding="colours"), tmp_path / "again")
    assert again.info.semantic == first.info.semantic
    for old in first:
        new = next(s for s in again if Path(str(s.quality["source"])).stem == old.name)
        assert (new.split, new.group) == (old.split, old.group)
        assert np.array_equal(first.load_semantic(old), again.load_semantic(new))


def import_again(folder: Path, out: Path) -> DatasetReader:
    import_semantic(
        SemanticSettings(
            folder / "images",
            folder / "labels",
            out,
            str(folder / "classes.json"),
            by=folder / "splits.csv",
            group=folder / "groups.csv",
        )
    )
    return DatasetReader(out)


def test_sixteen_bits_hold_more_classes_than_eight(tmp_path: Path) -> None:
    """300 classes make a map of 16 bits, whose void is 65535 in and out."""
    ids = draw_ids(0, 300, np.uint16)
    ids[0] = 65535
    folder = write(tmp_path / "in", {"a.png": ids}, {"classes": [f"c{i}" for i in range(300)]})
    dataset = take(folder, tmp_path / "out")
    assert np.array_equal(semantic_of(dataset, "a.jpg"), ids)
    out = export_semantic(dataset, tmp_path / "back")
    assert np.array_equal(np.asarray(Image.open(out / "labels/000000.png")), ids)


def jpeg_as_png(folder: Path) -> None:
    Image.fromarray(COLOURS[draw_ids(0)]).save(folder / "maps/b.png", "JPEG")


def bilinear(folder: Path) -> None:
    ids = np.array([[0, 0, 1, 1], [0, 2, 2, 1], [2, 2, 0, 0]])
    small = Image.fromarray(COLOURS[ids])
    small.resize((16, 12), Image.Resampling.BILINEAR).save(folder / "maps/b.png")


def put(values: np.ndarray, name: str = "maps/b.png"):
    return lambda folder: Image.fromarray(values).save(folder / name)


BAD = {
    "size": (put(draw_ids(0)[:6]), "is 16×6 and its image 16×12: give the map of that image"),
    "id": (
        put(draw_ids(0) + 5),
        "has id 7 and 2 other ids that palette.json does not have, whose classes end at 1",
    ),
    "colour": (
        put(np.full((*HW, 3), (130, 64, 128), np.uint8)),
        "has colour 130 64 128 at x 0, y 0 (100 % of its pixels), which palette.json does not have: the "
        "nearest is road, 128 64 128, 2 away in RGB",
    ),
    "interpolated": (bilinear, "colours between those of palette.json"),
    "grey": (put(np.repeat(draw_ids(0)[..., None], 3, axis=2) + 1), "is grey in three channels"),
    "jpeg": (jpeg_as_png, "is a JPEG, which changes values"),
    "alpha": (put(np.zeros((*HW, 4), np.uint8)), "has transparent pixels"),
    "torn": (lambda folder: (folder / "maps/b.png").write_bytes(b"\x89PNG"), "is no whole picture"),
    "missing": (lambda folder: (folder / "maps/b.png").unlink(), "1 of 2 images have no label map in"),
    "no images": (lambda folder: [p.unlink() for p in (folder / "images").iterdir()], "has no images"),
    "no maps": (lambda folder: [p.unlink() for p in (folder / "maps").iterdir()], "has no label maps"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_right_is_one_sentence(what: str, tmp_path: Path) -> None:
    """Exit 2, the file and what to do; nothing is written."""
    folder = write(tmp_path / "in", {"a.png": draw_ids(1), "b.png": draw_ids(2)})
    spoil, said = BAD[what]
    spoil(folder)
    with pytest.raises(InputError) as error:
        take(folder, tmp_path / "out")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert (error.value.exit_code, (tmp_path / "out").exists()) == (2, False)


def test_images_without_a_map_are_left_out_where_that_is_asked(tmp_path: Path) -> None:
    """And named, as is a map of no image."""
    folder = write(tmp_path / "in", {f"{n}.png": draw_ids(i) for i, n in enumerate("abc")})
    (folder / "maps/b.png").unlink()
    (folder / "images/c.jpg").unlink()
    done = synth(
        *("import", "semantic", "in/images", "in/maps", "--palette", "in/palette.json", "--out", "out"),
        "--only-labelled",
        cwd=tmp_path,
    )
    assert (done.returncode, len(DatasetReader(tmp_path / "out"))) == (0, 1)
    assert "b.jpg: without a label map, left out" in done.stdout
    assert "c.png: a label map of no image, left out" in done.stdout
    assert "with 1 label map of 2 classes" in done.stdout


@pytest.mark.parametrize(("colour", "n_notes"), [((128, 64, 128), 0), ((9, 64, 128), 1), ((7, 7, 7), 0)])
def test_a_palette_that_its_maps_contradict_is_doubted(
    colour: tuple[int, ...], n_notes: int, tmp_path: Path
) -> None:
    """Indexed maps that draw most classes otherwise are taken, and it is said; greys say nothing."""
    image = indexed(draw_ids(0))
    image.putpalette([*colour, *[7] * 765])
    folder = write(tmp_path / "in", {"a.png": image})
    given = SemanticSettings(
        folder / "images", folder / "maps", tmp_path / "out", str(folder / "palette.json")
    )
    assert sum("may be the palette of other maps" in n.text for n in import_semantic(given).notes) == n_notes


@pytest.mark.parametrize(
    ("ending", "ids", "said"),
    [
        ("_gtFine_labelIds", [7, 23, 0], "cityscapes-labelids"),
        ("_gtFine_labelTrainIds", [0, 10, 255], "cityscapes-trainids"),
        ("", [7, 23, 0], "cityscapes-labelids"),
        ("", [0, 10, 255], "cityscapes-trainids"),
        ("", [0, 10, 10], None),
        ("_gtFine_labelTrainIds", [7, 23, 255], ""),
    ],
)
def test_cityscapes_codings_are_told_apart(
    ending: str, ids: list[int], said: str | None, tmp_path: Path
) -> None:
    """By the names of the maps, else by their ids; what neither tells, or both otherwise, is refused."""
    where = f"train/bonn/x{ending}.png"
    folder = write(tmp_path / "in", {where: np.array(ids, np.uint8)[draw_ids(0)]})
    image = folder / f"images/train/bonn/x{ending}.jpg"
    image.rename(image.with_name("x_leftImg8bit.jpg"))
    if not said:
        expected = "cannot be told" if said is None else "has id 23 that cityscapes-trainids does not have"
        with pytest.raises(InputError, match=expected):
            take(folder, tmp_path / "out", "cityscapes")
        return
    dataset = take(folder, tmp_path / "out", "cityscapes")
    assert dataset.info.made_by.config["palette"] == said
    assert dataset.info.semantic is not None
    names = np.array([*dataset.info.semantic.names, *[""] * 236, "void"])
    assert set(names[dataset.load_semantic(dataset[0])].ravel()) == {"road", "sky", "void"}


def test_the_tables_are_those_of_their_data_sets() -> None:
    """Numbers of classes, ids and colours that their sources tell; shared colours are known as such."""
    n = {name: len(load_palette(name).names) for name in list_palettes() if name != "cityscapes"}
    assert n == {
        "ade20k": 150,
        "camvid": 11,
        "camvid32": 31,
        "cityscapes-labelids": 19,
        "cityscapes-trainids": 19,
        "cityscapes34": 33,
        "coco-stuff": 171,
        "voc": 21,
    }
    ade, coco, voc = (load_palette(name) for name in ("ade20k", "coco-stuff", "voc"))
    assert ade.colours[140, 140, 140] == ("road", "skyscraper")
    assert [coco.first[name].id for name in ("person", "stop sign", "wood")] == [0, 12, 181]
    assert all(row.colour == voc_colour(row.id) for row in voc.rows)
    assert load_palette("camvid").colours[0, 0, 192] == ("Pavement",)
    label_ids, train_ids = (load_palette(f"cityscapes-{c}") for c in ("labelids", "trainids"))
    assert label_ids.names == train_ids.names
    assert label_ids.colours == train_ids.colours
    assert [label_ids.first[name].id for name in ("road", "bicycle", None)] == [7, 33, 0]


@pytest.mark.parametrize(
    "text",
    [
        "road\nfar sky\n",
        "0 road\n1 far sky # blue\n",
        "128 64 128\troad\n70 130 180\tfar sky\n0 0 0 Void\n",
        "name,r,g,b\nroad,128,64,128\nfar sky,70,130,180\n",
        "# label:color_rgb:parts:actions\nroad:128,64,128::\nfar sky:70,130,180::\n",
        '{"classes": [{"name": "road", "color": [128, 64, 128]}, {"name": "far sky", "id": 1}]}',
    ],
)
def test_palettes_are_read_as_they_are_usually_written(text: str) -> None:
    """Names, ids and colours, whichever there are."""
    palette = parse_json(text, "p") if text.startswith("{") else parse_text(text, "p")
    assert palette.names == ("road", "far sky")
    assert [palette.first[name].id for name in palette.names] == [0, 1]
    assert palette.first["road"].colour == ((128, 64, 128) if "128" in text else None)


@pytest.mark.parametrize(
    ("text", "void", "said"),
    [
        ("road\nsky, 1\n", None, "line 2, 'sky, 1', tells no class"),
        ("0 road\nsky\n", None, "ids in some lines and none in others"),
        ("0 road\n0 sky\n", None, "gives road and sky one id, 0"),
        ("300 0 0 road\n", None, "the colour of road must be three numbers of 0 to 255"),
        ("_x\n", None, "'_x' is no name of a class"),
        ("", None, "names no class"),
        ("void\n", None, "there are no classes"),
        ("road\n", "sky", "there is no class 'sky' to be void: there are road"),
        ('{"classes": ["a"], "palette": []}', None, "1 classes and 0 colours"),
        ('{"names": 3}', None, "has no list of classes"),
        ('{"classes": ["a"], "ignore": "b"}', None, "it is the id of void, a whole number"),
        ("{", None, "is no JSON"),
        (
            None,
            None,
            "is neither a file nor a palette by name: give a JSON or text, or one of ade20k, camvid",
        ),
    ],
)
def test_what_is_no_palette_is_one_sentence(
    text: str | None, void: str | None, said: str, tmp_path: Path
) -> None:
    """It says what was found and what is read."""
    path = tmp_path / ("p.json" if text and text.startswith("{") else "p.txt")
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError) as error:
        load_palette(str(path), void)
    assert said in str(error.value)


def test_void_is_told_and_shares_are_of_what_is_labelled(tmp_path: Path) -> None:
    """A class named by --void is void; shares of classes add up to 1 in a split; a mirror's pair is kept."""
    ids = np.zeros(HW, np.uint8)
    ids[:3], ids[3:6] = 2, 1
    folder = write(
        tmp_path / "in", {"train/a.png": ids, "val/b.png": ids[::-1].copy()}, {"classes": ["l", "r", "x"]}
    )
    dataset = take(folder, tmp_path / "out", void="x", flip_pairs=(("l", "r"),))
    assert dataset.info.flip_pairs == (("l", "r"),)
    shares = compute_figures(dataset)["pixel_shares"]
    assert [shares[name]["train"] for name in ("l", "r", "void")] == pytest.approx([2 / 3, 1 / 3, 0.25])
    assert shares["l"]["test"] == 0


@pytest.mark.parametrize(
    ("palette", "said"),
    [
        ("road\n", "has no class 'sky', which the dataset has"),
        ("0 road\n1 sky\n", "has no colour of road: write ids"),
        ("1 1 1 road\n1 1 1 sky\n", "road and sky share the colour 1 1 1"),
        ("0 0 0 road\n1 1 1 sky\n", "has no colour of void"),
    ],
)
def test_a_palette_that_cannot_say_every_class_is_refused(palette: str, said: str, tmp_path: Path) -> None:
    """Before anything is written."""
    dataset = take(write(tmp_path / "in", {"a.png": draw_ids(0)}), tmp_path / "out")
    with pytest.raises(InputError, match=said):
        export_semantic(dataset, tmp_path / "back", coding="colours", palette=parse_text(palette, "p"))
    assert not (tmp_path / "back").exists()


def test_commands_go_in_out_and_on(tmp_path: Path) -> None:
    """The export by its command; a second import adds nothing; another palette is another dataset; the sheet
    says which colour is which class.
    """
    write(tmp_path / "in", {f"{i}.png": draw_ids(i) for i in range(3)})
    words = ("import", "semantic", "in/images", "in/maps", "--out", "out", "--palette")
    assert synth(*words, "in/palette.json", cwd=tmp_path).returncode == 0
    assert "0 new" in synth(*words, "in/palette.json", cwd=tmp_path).stdout
    assert "was made otherwise" in synth(*words, "in/palette.json", "--void", "1", cwd=tmp_path).stderr
    done = synth("dataset", "export", "semantic", "out", "--out", "x", "--coding", "colours", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "x/labels/000000.png").exists()) == (0, True)
    assert synth("dataset", "sheet", "out", "--count", 1, cwd=tmp_path).returncode == 0
    sheet = np.array(Image.open(tmp_path / "out/sheet.png").convert("RGB"))
    assert all((sheet == colour).all(axis=2).any() for colour in COLOURS[:2]), "the key of classes"
