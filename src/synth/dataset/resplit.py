"""``synth dataset split``: a dataset once more in a new folder, its splits dealt anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from synth import __version__
from synth.dataset.carry import Move, OnProgress, carry
from synth.dataset.classes import ALL_CLASSES, ClassChoice
from synth.dataset.codecs import file_sha256
from synth.dataset.dealing import Card, Dealt, deal_at_random, deal_by_words, refuse_torn
from synth.dataset.info import SCHEMA_VERSION, DatasetInfo, MadeBy
from synth.dataset.merge import choose_part
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.dataset.sample import Sample
from synth.dataset.store import DatasetWriter
from synth.dataset.table import call_by_path, read_groups, read_splits
from synth.errors import InputError


@dataclass(frozen=True)
class SplitSettings:
    """How splits are dealt; by one of the first three, or as they are.

    by: a table of pictures and splits. asked: groups or ranges of numbers by split; the rest trains. seed: of
    chance. group: a table of pictures and groups, instead of those that are known.
    """

    dataset: Path
    out: Path
    by: Path | None = None
    asked: Mapping[Split, str] = field(default_factory=dict)
    seed: int | None = None
    group: Path | None = None
    choice: ClassChoice = ALL_CLASSES


def resplit(settings: SplitSettings, on_progress: OnProgress = lambda what, done, total: None) -> int:
    """Write every sample into a new folder with its new split, or go on there; how many were new.

    Raises InputError for what is asked and cannot be, such as a group that would be torn apart, DatasetError
    for an ``out`` that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    ways = [settings.by is not None, bool(settings.asked), settings.seed is not None]
    if sum(ways) > 1:
        raise InputError("--by, --test and --seed are three ways to deal splits: give one")
    if not any(ways) and settings.group is None and not settings.choice.is_asked:
        raise InputError(
            "say how the splits are dealt: --by a table, --test groups or numbers, or --seed for chance"
        )
    if settings.asked and "test" not in settings.asked:
        raise InputError("--val goes with --test: say which pictures test")
    dataset = DatasetReader(settings.dataset)
    if not dataset.samples:
        raise InputError(f"{dataset.root} has no samples to split")
    if settings.out.resolve() == dataset.root.resolve():
        raise InputError(f"{settings.out} is the dataset itself: choose another --out")
    groups = _read_groups(dataset, settings.group)
    dealt = _deal(dataset, settings, groups)
    _refuse_other_parents(dataset, dealt)
    moves = [Move(dataset, s, s.name, dealt[int(s.name)], groups[s.name]) for s in dataset]
    with DatasetWriter.create_or_resume(settings.out, _describe(settings, dataset)) as writer:
        return carry(writer, moves, settings.choice, "split", on_progress, models=dataset.meshes)


def _call(dataset: DatasetReader) -> dict[str, tuple[str, ...]]:
    """What a table may call each sample: its name, its file, and the file that it was imported from."""
    calls = {}
    for sample in dataset:
        paths = [sample.files[0], *([source] if (source := sample.quality.get("source")) else [])]
        calls[sample.name] = tuple(call for path in map(str, paths) for call in (path, *call_by_path(path)))
    return calls


def _read_groups(dataset: DatasetReader, table: Path | None) -> dict[str, str | None]:
    if table is None:
        return {sample.name: sample.group for sample in dataset}
    return dict(read_groups(table, _call(dataset)))


def _deal(dataset: DatasetReader, settings: SplitSettings, groups: Mapping[str, str | None]) -> Dealt:
    cards = [Card(int(s.name), _where(s), groups[s.name], s.shot_id) for s in dataset]
    if settings.by is not None:
        by_name = read_splits(settings.by, _call(dataset))
        dealt: Dealt = {int(name): split for name, split in by_name.items()}
        refuse_torn(cards, dealt)
        return dealt
    if settings.asked:
        return deal_by_words(cards, settings.asked, rest="train")
    if settings.seed is not None:
        return deal_at_random(cards, settings.seed)
    dealt = {int(s.name): s.split for s in dataset}
    if settings.group is not None:
        refuse_torn(cards, dealt)
    return dealt


def _where(sample: Sample) -> str:
    source = sample.quality.get("source")
    return f"{sample.name} ({source})" if source else sample.name


def _refuse_other_parents(dataset: DatasetReader, dealt: Mapping[int, Split]) -> None:
    """What was made of a sample keeps that sample's split; copies of the same pixels are dealt anew."""
    for sample in dataset:
        split = dealt[int(sample.name)]
        for parent in sample.origin.parents:
            is_itself = parent.pixels_sha256 == sample.pixels_sha256
            if split != sample.split and parent.split not in (None, split) and not is_itself:
                raise InputError(
                    f"{sample.name} was made of {parent.name} of {parent.dataset}, a {parent.split} picture, "
                    f"and would be {split}: deal {parent.dataset} anew and make this dataset again"
                )


def _hash(table: Path | None) -> str | None:
    return None if table is None else file_sha256(table.read_bytes())


def _describe(settings: SplitSettings, dataset: DatasetReader) -> DatasetInfo:
    info, choice = dataset.info, settings.choice
    classes = choice.choose(info.classes)
    semantic = () if info.semantic is None else info.semantic.names
    return info.model_copy(
        update={
            "schema_version": SCHEMA_VERSION,
            "classes": classes,
            "flip_pairs": choice.choose_pairs(info.flip_pairs, classes, semantic),
            "part": choose_part(info.part, choice),
            "models": choice.choose_models(info.models),
            "near_copies_accepted": None,
            "made_by": MadeBy(
                verb="split",
                config={
                    "dataset": dataset.name,
                    "digest": dataset.digest(),
                    "by": _hash(settings.by),
                    "asked": dict(settings.asked),
                    "group": _hash(settings.group),
                    **choice.to_config(),
                },
                seed=settings.seed,
                versions={"synth-robotics": __version__},
                devices=info.made_by.devices,
                calibration=info.made_by.calibration,
                parents=(dataset.name,),
                readings=info.made_by.readings,
                simulated=info.made_by.simulated,
            ),
        }
    )
