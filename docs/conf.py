"""How the documentation is built: `make docs`."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import dnasweep
from dnasweep.commands.registry import Command, call_of, commands

DOCS = Path(__file__).resolve().parent

project = "dnasweep"
author = "the dnasweep contributors"
copyright = author
version = release = dnasweep.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "notebooks/runs", "notebooks/small"]
templates_path = ["templates"]
suppress_warnings = ["toc.empty_glob"]

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 4
# Notebooks are stored without outputs and executed here; those that have not changed come from a cache.
nb_execution_mode = "cache"
nb_execution_cache_path = str(DOCS / "_build" / "notebooks")
nb_execution_raise_on_error = True
nb_execution_timeout = 1800
nb_output_stderr = "remove"

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = "dnasweep"
html_theme_options = {
    "source_repository": "",
    "footer_icons": [],
}
html_static_path = ["static"]
html_css_files = ["site.css"]


def setup(app: Any) -> None:
    """Write the pages of the commands before anything is read."""
    app.connect("builder-inited", lambda app: write_commands(DOCS / "reference" / "commands"))


def write_commands(folder: Path) -> None:
    """Write one page per command: what it does, and its options from their dataclass."""
    folder.mkdir(exist_ok=True)
    for command in commands().values():
        page = f"# {call_of(command)}\n\n```text\n{help_of(command)}\n```\n"
        path = folder / f"{command.path.stem}.md"
        if not path.is_file() or path.read_text() != page:
            path.write_text(page)


def help_of(command: Command) -> str:
    """Return what a command says for `--help`."""
    os.environ |= {"COLUMNS": "96", "NO_COLOR": "1"}
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        command.run(["--help"], program=call_of(command))
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())
