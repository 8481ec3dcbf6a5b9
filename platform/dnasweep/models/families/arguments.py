"""Arguments of a forward pass that a model does not support."""

from __future__ import annotations

from typing import Any


def refuse(others: dict[str, Any]) -> None:
    """Refuse arguments that would otherwise be ignored.

    Parameters
    ----------
    others
        Arguments of a forward pass by name. `output_attentions` is ignored, as by other models that
        have none to return.
    """
    ignored = ("return_dict", "use_cache", "output_attentions")
    for name, value in others.items():
        if name not in ignored and value is not None and value is not False:
            raise NotImplementedError(f"this model does not take {name}")
