"""The phases of a sweep that compute: tokenizers, encoders, trials, test sets."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.runtime.cluster.allotment import JobSpec
from dnasweep.runtime.cluster.placement import Resources
from dnasweep.runtime.training import trials
from dnasweep.runtime.training.failures import describe_error, is_lost, lost
from dnasweep.runtime.training.progress_actor import Display, hang_reports, make_progress_actor
from dnasweep.runtime.training.schedulers import Halving
from dnasweep.runtime.training.shared import (
    build_corpora,
    build_encoders,
    build_tables,
    evaluate_on_tests,
)
from dnasweep.stages.outcome import CHECKPOINT, StageOutcome, find_outcome
from dnasweep.stages.plan import SweepPlan, make_plan
from dnasweep.stages.pmi_specs import PmiSpec
from dnasweep.stages.recipe import Cell
from dnasweep.stages.row_lengths import check_checkpoints, check_encoders, check_tokens
from dnasweep.stages.scores import find_scores
from dnasweep.stages.shots import SHOTS
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec, TokenizerSpec
from dnasweep.storage import is_full_disk
from dnasweep.sweeps.outcome import report_failures
from dnasweep.sweeps.request import Sweep
from dnasweep.tasks.metrics import full_name
from dnasweep.workflows.announce import encoder_name, tokenizer_name
from dnasweep.workflows.sweep_records import Records
from dnasweep.workflows.sweep_state import SweepState
from dnasweep.workflows.workplace import Workplace


class Phases:
    """Runs what is missing and records all of it.

    Parameters
    ----------
    sweep
        What to run.
    records
        Where it is recorded.
    connect
        Joins or starts a cluster; called only when there is something to compute.
    """

    def __init__(self, sweep: Sweep, records: Records, connect: Callable[[], Resources]) -> None:
        self._sweep, self._records = sweep, records
        self._workplace = Workplace(sweep, connect)
        self._recorded: set[str] = set()
        self._memory: SweepState
        self.importance: dict[str, float] | None = None

    def train(self) -> SweepPlan:
        """Train the grid, or search it, and return the cells that were tried."""
        self._memory = SweepState(self._sweep)
        plan = self._search() if self._sweep.options.search == "optuna" else self._grid()
        for spec in plan.classifiers:
            if evaluation := self._memory.course.last(spec.key):
                self._sweep.last_seen[spec.key] = evaluation
        for encoder in plan.encoders:
            self._record_encoder(encoder, find_outcome(self._sweep.storage, encoder))
        for cell, spec in zip(plan.cells, plan.classifiers, strict=True):
            self._record_trial(cell, spec)
        report_failures(self._sweep, plan)
        return plan

    def pretrain(self) -> tuple[EncoderSpec, ...]:
        """Pretrain every encoder of the grid, and return them."""
        plan = self._sweep.plan
        missing = [s for s in plan.encoders if self._absent(s)]
        if missing:
            self._build_corpora(plan)
            self._build_encoders(plan)
        for spec in plan.encoders:
            self._record_encoder(spec, find_outcome(self._sweep.storage, spec))
        return plan.encoders

    def evaluate_on_tests(self, specs: Sequence[ClassifierSpec]) -> None:
        """Open the test set for chosen trials that have not been tested yet."""
        missing = [spec for spec in specs if find_scores(self._sweep.storage, spec) is None]
        if missing:
            with self._showing("opening the test set", len(missing)) as (job, display):
                evaluate_on_tests(missing, job, done=display.count)

    def keep_whole(self, specs: Sequence[ClassifierSpec]) -> None:
        """Have trials trained again whose weights turn out to be damaged."""
        damaged = [spec for spec in specs if self._sweep.storage.find(spec.kind, spec.key) is None]
        if damaged:
            with self._showing("training again", len(damaged)) as (job, display):
                evaluate_on_tests(damaged, job, done=display.count)

    def _grid(self) -> SweepPlan:
        plan = self._sweep.plan
        missing = plan.missing(self._sweep.storage)
        if (rungs := self._memory.rungs) is not None:
            # In an order that has nothing to do with how good the trials are.
            missing = missing.without(rungs.stopped).shuffled()
        if missing.cells:
            self._build_corpora(missing)
            self._build_encoders(missing)
            self._run_trials(
                trials.grid_space(missing.cells),
                len(missing.cells),
                scheduler=self._scheduler,
            )
        return plan

    def _search(self) -> SweepPlan:
        sweep, options = self._sweep, self._sweep.options
        study, rungs = self._memory.study(), self._memory.rungs
        sweep.console.print(f"[dim]Optuna study {study.name} in {escape(study.url)}[/]")
        remaining = study.remaining(options.num_samples)
        if remaining:
            self._build_corpora(sweep.plan)
            if sweep.plan.starts_alike:
                # Whatever is tried needs it; of several, a search may never ask for some.
                self._build_encoders(sweep.plan)
            self._run_trials(
                {},
                remaining,
                searcher=study.searcher(rungs.stopped if rungs else ()),
                scheduler=self._scheduler,
                num_samples=remaining,
            )
        self.importance = study.importance()
        tried = set(map(sweep.recipe.canonical, study.tried()))
        return make_plan(sweep.recipe, [cell for cell in sweep.plan.cells if cell in tried])

    @property
    def _scheduler(self) -> Halving | None:
        return None if self._memory.rungs is None else Halving(self._memory.rungs)

    def _build_corpora(self, plan: SweepPlan) -> None:
        sweep = self._sweep
        missing = [
            spec
            for spec in plan.corpora
            if not sweep.storage.exists(spec.corpus_kind, spec.corpus_key)
        ]
        if missing:
            with self._showing("tokenizing", len(missing)) as (job, display):

                def done(spec: TokenizerSpec) -> None:
                    display.advance(f"tokenizer {escape(tokenizer_name(spec))}")

                build_corpora(missing, job, done=done)
        if sweep.recipe.model.windows == "none":
            check_tokens(sweep.storage, plan.corpora, sweep.recipe.model.max_tokens)
            check_encoders(sweep.storage, plan.classifiers)
            check_checkpoints(sweep.storage, plan.classifiers)

    def _build_tables(self, plan: SweepPlan) -> None:
        storage = self._sweep.storage
        missing = [spec for spec in plan.tables if not storage.exists(spec.kind, spec.key)]
        if missing:
            with self._showing("counting words", len(missing)) as (job, display):

                def done(spec: PmiSpec) -> None:
                    display.advance(f"PMI table {spec.key}")

                build_tables(missing, job, done=done)

    def _build_encoders(self, plan: SweepPlan) -> None:
        specs = [spec for spec in plan.encoders if self._absent(spec)]
        if not specs:
            return
        self._build_tables(plan)
        with self._showing("pretraining", len(specs)) as (job, display):

            def done(spec: EncoderSpec, outcome: StageOutcome) -> None:
                self._record_encoder(spec, outcome)
                bits = outcome.best["metrics"].get("validation/bits_per_base", float("nan"))
                display.advance(
                    f"encoder {escape(encoder_name(self._sweep, spec))}: {bits:.3f} bits per base "
                    f"(Markov chain {outcome.facts['markov_bits_per_base']:.3f}), "
                    f"{outcome.device_seconds:.0f} s"
                )

            build_encoders(
                specs,
                job,
                room=self._workplace.room(job, len(specs)),
                name=lambda spec: encoder_name(self._sweep, spec),
                done=done,
            )

    def _run_trials(self, space: dict[str, Any], number: int, **how: Any) -> None:
        sweep = self._sweep
        with self._showing("fine-tuning", number) as (job, display):

            def hear(heard: trials.TrialEvent) -> None:
                spec = sweep.plan.spec(heard.cell)
                self._records.start(heard.cell, spec)
                if heard.point is not None and self._memory.course.add(heard.point):
                    self._records.evaluation(spec, heard.point.evaluation)
                if heard.failed:
                    display.advance(f"{escape(heard.cell.label)}: [red]failed[/]")
                if heard.finished:
                    display.advance(self._record_trial(heard.cell, spec))

            with self._memory.kept():
                results = trials.run_trials(
                    space=space,
                    recipe=sweep.recipe,
                    job=job,
                    metric=self._metric,
                    hear=hear,
                    room=self._workplace.room(job, number),
                    name=sweep.key,
                    **how,
                )
            hangs = hang_reports(job.progress_actor)
        for cell, error in trials.failures(results).items():
            spec = sweep.plan.spec(cell)
            if is_lost(error):
                error = lost(error, hang=(hangs.get(spec.key) or [""])[-1])
            sweep.errors[spec.key] = describe_error(error)
            if isinstance(error, InputError) or is_full_disk(error):
                # Something to mend and go on from, before the test set is opened for less than
                # was asked for.
                self._record_trial(cell, spec)
                raise error

    def _absent(self, spec: EncoderSpec) -> bool:
        return not self._sweep.storage.exists(spec.kind, spec.key)

    def _record_encoder(self, spec: EncoderSpec, outcome: StageOutcome | None) -> None:
        if outcome is not None and spec.key not in self._recorded:
            self._recorded.add(spec.key)
            self._records.encoder(spec, encoder_name(self._sweep, spec), outcome)

    def _record_trial(self, cell: Cell, spec: ClassifierSpec) -> str:
        """Record the end of a trial once, and return it in words."""
        storage = self._sweep.storage
        outcome, error = find_outcome(storage, spec), self._sweep.errors.get(spec.key)
        if spec.key not in self._recorded:
            self._recorded.add(spec.key)
            self._records.start(cell, spec)
            for point in self._memory.inherited.get(spec.key, ()):
                self._records.evaluation(spec, point.evaluation)
            checkpoint = storage.uri_of(spec.kind, spec.key, CHECKPOINT) if outcome else None
            self._records.finish(cell, spec, outcome, checkpoint=checkpoint, error=error)
            if spec.shots is not None and (shots := storage.file(spec.kind, spec.key, SHOTS)):
                self._records.tracker.artifact(spec.key, shots)
        label = escape(cell.label)
        if outcome is None:
            return f"{label}: [yellow]stopped early[/]"
        if outcome.outcome not in ("completed", "stopped"):
            return f"{label}: [yellow]{outcome.outcome}[/] ({escape(outcome.reason)})"
        value, name = outcome.best["metrics"].get(self._metric), self._metric
        if value is None:
            value, name = outcome.best["train_loss"], "training loss"
        return f"{label}: {name} {value:.3f}, {outcome.device_seconds:.0f} s"

    @property
    def _metric(self) -> str:
        return full_name(self._sweep.options.metric)

    @contextlib.contextmanager
    def _showing(self, title: str, number: int) -> Iterator[tuple[JobSpec, Display]]:
        """Yield the job spec of a phase of `number` parts, and draw its progress meanwhile."""
        job = self._workplace.job_spec(number)
        progress_actor = make_progress_actor()
        with Display(self._sweep.console, progress_actor, title, number).running() as display:
            yield dataclasses.replace(job, progress_actor=progress_actor), display
