"""How the documentation is built: `make docs`."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import typing
from pathlib import Path
from typing import Any

import dnasweep

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

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
    """Write one page a script of `sweeps/` and `jobs/`: what it does, and its options from their dataclass."""
    folder.mkdir(exist_ok=True)
    for script in sorted([*ROOT.glob("sweeps/*.py"), *ROOT.glob("jobs/*.py")]):
        name = script.relative_to(ROOT).as_posix()
        page = f"# {name}\n\n```text\n{help_of(script)}\n```\n"
        path = folder / f"{script.stem}.md"
        if not path.is_file() or path.read_text() != page:
            path.write_text(page)


def help_of(script: Path) -> str:
    """Return what a script says for `--help`, without running it."""
    from dnasweep.cli.boxes import read_command_line

    spec = importlib.util.spec_from_file_location(f"scripts_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    options = typing.get_type_hints(module.main)["options"]
    os.environ |= {"COLUMNS": "96", "NO_COLOR": "1"}
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        read_command_line(
            options,
            (module.__doc__ or "").strip(),
            program=f"python {script.relative_to(ROOT)}",
            words=["--help"],
        )
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())
