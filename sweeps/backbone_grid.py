"""`dnasweep backbone-grid`, from the clone; it is written in platform/dnasweep/commands/sweeps/backbone_grid.py."""

from dnasweep.commands.registry import run_script

if __name__ == "__main__":
    run_script(__file__)
