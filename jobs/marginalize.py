"""`dnasweep marginalize`, from the clone; it is written in platform/dnasweep/commands/jobs/marginalize.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
