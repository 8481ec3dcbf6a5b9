"""`python -m dnasweep` is `dnasweep`."""

from dnasweep.commands.program import main

if __name__ == "__main__":
    main()
