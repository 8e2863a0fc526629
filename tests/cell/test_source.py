"""The reader of cell text: nothing a file holds can surprise it."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synth.cell.source import MAX_BYTES, parse, read_text, write


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- 1\n", 1, "a list of 1"),
        ("hello", 1, "'hello'"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("a: 1\na: 2\n", 2, "stands twice, first in line 1"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: &x [1]\nb: *x\n", 2, "alias *x"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, None),
        ("a: 1\nb: !secret x\n", 2, "tag !secret"),
        ("? [1]\n: 2\n", 1, "not a word"),
        ("a: " + "[" * 5000 + "\n", 1, "nested more than"),
        ("a: \x00", None, "not valid YAML"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_with_its_line(
    text: str, line: int | None, words: str | None
) -> None:
    """Broken, doubled, aliased, tagged and deep YAML each give a sentence at the right line."""
    problems = parse(text).problems
    if words is not None:
        assert any(words in p.message and p.line == line for p in problems), problems


def test_an_alias_bomb_is_refused_at_once() -> None:
    """A text that would grow to 10^30 elements is refused before anything is built."""
    rows = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 100)]
    source = parse("\n".join(rows))
    assert source.data is None
    assert "alias *a0" in source.problems[0].message


def test_no_tag_is_ever_constructed(tmp_path: Path) -> None:
    """A tag that would run code in an unsafe loader leaves nothing behind."""
    target = tmp_path / "made"
    source = parse(f"a: !!python/object/apply:pathlib.Path.touch ['{target}']")
    assert not target.exists()
    assert source.data is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-1e-3", -0.001),
        ("1e5", 1e5),
        (".5", 0.5),
        ("5.", 5.0),
        ("true", True),
        ("yes", "yes"),
        ("no", "no"),
        ("null", None),
        ("~", None),
        ("'12'", "12"),
        ("12:30:45", "12:30:45"),
        ("2024-01-31", "2024-01-31"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(text: str, value: object) -> None:
    """No surprise of YAML 1.1: `no` is a word, 12:30 is no number of seconds, 1e5 is a number."""
    assert parse(f"k: {text}").data == {"k": value}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@example({"serial": "12e45678", "name": "1e5", "no": ".inf"})
@given(st.dictionaries(st.text(min_size=1, max_size=6), JSON, min_size=1, max_size=4))
def test_what_is_written_is_read_back(data: dict[str, object]) -> None:
    """Any JSON-like document comes back equal, texts that look like numbers too, every key with its line."""
    source = parse(write(data))
    assert source.problems == []
    assert source.data == data
    assert all((key,) in source.lines for key in data)


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    """Any text gives data or problems, never an exception."""
    source = parse(text)
    assert source.data is not None or source.problems


def test_files_that_are_no_text_are_refused_with_a_sentence(tmp_path: Path) -> None:
    """A folder, an absent file, a binary file and a huge file are each named for what they are."""
    latin, huge = tmp_path / "latin.yaml", tmp_path / "huge.yaml"
    latin.write_bytes("name: a\nnote: Größe".encode("latin-1"))
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    for path, words, line in (
        (tmp_path, "is a folder", None),
        (tmp_path / "absent.yaml", "does not exist", None),
        (latin, "not UTF-8", 2),
        (huge, "larger than", None),
    ):
        _, (problem,) = read_text(path)
        assert words in problem.message
        assert problem.line == line
