"""What is submitted to the SLURM of a rehearsal, and what comes of it."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from cluster.machine import ROOT
from shap_toys import write_model, write_sequences
from toy_data import write_toy_table

SCRIPT = f"--export=ALL,DNASWEEP_VENV={sys.prefix} {ROOT}/clusters/slurm.sh"
SLOWLY = SCRIPT.replace(" ", ",PYTHONPATH=$PWD/slow ", 1)
SHAPE = "--cpus-per-task=1 --mem=2900"
"""Half of a node, so that two jobs have room."""

LONGER = "--seeds 0 1 --finetune-epochs 50 --evaluations 25"
"""A sweep of two trials of 400 steps each, which is long enough to be cut where steps are slow."""
SLOW_STEPS = """\
import sys, time
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

class Slow(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "dnasweep.models.training.loop":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            step = module.Loop.train_step
            module.Loop.train_step = lambda self: (time.sleep(0.1), step(self))[1]

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Slow())
"""
"""A `sitecustomize` with which a step takes a tenth of a second more, on a fast machine and on a busy one."""
LOOK = "python look.py"
"""Says what Ray has."""
MEET = "python meet.py"
"""Waits until another job of its kind runs too, and says how many nodes its own Ray has."""


def prepare(project: Path) -> None:
    """Write what the jobs read, and the scripts above."""
    write_toy_table(project / "toy.csv")
    write_model(project / "model")
    write_sequences(project / "few.csv", 24)
    (project / "slow").mkdir()
    (project / "slow/sitecustomize.py").write_text(SLOW_STEPS)
    (project / "look.py").write_text(
        "import ray\nray.init(log_to_driver=False)\n"
        "has = ray.cluster_resources()\n"
        "cpus, gpus, memory = int(has['CPU']), int(has.get('GPU', 0)), int(has['memory']) >> 20\n"
        "print(f'Ray has {cpus} CPUs, {gpus} GPUs, {memory} MB')\n"
    )
    (project / "meet.py").write_text(
        "import os, time\nfrom pathlib import Path\nimport ray\nray.init(log_to_driver=False)\n"
        "Path('here-' + os.environ['SLURM_JOB_ID']).touch()\n"
        "while len(list(Path().glob('here-*'))) < 2:\n    time.sleep(0.2)\n"
        "@ray.remote(num_cpus=1, scheduling_strategy='SPREAD')\n"
        "def work(number):\n    time.sleep(1)\n    return number\n"
        "assert ray.get([work.remote(n) for n in range(6)]) == list(range(6))\n"
        "print('Ray has', len([n for n in ray.nodes() if n['Alive']]), 'nodes')\n"
    )


def sweep(storage: str, *more: str) -> str:
    """Return a small sweep."""
    return (
        f"python {ROOT}/sweeps/tokenizer_grid.py --data toy.csv --split random --tokenizers kmer-3"
        " --species-sets none --learning-rates 1e-2 --preset 1x32x2 --evaluations 2"
        f" --finetune-epochs 2 --storage {storage} --tracking-uri none {' '.join(more)}"
    )


def explain(storage: str) -> str:
    """Return attributions of 24 sequences in 12 shards."""
    return (
        f"python {ROOT}/jobs/shap_batch.py --model model --data few.csv --max-evals 60 --shard-size 2"
        f" --storage {storage} --tracking-uri none"
    )


@contextmanager
def builds(storage: Path) -> Iterator[Counter[str]]:
    """Count how often each artefact is begun to be built during the block."""
    found, over = set[str](), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            found.update(path.name for path in storage.glob("work/building/*-*"))

    counted = Counter[str]()
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()
        # A folder is named by kind, key and builder.
        counted.update(name.rpartition("-")[0] for name in found)


def metrics(storage: Path) -> pd.DataFrame:
    """Return the table of a sweep, without what a machine's speed has a part in."""
    (table,) = storage.glob("sweeps/*/report/comparison.csv")
    frame = pd.read_csv(table)
    return frame.drop(columns=[c for c in frame if "seconds" in c or "memory" in c])
