"""`dnasweep design`, from the clone; it is written in platform/dnasweep/commands/jobs/design.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
