"""Run `dnasweep marginalize` from the clone; the command is defined in platform/dnasweep/commands/jobs/marginalize.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
