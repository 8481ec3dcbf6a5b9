"""Run `dnasweep scan-genome` from the clone; the command is defined in platform/dnasweep/commands/jobs/scan_genome.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
