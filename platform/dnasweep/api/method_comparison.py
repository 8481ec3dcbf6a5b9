"""Do explanation methods agree, and are they right? The numbers and the page of a comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.execution import Workplace
from dnasweep.api.files import files_of, scratch_folder
from dnasweep.api.model import Model, as_model
from dnasweep.api.options import make_options
from dnasweep.api.report_folder import ReportFolder
from dnasweep.api.sequences import Sequences


class ExplanationComparison(ReportFolder):
    """Explanation methods compared on the same sequences. Returned by :func:`compare_explanations`.

    Attributes
    ----------
    folder
        Folder of the page, its figures and all tables.
    """

    def __repr__(self) -> str:
        pairs = self.agreement
        methods = ", ".join(dict.fromkeys([*pairs["one"], *pairs["other"]]))
        return f"<dnasweep.ExplanationComparison: {methods}>"

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "numbers.json").read_text(encoding="utf-8")))

    @property
    def findings(self) -> list[str]:
        """The findings, in sentences."""
        said = self._numbers
        return [*said["findings"], *(s for one in said["models"] for s in one["findings"])]

    @property
    def agreement(self) -> pd.DataFrame:
        """Agreement of each pair of methods: model, measure, one, other, mean over sequences."""
        return self._table("agreement")

    @property
    def recovery(self) -> pd.DataFrame:
        """How well each method recovers planted elements; empty if these are not known."""
        return self._table("recovery")

    @property
    def areas(self) -> pd.DataFrame:
        """Areas under the deletion and insertion curves of each method."""
        return self._table("areas")

    def _table(self, name: str) -> pd.DataFrame:
        parts = [
            pd.DataFrame(one.get(name, [])).assign(model=one.get("name", ""))
            for one in self._numbers["models"]
        ]
        return pd.concat(parts, ignore_index=True)

    @property
    def report(self) -> Path:
        """The page."""
        return next(iter(sorted(self.folder.glob("*.html"))))


def compare_explanations(
    model: Model | str | Path | Sequence[Model | str | Path],
    sequences: Sequences | None = None,
    *,
    methods: Sequence[str] | None = None,
    storage: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
    **options: Any,
) -> ExplanationComparison:
    """Explain the same sequences by several methods, and compare the results.

    Parameters
    ----------
    model
        A classifier, or several, which are analysed separately.
    sequences
        DNA, with labels if they are known, as for :meth:`Model.predict`. Default: simulated promoters,
        whose elements are known.
    methods
        Two or more of `shap`, `lime`, `anchors`, `integrated_gradients`, `in_silico_mutagenesis`,
        `attention_last`, `attention_rollout`. Default: all.
    storage
        Storage root that keeps the explanations and lets an interrupted call resume; recorded in MLflow.
    address
        Ray cluster to compute on: `auto`, HOST:PORT, or `local` for workers on this machine.
    progress
        Whether to print progress to standard error.
    options
        Other options of `dnasweep compare-explanations`, such as `num_sequences` or `elements`.

    Raises
    ------
    InputError
        For fewer than two methods, and for sequences or models that cannot be used.
    """
    from dnasweep.jobs.explanation_options import ComparisonOptions
    from dnasweep.workflows.explanation_comparison import run_comparison

    several = [model] if isinstance(model, Model | str | Path) else model
    # Downloads are deleted with these objects, so keep the objects until the end.
    models = [as_model(one) for one in several]
    place = Workplace(storage, address, options.pop("tracking_uri", None), progress=progress)
    with place.closed_on_error(), scratch_folder() as scratch:
        data = () if sequences is None else files_of(sequences, scratch)
        asked = make_options(
            ComparisonOptions,
            {
                **options,
                **place.options,
                "model": tuple(str(one.directory) for one in models),
                "data": data,
                "methods": methods,
            },
        )
        folder = run_comparison(asked, place.console, executor=place.job_executor())
    assert folder is not None
    return ExplanationComparison(folder, place.scratch)
