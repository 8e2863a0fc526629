"""What becomes of one translated frame and of its labels; in this process, or by an engine's worker."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from synth.compute.device import choose_device
from synth.compute.spread import Carried
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Figure
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Sample
from synth.gan.class_witness import ClassWitness, load_class_witness
from synth.gan.crop_translator import translate_sample
from synth.gan.crops import SEAM_LIMIT_COUNTS
from synth.gan.keep import list_figures
from synth.gan.methods import METHODS
from synth.gan.methods.method import Identity, Rgb, Translated, Translator
from synth.gan.sample_layers import SampleLayers
from synth.witness.drift import DriftLimits, FrameDrift, Reason, measure_drift
from synth.witness.witness import Witness, load_witness


@dataclass(frozen=True, eq=False)
class JudgedFrame:
    """One translated frame. reasons: why it is refused; none where it is kept. seconds: of translating it."""

    translated: Translated
    seconds: float
    drift: FrameDrift
    reasons: Sequence[Reason]
    quality: dict[str, Figure]


@dataclass(frozen=True, eq=False)
class JudgingDesk:
    """Frames of a dataset are translated and judged on it."""

    dataset: DatasetReader
    limits: DriftLimits

    def translate(
        self, translator: Translator, witness: Witness, class_witness: ClassWitness | None, sample: Sample
    ) -> JudgedFrame:
        """The frame of one sample."""
        rgb_u8, layers = self.dataset.load_rgb(sample), SampleLayers(self.dataset, sample)
        began = time.perf_counter()
        translated = translate_sample(translator, sample, rgb_u8, layers)
        seconds = time.perf_counter() - began
        drift = measure_drift(
            rgb_u8, translated.rgb_u8, layers.get("mask"), sample.instances, witness, translated.artefacts
        )
        lost: list[Reason] = []
        told: dict[str, Figure] = {}
        if class_witness is not None:
            lost, told = judge_classes(class_witness, sample, rgb_u8, translated.rgb_u8)
        reasons = [*drift.verdict(self.limits), *lost, *_refuse_seams(translated)]
        quality = list_figures(sample, drift) | told | list_seams(translated)
        return JudgedFrame(translated, seconds, drift, reasons, quality)


@dataclass(frozen=True, eq=False)
class TranslatingWorker:
    """A worker for an engine. translator, witness, class_witness: their files; None for nobody."""

    desk: JudgingDesk
    device: str
    identity: Identity
    translator: Carried
    witness: Carried
    class_witness: Carried | None

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Sample], JudgedFrame]]:
        """Load who translates and who looks on."""
        device, identity = choose_device(self.device), self.identity
        with self.translator.laid_down() as path:
            translator = METHODS[identity.method]().load(path, identity.direction, device)
        with self.witness.laid_down() as path:
            witness = load_witness(path, device)
        watches = None
        if self.class_witness is not None:
            with self.class_witness.laid_down() as path:
                watches = load_class_witness(path, device)
        yield partial(self.desk.translate, translator, witness, watches)


def judge_classes(
    witness: ClassWitness, sample: Sample, before_u8: Rgb, after_u8: Rgb
) -> tuple[list[Reason], dict[str, Figure]]:
    """Parts whose class a witness tells in the source [H,W,3] and no longer in the translation.

    And for the ``quality``: ``class_lost``, how many; ``class_sure``, how likely the least readable part is
    still taken for what it is. Parts of classes that the witness never learnt are not judged.
    """
    parts = [
        (i, part)
        for i, part in enumerate(sample.instances)
        if part.visib_fract >= MIN_VISIBLE_FOR_LABEL and part.class_name in witness.classes
    ]
    boxes = [part.box_xyxy_px for _, part in parts]
    lost, sure = [], []
    for (i, part), *seen in zip(
        parts, witness.read(before_u8, boxes), witness.read(after_u8, boxes), strict=True
    ):
        before, after = (max(shares, key=shares.__getitem__) for shares in seen)
        sure.append(seen[1][part.class_name])
        if before == part.class_name != after:
            told = f"part {i}: it was read as {part.class_name}, which it is, and is now as {after}"
            lost.append(Reason("class lost", told))
    figures: dict[str, Figure] = {"class_lost": len(lost)}
    return lost, figures | ({"class_sure": round(min(sure), 3)} if sure else {})


def _refuse_seams(translated: Translated) -> list[Reason]:
    return [
        Reason(
            "seam",
            f"part {i}: where it fades into the frame, {seam:.1f} counts of change are left, at most "
            f"{SEAM_LIMIT_COUNTS:g} may be",
        )
        for i, seam in enumerate(translated.seams_counts)
        if seam is not None and seam > SEAM_LIMIT_COUNTS
    ]


def list_seams(translated: Translated) -> dict[str, Figure]:
    """For the ``quality``: ``seam_counts``, the largest, ``seams_unmeasured``, how many cannot be."""
    seen = [seam for seam in translated.seams_counts if seam is not None]
    n_unmeasured = len(translated.seams_counts) - len(seen)
    figures: dict[str, Figure] = {"seam_counts": round(max(seen), 2)} if seen else {}
    return figures | ({"seams_unmeasured": n_unmeasured} if n_unmeasured else {})
