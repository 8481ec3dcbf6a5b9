"""The phases of a sweep: tokenizers, encoders, trials, evaluation on test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from dnasweep.errors import InputError, is_full_disk
from dnasweep.stages.dataset import SHOTS
from dnasweep.stages.outcome import CHECKPOINT, StageOutcome, find_outcome
from dnasweep.stages.plan import SweepPlan, make_plan
from dnasweep.stages.pmi import obtain_table
from dnasweep.stages.recipe import Cell
from dnasweep.stages.scores import evaluate_on_test, find_scores
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec, PmiSpec, TokenizerSpec
from dnasweep.stages.tokens import obtain_corpus
from dnasweep.sweeps.executor import Executor, Failures, Phase, TrialEvent
from dnasweep.sweeps.lengths import check_lengths
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.results import report_failures
from dnasweep.sweeps.shares import share
from dnasweep.tasks.metrics import full_name
from dnasweep.workflows.announce import encoder_name, tokenizer_name
from dnasweep.workflows.sweep_records import Records
from dnasweep.workflows.sweep_state import SweepState

if TYPE_CHECKING:
    from dnasweep.runtime.training.search import Study


class Phases:
    """Computes everything that is missing with an executor, and records it.

    Parameters
    ----------
    sweep
        The sweep to run.
    records
        Its records in MLflow.
    executor
        Executor that computes what is missing.
    """

    def __init__(self, sweep: Sweep, records: Records, executor: Executor) -> None:
        self._sweep, self._records, self._executor = sweep, records, executor
        self._recorded: set[str] = set()
        self._state: SweepState
        self.importance: dict[str, float] | None = None

    def train(self) -> SweepPlan:
        """Train the grid, or search it, and return the cells that were trained."""
        options = self._sweep.options
        if options.search == "optuna" or options.asha:
            # What a trial comes to depends on the others, so only one driver may decide: a study
            # gives up the trials of a driver that is gone, and trials are stopped by the rungs of
            # their driver.
            waiting = self._sweep.console.status(
                "waiting for another command that runs this sweep"
            )
            with self._sweep.storage.lock("sweeps", f"search-{self._sweep.key}").held(waiting):
                plan = self._search() if options.search == "optuna" else self._grid()
        else:
            plan = self._grid()
        for spec in plan.classifiers:
            if evaluation := self._state.event_log.last(spec.key):
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
        """Evaluate selected trials on test, unless they already were."""
        missing = [spec for spec in specs if find_scores(self._sweep.storage, spec) is None]
        if missing:
            with self._executor.phase("evaluating on test", len(missing)) as phase:
                _test(phase, missing)

    def keep_whole(self, specs: Sequence[ClassifierSpec]) -> None:
        """Train trials again if their weights turn out to be damaged."""
        damaged = [spec for spec in specs if self._sweep.storage.find(spec.kind, spec.key) is None]
        if damaged:
            with self._executor.phase("training again", len(damaged)) as phase:
                _test(phase, damaged)

    def _grid(self) -> SweepPlan:
        plan = self._sweep.plan
        self._state = SweepState(self._sweep)
        missing = plan.missing(self._sweep.storage)
        if (rungs := self._state.rungs) is not None:
            # Shuffled, so that the order of trials is unrelated to their quality.
            missing = missing.without(rungs.stopped).shuffled()
        missing = missing.beginning_at(share())
        if missing.cells:
            self._build_corpora(missing)
            self._build_encoders(missing)
            self._train(
                len(missing.cells),
                lambda phase, on_event: phase.train_trials(
                    missing.cells, on_event=on_event, rungs=rungs
                ),
            )
        return plan

    def _search(self) -> SweepPlan:
        sweep = self._sweep
        self._state = SweepState(sweep)
        tried = self._searched(self._state.study())
        # A study forgets trials that failed, so that another run may try them again.
        cells = zip(sweep.plan.cells, sweep.plan.classifiers, strict=True)
        return make_plan(
            sweep.recipe,
            [cell for cell, spec in cells if cell in tried or spec.key in sweep.errors],
        )

    def _searched(self, study: Study) -> set[Cell]:
        """Search until enough cells were tried, and return them."""
        sweep, options, rungs = self._sweep, self._sweep.options, self._state.rungs
        sweep.console.print(
            f"[dim]Optuna study {study.name} in {escape(str(self._state.studies))}[/]"
        )
        remaining = study.remaining(options.num_samples)
        if remaining:
            self._build_corpora(sweep.plan)
            if sweep.plan.starts_alike:
                # A single encoder is needed by all trials; of several, a search may skip some.
                self._build_encoders(sweep.plan)
            self._train(
                remaining,
                lambda phase, on_event: phase.search_trials(
                    study, remaining, on_event=on_event, rungs=rungs
                ),
            )
        self.importance = study.importance()
        return set(map(sweep.recipe.canonical, study.tried()))

    def _build_corpora(self, plan: SweepPlan) -> None:
        sweep = self._sweep
        missing = [
            spec
            for spec in plan.corpora
            if not sweep.storage.exists(spec.corpus_kind, spec.corpus_key)
        ]
        if missing:
            with self._executor.phase("tokenizing", len(missing)) as phase:

                def done(spec: TokenizerSpec) -> None:
                    other = spec.dataset != sweep.recipe.dataset
                    phase.display.advance(
                        f"tokens of {escape(tokenizer_name(spec))}" + ", for pretraining" * other
                    )

                phase.compute(obtain_corpus, missing, done=done)
        check_lengths(sweep.storage, sweep.recipe, plan)

    def _build_tables(self, plan: SweepPlan) -> None:
        storage = self._sweep.storage
        missing = [spec for spec in plan.tables if not storage.exists(spec.kind, spec.key)]
        if missing:
            with self._executor.phase("counting k-mers", len(missing)) as phase:

                def done(spec: PmiSpec) -> None:
                    phase.display.advance(f"PMI table {spec.key}")

                phase.compute(obtain_table, missing, done=done)

    def _build_encoders(self, plan: SweepPlan) -> None:
        specs = [spec for spec in plan.encoders if self._absent(spec)]
        if not specs:
            return
        self._build_tables(plan)
        with self._executor.phase("pretraining", len(specs)) as phase:

            def done(spec: EncoderSpec) -> None:
                outcome = find_outcome(self._sweep.storage, spec)
                assert outcome is not None, "it has just been published"
                self._record_encoder(spec, outcome)
                unigram = outcome.facts.get("unigram_bits_per_base", float("nan"))
                bits = outcome.best["metrics"].get("validation/bits_per_base", float("nan"))
                phase.display.advance(
                    f"encoder {escape(encoder_name(self._sweep, spec))}: {bits:.3f} bits per base "
                    f"({escape(tokenizer_name(spec.tokenizer))} unigrams {unigram:.3f}, Markov chain "
                    f"{outcome.facts['markov_bits_per_base']:.3f}), "
                    f"{outcome.device_seconds:.0f} s"
                )

            phase.build_encoders(
                specs, name=lambda spec: encoder_name(self._sweep, spec), done=done
            )

    def _train(
        self, number: int, train: Callable[[Phase, Callable[[TrialEvent], None]], Failures]
    ) -> None:
        """Train a number of trials, and record their events."""
        sweep = self._sweep
        with self._executor.phase("fine-tuning", number) as phase:

            def on_event(event: TrialEvent) -> None:
                spec = sweep.plan.spec(event.cell)
                self._records.start(event.cell, spec)
                if event.point is not None and self._state.event_log.add(event.point):
                    self._records.evaluation(spec, event.point.evaluation)
                if event.failed:
                    phase.display.advance(f"{escape(event.cell.label)}: [red]failed[/]")
                if event.finished:
                    phase.display.advance(self._record_trial(event.cell, spec))

            with self._state.kept():
                failures = train(phase, on_event)
        for cell, (error, text) in failures.items():
            spec = sweep.plan.spec(cell)
            sweep.errors[spec.key] = text
            if isinstance(error, InputError) or is_full_disk(error):
                # The user can fix this and continue, so stop the sweep before it compares fewer trials
                # than requested.
                self._record_trial(cell, spec)
                raise error

    def _absent(self, spec: EncoderSpec) -> bool:
        return not self._sweep.storage.exists(spec.kind, spec.key)

    def _record_encoder(self, spec: EncoderSpec, outcome: StageOutcome | None) -> None:
        if outcome is not None and spec.key not in self._recorded:
            self._recorded.add(spec.key)
            self._records.encoder(spec, encoder_name(self._sweep, spec), outcome)

    def _record_trial(self, cell: Cell, spec: ClassifierSpec) -> str:
        """Record the end of a trial, once, and return it as text."""
        storage = self._sweep.storage
        outcome, error = find_outcome(storage, spec), self._sweep.errors.get(spec.key)
        if spec.key not in self._recorded:
            self._recorded.add(spec.key)
            self._records.start(cell, spec)
            for point in self._state.inherited.get(spec.key, ()):
                self._records.evaluation(spec, point.evaluation)
            checkpoint = storage.uri_of(spec.kind, spec.key, CHECKPOINT) if outcome else None
            self._records.finish(cell, spec, outcome, checkpoint=checkpoint, error=error)
            if spec.shots is not None and (shots := storage.file(spec.kind, spec.key, SHOTS)):
                self._records.tracker.artifact(spec.key, shots)
        label = escape(cell.label)
        if outcome is None:
            return f"{label}: [yellow]stopped early[/]"
        if not outcome.healthy:
            return f"{label}: [yellow]{outcome.outcome}[/] ({escape(outcome.reason)})"
        value, name = outcome.best["metrics"].get(self._metric), self._metric
        if value is None:
            value, name = outcome.best["train_loss"], "training loss"
        return f"{label}: {name} {value:.3f}, {outcome.device_seconds:.0f} s"

    @property
    def _metric(self) -> str:
        return full_name(self._sweep.options.metric)


def _test(phase: Phase, specs: Sequence[ClassifierSpec]) -> None:
    phase.compute(evaluate_on_test, specs, done=lambda spec: phase.display.count(), on_device=True)
