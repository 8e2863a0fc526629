"""Where a sample comes from: what it was made of, by which steps, and what of real labels that has read."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter

from synth.dataset.record import Free, Kind, Name, Record, Sha256, Split

REAL_KINDS: tuple[Kind, ...] = ("real", "imported")

Used = Literal["pixels", "labels", "mask", "pose", "plate", "look", "pseudo-labels"]
"""What was taken of something: its picture, its boxes and normals, its outlines, where arm and part stood, it
as the background, how pictures come out, its label map that a network made.
"""

USES: tuple[Used, ...] = get_args(Used)
LABELS: tuple[Used, ...] = ("labels", "mask", "pose")
"""What of it is a label. What a network made is none: the labels that taught the network count instead."""

LABEL_VERB = "label"
"""Of the step by which a sample got its label map."""

Role = Literal["made", "chosen"]

Region = Literal["all"] | Annotated[int, Field(ge=0)]


class Parent(Record):
    """A sample or plate that another sample was made of; its hash finds it when folders were renamed.

    dataset, kind, digest: its dataset's name, kind and digest at that time (`DatasetReader.digest`). name: a
    plate's is its number, and a plate has no split. used: what was taken of it; None: written in schema 1,
    which did not say.
    """

    dataset: str
    kind: Kind | None = None
    digest: Sha256 | None = None
    name: Name
    split: Split | None = None
    pixels_sha256: Sha256
    used: tuple[Used, ...] | None = None


class Step(Record):
    """One thing that was done. region: to the whole picture, or to the instance of that index."""

    verb: str
    method: str | None = None
    checkpoint_sha256: Sha256 | None = None
    params: dict[str, Free] = Field(default_factory=dict)
    seed: int | None = None
    region: Region = "all"


class Origin(Record):
    """What a sample was made of and how it can be made again, from the first picture on.

    parents: those of parents too. steps: in the order in which they were done.
    """

    parents: tuple[Parent, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def is_pseudo_labelled(self) -> bool:
        """Whether a network made the label map, by ``synth label``."""
        return any(step.verb == LABEL_VERB and step.checkpoint_sha256 for step in self.steps)

    def then(self, step: Step, *parents: Parent) -> "Origin":
        """Of what is made of this by one more step, and of further parents."""
        return Origin(parents=merge_parents(*self.parents, *parents), steps=(*self.steps, step))


class Reading(Record):
    """Samples of one dataset that something was made with, and what of them.

    role: whether they made it (trained a checkpoint, gave a look), or were what it was chosen by. used: None
    where a record of schema 1 did not say. checkpoint_sha256: of the checkpoint that they made or chose.
    """

    dataset: str
    kind: Kind | None = None
    digest: Sha256 | None = None
    role: Role = "made"
    used: tuple[Used, ...] | None = None
    names: tuple[Name, ...]
    checkpoint_sha256: Sha256 | None = None


def count_real_labels(origins: Iterable[Origin], readings: Iterable[Reading]) -> dict[Used, int] | None:
    """How many real samples gave each kind of label, as `find_real` finds them."""
    found = find_real(origins, readings)
    return None if found is None else {use: len(found[use]) for use in LABELS}


def find_real(
    origins: Iterable[Origin], readings: Iterable[Reading]
) -> dict[Used, set[tuple[str, str]]] | None:
    """Real samples, by dataset and name, of which each thing was taken, through any number of stages.

    origins: of the samples that were made. readings: of their dataset. A sample that was merged or split into
    another dataset counts once, as what it was first. A reading of the kind mixed does not say which of its
    samples are real: all count. None where that is not told: of parents in a record of schema 1, or of a
    checkpoint that lists nothing.
    """
    readings = tuple(readings)
    listed = {reading.checkpoint_sha256 for reading in readings}
    found: dict[Used, set[tuple[str, str]]] = {use: set() for use in USES}
    first: dict[str, tuple[str, str]] = {}
    for origin in origins:
        if any(step.checkpoint_sha256 and step.checkpoint_sha256 not in listed for step in origin.steps):
            return None
        for parent in origin.parents:
            if parent.used is None or parent.kind is None:
                return None
            if parent.kind in REAL_KINDS:
                place = first.setdefault(parent.pixels_sha256, (parent.dataset, parent.name))
                for use in parent.used:
                    found[use].add(place)
    for reading in readings:
        if reading.used is None:
            return None
        if reading.kind in (*REAL_KINDS, "mixed"):
            for use in reading.used:
                found[use].update((reading.dataset, name) for name in reading.names)
    return found


def trace(origins: Iterable[Origin], role: Role) -> tuple[Reading, ...]:
    """What of real samples, or of who knows what, stands behind some samples, as readings of a ``role``.

    A sample that was merged or split into another dataset counts as what it was first.
    """
    behind: dict[tuple[Any, ...], dict[Name, None]] = {}
    for origin in origins:
        first: dict[str, Parent] = {}
        for parent in origin.parents:
            if parent.split is not None and parent.kind in (*REAL_KINDS, None):
                first.setdefault(parent.pixels_sha256, parent)
        for parent in first.values():
            key = (parent.dataset, parent.kind, parent.digest, parent.used)
            behind.setdefault(key, {})[parent.name] = None
    return tuple(
        Reading(dataset=dataset, kind=kind, digest=digest, role=role, used=used, names=tuple(names))
        for (dataset, kind, digest, used), names in behind.items()
    )


READINGS = "readings"
"""The word of a checkpoint's header under which it lists what trained and chose it."""

_READINGS = TypeAdapter(tuple[Reading, ...])


def encode_readings(readings: Sequence[Reading]) -> str:
    """What a checkpoint's header holds under `READINGS`."""
    return _READINGS.dump_json(tuple(readings), exclude_none=True).decode()


def decode_readings(text: str) -> tuple[Reading, ...]:
    """What `encode_readings` gave; raises ValueError for what is no such list."""
    return _READINGS.validate_json(text)


def merge_parents(*parents: Parent) -> tuple[Parent, ...]:
    """Each parent once, with everything that was taken of it, in the order in which they come first."""
    merged: dict[tuple[str, str], Parent] = {}
    for parent in parents:
        key = (parent.dataset, parent.pixels_sha256)
        merged[key] = parent if key not in merged else _joined(merged[key], parent)
    return tuple(merged.values())


def _joined(first: Parent, second: Parent) -> Parent:
    if first.used is None or second.used is None:
        return first
    both = {*first.used, *second.used}
    return first.model_copy(update={"used": tuple(use for use in USES if use in both)})
