"""How this process was called, and hence how messages should write commands.

Texts of the package write commands as `dnasweep predict`. A script of the repository does the same work
under another name, `python jobs/predict.py`, and its output should write commands that way too.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

PROGRAM = "dnasweep"
"""The command that the package installs."""
GROUPS = ("sweeps", "jobs")
"""Groups of commands, each with a folder of scripts in the repository."""
_COMMAND = re.compile(rf"(?<![\w/.-]){PROGRAM} ([a-z]+(?:-[a-z]+)*)(?![\w-])")


def as_typed(text: str) -> str:
    """Return a text with its commands written as the user of this process would type them.

    Parameters
    ----------
    text
        A command such as `dnasweep predict --model m`, or a text that contains commands.

    Returns
    -------
    str
        The text, unchanged unless a script of the repository runs: then with `python jobs/predict.py` for
        `dnasweep predict` if that script exists, relative to the current folder of the running script.
    """
    script = _script()
    if script is None:
        return text
    root = script.parent.parent

    def call(match: re.Match[str]) -> str:
        name = match[1].replace("-", "_")
        for group in GROUPS:
            if (path := root / group / f"{name}.py").is_file():
                return f"python {shlex.quote(str(path))}"
        return match[0]

    return _COMMAND.sub(call, text)


def program_words() -> list[str]:
    """Return the command by which this process was called, without its options.

    For a script, `python` and its file; for the installed command, only its name.
    """
    if Path(sys.argv[0]).name in (PROGRAM, f"{PROGRAM}.exe") or _is_module():
        return [PROGRAM]
    return ["python", sys.argv[0]]


def _is_module() -> bool:
    """Return whether this process is `python -m dnasweep`."""
    path = Path(sys.argv[0])
    return path.name == "__main__.py" and path.parent.name == PROGRAM


def _script() -> Path | None:
    """Return the running script of the repository as the user typed it, or None."""
    script = Path(sys.argv[0])
    if script.suffix != ".py":
        return None
    if script.parent.name == "":
        # The script was called from its own folder.
        script = Path("..", Path.cwd().name, script.name)
    return script if script.parent.name in GROUPS else None
