"""What a translation must beat: the nearest to real of the methods that are made in seconds joins the mixes.

Which that is was decided by distances to real val images, never by a test image and by no training.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from synth.compare.mixes import REAL, parse_mix
from synth.compare.questions import Question
from synth.compute.run_dir import CONFIG_FILE, load_config
from synth.dataset.folder import INFO_FILE
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.errors import InputError

if TYPE_CHECKING:
    from synth.compare.plan import Plan

FOLDER = "baseline"
"""Of a comparison's folder, the one with the baselines."""

_LEARNT: tuple[Split, ...] = ("train", "val")

_STAND_IN = "a baseline"
"""The mix that is planned before it is known which baseline joins; no dataset of a user's has a space."""

MakeBaseline = Callable[[Path, Path, Path], Path]
"""Takes the folders of a rendered and a captured dataset and the one to work in; makes a translated dataset,
or goes on with it, and returns a JSON file beside it: its name ``method``, ``why`` and ``distances``.
"""


@dataclass(frozen=True)
class Baseline:
    """name: of the method, the dataset and the mix. source: which dataset of the comparison was translated,
    by name, or its folder where it is none of them. why: it was chosen. distances: kernel distances to real
    val images, by method.
    """

    name: str
    source: str
    why: str
    distances: Mapping[str, JsonValue]

    def to_config(self) -> dict[str, JsonValue]:
        """What a comparison that is gone on with must share, and how the choice was made."""
        return {"chosen": self.name, "source": self.source, "distances": dict(self.distances)}

    def describe(self) -> str:
        """Where it comes from, for the report."""
        values = ", ".join(f"{name} {_say(found)}" for name, found in self.distances.items())
        return (
            f"{self.name} joined the mixes by itself, as what a translation must beat. It was made of "
            f"{self.source}, from pixels of real train images and none of their labels. Of all baselines, "
            "real val images chose it (their boxes and masks tell where half of the patches are cut), test "
            f"images did not: {self.why}. Kernel distances to real val images, one seed, 95 % intervals "
            f"over patches: {values}."
        )


def add_baseline(plan: "Plan", make: MakeBaseline, say: Callable[[str], None]) -> "Plan":
    """The plan with a baseline among its mixes, where it has rendered or translated images beside real ones.

    Every translated dataset that is a mix by itself is asked about against it. A comparison that was begun
    without one goes on without. say: told in a sentence why there is none where one was expected. Raises what
    ``make`` does, but for InputError of datasets that no baseline can be fitted to.
    """
    if (source := _find_source(plan)) is None:
        _say_why_none(plan, say)
        return plan
    if _goes_on_without(plan, say):
        return plan
    name, root = source
    folder, task = plan.out / FOLDER, next(iter(plan.roots))
    if not folder.exists():
        plan.refuse_unfit()
    try:
        made = make(root, plan.reader(task, REAL).root, folder)
    except InputError as error:
        if folder.exists():
            raise
        say(f"No baseline: {error}")
        return plan
    choice: dict[str, Any] = json.loads(made.read_bytes())
    baseline = Baseline(choice["method"], name, choice["why"], choice["distances"])
    if baseline.name in plan.roots[task]:
        say(f"No further baseline: {baseline.name}, the nearest to real, is among the datasets already.")
        return plan
    dataset = DatasetReader(made.parent / baseline.name)
    if not all(dataset.of_split(split) for split in _LEARNT):
        say(f"No baseline: too many frames of {baseline.name} were refused; {dataset.root} says why.")
        return plan
    return replace(_join(plan, baseline.name, dataset.root), baseline=baseline)


def expect_baseline(plan: "Plan", check: Callable[[Path, Path], None], say: Callable[[str], None]) -> "Plan":
    """The plan as it will be when a baseline has joined, to count and time its trainings: nothing is made.

    A mix ``a baseline`` of the images that it would be made of has its place. check: raises InputError for
    the folders of a rendered and a captured dataset that no baseline can be fitted to. say: told what joins,
    or in a sentence why there is none where one was expected.
    """
    if (source := _find_source(plan)) is None:
        _say_why_none(plan, say)
        return plan
    if _goes_on_without(plan, say):
        return plan
    name, root = source
    try:
        check(root, plan.reader(next(iter(plan.roots)), REAL).root)
    except InputError as error:
        say(f"No baseline: {error}")
        return plan
    say(
        "A baseline joins: whichever of those made in seconds is nearest to real val images. Making it is "
        "not counted (--no-baseline leaves it out)."
    )
    expected = _join(plan, _STAND_IN, root)
    if name not in (mix.name for mix in plan.mixes):
        return expected
    return replace(expected, asked=(*expected.asked, Question(_STAND_IN, name)))


def _join(plan: "Plan", name: str, root: Path) -> "Plan":
    """With one more dataset as a mix, against which every translated one is asked about."""
    joined = {name: (root,)}
    translated = [mix.name for mix in plan.mixes if _kind_of(plan, mix.name) == "translated"]
    return replace(
        plan,
        roots={task: {**roots, **joined} for task, roots in plan.roots.items()},
        mixes=(*plan.mixes, parse_mix(name, joined)),
        asked=(*plan.asked, *(Question(other, name) for other in translated)),
    )


def _say_why_none(plan: "Plan", say: Callable[[str], None]) -> None:
    """Where composites or their translations take part, of which a baseline could be made, and how."""
    if (found := _find_source(plan, "composited")) is not None:
        say(
            f"No baseline joins by itself: {found[0]} is composited, and one is made of rendered images "
            "alone. To add one, translate it by a method that the help of --baseline lists, name the result "
            "with --data, and put it into the same mixes as the translation that must beat it."
        )


def _goes_on_without(plan: "Plan", say: Callable[[str], None]) -> bool:
    is_so = (plan.out / CONFIG_FILE).is_file() and "baseline" not in load_config(plan.out)
    if is_so:
        say("No baseline: this comparison was begun without one, and goes on without.")
    return is_so


def _find_source(plan: "Plan", kind: str = "rendered") -> tuple[str, Path] | None:
    """Name and folder of the images of a kind that a baseline translates: the first that take part, or those
    that a translated dataset was made of, beside it. None where a task has composites in their place.
    """
    roots = next(iter(plan.roots.values()))
    if any(others != roots for others in plan.roots.values()):
        return None
    for name, (root, *_) in roots.items():
        if _kind_of(plan, name) == kind:
            return name, root
    for name, (root, *_) in roots.items():
        if _kind_of(plan, name) == "translated" and (beside := _find_parent(root, kind)) is not None:
            return str(beside), beside
    return None


def _find_parent(root: Path, kind: str) -> Path | None:
    """The dataset of a kind that a translated one was made of, as it was then, in the folder beside it."""
    source = DatasetReader(root).info.made_by.config.get("source")
    if not isinstance(source, dict) or not isinstance(source.get("dataset"), str):
        return None
    beside = root.with_name(str(source["dataset"]))
    if not (beside / INFO_FILE).is_file():
        return None
    parent = DatasetReader(beside)
    return beside if parent.info.kind == kind and parent.digest() == source.get("sha256") else None


def _kind_of(plan: "Plan", name: str) -> str | None:
    """A dataset's by its name; None for a mix of several, and for captured images in the rendered look."""
    task, roots = next(iter(plan.roots.items()))
    if name not in roots:
        return None
    info = plan.reader(task, name).info
    return None if info.made_by.config.get("direction") == "real2sim" else info.kind


def _say(found: JsonValue) -> str:
    assert isinstance(found, dict)
    value, low, high = (float(str(found[key])) for key in ("value", "low", "high"))
    return f"{value:.3g} ({low:.3g} to {high:.3g})"
