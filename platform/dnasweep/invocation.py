"""How this process was called, and so what its user types next.

Texts of the package name commands as `dnasweep predict`. A script of the repository does the same work
under another name, `python jobs/predict.py`, and what it prints is to name commands that way too.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

PROGRAM = "dnasweep"
"""The command that installing the package brings."""
GROUPS = ("sweeps", "jobs")
"""Groups of commands; the repository has a folder of scripts for each."""
_COMMAND = re.compile(rf"(?<![\w/.-]){PROGRAM} ([a-z]+(?:-[a-z]+)*)(?![\w-])")


def as_typed(text: str) -> str:
    """Return a text with its commands as the user of this process types them.

    Parameters
    ----------
    text
        A command such as `dnasweep predict --model m`, or a text in which some stand.

    Returns
    -------
    str
        The text as it is; in a script of the repository, with `python jobs/predict.py` for `dnasweep predict`
        where that script exists, seen from the folder that the running one was called from.
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
    """Return the words by which this process was called, without its options.

    They are `python` and the file; where the installed command runs, its name alone.
    """
    if Path(sys.argv[0]).name in (PROGRAM, f"{PROGRAM}.exe") or _is_module():
        return [PROGRAM]
    return ["python", sys.argv[0]]


def _is_module() -> bool:
    """Return whether `python -m dnasweep` runs."""
    path = Path(sys.argv[0])
    return path.name == "__main__.py" and path.parent.name == PROGRAM


def _script() -> Path | None:
    """Return the script of the repository that runs, as its user has typed it, or None."""
    script = Path(sys.argv[0])
    if script.suffix != ".py":
        return None
    if script.parent.name == "":
        # Called from its own folder.
        script = Path("..", Path.cwd().name, script.name)
    return script if script.parent.name in GROUPS else None
