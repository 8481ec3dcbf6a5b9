"""Damaged inputs of every kind, as many as fit into some minutes: `make fuzz`.

Each module beside this one makes damaged files of one kind (tables, genomes, motifs, checkpoints,
artefacts) and reads them as the product does. What may come of it is a refusal in words, a reading,
or the content of the undamaged file. Counted against the product are

- a traceback: any exception but `InputError`,
- a hang: more than `--patience` seconds for one input, or a process that dies,
- other content: a reading that differs where the damage could be noticed.

Each kind is read in a process of its own. A finding names the kind, the seed and the number of the
case, and `--kinds KIND --seed SEED --only NUMBER` runs that case again.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import multiprocessing
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
KINDS = tuple(sorted(p.stem for p in HERE.glob("*.py") if p.stem not in ("run", "__init__")))
WRONG, TRACEBACK, HANG = "wrong content", "traceback", "hang"
BAD = (WRONG, TRACEBACK, HANG)

Case = tuple[str, Callable[[], str]]


@dataclass
class Tally:
    """What came of the inputs of one kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def count(self, where: str, name: str, outcome: str, detail: str) -> None:
        """Count what came of an input, and keep what is found against the product."""
        self.outcomes[outcome] += 1
        if outcome in BAD:
            self.findings.append(f"{where}: {outcome}: {name}\n{detail}".rstrip())


def damaged(kind: str, seed: int, folder: Path) -> Iterator[Case]:
    """Yield the damaged inputs of a kind that one seed stands for."""
    module = importlib.import_module(f"fuzz.{kind}")
    yield from module.cases(np.random.default_rng(seed), folder)


def run_case(call: Callable[[], str]) -> tuple[str, str]:
    """Return what came of one damaged input, and the traceback where there is one."""
    from dnasweep.errors import InputError

    try:
        return call(), ""
    except InputError:
        return "refused", ""
    except Exception:
        return TRACEBACK, traceback.format_exc()


def _work(kind: str, seed: int, only: int | None, skip: int, said: Connection) -> None:
    """Run the cases of one seed after the first `skip`, and say how each began and ended."""
    logging.disable()  # what is damaged on purpose need not be told
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{kind}-") as folder:
        for number, (name, call) in enumerate(damaged(kind, seed, Path(folder))):
            if number < skip or only not in (None, number):
                continue
            # By a pipe, which has said it before the case can end this process.
            said.send((number, name, None, ""))
            said.send((number, name, *run_case(call)))
    said.send(None)


def try_seed(
    kind: str, seed: int, *, patience: float, until: float, only: int | None = None
) -> Tally:
    """Run the damaged inputs of a kind and a seed until all are done or the time is up."""
    tally, skip = Tally(), 0
    while skip is not None and time.monotonic() < until:
        skip = _try_from(tally, kind, seed, skip, patience=patience, until=until, only=only)
    return tally


def _try_from(
    tally: Tally,
    kind: str,
    seed: int,
    skip: int,
    *,
    patience: float,
    until: float,
    only: int | None,
) -> int | None:
    """Run cases in one process; return the case to go on from where one has ended the process."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(kind, seed, only, skip, there), daemon=True)
    worker.start()
    there.close()
    # The first case comes after the libraries are imported and the undamaged files made.
    number, name, running, began = skip, "start", False, time.monotonic()
    try:
        while time.monotonic() < until:
            waited = time.monotonic() - began
            if not here.poll(0.2):
                if waited < patience + 60 * (not running):
                    continue
                why = "does not end"
            else:
                try:
                    told = here.recv()
                except EOFError:
                    worker.join()
                    why = f"died ({worker.exitcode})"
                else:
                    if told is None:
                        return None
                    number, name, outcome, trace = told
                    running, began = outcome is None, time.monotonic()
                    if outcome is not None:
                        tally.slowest = max(tally.slowest, waited)
                        tally.count(f"{kind} seed {seed} case {number}", name, outcome, trace)
                    continue
            tally.count(f"{kind} seed {seed} case {number}", name, HANG, why)
            return number + 1
        return None
    finally:
        worker.kill()
        worker.join()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="time in all (default 10)")
    parser.add_argument(
        "--seed", type=int, default=None, help="first seed (default: by the clock)"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND")
    parser.add_argument("--only", type=int, default=None, help="run this case of the seed alone")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds for one input")
    options = parser.parse_args()
    first = int(time.time()) % 10**6 if options.seed is None else options.seed
    print(f"seed {first}; kinds: {', '.join(options.kinds)}")
    ends = time.monotonic() + 60 * options.minutes
    totals = {kind: Tally() for kind in options.kinds}
    last = first
    for place, kind in enumerate(options.kinds):
        # Equal time for each kind, as many seeds as fit into it.
        until = time.monotonic() + (ends - time.monotonic()) / (len(options.kinds) - place)
        seed, total = first, totals[kind]
        while time.monotonic() < until:
            found = try_seed(kind, seed, patience=options.patience, until=until, only=options.only)
            total.outcomes += found.outcomes
            total.slowest = max(total.slowest, found.slowest)
            total.findings += found.findings
            for finding in found.findings:
                print(finding, flush=True)
            last = max(last, seed)
            seed += 1
            if options.only is not None:
                break
    print(f"\n{'kind':<20}{'inputs':>8}  outcomes")
    for kind, total in totals.items():
        words = ", ".join(f"{n:,} {what}" for what, n in sorted(total.outcomes.items()))
        print(f"{kind:<20}{total.outcomes.total():>8,}  {words}; slowest {total.slowest:.1f} s")
    inputs = sum(t.outcomes.total() for t in totals.values())
    bad = {what: sum(t.outcomes[what] for t in totals.values()) for what in BAD}
    print(
        f"{inputs:,} damaged inputs, seeds {first} to {last}: {bad[TRACEBACK]} tracebacks, "
        f"{bad[HANG]} hangs, {bad[WRONG]} accepted with other content"
    )
    return int(any(bad.values()) or not inputs)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    sys.exit(main())
