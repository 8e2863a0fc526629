"""A translator applied to a whole dataset: frames, crops and, of each frame, what it did to labels."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
from pydantic import JsonValue

from synth.compute.progress import Progress
from synth.compute.spread import HERE, Carried, Spread
from synth.compute.versions import list_versions
from synth.dataset.folder import refuse_other_kind
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.origin import Reading, Step
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Rejection, Sample
from synth.dataset.store import DatasetWriter
from synth.gan.class_witness import ClassWitness
from synth.gan.crops import SEAM_LIMIT_COUNTS
from synth.gan.judged_frame import JudgedFrame, JudgingDesk, TranslatingWorker
from synth.gan.keep import describe_translated, keep
from synth.gan.methods.method import Identity, InstanceTranslator, Translator
from synth.witness.drift import DriftLimits
from synth.witness.drift_figure import Panel, draw_drift
from synth.witness.drift_log import DriftLog
from synth.witness.witness import Witness

_PACKAGES = ("synth-robotics", "numpy", "opencv-python", "torch")


@dataclass(frozen=True)
class Applied:
    """What applying left behind: samples in all, new ones, seconds a frame.

    refused: how many frames in all by cause, the commonest first; a frame with several counts as its gravest.
    """

    n_samples: int
    refused: Mapping[str, int]
    n_new: int
    seconds_per_image: float

    @property
    def n_refused(self) -> int:
        """Of all causes."""
        return sum(self.refused.values())


def apply(
    translator: Translator,
    dataset: DatasetReader,
    out: Path,
    witness: Witness,
    limits: DriftLimits,
    progress: Progress,
    *,
    parents: Sequence[DatasetReader],
    readings: Sequence[Reading],
    class_witness: ClassWitness | None = None,
    figures: Mapping[str, JsonValue] = MappingProxyType({}),
    spread: Spread = HERE,
    device: torch.device,
) -> Applied:
    """Translate every frame of a dataset into another, or go on with it.

    Labels, masks, depth and splits are that dataset's; crops are cut from the translated frame. A frame whose
    labels moved beyond ``limits``, or that shows artefacts, goes to rejected/ with its figures; every part's
    figures stand in drift.jsonl, and as histograms in drift.png. parents: every dataset that the translator
    has seen. readings: the samples that trained and chose it. class_witness: who must still tell the class of
    every part that it told before; None to ask nobody. figures: of the translated set as a whole. spread:
    where frames are translated. device: of the networks. Raises DatasetError when the folder was made
    otherwise, StorageError when the disk refuses.
    """
    refuse_other_kind(out, "translated")
    info = _describe(
        translator,
        dataset,
        limits,
        parents,
        readings,
        has_class_witness=class_witness is not None,
        figures=figures,
    )
    seconds = 0.0
    log = DriftLog(out / "drift.jsonl")
    with DatasetWriter.create_or_resume(out, info) as writer:
        writer.add_models(dataset.meshes)
        done = writer.done_names() | {r.name for r in writer.rejections if r.name}
        todo = [s for s in dataset.samples if s.name not in done]
        progress.begin(total=len(dataset), done=len(dataset) - len(todo))
        desk = JudgingDesk(dataset, limits)
        make = partial(desk.translate, translator, witness, class_witness)

        def hire(device: str) -> TranslatingWorker:
            watches = None if class_witness is None else Carried.by(class_witness.save)
            identity, file = translator.identity, Carried.by(translator.save)
            return TranslatingWorker(desk, device, identity, file, Carried.by(witness.save), watches)

        def write(sample: Sample, frame: JudgedFrame) -> None:
            nonlocal seconds
            seconds += frame.seconds
            log.add(sample.name, frame.drift)
            _write(writer, dataset, sample, frame, translator.identity, progress)

        try:
            spread.run(todo, make, hire, write, device, progress)
        finally:
            progress.end()
        draw_drift(
            log.frames,
            limits,
            witness.error,
            witness.sway,
            out / "drift.png",
            _list_gates([*writer.samples, *writer.rejections]),
            len(writer.rejections),
        )
        refused = dict(Counter(r.reason for r in writer.rejections).most_common())
        return Applied(len(writer.samples), refused, len(todo), seconds / max(len(todo), 1))


def _list_gates(frames: Sequence[Sample | Rejection]) -> list[Panel]:
    """What else frames may be refused for, where instances were translated: each frame's seam, and how sure
    the class of its least readable part is.
    """
    found = {
        name: [float(value) for frame in frames if (value := frame.quality.get(name)) is not None]
        for name in ("seam_counts", "class_sure", "class_lost")
    }
    n_lost = sum(n > 0 for n in found["class_lost"])
    panels = (
        Panel("Seam", "largest in a frame, counts of change", found["seam_counts"], SEAM_LIMIT_COUNTS),
        Panel(
            f"Class, by the frozen classifier: lost in {n_lost}",
            "sure of its least readable part",
            found["class_sure"],
        ),
    )
    return [panel for panel in panels if panel.values]


def _write(
    writer: DatasetWriter,
    dataset: DatasetReader,
    sample: Sample,
    frame: JudgedFrame,
    identity: Identity,
    progress: Progress,
) -> None:
    translated, reasons, quality = frame.translated, frame.reasons, frame.quality
    timing = {"translate_s": frame.seconds}
    if reasons:
        detail = "; ".join(r.detail for r in reasons)
        writer.add_rejected(
            reason=reasons[0].short,
            detail=detail,
            name=sample.name,
            split=sample.split,
            rgb_u8=translated.rgb_u8,
            quality=dict(quality),
            timing=timing,
        )
        progress.left_out(sample.name, detail)
        return
    step = Step(
        verb="translate",
        method=identity.method,
        checkpoint_sha256=identity.sha256,
        params={"direction": identity.direction},
    )
    is_whole = translated.share_u8 is None
    steps = (
        [step] if is_whole else [step.model_copy(update={"region": i}) for i in range(len(sample.instances))]
    )
    keep(
        writer,
        dataset,
        sample,
        translated.rgb_u8,
        steps,
        share_u8=translated.share_u8,
        quality=quality,
        timing=timing,
    )
    progress.accepted(sample.name)


def _describe(
    translator: Translator,
    dataset: DatasetReader,
    limits: DriftLimits,
    parents: Sequence[DatasetReader],
    readings: Sequence[Reading],
    *,
    has_class_witness: bool,
    figures: Mapping[str, JsonValue],
) -> DatasetInfo:
    """dataset.json: what a resumed run must share is in ``made_by.config``."""
    config: dict[str, JsonValue] = {
        "method": translator.identity.method,
        "direction": translator.identity.direction,
        "checkpoint_sha256": translator.identity.sha256,
        "source": {
            "dataset": dataset.name,
            "samples": len(dataset),
            "sha256": dataset.digest(),
        },
        "drift_limits": asdict(limits),
    }
    if isinstance(translator, InstanceTranslator):
        config["seam_limit_counts"] = SEAM_LIMIT_COUNTS
        config["class_witness"] = has_class_witness
    return describe_translated(
        dataset,
        MadeBy(
            verb="translate",
            config=config,
            versions=list_versions(_PACKAGES),
            parents=tuple(dict.fromkeys(d.name for d in (dataset, *parents))),
            readings=(
                *dataset.info.made_by.readings,
                *(r.model_copy(update={"checkpoint_sha256": translator.identity.sha256}) for r in readings),
            ),
            simulated=any(d.info.made_by.simulated for d in (dataset, *parents)),
            figures=dict(figures),
        ),
    )
