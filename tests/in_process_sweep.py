"""The sweep of sweeps/tokenizer_grid.py in its own process, without Ray; the same options."""

from __future__ import annotations

import sys

from dnasweep.cli.command import run_command
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.in_process import InProcessExecutor
from dnasweep.workflows.sweep import run_sweep
from rich.console import Console


def main(options: SweepOptions, console: Console) -> None:
    run_sweep("tokenizer-grid", options.axes, options, console, executor=InProcessExecutor)
    assert "ray" not in sys.modules


if __name__ == "__main__":
    run_command(main, SweepOptions, doc=__doc__)
