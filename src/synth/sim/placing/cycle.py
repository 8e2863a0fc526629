"""One cycle after another: a proposer learns, hard candidates are harvested, the target learns from them.

::

    learn     the proposer, against the target as it stands; chance skips this
    harvest   candidates are drawn and scored; those that the target is wrong enough about are kept
    compose   what was kept, at full size
    train     the target, from real pictures and from everything kept so far
    discern   the discriminator, if there is one, from the same pictures
    score     everything kept, again, by the target as it stands now

What a step draws depends on seed, cycle, phase and step alone, and a state is written on the way: a run that
is stopped goes on from there and ends where an undisturbed one does.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np

from synth.compute.checkpoint import load_state, save_state
from synth.compute.progress import Progress
from synth.compute.seeding import step_seed
from synth.dataset.record import Split
from synth.errors import InputError
from synth.sim.placing.cache import UNFAIR, Cache, Candidate, Verdict
from synth.sim.placing.cycle_settings import CycleFigures, CycleSettings, NothingHard
from synth.sim.placing.material import Batch, Material, Tried, lay, try_out
from synth.sim.placing.players import Proposer, Pupil

STATE_FILE = "state.pt"
PHASES = {
    "learn": "batches",
    "harvest": "kept",
    "compose": "pictures",
    "train": "steps",
    "discern": "batches",
    "score": "pictures",
}
"""And what is counted in each."""

_SAVED_EVERY_S = 20.0


OnStep = Callable[[str, int, int], None]
MakeProgress = Callable[[str, str], Progress]


def run_cycles(
    material: Material,
    proposer: Proposer,
    pupil: Pupil,
    settings: CycleSettings,
    folder: Path,
    progress: MakeProgress,
    *,
    on_step: OnStep = lambda _phase, _cycle, _step: None,
    saved_every_s: float = _SAVED_EVERY_S,
) -> list[CycleFigures]:
    """Run all cycles in a folder, or go on there; the figures of each. What was kept stands in its `Cache`.

    progress: makes what tells of a phase, by its name and what is counted. on_step: told of phase, cycle and
    step, after each. Raises NothingHard where no train candidate could be kept in the first cycle,
    InputError, TrainingDiverged, StorageError.
    """
    run = _Run(material, proposer, pupil, settings, folder, on_step, saved_every_s)
    while run.cycle <= settings.n_cycles:
        run.run_phase(progress)
    return run.figures[:-1]


class _Run:
    """Where it stands: cycle, phase, and steps of it that are done."""

    def __init__(
        self,
        material: Material,
        proposer: Proposer,
        pupil: Pupil,
        settings: CycleSettings,
        folder: Path,
        on_step: OnStep,
        saved_every_s: float,
    ) -> None:
        self._material, self._proposer, self._pupil = material, proposer, pupil
        self._settings, self._file = settings, folder / STATE_FILE
        self._on_step, self._every_s = on_step, saved_every_s
        self._cache = Cache(folder)
        self.cycle, self._phase, self._step = 1, 0, 0
        self.figures = [CycleFigures(1)]
        self._n_drawn: Counter[Split] = Counter()
        self._n_kept: Counter[tuple[Split, str]] = Counter()
        self._restore()
        self._saved = time.monotonic()

    def run_phase(self, progress: MakeProgress) -> None:
        """The rest of the phase at which it stands."""
        name = list(PHASES)[self._phase]
        count, run = {
            "learn": (self._count_learn, self._learn),
            "harvest": (self._count_harvest, self._harvest),
            "compose": (self._count_compose, self._compose),
            "train": (self._count_train, self._train),
            "discern": (self._count_discern, self._discern),
            "score": (self._count_score, self._score),
        }[name]
        if total := count():
            bar = progress(f"cycle {self.cycle}/{self._settings.n_cycles} {name}", PHASES[name])
            bar.begin(total=total, done=self._done(name))
            try:
                run(bar)
            finally:
                bar.end()
        self._phase, self._step = self._phase + 1, 0
        if self._phase == len(PHASES):
            self.cycle, self._phase = self.cycle + 1, 0
            self.figures.append(CycleFigures(self.cycle))
            self._n_drawn.clear()
        self._save()

    # Each phase: how much it is, 0 to leave it out, and its steps.

    def _count_learn(self) -> int:
        return self._settings.n_learn if self._proposer.learns else 0

    def _learn(self, bar: Progress) -> None:
        keeps = self._settings.keep_learnt
        while self._step < self._settings.n_learn and not (keeps and self._is_full("train")):
            began, (batch, seed) = time.perf_counter(), self._draw("train", self._step)
            tried, losses = self._proposer.learn(batch, self._material, self._pupil.target, seed)
            if keeps:
                self._judge("train", batch, tried, began)
            else:
                self.figures[-1].n_shown += len(batch)
            self._note(losses)
            self._advance("learn", bar, 1, began)

    def _count_harvest(self) -> int:
        return sum(map(self._quota, self._settings.quotas))

    def _harvest(self, bar: Progress) -> None:
        for split in self._settings.quotas:
            while self._n_drawn[split] < self._settings.n_harvest and not self._is_full(split):
                began, (batch, seed) = time.perf_counter(), self._draw(split, self._step)
                unit = self._proposer.propose(batch, seed)
                tried = try_out(self._material, self._pupil.target, batch, unit)
                self._n_drawn[split] += 1
                n_new = self._judge(split, batch, tried, began)
                self._advance("harvest", bar, n_new, began)
        if not self._taught:
            raise NothingHard(self._say_none())

    def _count_compose(self) -> int:
        return len(self._taught)

    def _compose(self, bar: Progress) -> None:
        began = time.perf_counter()
        self._pupil.compose(self._taught, self._tell("compose", bar))
        self._spend("compose", began)

    def _count_train(self) -> int:
        return self._pupil.count_steps(len(self._taught))

    def _train(self, bar: Progress) -> None:
        began = time.perf_counter()
        tell = self._tell("train", bar)
        self.figures[-1].target = self._pupil.learn(self._taught, self.cycle, tell)
        self._pupil.save(self.cycle)
        self._spend("train", began)

    def _count_discern(self) -> int:
        n_batches = self._settings.n_discern * len(self._taught) / self._settings.batch_size
        return ceil(n_batches) if self._proposer.discerns else 0

    def _discern(self, bar: Progress) -> None:
        for step in range(self._step, self._count_discern()):
            began = time.perf_counter()
            rng = np.random.default_rng(self._seed(step))
            rows = rng.integers(len(self._taught), size=self._settings.batch_size)
            batch, unit = self._load([self._taught[row] for row in rows])
            made, _ = lay(self._material, batch, unit)
            real = self._material.load_real(len(rows), rng)
            self._note(self._proposer.discern(real, made.images))
            self._advance("discern", bar, 1, began)

    def _count_score(self) -> int:
        return len(self._cache.kept)

    def _score(self, bar: Progress) -> None:
        began, kept, size = time.perf_counter(), self._cache.kept, self._settings.batch_size
        found: dict[int, float] = {}
        for i in range(0, len(kept), size):
            part = kept[i : i + size]
            batch, unit = self._load(part)
            hardness = try_out(self._material, self._pupil.target, batch, unit).hardness
            found |= zip((c.number for c in part), hardness.tolist(), strict=True)
            bar.advanced(len(part))
            self._on_step("score", self.cycle, i + len(part))
        self._cache.score(self.cycle, found)
        self._spend("score", began)

    # What candidates come to.

    def _judge(self, split: Split, batch: Batch, tried: Tried, began: float) -> int:
        """Log a batch of candidates; how many of them are kept."""
        edges = tried.pasted.boxes_xyxy_px
        sides_px, visible = (edges[..., 2:] - edges[..., :2]).amin(dim=-1), tried.pasted.visible
        hardness, seconds = tried.hardness.tolist(), (time.perf_counter() - began) / len(batch)
        if not all(map(isfinite, hardness)):
            raise InputError("the target answers with what is no number: give a run whose training went well")
        candidates = []
        for i, key in enumerate(batch.keys):
            there = batch.there[i]
            unit = tuple(map(tuple, tried.unit[i][there].tolist()))
            placements, kind = self._material.place(key, unit), self._kind(key)
            seen = tuple(visible[i][there].tolist())
            sides = sides_px[i][there].tolist()
            verdict: Verdict | None = self._material.find_unfair(key, placements, sides, seen)
            detail = "" if verdict is None else UNFAIR[verdict]  # type: ignore[index]
            if verdict is None and hardness[i] < self._settings.hard_at:
                verdict = "easy"
            elif verdict is None and hardness[i] > self._settings.hard_to:
                verdict = "harder"
            elif verdict is None and self._n_kept[split, kind] >= self._quota(split):
                verdict = "enough"
            elif verdict is None and (fault := self._material.find_fault(key, placements)):
                verdict, detail = "refused", fault
            elif verdict is None:
                verdict = "hard"
                self._n_kept[split, kind] += 1
            number = len(self._cache) + i
            candidates.append(
                Candidate(
                    number,
                    self.cycle,
                    split,
                    key,
                    unit,
                    placements,
                    seen,
                    hardness[i],
                    verdict,
                    detail,
                    seconds,
                )
            )
        self._cache.add(candidates)
        figures, n_kept = self.figures[-1], sum(c.is_kept for c in candidates)
        figures.n_tried += len(candidates)
        figures.n_unfair += sum(c.verdict in UNFAIR for c in candidates)
        figures.n_kept += n_kept
        return n_kept

    def _is_full(self, split: Split) -> bool:
        return all(self._n_kept[split, kind] >= self._quota(split) for kind in self._settings.kinds or ("",))

    def _quota(self, split: Split) -> int:
        return self._settings.quota(split, self.cycle)

    def _kind(self, key: Any) -> str:
        return self._material.kind_of(key) if self._settings.kinds else ""

    @property
    def _taught(self) -> list[Candidate]:
        return [candidate for candidate in self._cache.kept if candidate.split == "train"]

    def _say_none(self) -> str:
        fair, unfair = (
            sum(c.split == "train" for c in found) for found in (self._cache.fair, self._cache.unfair)
        )
        return (
            f"none of {fair + unfair} train candidates was hard enough ({self._settings.hard_at:g}; {unfair} "
            "were unfair): "
            + (
                "lay fewer --max-parts, scale them within what train boxes show, or lower --min-visible"
                if unfair > fair
                else "lower --hard-at, let parts go further (--scale, --turn, --gain), or give a target that "
                "knows less"
            )
        )

    # Chance, and what a run goes on from.

    def _seed(self, step: int) -> int:
        return step_seed(self._settings.seed, 100 * self.cycle + self._phase, step)

    def _draw(self, split: Split, step: int) -> tuple[Batch, int]:
        seed = self._seed(step)
        keys = self._material.draw(split, self._settings.batch_size, np.random.default_rng(seed))
        return self._material.load(keys), seed

    def _load(self, candidates: list[Candidate]) -> tuple[Batch, Any]:
        """Some logged ones, as they were tried."""
        batch = self._material.load([candidate.key for candidate in candidates])
        unit = batch.cutouts.new_zeros((*batch.there.shape, 9))
        for row, candidate in zip(unit, candidates, strict=True):
            row[: len(candidate.unit)] = row.new_tensor(candidate.unit)
        return batch, unit

    def _done(self, phase: str) -> int:
        return sum(self._n_kept.values()) if phase == "harvest" else self._step

    def _note(self, values: Mapping[str, float]) -> None:
        """Into the means of this cycle."""
        means, counts = self.figures[-1].proposer, self.figures[-1].n_steps
        for name, value in values.items():
            counts[name] = counts.get(name, 0) + 1
            means[name] = means.get(name, 0.0) + (value - means.get(name, 0.0)) / counts[name]

    def _advance(self, phase: str, bar: Progress, n: int, began: float) -> None:
        self._step += 1
        self._spend(phase, began)
        bar.advanced(n)
        if time.monotonic() - self._saved >= self._every_s:
            self._save()
        self._on_step(phase, self.cycle, self._step)

    def _tell(self, phase: str, bar: Progress) -> Callable[[int], None]:
        """Takes how far a phase is that counts by itself."""
        told = 0

        def tell(n: int) -> None:
            nonlocal told
            bar.advanced(n - told)
            told = n
            self._on_step(phase, self.cycle, n)

        return tell

    def _spend(self, phase: str, began: float) -> None:
        seconds = self.figures[-1].seconds
        seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - began

    def _save(self) -> None:
        state = {
            "cycle": self.cycle,
            "phase": self._phase,
            "step": self._step,
            "quotas": dict(self._settings.quotas),
            "lengths": self._cache.lengths(),
            "n_drawn": dict(self._n_drawn),
            "figures": [asdict(one) for one in self.figures],
            "proposer": self._proposer.state_dict(),
        }
        save_state(self._file, state)
        self._saved = time.monotonic()

    def _restore(self) -> None:
        if not self._file.is_file():
            self._cache.cut_back([0, 0])
            return
        try:
            state = load_state(self._file)
            self.cycle, self._phase, self._step = state["cycle"], state["phase"], state["step"]
            self.figures = [CycleFigures(**one) for one in state["figures"]]
            self._n_drawn = Counter(state["n_drawn"])
            self._proposer.load_state_dict(state["proposer"])
            self._cache.cut_back(state["lengths"])
            quotas = state["quotas"]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{self._file} is not the state of such a run: choose another folder") from error
        if self.cycle <= self._settings.n_cycles and quotas != dict(self._settings.quotas):
            raise InputError(
                f"{self._file.parent} was begun for {sum(quotas.values())} pictures: go on with as many, or "
                "choose another folder"
            )
        self._n_kept = Counter((c.split, self._kind(c.key)) for c in self._cache.kept)
        trained = self._phase > list(PHASES).index("train")
        self._pupil.load(self.cycle if trained else self.cycle - 1)
