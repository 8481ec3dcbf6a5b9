"""The command `dnasweep`: lists its subcommands, and runs one of them."""

from __future__ import annotations

import difflib
import sys

import dnasweep
from dnasweep.commands.registry import Command, call_of, commands
from dnasweep.invocation import GROUPS, PROGRAM

EXIT_BAD_INPUT = 2
SHELLS = ("bash", "zsh", "fish")
USAGE = f"""usage: {PROGRAM} COMMAND [OPTIONS]     {PROGRAM} COMMAND --help lists its options
       {PROGRAM} --version
       {PROGRAM} --completion {{{",".join(SHELLS)}}}"""


def main() -> None:
    """Run the command named by the first word, with the options that follow."""
    first, *words = sys.argv[1:] or ["--help"]
    known = commands()
    if first in known:
        known[first].run(words, program=call_of(known[first]))
    elif first in ("--version", "-V"):
        print(f"{PROGRAM} {dnasweep.__version__}")
    elif first in ("--help", "-h", "help"):
        print(overview(known))
    elif first == "--completion":
        if len(words) != 1 or words[0] not in SHELLS:
            _refuse(f"--completion takes one of {', '.join(SHELLS)}.")
        from dnasweep.commands.completion import completion_script

        print(completion_script(known, words[0]))
    else:
        near = difflib.get_close_matches(first.replace("_", "-"), known, n=1)
        meant = f"Did you mean `{PROGRAM} {near[0]}`?" if near else f"`{PROGRAM}` lists them."
        _refuse(f"there is no command {first!a}. {meant}")


def overview(known: dict[str, Command]) -> str:
    """Return the list of commands by group, one per line."""
    width = max(map(len, known))
    lines = [f"{dnasweep.__doc__}".partition("\n")[0], "", USAGE]
    for group in GROUPS:
        lines += ["", f"{group}:"]
        for command in known.values():
            if command.group == group:
                lines.append(f"  {command.name:{width}}  {command.summary}")
    return "\n".join(lines)


def _refuse(reason: str) -> None:
    print(f"error: {reason}", file=sys.stderr)
    sys.exit(EXIT_BAD_INPUT)
