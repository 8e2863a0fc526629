"""A comparison as it is asked for, by the command or from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from synth.compare.mixes import REAL, USUAL, Roots, check_data, curve_mixes, parse_mix
from synth.compare.plan import Plan
from synth.compare.presets import make_contests
from synth.compare.questions import parse_question
from synth.dataset.folder import INFO_FILE, read_info, say_absent
from synth.errors import DatasetError, InputError
from synth.train.run import choose_by, open_once
from synth.train.tasks import TASKS, list_usual

COMPOSED = "_composed"
"""What composites' folder has after that of the dataset whose parts were cut out."""


def make_plan(
    data: Mapping[str, Sequence[Path]],
    *,
    mixes: Sequence[str] | None,
    ask: Sequence[str],
    curve: bool,
    tasks: Sequence[str] | None,
    nets: Sequence[str] | None = None,
    composed: bool,
    preset: str,
    seeds: int | None,
    images: int | None,
    photometric: float | None,
    plain_crops: bool,
    pretrained: Path | None,
    choose: str,
    out: Path,
    device: str | None,
    workers: int | None,
    engine: str,
    address: str | None,
) -> Plan:
    """The plan of a comparison; None for what is left to the preset or the machine.

    data: datasets by name, empty for the usual folders; ``real`` is in its usual folder unless named. mixes:
    of names; None for each by itself. curve: add growing numbers of real images. composed: tasks that can
    learn from composites do so. nets: in place of the preset's, of one task. Raises InputError
    for words that do not fit together, DatasetError.
    """
    asked, deciding = _list_tasks(tasks), choose_by(choose)
    given: Roots = check_data(data)
    known: Roots = {name: (root,) for name, root in USUAL.items()} | dict(given)
    names = list(mixes) if mixes is not None else list(dict.fromkeys((REAL, *given)) if given else USUAL)
    if curve:
        captured = open_once(known[REAL][0])
        n_real = len(captured.of_split("train")) + len(captured.of_split("val"))
        names += [name for name in curve_mixes(n_real) if name not in names]
    chosen = tuple(parse_mix(name, known) for name in names)
    used = [name for name in known if name == REAL or any(name in mix.datasets for mix in chosen)]
    roots = {
        task: {
            name: _composed(known[name]) if composed and TASKS[task].takes_composites else known[name]
            for name in used
        }
        for task in asked
    }
    _refuse_absent(roots, given)
    plan = Plan(
        mixes=chosen,
        contests=make_contests(
            preset,
            asked,
            nets=nets,
            info=read_info(known[REAL][0]),
            n_seeds=seeds,
            n_images=images,
            photometric=photometric,
            pretrained=None if pretrained is None else str(pretrained),
            plain_crops=plain_crops,
        ),
        roots=roots,
        out=out,
        choose=deciding,
        device=device,
        n_workers=workers,
        engine=engine,
        address=address,
        asked=tuple(parse_question(text, [mix.name for mix in chosen]) for text in ask),
    )
    for root in {root for by_name in roots.values() for some in by_name.values() for root in some}:
        open_once(root).refuse_empty()
    return plan


def _list_tasks(names: Sequence[str] | None) -> tuple[str, ...]:
    """In the registry's order."""
    asked = list_usual() if names is None else list(names)
    unknown = [name for name in asked if name not in TASKS]
    if unknown or not asked:
        wrong = unknown[0] if unknown else ""
        raise InputError(f"there is no task {wrong!r}: choose among {', '.join(TASKS)}")
    return tuple(name for name in TASKS if name in asked)


def _composed(roots: tuple[Path, ...]) -> tuple[Path, ...]:
    named = (root.resolve() if root.name in ("", "..") else root for root in roots)
    return tuple(root.with_name(root.name + COMPOSED) for root in named)


def _refuse_absent(roots: Mapping[str, Roots], given: Roots) -> None:
    """Says which command makes what is missing, or how to do without."""
    make = dict(zip(USUAL, ("synth capture", "synth render", "synth translate"), strict=True))
    for by_name in roots.values():
        for name, root in ((name, root) for name, some in by_name.items() for root in some):
            if (root / INFO_FILE).is_file():
                continue
            if root.exists() or (name in given and not root.name.endswith(COMPOSED)):
                raise DatasetError(say_absent(root, make.get(name)))
            if root.name.endswith(COMPOSED):
                parts = str(root).removesuffix(COMPOSED)
                captured = str(by_name[REAL][0]).removesuffix(COMPOSED)
                bench = "" if name == REAL else f" --plates {captured}"
                how = f"run synth compose {parts}{bench} --out {root}"
            else:
                how = f"run {make[name]}, or name another folder with --data {name}=PATH"
                if name != REAL:
                    rest = [n for n, some in by_name.items() if all((r / INFO_FILE).is_file() for r in some)]
                    how += f", or do without: --mixes {','.join(rest)}" if len(rest) > 1 else ""
            raise InputError(f"there is no dataset at {root}: {how}")
