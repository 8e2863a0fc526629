"""What README and docs/ tell to type is understood, works, and links to what is there."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from small_cell import write_small_cell
from synth.cli import app
from typed import synth

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_INDEX = re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text())
PAGES = (ROOT / "README.md", DOCS / "README.md", *(DOCS / name for name in _INDEX))
SHELLS = ("", "sh", "bash", "console")

ONLY_PARSED = {
    r"make ": "builds an environment, or runs these tests",
    r"synth demo": "15 minutes; test_demo.py",
    r"synth render": "half a minute of Blender for one picture; test_flow.py runs it",
    r"synth translate": "minutes; test_flow.py runs it",
    r"synth balance": "needs label maps of one's own; tests/balance, test_flow.py",
    r"synth paint": "minutes, and label maps; test_flow.py runs it",
    r"synth (draw|explore)": "answers until it is ended; tests/app",
    r"synth compare": "minutes; test_flow.py runs it",
    r"synth compose .*(--plates|_composed)": "needs what a longer command makes; test_flow.py",
    r"synth compose .*--place": "needs a target that was trained for longer; tests/sim/placing",
    r"synth compose --templates": "needs drawings and photographs of one's own; tests/sim",
    r"synth dataset stats .*--beside": "needs two datasets; tests/dataset",
    r"synth dataset sheet data/laid": "needs drawings and photographs of one's own; tests/dataset",
    r"synth import video": "needs films of one's own; tests/dataset/test_import_video.py",
    r"synth import yolo .*--group": "needs recordings of one's own; tests/dataset",
    r"synth import yolo .*--test": "needs photographs of one's own; tests/dataset",
    r"synth train detection (--preset quick )?--data data/synthetic": "needs renderings; tests/sim",
    r"synth train normals": "as detection, which runs; tests/train",
    r"synth train segmentation": "needs label maps; tests/train/test_segmentation_commands.py",
    r"synth label": "needs a segmenter that was trained; tests/label, test_flow.py",
    r"synth .*data/labelled": "needs what synth label makes; tests/label",
    r"synth train detection --data data/real": "as on data/cups, which runs; tests/train",
    r"synth (evaluate|predict)": "needs more test images than are captured here; tests/train",
    r"synth export-model": "needs a training; tests/gan",
    r"synth .*data/first": "as the capture into data/real, which runs",
    r"synth .*data/by_cad": "as the capture into data/real, which runs; tests/capture",
    r"synth dataset (merge|split)": "needs recordings of one's own; tests/dataset",
    r"synth dataset view": "opens a window, or needs the extra view",
    r"synth (import|dataset export) semantic": "needs label maps of one's own; tests/dataset",
    r"synth import (folders|mnist)": "needs pictures of one's own, or MNIST's files; tests/dataset",
    r"synth import translated": "needs pictures of another program's; tests/gan",
    r"synth calibrate (run|part|check|solve)": "minutes of arm and camera; tests/capture/calibrate",
    r"synth compose .*--engine ray": "needs a cluster; tests/compute/test_ray_cluster.py",
    r"synth doctor": "starts Blender; test_doctor.py and test_cli.py",
}
"""Why a command is parsed and not run, by the beginning that it has."""

SUBSTITUTED = (
    (r"--poses (400|60)$", "--poses 12 --pace 400 --plates 1", "few poses, fast"),
    (r"^(synth cell init)$", r"\1 another", "the folder has a cell with a small camera"),
    (r"^(synth cell show)$", r"\1 --poses 8", "few poses"),
    (r"^(synth compose data/real)$", r"\1 --count 2", "few composites"),
    (r"^(synth train detection .*)", r"\1 --images 16 --side 64 --device cpu", "seconds of training"),
    (r"^(synth import (\w+)) \S+", r"\1 downloads/\2", "a folder that the test made"),
    (r"^(synth import bop (?!.*--out).*)$", r"\1 --out data/photographs", "data/real is there"),
    (r"reject 000012$", "reject 000003", "there are twelve"),
    (r"reject 000012 --reason", "reject 000004 --reason", "there are twelve"),
    (r"^(synth dataset (stats|verify|sheet|export \w+))$", r"\1 data/real", "the same command, written out"),
)
"""What is typed instead, as regular expressions in this order, and why."""

STAND_INS = {
    "downloads/bop": "dataset export bop data/real --cell cell.yaml --undistort --out downloads/bop",
    "downloads/yolo": "dataset export yolo data/real --out downloads/yolo",
    "downloads/coco": "dataset export coco data/real --out downloads/coco",
    "downloads/images": "dataset export yolo data/real --out downloads/images",
}
"""Folders that a reader has and we have not, and the command that makes one like them."""


def fenced_lines(page: Path) -> Iterator[str]:
    """Lines of the shell blocks of a page."""
    fence: str | None = None
    for line in page.read_text().splitlines():
        if line.lstrip().startswith("```"):
            fence = line.strip()[3:] if fence is None else None
        elif fence is not None and fence in SHELLS:
            yield line.strip().removeprefix("$ ")


def spans(page: Path) -> list[str]:
    """What stands in backticks outside of blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def commands(page: Path) -> list[str]:
    """What a page tells to type, without comments."""
    lines = (shlex.join(shlex.split(line, comments=True)) for line in fenced_lines(page))
    return [line for line in lines if line.startswith(("synth ", "make "))]


def find_verb(words: list[str]) -> tuple[Any, list[str]]:
    """The command of the first words, and the other words."""
    command: Any = get_command(app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"there is no verb {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def options_of(command: Any) -> set[str]:
    found = {name for p in command.params for name in (*p.opts, *p.secondary_opts) if name.startswith("-")}
    return found | {"--help", "-h", "--verbose"}


@cache
def every_option() -> frozenset[str]:
    def walk(command: Any) -> Iterator[str]:
        yield from options_of(command)
        for below in getattr(command, "commands", {}).values():
            yield from walk(below)

    return frozenset(walk(get_command(app)))


@cache
def said_by_the_program() -> str:
    """Every text in the source, what is filled in as …."""
    texts = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                texts.append(
                    "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def substitute(line: str) -> str:
    for pattern, instead, _ in SUBSTITUTED:
        line = re.sub(pattern, instead, line)
    return line


def why_only_parsed(line: str) -> str | None:
    return next((why for start, why in ONLY_PARSED.items() if re.match(start, line)), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_command_is_understood(page: Path) -> None:
    """Verb, options and arguments of every command on a page exist; a target of make is in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in commands(page):
        program, *words = shlex.split(line)
        if program == "make":
            assert set(words) <= targets, line
            continue
        command, rest = find_verb(words)
        try:
            command.make_context(line, list(rest))
        except Exception as error:
            raise AssertionError(f"{line}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_verb_and_option_in_a_sentence_exists(page: Path) -> None:
    """`synth …` and `--option` in running text name what the program has."""
    for span in spans(page):
        words = span.split()
        if words[0] == "synth" and len(words) > 1 and re.fullmatch("[a-z][a-z-]*", words[1]):
            command, rest = find_verb(words[1:])
            unknown = {w for w in rest if w.startswith("--")} - options_of(command)
            assert not unknown, span
        elif words[0].startswith("--") and words[0] != "--":
            assert words[0] in every_option(), span


def test_every_message_in_troubleshooting_is_the_programs_own() -> None:
    """A message that is quoted is one that the program writes; … stands for what it fills in."""
    rows = [line for line in (DOCS / "troubleshooting.md").read_text().splitlines() if line.startswith("| ")]
    quoted = [span for row in rows for span in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    foreign = {"operator torchvision::nms does not exist"}
    made_up = {"Blender's worker was killed by signal 9", "a worker process ended with signal SIGKILL"}
    for message in set(quoted) - foreign - made_up:
        for part in message.split("…"):
            if len(part.split()) >= 3:
                assert part.strip() in said_by_the_program(), message


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_link_and_picture_is_there(page: Path) -> None:
    """Relative links and pictures lead to files of this repository."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_a_numbered_figure_says_whose_it_is() -> None:
    """A reader of a page or of a report who meets a figure's or a table's number is told that it is the
    paper's.
    """
    unsaid = []
    for path in (*PAGES, *(ROOT / "src").rglob("*.py")):
        text = " ".join(re.sub(r'"\s*f?"', "", path.read_text()).split())
        for numbered in re.finditer(r"\b(?:Figure|Table|Fig\.)s? \d+(?:(?:, | and | to )\d+)*", text):
            if not text[numbered.end() :].startswith(" of the paper"):
                unsaid.append(f"{path.name}: {numbered[0]}")
    assert not unsaid


def test_the_index_names_every_page() -> None:
    """docs/README.md leads to all pages."""
    assert {page.name for page in DOCS.glob("*.md")} == {"README.md", *_INDEX}


def test_every_exception_is_of_use() -> None:
    """The tables above hold nothing that no page needs any more."""
    lines = [line for page in PAGES for line in commands(page)]
    assert [s for s in ONLY_PARSED if not any(re.match(s, line) for line in lines)] == []
    run = [line for line in lines if why_only_parsed(line) is None]
    assert [p for p, _, _ in SUBSTITUTED if not any(re.search(p, line) for line in run)] == []


@pytest.mark.slow
def test_what_the_pages_tell_to_type_works(tmp_path: Path) -> None:
    """In the pages' order, in one folder, tiny: all that needs no hardware and no hours ends well."""
    write_small_cell(tmp_path)

    def run(line: str) -> None:
        answer = synth(*shlex.split(line), cwd=tmp_path)
        assert answer.returncode == 0, f"synth {line}\n{answer.stdout[-1000:]}\n{answer.stderr[-1000:]}"

    capture = substitute("synth capture --poses 400")
    run(capture.removeprefix("synth "))  # Of which the stand-ins are made, whatever the pages begin with.
    done = {capture}
    for line in (line for page in PAGES for line in commands(page)):
        if why_only_parsed(line) is not None:
            continue
        line = substitute(line)
        if line in done:
            continue
        done.add(line)
        for folder, make in STAND_INS.items():
            if folder in shlex.split(line) and not (tmp_path / folder).exists():
                run(make)
        run(line.removeprefix("synth "))
    assert len(done) > 20


def test_the_page_of_members_is_that_of_the_registries() -> None:
    """docs/members.md says what the registries hold today; scripts/list_members.py writes it anew."""
    spec = spec_from_file_location("list_members", ROOT / "scripts" / "list_members.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (DOCS / "members.md").read_text(encoding="utf-8") == script.write_page()


def test_the_table_of_presets_is_that_of_the_method() -> None:
    """docs/choosing-a-preset.md has a row for each preset of each method, and says which are the defaults."""
    import torch

    from synth.gan.methods import METHODS, list_painters, list_translators

    page = (DOCS / "choosing-a-preset.md").read_text()
    tables = []
    for verb, names in (("translate", list_translators()), ("paint", list_painters())):
        section = page.partition(f"## synth {verb}")[2].partition("\n## ")[0]
        found = re.findall(r"^Of `--method ([\w-]+)`.*?:\n\n((?:\|.*\n)+)", section, re.MULTILINE)
        assert [name for name, _ in found] == names
        tables += found
    for name, table in tables:
        method = METHODS[name]()
        rows = re.findall(r"^\| (`\w[\w-]*`[^|]*?) \|", table, re.MULTILINE)
        assert [row.split("`")[1] for row in rows] == list(method.presets)
        cpu, cuda = (method.default_preset(torch.device(device)) for device in ("cpu", "cuda"))
        if cpu == cuda:
            assert f"`{cpu}`, the default" in rows
        else:
            assert f"`{cpu}`, the default without a GPU" in rows
            assert f"`{cuda}`, the default with a GPU" in rows
