"""Names that MLflow takes for an experiment and for a registered model, known before anything is trained."""

from __future__ import annotations

import posixpath

from dnasweep.errors import InputError
from dnasweep.plain import shown

MAX_LETTERS = 250
"""MLflow's databases hold 256."""
_PARTS = "/:@"
"""Letters that part the names of models, versions and aliases."""


def check_name(name: str | None) -> None:
    """Refuse a name that MLflow, or what looks a model up by it, would refuse later.

    Raises
    ------
    InputError
        Saying what is wrong with it.
    """
    if name is None:
        return
    fault = ""
    if not name.strip():
        fault = "it is empty"
    elif name != name.strip() or name != shown(name) or {"\n", "\t"} & set(name):
        fault = "it has spaces at an end, or letters that cannot be seen"
    elif found := [letter for letter in _PARTS if letter in name]:
        fault = f"it has {' and '.join(found)} in it"
    elif len(name) > MAX_LETTERS:
        fault = f"it has {len(name):,} letters"
    elif name == "." or posixpath.normpath(name) != name or name.startswith(".."):
        fault = "it is a path"
    if fault:
        raise InputError(
            f"name is {name[:40]!r}: {fault}",
            remedy=f"Use a name of at most {MAX_LETTERS} letters without /, : and @.",
        )
