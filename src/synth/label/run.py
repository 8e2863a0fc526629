"""The stage: pictures in, a dataset of the same pictures with label maps out, each pixel with its confidence.

::

    data/labelled/             a dataset as every stage writes one, and
      semantic/  confidence/   the label maps, and how sure the network is of each pixel
      labels.png               pictures, their maps and confidences
      threads                  how many it was made with on a CPU, where there is more than one

Which network labels is settled before the first picture and stands in dataset.json, with what that rests on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.compute.device import choose_device
from synth.compute.progress import Progress
from synth.compute.spread import Carried
from synth.compute.threads import use_free_cores
from synth.dataset.carry import carry_plates, list_used
from synth.dataset.folder import INFO_FILE, read_info, refuse_other_kind
from synth.dataset.layers import LayerName
from synth.dataset.origin import LABEL_VERB, Step
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Figure
from synth.dataset.sample import Sample
from synth.dataset.store import DatasetWriter
from synth.errors import InputError
from synth.label.asker import CONFIDENCE, COUNTS, VOID_SHARE, Asker, AskingWorker, Told
from synth.label.class_table import ClassTable, read_class_table
from synth.label.describe import describe, to_config
from synth.label.labeller import Labeller, load_labellers
from synth.label.scores import Frame
from synth.label.settings import LabelSettings
from synth.label.sheet import write_label_sheet
from synth.label.truth import Truth, load_frame, open_truth
from synth.label.verdict import Verdict, reach_verdict, read_verdict
from synth.label.write import write_labelled
from synth.train.trained import find_weights

SHEET = "labels.png"

MOST_COMPARED = 200
"""Pictures without labels, evenly spread, on which several networks are held against each other."""

MakeProgress = Callable[[str, str], Progress]
"""A progress for a verb and the unit that it counts."""


@dataclass(frozen=True)
class Labelled:
    """What labelling left behind. n_kept: samples that keep the label map that people made. void_share: of
    the pixels of the others.
    """

    verdict: Verdict
    n_samples: int
    n_new: int
    n_kept: int
    void_share: float


def label(settings: LabelSettings, make_progress: MakeProgress) -> Labelled:
    """Label every picture that has no label map, or go on with that.

    Other layers, labels and splits are the dataset's own, and so are label maps that people made. Raises
    InputError for networks, tables and labelled pictures that do not go together, DatasetError for an ``out``
    that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples; the same call goes on.
    """
    data = settings.data
    refuse_other_kind(settings.out, data.info.kind)
    use_free_cores(choose_device(settings.device))
    table = ClassTable() if settings.table is None else read_class_table(settings.table)
    labellers = load_labellers(settings.runs, table, settings.device)
    wanted = labellers[0].semantic
    own = open_truth(data, table, wanted)
    truth = own if settings.truth is None else open_truth(settings.truth, table, wanted)
    table.refuse_unknown(_list_classes(labellers, own, truth))
    config = to_config(settings, labellers)
    verdict = _find_verdict(settings, config)
    if verdict is None:
        verdict = _judge(settings, labellers, truth, make_progress("compare", "pictures"))
    labeller = labellers[verdict.chosen]
    info = describe(settings, config, labellers, truth, verdict)
    progress = make_progress(LABEL_VERB, "pictures")
    with DatasetWriter.create_or_resume(settings.out, info) as writer:
        use_free_cores(choose_device(settings.device), settings.out)
        writer.add_models(data.meshes)
        carry_plates(writer, [data])
        done, kept = writer.done_names(), set() if own is None else {s.name for s in own.samples}
        todo = [sample for sample in settings.pictures if sample.name not in done]
        progress.begin(total=len(settings.pictures), done=len(settings.pictures) - len(todo))
        asker = Asker(data, settings.min_confidence, frozenset(kept))

        def hire(device: str) -> AskingWorker:
            network = Carried.of(find_weights(settings.runs[verdict.chosen]))
            return AskingWorker(asker, device, network, labeller.run, labeller.semantic, labeller.places)

        def write(sample: Sample, told: Told | None) -> None:
            if told is not None:
                _label(writer, settings, labeller, sample, told)
            elif own is not None:
                _keep(writer, own, sample)
            progress.accepted(sample.name)

        device = choose_device(settings.device)
        try:
            settings.spread.run(todo, partial(asker.ask, labeller), hire, write, device, progress)
        finally:
            progress.end()
    made = DatasetReader(settings.out)
    write_label_sheet(made, CONFIDENCE, settings.out / SHEET)
    void = [float(s.quality[VOID_SHARE]) for s in made if s.origin.is_pseudo_labelled]
    return Labelled(verdict, len(made), len(todo), len(made) - len(void), float(np.mean(void or [0.0])))


def _list_classes(labellers: Sequence[Labeller], *truths: Truth | None) -> Iterator[str]:
    """Of networks and of people's label maps, as they are called there."""
    for labeller in labellers:
        yield from labeller.names
    for truth in truths:
        if truth is not None and truth.dataset.info.semantic is not None:
            yield from truth.dataset.info.semantic.names


def _find_verdict(settings: LabelSettings, config: dict[str, Any]) -> Verdict | None:
    """What was settled when the dataset was begun; None where it was not, or was begun otherwise."""
    if not (settings.out / INFO_FILE).is_file():
        return None
    made_by = read_info(settings.out).made_by
    try:
        return read_verdict(made_by.figures) if made_by.config == config else None
    except ValueError:
        return None


def _judge(
    settings: LabelSettings, labellers: Sequence[Labeller], truth: Truth | None, progress: Progress
) -> Verdict:
    """Which network labels. Raises InputError where every picture of ``--truth`` was learnt."""
    fresh = None if truth is None else truth.without_learnt(labellers)
    n_learnt = 0 if truth is None or fresh is None else len(truth.samples) - len(fresh.samples)
    if settings.truth is not None and fresh is not None and not fresh.samples:
        raise InputError(
            f"all {n_learnt} labelled pictures of {settings.truth.root} taught or chose one of the networks: "
            "give others as --truth, as a score on those would flatter"
        )
    bare = [sample for sample in settings.pictures if "semantic" not in sample.layers]
    picks = np.unique(np.linspace(0, len(bare) - 1, min(MOST_COMPARED, len(bare))).round().astype(int))
    asked = [bare[i] for i in picks] if len(labellers) > 1 else []
    n_true = 0 if fresh is None else len(fresh.samples)
    progress.begin(total=n_true + len(asked), done=0)

    def tell(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield frame
            progress.advanced(1)

    try:
        return reach_verdict(
            labellers,
            labellers[0].semantic,
            tell(iter(()) if fresh is None else fresh.frames()),
            tell(load_frame(settings.data, sample) for sample in asked),
            n_learnt,
        )
    finally:
        progress.end()


def _label(
    writer: DatasetWriter, settings: LabelSettings, labeller: Labeller, sample: Sample, told: Told
) -> None:
    """Write one picture with what the network says of it."""
    step = Step(
        verb=LABEL_VERB,
        method=labeller.trained.settings.model,
        checkpoint_sha256=labeller.trained.sha256,
        params={"run": labeller.run, "min_confidence": settings.min_confidence},
    )
    _write(writer, settings.data, sample, told.ids, told.sure, step, told.quality)


def _keep(writer: DatasetWriter, own: Truth, sample: Sample) -> None:
    """Write one picture with the label map that people made of it, which is certain."""
    ids = own.load(sample)
    sure = np.where(ids == own.wanted.void, 0, COUNTS).astype(np.uint16)
    _write(writer, own.dataset, sample, ids, sure, Step(verb=LABEL_VERB), {})


def _write(
    writer: DatasetWriter,
    data: DatasetReader,
    sample: Sample,
    ids: NDArray[np.uint16],
    sure: NDArray[np.uint16],
    step: Step,
    quality: dict[str, Figure],
) -> None:
    assert writer.info.semantic is not None
    new: dict[LayerName, NDArray[Any]] = {
        "semantic": ids.astype(np.uint8) if writer.info.semantic.void == 255 else ids,
        "confidence": sure,
    }
    origin = sample.origin.then(step, data.as_parent(sample, *list_used(sample)))
    write_labelled(writer, data, sample, new, origin, quality)
