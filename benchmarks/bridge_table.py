"""What bridge.py found, as a table: the forecast of each pair beside what training on the pictures gave.

python benchmarks/bridge_table.py --write docs/results.md
"""

from collections.abc import Mapping, Sequence
from math import exp, log
from typing import Any

from bridge import BEST_GAIN, FROZEN, PAIRS, RESULTS
from result_lines import Line
from result_tables import Table, say_state, tell, to_markdown

MARKS = "<!-- benchmarks/bridge_table.py -->", "<!-- end of bridge -->"
GAIN, NONE, OPEN = "gain", "none", "open"


def ask(line: Line) -> Mapping[str, Any]:
    """Mean log error of the translation less that of the best baseline."""
    other = "source" if line["best"] == "untouched" else "baseline"
    found: Mapping[str, Any] = line["figures"][f"normals.paper.translated_vs_{other}.log_deg"]
    return found


def judge(line: Line) -> str:
    """What training says of a pair."""
    difference = ask(line)
    if difference["high"] < 0:
        return GAIN
    return NONE if difference["low"] > log(1 - BEST_GAIN) else OPEN


def says_no(line: Line) -> bool:
    """The forecast: the best baseline is no farther from real pictures than these from one another."""
    forecast = line["forecast"]
    if forecast is None:
        return False
    nearest, floor = forecast["nearest"], forecast["floor"]
    return bool(nearest["low"] <= floor["high"] and nearest["value"] <= floor["high"])


def say_share(right: int, of: int) -> str:
    return f"{right} of {of}" + (f" ({right / of:.2f})" if of else "")


def table_of_pairs(lines: Sequence[Line]) -> Table:
    """A row a pair."""
    rows = [
        ["source to target", "kernel distance: source, best baseline, real to real", "forecast", "kept",
         "median error: real, source, baseline, translated", "translated against baseline", "verdict"]
    ]  # fmt: skip
    for line in lines:
        distances, best, difference = line["distances"], line["best"], ask(line)
        of = {name: line["figures"].get(f"normals.paper.{name}.median_deg") for name in _MIXES}
        errors = ", ".join("–" if found is None else f"{found['value']:.1f}°" for found in of.values())
        ratio, low, high = (exp(difference[end]) for end in ("value", "low", "high"))
        rows.append(
            [
                f"{line['source']} to {line['target']}",
                f"{distances['untouched']['value']:,.2f}, {best} {distances[best]['value']:,.2f}, "
                f"{line['floor']['kernel_distance']['value']:.2f}",
                "no help" if says_no(line) else "learn",
                str(line["figures"]["images"]["translated"]),
                errors,
                f"× {ratio:.2f} ({low:.2f} to {high:.2f})",
                judge(line),
            ]
        )
    return rows


_MIXES = ("real", "source", "baseline", "translated")


def say_all(lines: Sequence[Line]) -> str:
    """The table, and how often the forecast was right."""
    gains, none = ([x for x in lines if judge(x) == verdict] for verdict in (GAIN, NONE))
    n_open = len(lines) - len(gains) - len(none)
    foreseen = sum(not says_no(x) for x in gains)
    spared = sum(says_no(x) for x in none)
    return "\n".join(
        [
            say_state(lines, len(lines), len(PAIRS), "pairs"),
            "",
            *to_markdown(table_of_pairs(lines)),
            "",
            f"Gains that were foretold: {say_share(foreseen, len(gains))}; of pairs without one, those that "
            f"were told so: {say_share(spared, len(none))}; open: {n_open}. Saying no every time would find "
            "no gain and be right for all the others.",
            "",
        ]
    )


if __name__ == "__main__":
    tell(__doc__, RESULTS, FROZEN, say_all, MARKS)
