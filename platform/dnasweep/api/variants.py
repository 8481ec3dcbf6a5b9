"""The effects of variants on what a model predicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.execution import Workplace
from dnasweep.api.files import data_of, scratch_folder
from dnasweep.api.model import Model, as_model
from dnasweep.api.options import make_options
from dnasweep.errors import InputError

_NEEDED = ("chrom", "pos", "ref", "alt")


def score_variants(
    model: Model | str | Path,
    variants: str | Path | Sequence[str | Path] | pd.DataFrame | None = None,
    *,
    genome: str | Path,
    saturate: str | Sequence[str] | None = None,
    storage: str | Path | None = None,
    address: str | None = None,
    progress: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """Return one row per allele: what the model predicts for REF and ALT, and the difference.

    Parameters
    ----------
    model
        A classifier, or a language model (masked or causal), which gives only the log-likelihood ratio.
    variants
        VCF or TSV files, or a table with columns `chrom`, `pos` (from 1), `ref` and `alt`.
    genome
        FASTA of the genome.
    saturate
        Instead of variants: regions `chrom:first-last` in which every base is replaced by each of the
        other three.
    storage
        Storage root that keeps scores, tables and figures, and lets an interrupted call resume.
    address
        Ray cluster to compute on: `auto`, HOST:PORT, or `local` for workers on this machine.
    progress
        Whether to print progress to standard error.
    options
        Other options of `dnasweep score-variants`, such as `window` (bases), `backgrounds`, `motifs`,
        `language_model`, `skip_bad_rows` (which leaves out alleles that cannot be scored).

    Returns
    -------
    scores
        In the order of the variants: `chrom`, `pos`, `ref`, `alt`, `probability_ref`,
        `probability_alt`, `delta_probability`, `delta_log2_odds`, `call` (`loss`, `gain` or
        neither), and on request `z`, `p_value`, `llr`, `sites_gained`, `sites_lost`. Models of bases,
        signals and numbers have columns of their own, such as `gain_donor`.

    Raises
    ------
    InputError
        For a variant whose REF differs from the genome, unless such variants are skipped.
    """
    from dnasweep.genomics.variant_tables import read_scores
    from dnasweep.jobs.variant_options import VariantOptions
    from dnasweep.workflows.variants import VariantJob

    # Downloads are deleted with these objects, so keep the objects until the variants are scored.
    model, language = as_model(model), options.pop("language_model", None)
    language = None if language is None else as_model(language)
    with (
        Workplace(storage, address, options.pop("tracking_uri", None), progress=progress) as place,
        scratch_folder() as scratch,
    ):
        if isinstance(variants, pd.DataFrame):
            variants = _checked(variants)
        asked = make_options(
            VariantOptions,
            {
                **options,
                **place.options,
                "model": str(model.directory),
                "language_model": None if language is None else str(language.directory),
                "genome": genome,
                "data": data_of(variants, scratch, name="variants"),
                "saturate": saturate,
            },
        )
        finished = place.run(VariantJob.of, asked)
        assert finished.made.folder is not None
        return read_scores(finished.made.folder)


def _checked(variants: pd.DataFrame) -> pd.DataFrame:
    if missing := [name for name in _NEEDED if name not in variants]:
        raise InputError(
            f"the table of variants has no column {', '.join(missing)}",
            remedy=f"Give columns {', '.join(_NEEDED)}; pos counts from 1.",
        )
    # Whole numbers are floats in a table that was joined with missing values.
    return variants.assign(pos=variants["pos"].convert_dtypes())
