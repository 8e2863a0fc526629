"""What the report shows below its verdict, section by section, from what tasks say of themselves."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from synth.compare.collect import Results
from synth.compare.cost import measure_image_cost
from synth.compare.explain.attention import Looks
from synth.compare.explain.saliency import MAP_KINDS, draw_saliency
from synth.compare.explain.twins import find_twins
from synth.compare.figures import ColourFloor, Figures, Measured, UsedData
from synth.compare.mixes import REAL
from synth.compare.plan import Contest, Plan
from synth.compare.report import tables
from synth.compare.report.content import Picture, Section
from synth.compare.report.curves import draw_colours, draw_diagram, draw_size_curve, draw_training
from synth.compare.report.strips import draw_basis, join, label_tile
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Instance
from synth.train.drawing import FOUND_RGB, TRUE_RGB, draw_boxes, draw_normal
from synth.train.run import TrainResult
from synth.train.tasks import TASKS
from synth.train.tasks.report import Diagram

Rgb = NDArray[np.uint8]

N_SAMPLES, N_TWINS_SHOWN = 4, 6
_WIDE_PX, _CROP_PX = 300, 224


def show_contest(plan: Plan, contest: Contest, results: Results, figures: Figures) -> Section:
    """One network of one task: table, what it finds in use, diagrams, predictions drawn."""
    task, own = TASKS[contest.task], [(trial, r) for trial, r in results if trial.contest == contest]
    words, name = task.words, f"{contest.task}_{contest.settings.model}"
    kind = "simulated" if plan.is_simulated else "real"
    section = Section(f"{contest.title}: {words.what} on {kind} test {words.unit}")
    if start := task.describe_start(contest.settings):
        section.text.append(start)
    section.tables.append(tables.list_mixes(plan, contest, figures))
    section.tables += tables.list_breakdowns(contest, figures)
    section.tables += tables.list_use(contest, figures)
    said = {mix.name: [r for t, r in own if t.mix == mix] for mix in plan.mixes}
    for picture in task.report.pictures:
        title = f"{name}_{picture.name}"
        section.pictures.append(
            draw_diagram(title, picture, said)
            if isinstance(picture, Diagram)
            else draw_training(title, own, picture)
        )
    section.pictures += _size_curve(plan, contest, figures)
    section.pictures += _strips(plan, contest, {mix: own[0] for mix, own in said.items()}, name)
    return section


def show_samples(plan: Plan) -> Section:
    """A few images of each dataset, and the bases of its labels (Figures 5, 9 and 11 of the paper)."""
    section = Section("The images")
    for task, roots in plan.roots.items():
        if section.pictures and next(iter(plan.roots.values())) == roots:
            continue
        tiles, has_boxes = [], False
        for name in roots:
            reader = plan.reader(task, name)
            samples = reader.of_split("train")[:N_SAMPLES]
            has_boxes |= any(s.instances for s in samples)
            boxes = [[_named_box(reader, i) for i in s.instances] for s in samples]
            tiles += [
                draw_boxes(reader.load_rgb(s), _heading(name), b, [], _WIDE_PX)
                for s, b in zip(samples, boxes, strict=True)
            ]
        drawn = ", with their boxes" if has_boxes else ""
        caption = f"Train images for {task}, {', '.join(map(_heading, roots))}{drawn}."
        section.pictures.append(join(f"samples_{task}", caption, tiles, a_row=N_SAMPLES))
    section.pictures += [_show_basis(plan, task) for task in plan.roots if TASKS[task].reads_crops][:1]
    return section


def show_attention(plan: Plan, contest: Contest, looks: Looks, figures: Figures) -> Section:
    """Where networks look, in pictures and in numbers (Figures 20 and 23 of the paper)."""
    section = Section(f"Why: where the networks look ({contest.settings.model})")
    section.tables += tables.list_attention(plan, contest, figures)
    for kind in MAP_KINDS:
        tiles = []
        for mix, maps in looks.maps.items():
            n_test = len(maps[kind]) - len(looks.train.names)
            for crops, part, split in (
                (looks.train.crops_u8, maps[kind][n_test:], "train"),
                (looks.test.crops_u8[:3], maps[kind][:3], "test"),
            ):
                tiles += [label_tile(t, f"{mix}, {split}") for t in _enlarge(draw_saliency(crops, part))]
        caption = (
            f"{kind}: the same captured train and test crops in every row (Figures 20 and 23 of the paper)."
        )
        section.pictures.append(join(f"attention_{contest.settings.model}_{kind}", caption, tiles))
    return section


def show_twins(plan: Plan, contest: Contest) -> Section | None:
    """Captured crops and their twins that the network trained on captured images reads most differently."""
    section = Section("Twins whose predictions differ most")
    for name in plan.roots[contest.task]:
        twins = find_twins(plan, contest, name) if name != REAL else None
        if twins is None:
            continue
        worst = np.argsort(twins.turned_deg)[::-1][:N_TWINS_SHOWN]
        tiles = [
            draw_normal(
                crops.crops_u8[i],
                f"{title} {crops.names[i]}",
                (crops.crop_uvw[i], TRUE_RGB),
                (read[i], FOUND_RGB),
            )
            for title, crops, read in zip(
                (_heading(REAL), name), (twins.captured, twins.made), twins.read_uvw, strict=True
            )
            for i in worst
        ]
        angles = ", ".join(f"{twins.turned_deg[i]:.0f}°" for i in worst)
        caption = (
            f"Captured train and val crops and their {name} twins, which have the same label, as the "
            f"network trained on captured images reads them; it reads {angles} apart, of "
            f"{len(twins.turned_deg)} pairs with median {np.median(twins.turned_deg):.1f}°. "
            f"{TASKS[contest.task].report.colours}"
        )
        section.pictures.append(join(f"twins_{contest.settings.model}_{name}", caption, tiles))
    return section if section.pictures else None


def show_colours(means: dict[str, np.ndarray], figures: Figures) -> Section:
    """Colour distributions, and their distances."""
    section = Section("Why: colours")
    if figures.of(ColourFloor):
        section.tables.append(tables.list_colours(figures))
    section.pictures.append(draw_colours("colours", means))
    return section


def show_costs(plan: Plan, results: Results) -> Section:
    """Seconds an image, and milliseconds a prediction."""
    task = next(iter(plan.roots))
    costs = [measure_image_cost(name, plan.reader(task, name)) for name in plan.roots[task]]
    section = Section("Cost")
    if any(costs):
        section.tables.append(tables.list_costs([c for c in costs if c is not None]))
    section.tables.append(tables.list_latency(plan, results))
    return section


def show_paper_tables(plan: Plan, figures: Figures) -> list[Section]:
    """For tasks that follow a published table: that table for every mix."""
    sections = []
    for name in plan.roots:
        contests = [c for c in plan.contests if c.task == name]
        if TASKS[name].report.paper is None or not contests:
            continue
        section = Section(f"{TASKS[name].words.title} under the paper's protocol")
        mixes = [REAL, *(m.name for m in plan.mixes if m.name != REAL)]
        section.tables += [tables.list_paper_table(contests, mix, figures) for mix in mixes]
        sections.append(section)
    return sections


def _heading(dataset: str) -> str:
    """What images of a dataset are called; those of ``real`` captured, as in a simulated cell too."""
    return "captured" if dataset == REAL else dataset


def _named_box(reader: DatasetReader, instance: Instance) -> Sequence[float | str]:
    """A box, and its class where the dataset has several."""
    box = instance.box_of(reader.info.box_kind)
    return (*box, instance.class_name) if len(reader.info.classes) > 1 else box


def _size_curve(plan: Plan, contest: Contest, figures: Figures) -> list[Picture]:
    headline = TASKS[contest.task].headline
    sizes = sorted((mix.curve_size, mix.name) for mix in plan.mixes if mix.curve_size is not None)
    if not sizes:
        return []
    sizes.append((figures.the(UsedData, contest=contest, mix=REAL).n_captured, REAL))
    main = {row.mix: row.effect for row in figures.of(Measured, contest=contest, metric=headline.name)}
    levels = {mix.name: main[mix.name].value for mix in plan.mixes if REAL not in mix.datasets}
    curve = [(n, main[name].value, main[name].low, main[name].high) for n, name in sizes]
    return [draw_size_curve(f"{contest.task}_{contest.settings.model}_size", headline.title, curve, levels)]


def _strips(plan: Plan, contest: Contest, first: Mapping[str, TrainResult], name: str) -> list[Picture]:
    """The first test samples as every mix's network of the first seed sees them, then each one's worst."""
    report = TASKS[contest.task].report
    strip, worst = report.strip, report.worst
    tiles = [
        _tile(plan, contest, result, said, i, f"{mix}, {stage}" if strip.early else mix)
        for mix, result in first.items()
        for stage, said in (("early", result.early), ("kept", result.predicted))
        if strip.early or stage == "kept"
        for i in range(min(strip.n, len(result.names)))
    ]
    pictures = [join(f"{name}_{strip.name}", f"{strip.caption} {report.colours}", tiles, a_row=strip.a_row)]
    for mix, result in first.items():
        order = sorted(range(len(result.names)), key=lambda i: _badness(contest, result, i), reverse=True)
        caption = (
            f"Worst test {TASKS[contest.task].words.unit} of the mix {mix}, seed {result.seed}: "
            f"{worst.caption}. {report.colours}"
        )
        tiles = [_tile(plan, contest, result, result.predicted, i, result.names[i]) for i in order[: worst.n]]
        pictures.append(join(f"{name}_{worst.name}_{mix}", caption, tiles, a_row=worst.a_row))
    return pictures


def _badness(contest: Contest, result: TrainResult, i: int) -> float:
    return TASKS[contest.task].badness(result.predicted[i], result.true[i])


def _tile(
    plan: Plan, contest: Contest, result: TrainResult, said: Sequence[object], i: int, caption: str
) -> Rgb:
    task = TASKS[contest.task]
    picture = task.show(plan.reader(contest.task, REAL), contest.settings, result.names[i])
    return task.draw(picture, caption, said[i], result.true[i])


def _show_basis(plan: Plan, task: str) -> Picture:
    reader = plan.reader(task, REAL)
    crop = next(
        c
        for s in reader.of_split("train")
        for i in range(len(s.instances))
        if (c := reader.load_crop(s, i)) is not None
    )
    caption = "The bases: X and Y of the image, (u, v, w) of the normal (Figure 5 of the paper)."
    return join("basis", caption, [draw_basis(crop)])


def _enlarge(tiles: Rgb) -> Sequence[Rgb]:
    times = max(1, round(_CROP_PX / tiles.shape[1]))
    return [np.kron(t, np.ones((times, times, 1), np.uint8)) for t in tiles]
