"""Run `dnasweep masking-grid` from the clone; the command is defined in platform/dnasweep/commands/sweeps/masking_grid.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
