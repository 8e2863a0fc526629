"""``synth dataset merge``: several datasets as one, as long as no test image of one trains in another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath

from synth import __version__
from synth.dataset.carry import Move, OnProgress, carry, scale_of
from synth.dataset.choices import BoxKind
from synth.dataset.classes import ALL_CLASSES, ClassChoice, unite_pairs
from synth.dataset.info import (
    CameraRecord,
    Colour,
    DatasetInfo,
    MadeBy,
    ModelRecord,
    PartRecord,
    SemanticInfo,
)
from synth.dataset.leak import LeakGuard
from synth.dataset.origin import REAL_KINDS
from synth.dataset.overview import list_some
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind
from synth.dataset.sample import Sample
from synth.dataset.store import DatasetWriter
from synth.errors import InputError

_N_NAMED = 5
_MOST_IN_8_BITS = 255


@dataclass(frozen=True)
class MergeSettings:
    """One merge. box_kind: which boxes labels/ holds; None for those that all have."""

    datasets: tuple[Path, ...]
    out: Path
    choice: ClassChoice = ALL_CLASSES
    box_kind: BoxKind | None = None


@dataclass(frozen=True)
class Merged:
    """What came of it. notes: what was changed on the way, a sentence each."""

    n_new: int
    notes: tuple[str, ...]


def merge(settings: MergeSettings, on_progress: OnProgress = lambda what, done, total: None) -> Merged:
    """Write the samples of all datasets into one folder, or go on there.

    Raises InputError for datasets that do not go together, DatasetError where a test image would train or a
    picture stands in two of them, and for an ``out`` that was made otherwise, StorageError.
    KeyboardInterrupt leaves whole samples.
    """
    datasets = _open(settings)
    moves = _plan(datasets)
    models, notes = _unite_models(datasets, settings.choice)
    info = _describe(settings, datasets, models)
    with DatasetWriter.create_or_resume(settings.out, info) as writer:
        if len(writer.samples) < len(moves):
            _refuse_twins(datasets)
            _refuse_leaks(datasets, on_progress)
        files = {model.mesh: source for model, source in models}
        n_new = carry(writer, moves, settings.choice, "merge", on_progress, models=files)
    unlabelled = _list_unlabelled(datasets, settings.choice)
    return Merged(n_new, (*_list_notes(moves, datasets, info), *unlabelled, *notes))


def unite_kinds(kinds: Sequence[Kind]) -> Kind:
    """The kind of what is merged: one that all have, imported for photographs of several origins, else mixed.

    Mixed is never taken for real; what of it is real stands in each sample's parents. Raises InputError for
    label maps with pictures.
    """
    found = set(kinds)
    if len(found) == 1:
        return kinds[0]
    if "maps" in found:
        raise InputError("label maps without pictures and pictures do not go into one dataset")
    return "imported" if found <= set(REAL_KINDS) else "mixed"


def unite_semantic(infos: Sequence[SemanticInfo]) -> SemanticInfo | None:
    """All classes of pixels by name, in the order in which they come first, each in its first colour.

    8 bits hold 255 of them; more, and where nobody has 8, are kept in 16.
    """
    colours: dict[str, Colour] = {}
    for info in infos:
        for name, colour in zip(info.names, info.colours, strict=True):
            colours.setdefault(name, colour)
    if not infos:
        return None
    fits = len(colours) <= _MOST_IN_8_BITS and any(info.void == _MOST_IN_8_BITS for info in infos)
    return SemanticInfo(
        names=tuple(colours), colours=tuple(colours.values()), void=_MOST_IN_8_BITS if fits else 65535
    )


def choose_names(names: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """The name of each sample of each dataset: its own where that is free, else the lowest free number.

    A name that any dataset has is not free for another one, so that as few change as can.
    """
    taken = {name for some in names for name in some}
    free = (f"{n:06d}" for n in count())
    used: set[str] = set()
    chosen: list[dict[str, str]] = []
    for some in names:
        new: dict[str, str] = {}
        for name in some:
            new[name] = name if name not in used else next(n for n in free if n not in taken)
            used.add(new[name])
        chosen.append(new)
    return chosen


def _open(settings: MergeSettings) -> list[DatasetReader]:
    if len(settings.datasets) < 2:
        raise InputError("merge takes two datasets or more: synth dataset merge A B --out C")
    roots = [root.resolve() for root in settings.datasets]
    if twice := [root for root in settings.datasets if roots.count(root.resolve()) > 1]:
        raise InputError(f"{twice[0]} is named twice: name each dataset once")
    if settings.out.resolve() in roots:
        raise InputError(f"{settings.out} is one of the datasets that are merged: choose another --out")
    datasets = [DatasetReader(root) for root in settings.datasets]
    if empty := [d for d in datasets if not d.samples]:
        raise InputError(f"{empty[0].root} has no samples to merge: leave it out")
    kinds = {d.info.box_kind: d for d in reversed(datasets)}
    if settings.box_kind is None and len(kinds) > 1:
        raise InputError(
            f"{kinds['square'].root} has square boxes in labels/ and {kinds['tight'].root} tight ones: every "
            "sample knows both, so say which the merged one shall have, --boxes square or --boxes tight"
        )
    return datasets


def _plan(datasets: Sequence[DatasetReader]) -> list[Move]:
    names = choose_names([[sample.name for sample in dataset] for dataset in datasets])
    return [
        Move(dataset, sample, new[sample.name], sample.split, sample.group)
        for dataset, new in zip(datasets, names, strict=True)
        for sample in dataset
    ]


def _describe(
    settings: MergeSettings,
    datasets: Sequence[DatasetReader],
    models: Sequence[tuple[ModelRecord, Path]],
) -> DatasetInfo:
    choice, infos = settings.choice, [d.info for d in datasets]
    classes = choice.choose(tuple(dict.fromkeys(name for info in infos for name in info.classes)))
    semantic = unite_semantic([info.semantic for info in infos if info.semantic is not None])
    declared = [pair for info in infos for pair in info.flip_pairs]
    pairs = choice.choose_pairs(
        unite_pairs(declared) if choice.flip_pairs is None else (),
        classes,
        () if semantic is None else semantic.names,
    )
    parts = {info.part for info in infos}
    return DatasetInfo(
        kind=unite_kinds([info.kind for info in infos]),
        classes=classes,
        semantic=semantic,
        flip_pairs=pairs,
        camera=_unite_cameras(datasets),
        part=choose_part(infos[0].part, choice) if len(parts) == 1 else None,
        models=tuple(model for model, _ in models),
        box_kind=settings.box_kind or infos[0].box_kind,
        made_by=MadeBy(
            verb="merge",
            config={
                "datasets": [{"name": d.name, "kind": d.info.kind, "digest": d.digest()} for d in datasets],
                **choice.to_config(),
            },
            versions={"synth-robotics": __version__},
            parents=tuple(dict.fromkeys(d.name for d in datasets)),
            readings=tuple(dict.fromkeys(r for info in infos for r in info.made_by.readings)),
            simulated=any(info.made_by.simulated for info in infos),
        ),
    )


def choose_part(part: PartRecord | None, choice: ClassChoice) -> PartRecord | None:
    """The part under the name that its class has then; None where that is not kept."""
    name = None if part is None else choice.name_of(part.name)
    return None if part is None or name is None else part.model_copy(update={"name": name})


def _unite_cameras(datasets: Sequence[DatasetReader]) -> CameraRecord | None:
    """The camera where all have the same. Else one by the name of several, for its depth scale, or none.

    The scale is the coarsest, in which every depth has room. Each sample keeps its own K.
    """
    cameras = [d.info.camera for d in datasets]
    first = next((c for c in cameras if c is not None), None)
    if first is None or all(camera == first for camera in cameras):
        return first
    scales_m = [scale_of(d.info) for d in datasets if _has_depth(d)]
    known_m = [scale for scale in scales_m if scale is not None]
    if not known_m:
        return None
    return first.model_copy(
        update={"name": "several", "serial": "several", "T_base_cam": None, "depth_scale_m": max(known_m)}
    )


def _has_depth(dataset: DatasetReader) -> bool:
    return any(s.depth for s in dataset) or any(p.depth for p in dataset.plates)


def _unite_models(
    datasets: Sequence[DatasetReader], choice: ClassChoice
) -> tuple[list[tuple[ModelRecord, Path]], list[str]]:
    """Models with their files, and notes; of a class with different ones none is kept."""
    found: dict[str, list[tuple[ModelRecord, Path]]] = {}
    for dataset in datasets:
        for model in dataset.info.models:
            some = found.setdefault(model.class_name, [])
            if not any(_same(model, other) for other, _ in some):
                some.append((model, dataset.root / model.mesh))
    clashing = [name for name, some in found.items() if len(some) > 1]
    notes = [f"the datasets have different models of {name}: none is kept" for name in clashing]
    kept: list[tuple[ModelRecord, Path]] = []
    for model, source in (some[0] for some in found.values() if len(some) == 1):
        meshes = {other.mesh for other, _ in kept}
        stem, suffix = PurePosixPath(model.mesh).stem, PurePosixPath(model.mesh).suffix
        free = (f"models/{stem}_{n}{suffix}" for n in count(2))
        mesh = model.mesh if model.mesh not in meshes else next(m for m in free if m not in meshes)
        kept.append((model.model_copy(update={"mesh": mesh}), source))
    files = {model.mesh: source for model, source in kept}
    chosen = choice.choose_models([model for model, _ in kept])
    if kept and not chosen and choice.single is not None:
        notes.append(f"{len(kept)} models are left out, since all classes are called {choice.single}")
    return [(model, files[model.mesh]) for model in chosen], notes


def _same(a: ModelRecord, b: ModelRecord) -> bool:
    return a.model_copy(update={"mesh": b.mesh}) == b


def _refuse_twins(datasets: Sequence[DatasetReader]) -> None:
    first: dict[str, tuple[DatasetReader, Sample]] = {}
    twins = []
    for dataset in datasets:
        for sample in dataset:
            before, twin = first.setdefault(sample.pixels_sha256, (dataset, sample))
            if twin is not sample:
                twins.append(
                    f"{dataset.root / sample.files[0]} ({sample.split}) shows the very pixels of "
                    f"{before.root / twin.files[0]} ({twin.split})"
                )
    if twins:
        more = f"\n  and {len(twins) - _N_NAMED} more" if len(twins) > _N_NAMED else ""
        listed = "".join(f"\n  {twin}" for twin in twins[:_N_NAMED])
        raise InputError(
            f"{len(twins)} pictures stand there twice: take one of each two out with `synth dataset reject`, "
            f"or merge the datasets from which these were made{listed}{more}"
        )


def _refuse_leaks(datasets: Sequence[DatasetReader], on_progress: OnProgress) -> None:
    guard = LeakGuard.of(datasets, on_progress=lambda *n: on_progress("looking at test images", *n))
    for dataset in datasets:
        samples = [s for s in dataset if s.split != "test" and not s.quality.get("analysis_only")]
        guard.check(
            dataset, samples, on_progress=lambda *n: on_progress("looking for test images elsewhere", *n)
        )


def _list_unlabelled(datasets: Sequence[DatasetReader], choice: ClassChoice) -> Iterator[str]:
    """Classes that one dataset labels and another does not, where its pictures may show them all the same."""
    labelled = [{choice.name_of(name) for name in d.info.classes} - {None} for d in datasets]
    for dataset, known in zip(datasets, labelled, strict=True):
        if missing := sorted(str(name) for some in labelled for name in some - known):
            yield (
                f"{dataset.root} does not label {list_some(tuple(dict.fromkeys(missing)))}: where its "
                "pictures show any, a network learns that they are background"
            )


def _list_notes(moves: Sequence[Move], datasets: Sequence[DatasetReader], info: DatasetInfo) -> Iterator[str]:
    for dataset in datasets:
        renamed = [m for m in moves if m.dataset is dataset and m.name != m.sample.name]
        if renamed:
            yield (
                f"{dataset.root}: {len(renamed)} samples have another name, since theirs was taken "
                f"({renamed[0].sample.name} is {renamed[0].name}): origin.parents says which"
            )
        scales_m = scale_of(dataset.info), scale_of(info)
        if _has_depth(dataset) and scales_m[0] != scales_m[1] and scales_m[0] and scales_m[1]:
            yield (
                f"{dataset.root}: depth is rewritten from counts of {scales_m[0] * 1e3:g} mm in counts of "
                f"{scales_m[1] * 1e3:g} mm, which moves it by {scales_m[1] * 500:g} mm at most"
            )
    if info.camera is None and any(d.info.camera is not None for d in datasets):
        yield "the cameras differ, so that dataset.json names none; each sample keeps its own K"
    elif info.camera is not None and info.camera.name == "several":
        yield "the cameras differ, so that dataset.json names several; each sample keeps its own K"
