"""Overhead of a sweep with many trials: one number of trials, in this process.

Every step is the platform's own (`run_sweep` with its tracker, event log, display and report), except the
training, which `idle.py` replaces. The same number of trials that do nothing is then run by Ray Tune alone.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dnasweep.report.files import write_page
from dnasweep.report.sweep_page import comparison_tables, sweep_page
from dnasweep.runtime.training import trials
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.plan import SweepPlan
from dnasweep.storage import Storage
from dnasweep.sweeps import request
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.event_log import EventLog
from dnasweep.sweeps.progress import Display
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.selection import compare
from dnasweep.tracking.replay import Replayer
from dnasweep.tracking.tracker import Tracker
from dnasweep.workflows import phases, sweep
from dnasweep.workflows.announce import announce_report
from dnasweep.workflows.evaluation import read_results
from dnasweep.workflows.publication import sweep_frame, tokenizer_table
from dnasweep.workflows.sweep_records import Records
from dnasweep.workflows.sweep_state import SweepState
from idle import idle_trial, plain_trial
from ray import tune
from ray.cluster_utils import Cluster
from rich.console import Console
from stopwatch import Stopwatch

TOKENIZERS = ("kmer-3", "kmer-4")
EVALUATIONS = 2
STARTS = 5
START, PLAIN, UPLOADING = "start", "Ray Tune alone", "MLflow, in a thread beside"
WATCHED = (
    (sweep, "prepare_sweep", "request and plan"),
    (request, "prepare_data", START),
    (sweep, "check_reachable", START),
    (phases.Phases, "_build_corpora", START),
    (trials, "run_trials", "Ray Tune"),
    (trials, "failures", "Ray Tune"),
    (SweepState, "__init__", "event log"),
    (EventLog, "add", "event log"),
    (EventLog, "last", "event log"),
    (Records, "start", "records"),
    (Records, "evaluation", "records"),
    (Records, "finish", "records"),
    (Display, "advance", "display"),
    (Display, "_draw", "display"),
    (SweepPlan, "missing", "look-ups"),
    (Storage, "exists", "look-ups"),
    (Storage, "file", "look-ups"),
    (StageOutcome, "read", "look-ups"),
    (Replayer, "apply", UPLOADING),
)


@contextlib.contextmanager
def logical_cluster(nodes: int, cpus: int) -> Iterator[str]:
    """Start nodes on this machine that each claim to have `cpus` CPUs; yield the cluster's address."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    node = {"num_cpus": cpus, "num_gpus": 0, "object_store_memory": 100 * 2**20}
    head = {**node, "include_dashboard": False}
    cluster = with_retries(lambda: Cluster(initialize_head=True, head_node_args=head))
    try:
        for _ in range(nodes - 1):
            with_retries(lambda: cluster.add_node(**node))
        cluster.wait_for_nodes(timeout=300)
        yield cluster.address
    finally:
        cluster.shutdown()


def with_retries(start: Callable[[], Any]) -> Any:
    """Start a node; try again if this machine is too busy for Ray's limit of half a minute."""
    for left in reversed(range(STARTS)):
        try:
            return start()
        except Exception as error:
            if not left or "timed out during startup" not in str(error):
                raise
    raise AssertionError("never gets here")


def peak_bytes() -> int:
    """Return the peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def options_of(number: int, folder: Path, address: str) -> SweepOptions:
    """Return a sweep of `number` cells: two tokenizers, each with half as many learning rates."""
    each = max(1, number // len(TOKENIZERS))
    return SweepOptions(
        storage=str(folder / "runs"),
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        simulated_rows=40,
        tokenizers=TOKENIZERS,
        species_sets=("none",),
        learning_rates=tuple(1e-4 * (1 + i / each) for i in range(each)),
        seeds=(0,),
        evaluations=EVALUATIONS,
        address=address,
        cpus_per_worker=1,
        # The preflight would find that these nodes are one machine.
        preflight=False,
        name="scale",
    )


def measure(number: int, folder: Path, *, nodes: int, cpus: int) -> dict[str, Any]:
    """Run a sweep of about `number` trials; return its seconds by part and its memory."""
    watch, numbers = Stopwatch(), {}

    def ending(asked: Sweep, records: Records, steps: phases.Phases) -> None:
        numbers["bytes_before"] = peak_bytes()
        with watch.part("driver, the rest"):
            plan = steps.train()
        with watch.part("MLflow, waiting"):
            numbers["not_uploaded"] = records.tracker.flush(timeout_s=3600)
        with watch.part("results"):
            results = read_results(asked, plan, frozenset())
        with watch.part("report: tables"):
            comparison = compare(results, metric=asked.options.metric)
            report = asked.storage.folder("sweeps", asked.key, "report")
            comparison.to_csv(report / "comparison.csv")
        with watch.part("report: page"):
            frame = sweep_frame(asked, tokenizers=tokenizer_table(asked, plan))
            page = sweep_page(comparison, frame, cells=results)
            write_page(page, report / "comparison.html")
        with watch.part("report: terminal"):
            files = report / "comparison.html", report / "comparison.csv"
            announce_report(console, comparison_tables(comparison), *files)
        numbers["bytes"] = peak_bytes()
        numbers["trials"] = len(plan.cells)
        numbers["finished"] = sum(cell.outcome == "finished" for cell in results)
        with watch.part("asked again: look-ups"):
            numbers["missing"] = len(plan.missing(asked.storage).cells)
        with watch.part(PLAIN):
            run_plain(len(plan.cells), nodes * cpus, folder)

    with open(os.devnull, "w") as screen, logical_cluster(nodes, cpus) as address:
        console = Console(file=screen, force_terminal=True, width=120)
        asked = options_of(number, folder, address)
        axes = {
            "tokenizer": asked.tokenizers,
            "species_set": asked.species_sets,
            "learning_rate": asked.learning_rates,
            "seed": asked.seeds,
        }
        with (
            watch.watching(*WATCHED, (Tracker, "close", "MLflow, waiting")),
            patch.object(trials, "run_trial", idle_trial),
            watch.part(START),
        ):
            sweep.run_sweep("scale", axes, asked, console, ending=ending)
    if numbers["finished"] != numbers["trials"] or numbers["missing"] or numbers["not_uploaded"]:
        raise SystemExit(f"the sweep did not end as expected: {numbers}")
    return {
        **numbers,
        "seconds": dict(watch.clock),
        "processor_seconds": dict(watch.processor),
    }


def run_plain(number: int, concurrent: int, folder: Path) -> None:
    """Run the same number of trials, which report as often, by Ray Tune alone."""
    results = tune.Tuner(
        tune.with_resources(plain_trial, {"CPU": 1.0}),
        param_space={"place": tune.grid_search(list(range(number))), "evaluations": EVALUATIONS},
        tune_config=tune.TuneConfig(
            metric=trials.BEST, mode="max", max_concurrent_trials=concurrent, reuse_actors=True
        ),
        run_config=tune.RunConfig(name="plain", storage_path=str(folder / "plain"), verbose=0),
    ).fit()
    if len(results) != number or results.errors:
        raise SystemExit(f"of {number} plain trials {len(results)} ended, {results.errors}")
