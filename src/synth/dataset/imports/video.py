"""Films as single frames: of each window of time its sharpest one, those that are of no use refused.

A film is decoded twice, in a process of its own. The first time every frame is looked at, small and grey, and
the fate of each window is settled (`video_plan`); the plan stands in ``films/`` of the dataset, so that an
import that goes on need not look again. The second time the frames are written.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.dataset import codecs
from synth.dataset.classes import ALL_CLASSES
from synth.dataset.codecs import file_sha256
from synth.dataset.folder import parse
from synth.dataset.imports.intake import Intake, Misfit, OnPicture, Summary, describe_import, open_import
from synth.dataset.imports.labelled import printable
from synth.dataset.imports.pictures import Picture
from synth.dataset.imports.video_film import Film, Rect
from synth.dataset.imports.video_job import FilmJob, Found, Surveyed, VideoSettings, survey_film
from synth.dataset.imports.video_looks import MIN_TO_JUDGE
from synth.dataset.imports.video_marks import MIN_FRAMES, Edges, Marks, find_clear
from synth.dataset.imports.video_plan import (
    MIN_GAPS,
    PICTURE_WH,
    FilmPlan,
    OnShare,
    Window,
    deal_by_time,
    fit,
    judge,
)
from synth.dataset.imports.video_regions import blur, read_regions
from synth.dataset.imports.video_sheet import draw_marks, write_footage_sheet
from synth.dataset.info import DatasetInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Figure, Split
from synth.errors import InputError
from synth.extras import demand
from synth.storage.atomic import write_bytes

SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp", ".wmv",
    ".flv", ".ogv",
)  # fmt: skip
SHEET = "footage.png"

_MIN_EVERY_S = 0.01
_WHOLE_SHARE = 0.9
"""A film that ends before this share of what it promises was cut short."""


SurveyAll = Callable[[Sequence[FilmJob], Callable[[FilmJob, Found], None]], None]
"""Hands over every film with what one reading of it found, in order."""


def import_video(
    settings: VideoSettings,
    on_picture: OnPicture = lambda done, total: None,
    survey_all: SurveyAll | None = None,
) -> Summary:
    """Take frames of films over; what is refused stands in rejected/, with its picture and the reason.

    survey_all: calls its second argument with each film and what `survey_film` says of it, in order, wherever
    that is found out; None for one film after the other, here.

    Raises InputError for a path without films, for a single film that is none, and where nothing can be
    taken; DatasetError for an ``out`` that was made otherwise, StorageError. KeyboardInterrupt leaves whole
    samples.
    """
    demand("video")
    if not settings.every_s >= _MIN_EVERY_S:
        raise InputError(f"--every must be {_MIN_EVERY_S} s or more, got {settings.every_s:g}")
    if not settings.gap_s >= 0:
        raise InputError(f"--gap must be 0 s or more, got {settings.gap_s:g}")
    films = _list_films(settings.path)
    whole = _read_splits(settings.splits, films)
    regions = [] if settings.blur is None else read_regions(settings.blur, films)
    info = DatasetInfo(
        kind="imported",
        classes=(),
        box_kind="tight",
        made_by=describe_import(
            "video",
            settings.path,
            {
                "films": {name: path.stat().st_size for name, path in films.items()},
                "every_s": settings.every_s,
                "as_it_is": settings.as_it_is,
                "overlay": settings.overlay,
                "splits": {split: settings.splits.get(split) for split in SPLITS},
                "gap_s": settings.gap_s,
                "blur": None if settings.blur is None else file_sha256(settings.blur.read_bytes()),
            },
            None,
            ALL_CLASSES,
        ),
    )
    jobs = [
        FilmJob(settings, name, path, i, [r for r in regions if r.film == name], whole.get(name))
        for i, (name, path) in enumerate(films.items())
    ]
    sizes = [path.stat().st_size for path in films.values()]
    with open_import(settings.out, info, settings.path) as writer:
        intake = Intake(writer)
        earlier: list[FilmPlan] = []

        def on_share(job: FilmJob, done: float) -> None:
            i = job.number
            on_picture(int(2 * sum(sizes[:i]) + done * sizes[i]), 2 * sum(sizes))

        def take(job: FilmJob, surveyed: Found) -> None:
            try:
                if isinstance(surveyed, InputError):
                    raise surveyed
                plan, edges = _plan(job, earlier, surveyed)
                _take(intake, job, plan, edges, partial(on_share, job))
            except InputError as error:
                if len(films) == 1:
                    raise
                intake.refuse(Misfit(job.film, "no film", str(error).removeprefix(f"{job.film} ")))
                return
            earlier.append(plan)

        if survey_all is not None:
            survey_all(jobs, take)
        else:
            for job in jobs:
                take(job, survey_film(job, partial(on_share, job)))
        summary = intake.sum_up()
        shown = [(job.film, job.marks_file) for job in jobs if job.marks_file.is_file()]
        sheet = settings.out / SHEET
        write_footage_sheet(DatasetReader(settings.out), shown, sheet)
        intake.note(
            str(sheet), "shows frames that were taken, what was refused and why, and what stays in a film"
        )
        return replace(summary, notes=tuple(intake.notes))


def _list_films(path: Path) -> dict[str, Path]:
    """Films by the name that records have: the path inside the folder, in order."""
    if path.is_file():
        return {printable(path.name): path}
    if not path.is_dir():
        raise InputError(f"there is no film or folder {path}")
    inside = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    films = {printable(str(p.relative_to(path))): p for p in inside if p.suffix.lower() in SUFFIXES}
    if not films:
        known = ", ".join(suffix[1:] for suffix in SUFFIXES)
        other = f", and {inside[0].name} is none" if inside else ""
        raise InputError(f"{path} has no films{other}: give a film, or a folder with some ({known})")
    return films


def _read_splits(asked: Mapping[Split, str], films: Mapping[str, Path]) -> dict[str, Split]:
    """The split of each film, where films are named; the others train then."""
    if not asked:
        return {}
    by_name = {name: film for film in films for name in (Path(film).stem, Path(film).name, film)}
    dealt: dict[str, Split] = {}
    for split, text in asked.items():
        for word in text.split(","):
            film = by_name.get(word.strip())
            if film is None:
                raise InputError(
                    f"--{split} {text} names {word.strip()!r:.80}, and the films are {', '.join(films)}"
                )
            if dealt.setdefault(film, split) != split:
                raise InputError(f"{film} is in --{dealt[film]} and in --{split}: name it once")
    return {film: dealt.get(film, "train") for film in films}


def _plan(job: FilmJob, earlier: list[FilmPlan], surveyed: Surveyed | None) -> tuple[FilmPlan, Edges | None]:
    """What becomes of a film, and the edges [H,W] that stay in it; read where it was settled before."""
    place, edges_place = job.plan_file, job.file("_edges.png")
    if surveyed is None:
        plan = parse(FilmPlan, place.read_bytes(), str(place))
        is_there = edges_place.is_file()
        return plan, codecs.decode_u8(edges_place.read_bytes(), str(edges_place)) if is_there else None
    found = surveyed.found
    hashes = [int(text, 16) for plan in earlier for text in plan.hashes]
    judged = judge(found, hashes)
    n_before = len(hashes)
    windows = _name(deal_by_time([w for w, _ in judged], job.settings.gap_s, job.whole), n_before)
    kept = [h for (_, h), window in zip(judged, windows, strict=True) if window.reason is None]
    plan = FilmPlan(
        film=job.film,
        n_bytes=job.path.stat().st_size,
        size_wh=surveyed.size_wh,
        rect=surveyed.rect,
        grid_wh=surveyed.grid_wh,
        duration_s=surveyed.duration_s,
        end_s=surveyed.end_s,
        n_frames=found.n_frames,
        n_broken=found.n_broken,
        n_moved=found.constancy.n,
        windows=tuple(windows),
        hashes=tuple(f"{h:016x}" for h in kept if h is not None),
    )
    edges = found.constancy.find_edges()
    if edges is not None:
        write_bytes(edges_place, codecs.encode_alpha(edges))
    write_bytes(place, plan.model_dump_json(indent=1, exclude_none=True).encode())
    return plan, edges


def _name(windows: list[Window], n_before: int) -> list[Window]:
    """Samples are numbered as they come, over all films."""
    named = []
    for window in windows:
        name = None
        if window.reason is None:
            name, n_before = f"{n_before:06d}", n_before + 1
        named.append(window.model_copy(update={"name": name}))
    return named


def _take(intake: Intake, job: FilmJob, plan: FilmPlan, edges: Edges | None, on_share: OnShare) -> None:
    """Write the frames of a plan that are not written yet, and say what is odd about the film."""
    for text in _list_odd(job, plan):
        intake.note(plan.film, text)
    size_wh = fit(plan.rect, plan.size_wh if job.settings.as_it_is else PICTURE_WH)
    marks = None if edges is None else Marks.of(edges, size_wh)
    clear = None
    if marks is not None and job.settings.overlay == "crop" and (clear := find_clear(marks.mask)) is None:
        raise InputError(
            f"{plan.film} has marks all over, which leave no clear rectangle of a quarter of the picture: "
            "give --overlay void or drop"
        )
    known, done = {(r.reason, r.detail) for r in intake.writer.rejections}, intake.writer.done_names()
    todo: dict[int, Window] = {}
    for window in plan.windows:
        misfit = _misfit(plan.film, window)
        if misfit is not None and (window.reason == "broken" or (misfit.reason, str(misfit)) in known):
            intake.refuse(misfit, split=window.split)
        elif window.name is None or window.name not in done:
            todo[window.pts] = window
    if not todo:
        return
    with Film(job.path, job.film) as film:
        for frame in film.read(plan.rect, size_wh, colour=True, pts=sorted(todo)):
            on_share(1 + frame.share)
            if frame.pixels is None:
                continue
            window = todo[frame.pts]
            regions = [r for r in job.regions if r.from_s <= window.t_s <= r.to_s]
            rgb_u8 = blur(frame.pixels, regions, plan.rect)
            if marks is not None and not job.marks_file.is_file():
                write_bytes(job.marks_file, draw_marks(rgb_u8, marks.mask))
            _write(intake, job, window, rgb_u8, marks, clear)


def _write(
    intake: Intake,
    job: FilmJob,
    window: Window,
    rgb_u8: NDArray[np.uint8],
    marks: Marks | None,
    clear: Rect | None,
) -> None:
    """One frame [H,W,3], as a sample or as a refusal. clear: which rectangle of it is kept; None for all."""
    film, overlay = job.film, job.settings.overlay
    quality: dict[str, Figure] = {"time_s": window.t_s}
    if window.sharpness is not None:
        quality["sharpness"] = window.sharpness
    misfit = _misfit(film, window)
    if misfit is None and marks is not None and overlay == "drop" and marks.show_in(rgb_u8):
        misfit = Misfit(_where(film, window), "permanent mark", "it shows what stays while the scene moves")
    if misfit is not None or window.name is None or window.split is None:
        assert misfit is not None
        intake.refuse(misfit, split=window.split, rgb_u8=rgb_u8, quality=quality)
        return
    if clear is not None:
        x0, y0, x1, y1 = clear
        rgb_u8 = np.ascontiguousarray(rgb_u8[y0:y1, x0:x1])
    ignore = marks.mask.astype(np.uint8) * 255 if marks is not None and overlay == "void" else None
    try:
        intake.take(
            name=window.name,
            split=window.split,
            group=film,
            shot_id=_where(film, window),
            picture=Picture(job.path, rgb_u8, False),
            source=_where(film, window),
            instances=(),
            ignore=ignore,
            quality=quality,
        )
    except Misfit as same:
        intake.refuse(same, window.name, window.split, rgb_u8=rgb_u8, quality=quality)


def _where(film: str, window: Window) -> str:
    return f"{film} at {window.t_s:.3f} s"


def _misfit(film: str, window: Window) -> Misfit | None:
    return None if window.reason is None else Misfit(_where(film, window), window.reason, window.detail)


def _list_odd(job: FilmJob, plan: FilmPlan) -> Iterator[str]:
    if plan.duration_s is not None and plan.end_s < _WHOLE_SHARE * plan.duration_s:
        yield (
            f"it promises {plan.duration_s:.1f} s and ends after {plan.end_s:.1f} s, so it was cut short: "
            "what is there was taken"
        )
    if plan.n_broken:
        yield f"{plan.n_broken} of its frames are broken"
    if (
        n_scenes := sum(w.reason not in ("broken", "black", "title card") for w in plan.windows)
    ) < MIN_TO_JUDGE:
        yield (
            f"it has {n_scenes} windows of {job.settings.every_s:g} s with a scene, and {MIN_TO_JUDGE} are "
            "needed to tell blurred frames from sharp ones: none was refused as blurred"
        )
    if plan.n_moved < MIN_FRAMES:
        yield (
            f"its scene moves in {plan.n_moved} of its half seconds, and {MIN_FRAMES} are needed to find "
            "marks and the own bonnet: none were looked for"
        )
    if job.whole is None and plan.end_s < MIN_GAPS * job.settings.gap_s:
        yield (
            f"it is {plan.end_s:.1f} s long, too short for blocks of time with gaps of "
            f"{job.settings.gap_s:g} s between them, so all of it trains; --gap makes them shorter, and "
            "--test and --val name whole films"
        )
