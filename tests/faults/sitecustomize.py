"""Faults inside the processes that train, as the file named by DNASWEEP_TEST_FAULTS asks for them.

Python imports this at its start wherever this folder is on PYTHONPATH, so that the package itself needs
no door for faults. Written by `fault_toys.write_faults`; every step taken is told in `steps.txt` beside it.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE = "dnasweep.models.training.loop"


def _claim(folder: Path, name: str, times: int) -> bool:
    """Return True as many times as asked for, over all processes."""
    for number in range(times):
        try:
            os.close(os.open(folder / f"{name}-{number}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return True
    return False


def _strike(what: str) -> None:
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "memory":
        import torch

        torch.empty(1 << 60, dtype=torch.uint8)
    while what == "hang":
        time.sleep(1)


def _disturb(module: ModuleType) -> None:
    path = Path(os.environ["DNASWEEP_TEST_FAULTS"])
    take = module.Loop.train_step

    def train_step(loop: Any) -> None:
        asked = json.loads(path.read_text())
        here = {
            "stage": loop.task.name,
            "rank": loop.context.rank,
            "step": loop.progress.step,
            "learning_rate": loop.config.optimizer.learning_rate,
        }
        for number, fault in enumerate(asked["faults"]):
            if all(here[key] == value for key, value in fault["where"].items()) and _claim(
                path.parent, f"struck-{number}", fault["times"]
            ):
                _strike(fault["what"])
        time.sleep(asked["pace"])
        take(loop)
        if loop.context.rank == 0:
            with (path.parent / "steps.txt").open("a") as file:
                file.write(f"{here['stage']} {here['learning_rate']} {here['step']}\n")

    module.Loop.train_step = train_step


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != MODULE:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        if found is None or found.loader is None:
            return None
        load = found.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            _disturb(module)

        found.loader.exec_module = exec_module  # type: ignore[method-assign]
        return found


if os.environ.get("DNASWEEP_TEST_FAULTS"):
    sys.meta_path.insert(0, _Finder())
