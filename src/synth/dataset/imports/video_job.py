"""One film of an import, and what one reading of it finds; in this process, or by an engine's worker."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from synth.dataset.choices import Overlay
from synth.dataset.imports.video_film import Film, Rect
from synth.dataset.imports.video_plan import PICTURE_WH, OnShare, Survey, cut, fit, survey
from synth.dataset.imports.video_regions import Region
from synth.dataset.record import Split
from synth.errors import InputError

PLANS = "films"

_MIN_SIDE_PX = 32


@dataclass(frozen=True)
class VideoSettings:
    """One import.

    path: a film, or a folder of films. every_s: one frame is taken of each window of so many seconds.
    as_it_is: whole frames at their own size, not cut to 2:1 and 960×480. overlay: what is done about what
    stays in a film. splits: whole films by name. gap_s: between blocks of different splits. blur: a table of
    regions.
    """

    path: Path
    out: Path
    every_s: float = 1.5
    as_it_is: bool = False
    overlay: Overlay = "void"
    splits: Mapping[Split, str] = field(default_factory=dict)
    gap_s: float = 10.0
    blur: Path | None = None


@dataclass(frozen=True)
class FilmJob:
    """One film of an import. number: among the films. whole: the split of all of it, where that is told."""

    settings: VideoSettings
    film: str
    path: Path
    number: int
    regions: list[Region]
    whole: Split | None

    def file(self, ending: str) -> Path:
        """Of its own in the dataset, beside the samples."""
        return self.settings.out / PLANS / f"{self.number:03d}{ending}"

    @property
    def plan_file(self) -> Path:
        """What becomes of its frames."""
        return self.file(".json")

    @property
    def marks_file(self) -> Path:
        """The picture of what stays in it."""
        return self.file("_marks.png")


@dataclass(frozen=True, eq=False)
class Surveyed:
    """A film that was read once. rect: what is cut out of its frames; grid_wh: in which size these were."""

    size_wh: tuple[int, int]
    rect: Rect
    grid_wh: tuple[int, int]
    duration_s: float | None
    end_s: float
    found: Survey


Found = Surveyed | InputError | None
"""Of a film: None where its plan stands already, the error of one that is none."""


@contextmanager
def open_surveyor() -> Iterator[Callable[[FilmJob], Found]]:
    """A worker for an engine."""
    yield survey_film


def survey_film(job: FilmJob, on_share: OnShare = lambda _share: None) -> Found:
    """What one reading of a film finds. An error is not raised, since other films may be good."""
    if job.plan_file.is_file():
        return None
    try:
        with Film(job.path, job.film) as film:
            rect = (0, 0, *film.size_wh) if job.settings.as_it_is else cut(film.size_wh)
            if min(rect[2] - rect[0], rect[3] - rect[1]) < _MIN_SIDE_PX:
                w, h = film.size_wh
                raise InputError(f"{job.film} has frames of {w}×{h}: {_MIN_SIDE_PX} pixels are the least")
            grid_wh = fit(rect, PICTURE_WH)
            found = survey(film, rect, grid_wh, job.settings.every_s, on_share)
            return Surveyed(film.size_wh, rect, grid_wh, film.duration_s, film.end_s, found)
    except InputError as error:
        return error
