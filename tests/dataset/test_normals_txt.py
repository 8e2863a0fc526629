"""normals.txt: the paper's file is read, ours comes back bit for bit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.dataset.normals_txt import NormalRow, format_normals, parse_normals
from synth.errors import DatasetError

PAPER = """Name, width, height, u, v, w
000000.png 0.585378 0.629539 -0.150000 0.010000 0.990000
000001.png 0.589303 0.627821 -0.160000 0.000000 0.990000
"""

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.from_regex(r"[0-9]{6}_[0-9]\.png", fullmatch=True)
rows = st.builds(NormalRow, names, st.tuples(finite, finite), st.tuples(finite, finite, finite))


def test_the_papers_rows() -> None:
    """Figure 6 of the paper as printed: comma-separated header, blank-separated rows."""
    first, second = parse_normals(PAPER)
    assert first == NormalRow("000000.png", (0.585378, 0.629539), (-0.15, 0.01, 0.99))
    assert second.normal_uvw == (-0.16, 0.0, 0.99)


def test_commas_between_columns_are_read_too() -> None:
    """The header suggests commas, so rows with commas are read as well."""
    row = parse_normals("Name, X, Y, u, v, w\na.png, 0.5, 0.25, 0, 0, 1\n")[0]
    assert row == NormalRow("a.png", (0.5, 0.25), (0.0, 0.0, 1.0))


@given(st.lists(rows, max_size=5))
def test_round_trip_at_full_precision(given_rows: list[NormalRow]) -> None:
    """Every float comes back exactly."""
    assert parse_normals(format_normals(given_rows)) == given_rows


@pytest.mark.parametrize(
    "text", ["", "a.png 1 2 3 4 5\n", "Name, u\na.png 1 2\n", "Name\na 1 2 3 4 nan\n", "Name\na 1 2 3 4 x\n"]
)
def test_nonsense_is_refused(text: str) -> None:
    """A missing header, a short row or a number that is none is a DatasetError."""
    with pytest.raises(DatasetError, match=r"normals\.txt"):
        parse_normals(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in any other way."""
    try:
        parse_normals("Name\n" + text)
    except DatasetError:
        return


def test_names_with_blanks_are_not_written() -> None:
    """A name that could not be read back is refused."""
    with pytest.raises(DatasetError, match="neither blanks nor commas"):
        format_normals([NormalRow("a b.png", (0, 0), (0, 0, 1))])
