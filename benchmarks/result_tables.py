"""Tables of result lines: printed, and written into a document between two marks."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from result_lines import Line, read_lines

Table = list[list[str]]
"""Rows of cells; the first is the head."""

Marks = tuple[str, str]
"""The lines of a document between which its tables stand."""

Draw = Callable[[Sequence[Line], Path], None]


def to_markdown(table: Table) -> Iterator[str]:
    """Its lines."""
    for row in (table[0], ["---"] * len(table[0]), *table[1:]):
        yield f"| {' | '.join(row)} |"


def say_state(lines: Sequence[Line], n: int, wanted: int, unit: str) -> str:
    """How much of a table there is, n of what is wanted, and of which code: that of all its lines."""
    state = f"{'Complete' if n >= wanted else 'Not complete'}: {n} of {wanted} {unit}"
    if not lines:
        return f"{state}; not begun."
    days = dict.fromkeys(of(x["date"] for x in lines) for of in (min, max))
    commits = dict.fromkeys(x["commit"] for x in lines)
    return f"{state}; {' to '.join(days)}, commit {', '.join(commits)}."


def write_tables(document: Path, tables: str, marks: Marks) -> None:
    """Between two marks of a document, in place of what stands there."""
    begin, end = marks
    text = document.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"{document} must hold the lines {begin} and {end} once each")
    before, after = text.split(begin)[0], text.split(end)[1]
    document.write_text(f"{before}{begin}\n{tables}{end}{after}", encoding="utf-8")


def tell(
    about: str | None,
    results: Path,
    frozen: str,
    say: Callable[[Sequence[Line]], str],
    marks: Marks,
    **pictures: Draw,
) -> None:
    """What a script of tables does: print them, write them where they belong, draw what is asked for.

    about: the script's docstring. results, frozen: where its lines stand, and of which settings. pictures: by
    the option that asks for each.
    """
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=results)
    parser.add_argument("--write", type=Path, help="a document with the marks")
    for option in pictures:
        parser.add_argument(f"--{option}", type=Path, help="a PNG")
    given = vars(parser.parse_args())
    lines = read_lines(given["results"], frozen)
    tables = say(lines)
    print(tables)
    if given["write"] is not None:
        write_tables(given["write"], tables, marks)
    for option, draw in pictures.items():
        if given[option] is not None:
            draw(lines, given[option])
