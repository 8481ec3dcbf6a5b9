"""Explain sequences in this process or by a job, and read finished jobs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from dnasweep.api.attributions import Attributions
from dnasweep.api.execution import Workplace
from dnasweep.api.model import Model, as_model
from dnasweep.api.options import make_options
from dnasweep.api.sequences import Sequences, read_given
from dnasweep.attribution.tables import read_attributions
from dnasweep.errors import InputError


def explain(
    model: Model | str | Path,
    sequences: Sequences,
    *,
    target: str | None = None,
    against: str | None = None,
    estimator: str | None = None,
    max_evals: int | None = None,
    storage: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Attributions:
    """Explain what a classifier's predictions rest on: the attribution of every token.

    Parameters
    ----------
    model
        A model, or its folder or name.
    sequences
        DNA, as for :meth:`Model.predict`.
    target
        Class to explain; for a model that predicts per base or bin, the class at one position, such as
        `donor@120`. Default for two classes: the second, positive one.
    against
        Class to compare it with. Default: all others together.
    estimator
        `adjusted_kernel` (Shapley values, the default), `permutation`, `partition`,
        `integrated_gradients`, `in_silico_mutagenesis`, `attention`, `lime` or `anchors`.
    max_evals
        Model evaluations per sequence. Default: the estimator's own.
    storage
        Storage root that keeps the attributions and lets an interrupted call resume; recorded in MLflow.
    address
        Ray cluster to compute on: `auto`, HOST:PORT, or `local` for workers on this machine.
    progress
        Whether to print progress to standard error.
    options
        Other options of `dnasweep shap-batch`, such as `reference`, `value` or `seed`.

    Raises
    ------
    InputError
        For a class that the model does not have, an unknown estimator, and sequences that are not DNA
        or have more tokens than the model can read.

    Examples
    --------
    >>> found = dnasweep.explain(model, ["ACGTTATAAAAGGC" * 20])  # doctest: +SKIP
    >>> found.logo(0)  # doctest: +SKIP
    """
    from dnasweep.jobs.attribution_request import AttributionOptions
    from dnasweep.workflows.attributions import AttributionJob

    model = as_model(model)
    given = {
        "target": target,
        "against": against,
        "estimator": estimator,
        "max_evals": max_evals,
        **options,
    }
    with Workplace(
        storage, address, options.pop("tracking_uri", None), progress=progress
    ) as place:
        asked = make_options(
            AttributionOptions,
            {
                "report": place.kept,
                **given,
                **place.options,
                "model": str(model.directory),
                "data": (),
            },
        )
        reading = read_given(
            sequences,
            crop=asked.crop,
            species=asked.species,
            classes=model.classes,
            say=place.console.print,
        )
        finished = place.run(partial(AttributionJob.of, reading=reading), asked)
        found = read_attributions(finished.shards.fetch())
        return Attributions(found._replace(settings={**found.settings, "model name": model.name}))


def read_job(folder: str | Path) -> Attributions:
    """Return the attributions of a finished job.

    Raises
    ------
    InputError
        If there is no such job, or it has not finished.
    """
    from dnasweep.jobs.shards.verification import find_job

    job = find_job(str(folder))
    if job.finished() is None:
        raise InputError(
            "the job has not finished",
            file=job.uri,
            remedy="Run its command again.",
        )
    return Attributions(read_attributions(job.fetch()))
