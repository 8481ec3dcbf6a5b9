"""Scores of variants compared with measured effects, element by element.

    python benchmarks/measured_variants.py --model RUN_ID \\
        --effects mpra_satmut_elements.tsv.gz --elements mpra_satmut_elements_refseq_GRCh38.fa.gz

The effects are those of a saturation mutagenesis MPRA (Kircher et al. 2019, Nat. Commun. 10:3583):
columns Chrom, Pos, Ref, Alt, Barcodes, Coefficient and Element; `-` deletes a base. The elements
are a FASTA with their coordinates in the header, `>NAME ASSEMBLY chrom:first-last(+)`; a variant is
scored within its element, as it was measured. Prints Spearman's rank correlation of the change of log2 odds
with the coefficient and, as a baseline, of the change in the number of G and C with the coefficient; then
the same for absolute values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import tyro
from dnasweep.devices import best_device
from dnasweep.errors import InputError
from dnasweep.formats.variant_files import open_lines
from dnasweep.genomics.allele_windows import Allele, flanks, normalise
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.genomics.variant_effects import score
from dnasweep.genomics.variant_models import check_window, open_model, window_of
from dnasweep.genomics.variant_settings import VariantConfig
from dnasweep.genomics.zero_shot import ZeroShot
from dnasweep.tracking.client import resolve_uri
from dnasweep.tracking.lookup import find_model_directory
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

_COORDINATES = re.compile(r">(\S+)\s+\S+\s+(?:chr)?(\w+):(\d+)-(\d+)")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to compare."""

    model: str
    """Classifier, or masked language model: MLflow run id, registered model or directory."""
    effects: str
    """Measured effects, TSV."""
    elements: str
    """The elements, FASTA."""
    only: tuple[str, ...] = ()
    """Elements to compare. Default: all."""
    least_barcodes: int = 10
    """Minimum number of barcodes of a measurement."""
    every: int = 1
    """Take only every n-th variant of an element, for a quick look."""
    window: int | None = None
    """Length of a window in bases. Default: as long as the model can read; a shorter element is one window."""
    shifts: tuple[int, ...] = (-4, 4)
    """Shifts of further windows in bases."""
    storage: str = "runs"
    """Storage root, for its MLflow store."""
    tracking_uri: str | None = None
    """MLflow tracking URI. Default: MLFLOW_TRACKING_URI, else sqlite in the storage root."""
    out: str | None = None
    """CSV for the scored variants."""


def read_elements(path: Path) -> dict[str, tuple[str, int, str]]:
    """Return chromosome, first base (1-based) and bases of each element by name."""
    found: dict[str, tuple[str, int, str]] = {}
    name = ""
    for line in open_lines(path):
        if line.startswith(">"):
            match = _COORDINATES.match(line)
            if match is None:
                raise InputError(f"the header {line!r} has no coordinates", file=path)
            name = match[1]
            found[name] = (match[2], int(match[3]), "")
        else:
            chrom, first, bases = found[name]
            found[name] = (chrom, first, bases + line.strip().upper())
    return found


def read_effects(path: Path, options: Options) -> pd.DataFrame:
    """Return the measurements to use."""
    frame = pd.read_csv(path, sep="\t", dtype={"Chrom": str}, keep_default_na=False)
    frame = frame[frame["Barcodes"] >= options.least_barcodes]
    if options.only:
        frame = frame[frame["Element"].isin(options.only)]
    return frame[frame.groupby("Element").cumcount() % options.every == 0]


def cut(
    row: pd.Series, elements: dict[str, tuple[str, int, str]], config: VariantConfig
) -> Allele:
    """Return a measured variant within its element."""
    ref, alt = row.Ref.replace("-", ""), row.Alt.replace("-", "")
    for chrom, first, bases in elements.values():
        start = row.Pos - first
        if chrom == row.Chrom and 0 <= start < len(bases):
            break
    else:
        raise InputError(f"{row.Chrom}:{row.Pos} is in no element")
    if bases[start : start + len(ref)] != ref:
        raise InputError(f"REF at {row.Chrom}:{row.Pos} is {ref}, the element has {bases[start]}")

    def fetch(first: int, last: int, bases: str = bases) -> str:
        return bases[first:last]

    at, ref, alt = normalise(fetch, start, ref, alt)
    return flanks(fetch, len(bases), at, ref, alt, config)


def main(options: Options) -> None:
    """Score the measured variants and print the table."""
    console = Console(width=120)
    uri = resolve_uri(options.tracking_uri, options.storage)
    with TemporaryDirectory() as scratch:
        directory = find_model_directory(options.model, uri=uri, destination=Path(scratch))
        model = open_model(directory)
        window = options.window or window_of(model)
        check_window(model, window)
        config = VariantConfig(
            window=window, shifts=options.shifts, target=model.target, backgrounds=0
        )
        device = str(best_device())
        elements = read_elements(Path(options.elements))
        frame = read_effects(Path(options.effects), options)
        alleles = [cut(row, elements, config) for row in frame.itertuples(index=False)]
        with console.status(f"scoring {len(alleles):,} variants"):
            if model.is_classifier:
                values = SequenceValues(directory, target=model.target, device=device)
                scores = score(alleles, values, config).delta_log2_odds
            else:
                ratios = ZeroShot(directory, device=device)
                scores = ratios.ratios(alleles, window=window, shifts=options.shifts)
    frame = frame.assign(
        score=scores, gc_change=[_gc(allele.alt) - _gc(allele.ref) for allele in alleles]
    )
    kind = "change of log2 odds" if model.is_classifier else "log-likelihood ratio"
    table = Table("element", "variants", kind, "G+C change", "|score|", "|G+C|")
    for name, part in frame.dropna(subset=["score"]).groupby("Element"):
        effect = part["Coefficient"]
        rank = [spearmanr(part[column], effect)[0] for column in ("score", "gc_change")]
        sizes = [
            spearmanr(part[column].abs(), effect.abs())[0] for column in ("score", "gc_change")
        ]
        table.add_row(
            str(name),
            f"{len(part):,}",
            # Without p-values: neighbouring bases have similar effects, so rows are not independent.
            *(f"{value:+.3f}" for value in rank),
            *(f"{value:+.3f}" for value in sizes),
        )
    console.print(f"{options.model}: windows of {window} bases, Spearman with the coefficient")
    console.print(table)
    if options.out:
        frame.to_csv(options.out, index=False)
        console.print(f"written {options.out}")


def _gc(bases: str) -> int:
    return bases.count("G") + bases.count("C")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
