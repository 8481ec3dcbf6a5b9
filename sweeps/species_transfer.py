"""Run `dnasweep species-transfer` from the clone; the command is defined in platform/dnasweep/commands/sweeps/species_transfer.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
