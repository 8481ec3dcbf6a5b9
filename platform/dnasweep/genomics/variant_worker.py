"""The worker of a variant job, which scores one shard of its work list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa

from dnasweep.errors import InputError
from dnasweep.formats.motifs import read_motifs
from dnasweep.genomics.allele_windows import Allele
from dnasweep.genomics.binding_sites import SiteScanner
from dnasweep.genomics.output_effects import OutputEffects, score_outputs
from dnasweep.genomics.output_values import OutputValues
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.genomics.variant_effects import Effects, score
from dnasweep.genomics.variant_settings import MOTIF_FILE, VariantConfig
from dnasweep.genomics.variant_tables import to_tables
from dnasweep.genomics.variants import ALLELE_COLUMNS
from dnasweep.genomics.zero_shot import open_language_model
from dnasweep.storage import Storage

BLOCK = 128
"""Number of variants whose windows are computed together: enough to fill batches, with little memory."""


class VariantWorker:
    """Scores the variants of a shard; models and motifs are loaded once.

    Parameters
    ----------
    storage
        Root of the storage with the models and motifs.
    classifier, language, motifs
        Kind and key of each artefact, `kind/key`; None if it was not requested.
    settings
        Settings of the job; the fields of :class:`VariantConfig` are used.
    batch_rows
        Windows per forward pass; None: chosen by their number of tokens.
    device
        `cpu` or `cuda`.
    """

    def __init__(
        self,
        *,
        storage: str,
        settings: Mapping[str, Any],
        classifier: str | None = None,
        language: str | None = None,
        motifs: str | None = None,
        batch_rows: int | None = None,
        device: str = "cpu",
    ) -> None:
        store = Storage(storage)
        known = {field.name for field in fields(VariantConfig)}
        chosen = {name: settings[name] for name in known & set(settings)}
        self.config = VariantConfig(**{**chosen, "shifts": tuple(chosen["shifts"])})
        how: dict[str, Any] = {
            "batch_rows": batch_rows,
            "device": device,
            "precision": self.config.precision,
        }
        self.classifier = self.outputs = self.language = self.scanner = None
        self.own: dict[str, list[str]] = settings.get("columns") or {}
        self.numbers, self.distance = settings.get("outputs"), settings.get("distance")
        if classifier is not None:
            directory = store.expect(*classifier.split("/"))
            if self.own:
                self.outputs = OutputValues(directory, **how)
            else:
                self.classifier = SequenceValues(directory, target=self.config.target, **how)
        if language is not None:
            self.language = open_language_model(store.expect(*language.split("/")), **how)
        if motifs is not None:
            found = read_motifs(store.expect(*motifs.split("/")) / MOTIF_FILE)
            self.scanner = SiteScanner(found, p_value=self.config.motif_p)

    def smoke_test(self, rows: pa.Table) -> None:
        """Check on the first variant that exchanging REF and ALT changes the sign of the score."""
        (one,) = alleles_of(rows)
        if self.classifier is None and self.outputs is None:
            return
        exchanged = one._replace(context=one.alternative, ref=one.alt, alt=one.ref)
        forward, back = (self._change(allele, names_of(rows)) for allele in (one, exchanged))
        if not np.isclose(forward, -back, rtol=1e-3, atol=1e-4):
            raise InputError(
                f"with REF and ALT exchanged the score is {back:.4g} and not {-forward:.4g}",
                remedy="Use --precision fp32.",
            )

    def _change(self, allele: Allele, names: Sequence[str]) -> float:
        """Return the change with ALT, by which variants are ranked."""
        if self.outputs is not None:
            return float(self._effects([allele], names).columns[next(iter(self.own))][0])
        assert self.classifier is not None
        return float(score([allele], self.classifier, self.config, names=names).delta_log2_odds[0])

    def _effects(self, alleles: Sequence[Allele], names: Sequence[str]) -> OutputEffects:
        assert self.outputs is not None
        assert self.numbers is not None
        return score_outputs(
            alleles,
            self.outputs,
            self.config,
            self.numbers,
            names=names,
            distance=self.distance,
        )

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the tables of a shard, and its counts."""
        parts = []
        for start in range(0, len(rows), BLOCK):
            part = rows.slice(start, BLOCK)
            parts.append(self._tables(part, alleles_of(part)))
            progress(start + len(part))
        tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
        return tables, facts_of(tables)

    def _tables(self, rows: pa.Table, alleles: Sequence[Allele]) -> dict[str, pa.Table]:
        names = names_of(rows)
        effects: Effects | None = None
        if self.classifier is not None:
            effects = score(alleles, self.classifier, self.config, names=names)
        outputs = None if self.outputs is None else self._effects(alleles, names)
        ratios = None
        if self.language is not None:
            window, shifts = self.config.window, self.config.shifts
            ratios = self.language.ratios(alleles, window=window, shifts=shifts, names=names)
        sites = None if self.scanner is None else self.scanner.sites(alleles)
        return to_tables(
            rows,
            self.config,
            effects=effects,
            ratios=ratios,
            sites=sites,
            outputs=outputs,
            own=self.own,
        )


def alleles_of(rows: pa.Table) -> list[Allele]:
    """Return the alleles of rows of a work list."""
    columns = [rows[name].to_pylist() for name in ALLELE_COLUMNS]
    return [Allele(*cells) for cells in zip(*columns, strict=True)]


def names_of(rows: pa.Table) -> list[str]:
    """Return the names of the variants of a work list for messages."""
    columns = [rows[name].to_pylist() for name in ("chrom", "pos", "ref", "alt", "file", "row")]
    return [
        f"{chrom}:{pos} {ref}>{alt} ({file}, row {row})"
        for chrom, pos, ref, alt, file, row in zip(*columns, strict=True)
    ]


def facts_of(tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Return the counts of a shard, to be added over shards."""
    calls = tables["variants"]["call"].to_pylist()
    changes = tables["sites"]["change"].to_pylist()
    return {
        "num_loss": calls.count("loss"),
        "num_gain": calls.count("gain"),
        "num_sites_gained": changes.count("gain"),
        "num_sites_lost": changes.count("loss"),
    }
