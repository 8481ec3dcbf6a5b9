"""What a user of the shap library runs: an explainer of a `transformers.pipeline`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from dnasweep.devices import best_device


def explainer_of_pipeline(directory: Path, model: Any = None) -> Any:
    """Return the function that a user would call.

    Parameters
    ----------
    directory
        The classifier with its tokenizer.
    model
        The classifier, if transformers does not load it without the authors' code.
    """
    import shap
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    if model is None:
        model = AutoModelForSequenceClassification.from_pretrained(directory)
    classify = pipeline(
        "text-classification",
        model=model,
        tokenizer=AutoTokenizer.from_pretrained(directory, trust_remote_code=False),
        top_k=None,
        device=best_device(),
    )
    return shap.Explainer(classify)


def timed(work: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[float, Any]:
    """Return the seconds that `work(*args, **kwargs)` takes, and its result."""
    start = time.perf_counter()
    result = work(*args, **kwargs)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result
