"""Whether readers of normals learn more from translated renderings than from the best baseline's.

    python benchmarks/translated_normals.py --out runs/translated_normals
    python benchmarks/translated_normals.py --write docs/results.md

The cell is SIMULATED. *demo*: its data, 60 captures and 80 plain renderings of 640×360, and 200 more captures
that only test. *wide*: 400 captures and 120 plain renderings of 1280×720. Each method is trained three times
on each, by its quick preset, and its best checkpoint applied whatever `choose` says of it (``--anyway``).
*remedies*: the demo's data, but 200 other captures test; what was thought of after the refiner had not
clearly beaten the best baseline on the first two, each trained five times: white balance, blur and grain
alone; four times as many images; cells half as wide. Readers learn from 6,400 crops: fifteen trainings of
each kind of images, dealt evenly to a method's translations. Asked: each method against the best baseline, as
the refiner's forecast names it.

Frozen on the day that `FROZEN` names, before any of these figures was seen; the remedies later, after those
of the first two sets and before their own. Cost: 1.2 hours on one core, and 1.6 more for the remedies. It
goes on where it stopped.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any

from one_thread import synth_once
from result_lines import Line, append, read_lines
from result_tables import Table, say_state, to_markdown, write_tables

from synth.cell.edit import edit_cell
from synth.cell.load import default_cell
from synth.dataset.reader import DatasetReader
from synth.demo import write_cell

RESULTS = Path(__file__).resolve().parent / "results/translated_normals.jsonl"
FROZEN = "2026-11-30"
MARKS = ("<!-- benchmarks/translated_normals.py -->", "<!-- end of translated normals -->")
N_SEEDS, N_IMAGES = 15, 6400
REFINER = ("--method", "refiner", "--preset", "quick")


@dataclass(frozen=True)
class Data:
    """n_tests: captures that only test, beside the real ones' own test split, drawn by test_seed. methods:
    the words of each for ``synth translate``. n_generators: trainings of each.
    """

    name: str
    size_wh: tuple[int, int]
    n_captured: int
    n_rendered: int
    n_tests: int
    methods: Mapping[str, tuple[str, ...]]
    n_generators: int = 3
    test_seed: int = 7


DATA = (
    Data(
        "demo", (640, 360), 60, 80, 200,
        {"refiner": REFINER, "cyclegan": ("--method", "cyclegan", "--preset", "quick")},
    ),
    Data("wide", default_cell().camera.color_size_wh, 400, 120, 0, {"refiner": REFINER}),
    Data(
        "remedies", (640, 360), 60, 80, 200,
        {
            "refiner": REFINER,
            "sensor": (*REFINER, "--set", "w_self=1000"),
            "longer": (*REFINER, "--set", "schedule.n_images=9600"),
            "finer": (*REFINER, "--set", "generator.n_halvings=4"),
        },
        n_generators=5, test_seed=8,
    ),
)  # fmt: skip


def make(data: Data, folder: Path) -> None:
    """Captures and renderings."""
    folder.mkdir(parents=True, exist_ok=True)
    write_cell(folder)
    edit_cell(folder / "cell.yaml", {("camera", "color_size_wh"): list(data.size_wh)})
    synth_once("real", "capture", "--poses", str(data.n_captured), "--pace", "50", cwd=folder)
    if data.n_tests:
        n = str(data.n_tests)
        seed = str(data.test_seed)
        synth_once("others", "capture", "--poses", n, "--pace", "50", "--seed", seed, cwd=folder)
        every = ("--test", f"0-{data.n_tests - 1}")
        synth_once("tests", "dataset", "split", "others", *every, cwd=folder)
        synth_once("judged", "dataset", "merge", "real", "tests", cwd=folder)
    render = ("render", "--real", "real", "--count", str(data.n_rendered), "--look", "plain")
    synth_once("source", *render, "--quality", "draft", cwd=folder)


def translate(folder: Path, name: str, method: Sequence[str], seed: int) -> str:
    """Where it lies."""
    made = f"{name}_{seed}"
    words = (*method, "--real", "real", "--sim", "source", "--device", "cpu", "--anyway")
    synth_once(made, "translate", *words, "--seed", str(seed), "--run", f"runs/{made}", cwd=folder)
    return made


def fit_best(folder: Path) -> str:
    """The best baseline by the refiner's forecast, applied."""
    forecast = json.loads((folder / "runs/refiner_0/result.json").read_text("utf-8"))["forecast"]
    best = str(forecast["best"]) if forecast is not None else "gains"
    if best == "untouched":
        return "source"
    words = ("--method", best, "--real", "real", "--sim", "source", "--device", "cpu")
    synth_once(best, "translate", *words, "--run", f"runs/{best}", cwd=folder)
    return best


def compare(data: Data, folder: Path) -> Line:
    """Figures by name."""
    made = {
        name: [translate(folder, name, words, seed) for seed in range(data.n_generators)]
        for name, words in data.methods.items()
    }
    best = fit_best(folder)
    sets = {"source": ["source"], best: [best], **made}
    judged = "judged" if data.n_tests else "real"
    named = (f"real={judged}", *(f"{name}={','.join(paths)}" for name, paths in sets.items()))
    words = [word for each in named for word in ("--data", each)]
    asked = [word for method in made for word in ("--ask", f"{method}:{best}")]
    synth_once(
        "compare", "compare", *words, "--mixes", ",".join(("real", *sets)), *asked, "--tasks", "normals",
        "--no-baseline", "--seeds", str(N_SEEDS), "--images", str(N_IMAGES), "--preset", "quick",
        "--workers", "1", "--device", "cpu", cwd=folder,
    )  # fmt: skip
    figures = json.loads((folder / "compare/report.json").read_text("utf-8"))["figures"]
    kept = {key: value for key, value in figures.items() if key.startswith("normals.paper.")}
    return {
        "data": data.name,
        "best": best,
        "methods": list(made),
        "images": {name: [len(DatasetReader(folder / path)) for path in of] for name, of in sets.items()},
        "figures": {k: v for k, v in kept.items() if k.rpartition(".")[2] in ("log_deg", "median_deg")},
    }  # fmt: skip


def write_table(lines: Sequence[Line], page: Path) -> None:
    """Into the page, between its marks."""
    table: Table = [["data", "learnt from", "images", "median error", "against the best baseline"]]
    for line in lines:
        for name in ("real", *line["images"]):
            table.append(_row(line, name))
    told = say_state(lines, len(lines), len(DATA), "sets of data")
    write_tables(page, "\n".join([told, "", *to_markdown(table), ""]), MARKS)


def _row(line: Line, name: str) -> list[str]:
    figures: dict[str, Any] = line["figures"]
    error = figures[f"normals.paper.{name}.median_deg"]
    asked = (
        figures.get(f"normals.paper.{name}_vs_{line['best']}.log_deg") if name in line["methods"] else None
    )
    ratio = "" if asked is None else "× {:.2f} ({:.2f} to {:.2f})".format(
        *(exp(asked[end]) for end in ("value", "low", "high"))
    )  # fmt: skip
    return [
        f"{line['data']}, {error['n_images']} test images",
        name,
        ", ".join(map(str, line["images"].get(name, ()))),
        f"{error['value']:.1f}° ({error['low']:.1f} to {error['high']:.1f})",
        ratio,
    ]


def main() -> None:
    """Run what is left to do, or write what there is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/translated_normals"))
    parser.add_argument("--write", type=Path, metavar="PAGE", help="lay the table into this page")
    given = parser.parse_args()
    lines = read_lines(RESULTS, FROZEN)
    if given.write:
        write_table(lines, given.write)
        return
    for data in DATA:
        if data.name not in {line["data"] for line in lines}:
            folder = given.out.resolve() / data.name
            make(data, folder)
            append(RESULTS, compare(data, folder), FROZEN)


if __name__ == "__main__":
    main()
