"""``synth compare``: what each kind of training data is worth on real held-out images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from synth.compare.arms import Arm
    from synth.compare.plan import Plan
    from synth.train.tasks.task import TaskName

ARMS = "real,synthetic,translated"
COMPOSED = "_composed"
"""What ``--composed`` appends to a dataset's folder for detection."""


def compare(
    real: Annotated[Path, typer.Option(help="Captured dataset; its test images decide.")] = Path("data/real"),
    synthetic: Annotated[Path, typer.Option(help="Rendered dataset.")] = Path("data/synthetic"),
    translated: Annotated[Path, typer.Option(help="Translated dataset.")] = Path("data/translated"),
    arms: Annotated[
        str, typer.Option(help="Also real+translated (mixed), synthetic-then-real (tuned), real@40.")
    ] = ARMS,
    curve: Annotated[
        bool, typer.Option("--curve", help="Add real@10, @20, @40 ...: how many real images is a set worth?")
    ] = False,
    tasks: Annotated[str, typer.Option(help="Which, comma separated.")] = "detection,normals",
    plain_crops: Annotated[
        bool, typer.Option("--plain-crops", help="Normals from plain crops too; --paper has both.")
    ] = False,
    composed: Annotated[
        bool, typer.Option("--composed", help="Detection on data/real_composed ..., made by synth compose.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Small images, short trainings.")] = False,
    paper: Annotated[bool, typer.Option("--paper", help="As the paper: YOLOv5 n, m, x at 640 px.")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="Trainings of each arm; the preset's.")] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Images each training sees in all; the preset's.")
    ] = None,
    real_val: Annotated[
        bool, typer.Option("--real-val", help="Captured val images choose the weights of every arm.")
    ] = False,
    pretrained: Annotated[
        Path | None, typer.Option(help="Local YOLOv5 checkpoint; its backbone is frozen.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the comparison; gone on with.")] = Path("runs/compare"),
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Print trainings and expected time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Trainings at a time.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; the best there is.")] = None,
) -> None:
    """Train on each kind of images and say, on real held-out ones, what each is worth.

    The same command goes on where it stopped.

    Example: synth compare --quick
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from synth.compare.plan import Plan
    from synth.compare.presets import make_contests
    from synth.compare.report.write import write_report
    from synth.compare.run import run_plan
    from synth.compute.device import choose_device
    from synth.compute.progress import make_progress
    from synth.dataset.folder import read_info
    from synth.errors import InputError
    from synth.run_log import run_log

    if pretrained is not None and "detection" not in tasks:
        raise InputError("--pretrained is for detectors: compare on detection too, or leave it out")
    if quick and paper:
        raise InputError("--quick and --paper are two plans: give one")
    asked = _parse_tasks(tasks)
    kinds = {"real": real, "synthetic": synthetic, "translated": translated}
    chosen = _parse_arms(arms, kinds, curve=curve)
    used = ["real", *(k for k in kinds if k != "real" and any(k in arm.kinds for arm in chosen))]
    roots = {
        task: {k: _composed(kinds[k]) if composed and task == "detection" else kinds[k] for k in used}
        for task in asked
    }
    _refuse_absent(roots)
    plan = Plan(
        arms=chosen,
        contests=make_contests(
            "quick" if quick else "paper" if paper else "default",
            asked,
            n_seeds=seeds,
            n_images=images,
            pretrained=str(pretrained) if pretrained else None,
            plain_crops=plain_crops,
            box_kind=read_info(real).box_kind,
        ),
        roots=roots,
        out=out,
        choose="real-val" if real_val else "own-val",
        device=device,
        n_workers=workers,
    )
    console = Console(highlight=False, stderr=as_json)
    if plan.is_simulated:
        console.print("[black on yellow] SIMULATED [/] the test images are those of the simulated cell")
    if plan_only:
        plan.refuse_unfit()
        _print_plan(plan, console)
        return
    if not (quick or paper) and choose_device(device).type == "cpu":
        console.print(
            "This plan takes hours on a CPU: --quick answers in minutes, --plan-only says how long."
        )
    with run_log(out, plan, console):
        try:
            results = run_plan(plan, lambda *a: make_progress(console, *a))
            console.print("All are trained; measuring and writing the report ...")
            path, verdict = write_report(plan, results)
        except KeyboardInterrupt:
            console.print("Stopped; the same command goes on from there.")
            raise typer.Exit(130) from None
        if as_json:
            typer.echo(json.dumps({"report": str(path), "verdict": [asdict(s) for s in verdict]}, indent=2))
            return
        for sentence in verdict:
            console.print(sentence.text, soft_wrap=True)
        console.print(f"Report: {path}")


def _parse_tasks(text: str) -> "tuple[TaskName, ...]":
    from synth.errors import InputError
    from synth.train.run import TASKS

    asked = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in asked if name not in TASKS]
    if unknown or not asked:
        raise InputError(f"there is no task {(unknown or [text])[0]!r}: choose among {', '.join(TASKS)}")
    return tuple(task for task in TASKS if task in asked)


def _parse_arms(text: str, kinds: dict[str, Path], *, curve: bool) -> "tuple[Arm, ...]":
    from synth.compare.arms import curve_arms, parse_arm
    from synth.dataset.reader import DatasetReader

    names = [name.strip() for name in text.split(",") if name.strip()]
    if curve:
        captured = DatasetReader(kinds["real"])
        n_real = len(captured.of_split("train")) + len(captured.of_split("val"))
        names += [name for name in curve_arms(n_real) if name not in names]
    return tuple(parse_arm(name, kinds) for name in names)


def _composed(root: Path) -> Path:
    return root.with_name(root.name + COMPOSED)


def _refuse_absent(roots: "dict[TaskName, dict[str, Path]]") -> None:
    """Says which command makes what is missing, or how to do without."""
    from synth.errors import InputError

    make = {"real": "synth capture", "synthetic": "synth render", "translated": "synth translate"}
    for by_kind in roots.values():
        for kind, root in by_kind.items():
            if root.exists():
                continue
            if root.name.endswith(COMPOSED):
                source = str(root).removesuffix(COMPOSED)
                bench = "" if kind == "real" else f" --plates {str(by_kind['real']).removesuffix(COMPOSED)}"
                how = f"run synth compose {source}{bench} --out {root}"
            else:
                how = f"run {make[kind]}, or name another folder with --{kind}"
                if kind != "real":
                    rest = [k for k in by_kind if by_kind[k].exists()]
                    how += f", or do without: --arms {','.join(rest)}" if len(rest) > 1 else ""
            raise InputError(f"there is no dataset at {root}: {how}")


def _print_plan(plan: "Plan", console: "Console") -> None:
    from rich.table import Table

    from synth.compare.cost import expect_seconds

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Task", "Network", "Arms", "Seeds", "Trainings", "Images each", "Expected"):
        table.add_column(column)
    total = 0.0
    seconds, where = expect_seconds(plan)
    for contest, each in zip(plan.contests, seconds, strict=True):
        n = len(contest.seeds) * len(plan.arms)
        total += n * each
        table.add_row(
            contest.task,
            contest.settings.model,
            ", ".join(arm.name for arm in plan.arms),
            str(len(contest.seeds)),
            str(n),
            str(contest.settings.n_images),
            f"{n * each / 60:.0f} min",
        )
    console.print(table)
    console.print(
        f"{len(plan.cells)} trainings, about {total / 60:.0f} min on {where}, from a few steps of each "
        "timed now."
    )
