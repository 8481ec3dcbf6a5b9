"""Run `dnasweep slurm` from the clone; the command is defined in platform/dnasweep/commands/jobs/slurm.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
