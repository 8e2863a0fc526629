"""What a comparison asks follows from what datasets say of where they came from."""

from typing import Any

import pytest

from synth.compare.mixes import REAL, check_data, parse_data
from synth.compare.questions import Gap, Question, find_origins, list_gaps, list_questions, parse_question
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.record import Kind
from synth.errors import InputError


def describe(kind: Kind, **config: Any) -> DatasetInfo:
    return DatasetInfo(
        kind=kind, classes=("part",), made_by=MadeBy(verb="test", config=config, simulated=True)
    )


def origins_of(**infos: DatasetInfo) -> dict[str, str]:
    return find_origins(infos, {name: f"folder_{name}" for name in infos})


def test_a_translation_is_asked_about_what_it_was_made_of() -> None:
    """Of two rendered datasets it is the one that its description names, whatever their names are."""
    origins = origins_of(
        real=describe("real"),
        first=describe("rendered"),
        second=describe("rendered"),
        third=describe("translated", source={"dataset": "folder_second"}),
    )
    assert origins == {"third": "second"}
    mixes = ["real", "first", "second", "third", "real+third", "real@40"]
    assert list_questions(["real", "first", "second", "third"], mixes, origins) == (
        Question("first", REAL),
        Question("second", REAL),
        Question("third", "second"),
        Question("third", REAL),
        Question("real+third", REAL),
    )
    assert list_gaps(mixes, origins) == (Gap("second", "third", REAL),)


def test_a_translation_whose_origin_takes_no_part_is_held_against_what_was_rendered() -> None:
    """The first rendered dataset stands for it; without any there is no gap to close."""
    translated = describe("translated", source={"dataset": "elsewhere"})
    assert origins_of(real=describe("real"), made=describe("rendered"), t=translated) == {"t": "made"}
    assert origins_of(real=describe("real"), t=translated) == {}


def test_captured_images_in_the_rendered_look_close_no_gap() -> None:
    """What was translated the other way round is no step towards real images."""
    back = describe("translated", direction="real2sim", source={"dataset": "folder_real"})
    assert origins_of(real=describe("real"), made=describe("rendered"), back=back) == {}


def test_composites_are_asked_about_as_what_was_cut_out_of() -> None:
    """Composites of a translated dataset are held against composites of a rendered one."""
    origins = origins_of(
        real=describe("composited", datasets={"real": {"kind": "real"}}),
        synthetic=describe("composited", datasets={"synthetic": {"kind": "rendered"}}),
        translated=describe("composited", datasets={"translated": {"kind": "translated"}}),
    )
    assert origins == {"translated": "synthetic"}


def test_a_question_of_one_s_own() -> None:
    """Two mixes that are trained, and nothing else."""
    assert parse_question("a:b", ["a", "b"]) == Question("a", "b")
    for text in ("a", "a:a", "a:c", ":b", ""):
        with pytest.raises(InputError, match="--ask takes two different mixes as MIX:MIX among a, b"):
            parse_question(text, ["a", "b"])


@pytest.mark.parametrize("text", ["data/real", "=data/real", "real=", ""])
def test_data_without_a_name_or_a_folder(text: str) -> None:
    """The form is said."""
    with pytest.raises(InputError, match="NAME=PATH"):
        parse_data([text])


@pytest.mark.parametrize("name", ["a+b", "a@b", "a-then-b", "a:b", "a.b", "a/b", "a b", "a,b", ""])
def test_names_that_mixes_could_not_be_made_of(name: str) -> None:
    """They would be read as something else in a mix, a question, a key or a folder."""
    with pytest.raises(InputError, match="a dataset's name has no"):
        check_data({name: []})


def test_every_seed_has_a_dataset_of_its_own() -> None:
    """One folder twice under one name is refused, and so is one name twice."""
    with pytest.raises(InputError, match="names one folder twice"):
        check_data(parse_data(["a=x,x"]))
    with pytest.raises(InputError, match="names a twice"):
        parse_data(["a=x", "a=y"])
