"""A VCF with the scores of its variants added, and everything else unchanged.

Lines are copied byte by byte and extended by INFO fields with one value per alternative allele, in the
order of the line (Number=A); a rejected allele has `.`. pysam compresses and indexes the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dnasweep.errors import InputError
from dnasweep.formats.variant_files import open_lines

PREFIX = "DNASWEEP_"
FIELDS: dict[str, tuple[str, str]] = {
    "delta_probability": ("Float", "Change of the class probability, ALT - REF"),
    "delta_log2_odds": ("Float", "Change of the log2 odds of the class, ALT - REF"),
    "dnabert_log_or": ("Float", "The same with the sign of DNABERT, REF - ALT"),
    "probability_ref": ("Float", "Class probability with REF"),
    "probability_alt": ("Float", "Class probability with ALT"),
    "z": ("Float", "Change of the log2 odds against shuffled contexts, standard deviations"),
    "p_value": (
        "Float",
        "Empirical two-sided p-value: rank of the change among those in shuffled contexts",
    ),
    "llr": ("Float", "Language model log-likelihood ratio, ALT over REF, nats"),
    "call": ("String", "loss, gain or none of the class"),
    "sites_gained": ("String", "Motifs with a site in ALT only, separated by &"),
    "sites_lost": ("String", "Motifs with a site in REF only, separated by &"),
}
"""Column of the table to type and description of the INFO field."""
_UNSAFE = str.maketrans({" ": "_", "=": "_", ",": "_", ";": "&"})


def write_annotated(
    source: Path,
    target: Path,
    rows: Iterable[Mapping[str, Any]],
    *,
    fields: Mapping[str, tuple[str, str]],
    contigs: Mapping[str, int],
    about: str,
) -> None:
    """Write a VCF with scores, compressed with bgzip, and its index if it is sorted.

    Parameters
    ----------
    source
        The VCF that was scored.
    target
        The file to write, `*.vcf.gz`.
    rows
        Scored alleles of the VCF in the order of the file, with `row`, `allele` and the columns of `fields`.
    fields
        Columns to write, with type and description, as in `FIELDS`.
    contigs
        Lengths of the chromosomes, added if the header has none.
    about
        A line for the header: the models and settings of the scores.
    """
    import pysam

    with pysam.BGZFile(str(target), "w", None) as stream:
        for line in _lines(source, iter(rows), fields, contigs, about):
            # Bytes that are not UTF-8 are written as they were read.
            stream.write(f"{line}\n".encode("utf-8", "surrogateescape"))
    verbosity = pysam.set_verbosity(0)
    try:
        pysam.tabix_index(str(target), preset="vcf", force=True)
    except OSError:
        # The file is not sorted by position, which only an index requires.
        target.with_name(target.name + ".tbi").unlink(missing_ok=True)
    finally:
        pysam.set_verbosity(verbosity)


def _lines(
    source: Path,
    rows: Iterator[Mapping[str, Any]],
    fields: Mapping[str, tuple[str, str]],
    contigs: Mapping[str, int],
    about: str,
) -> Iterator[str]:
    known: set[str] = set()
    ids = _ids(fields)
    waiting = next(rows, None)
    for number, line in enumerate(open_lines(source), start=1):
        if line.startswith("##"):
            if line.startswith((f"##INFO=<ID={PREFIX}", "##dnasweep=")):
                continue
            if line.startswith("##contig=<ID="):
                known.add(line[len("##contig=<ID=") :].split(",")[0].rstrip(">"))
            yield line
        elif line.startswith("#"):
            for name, length in contigs.items():
                if name not in known:
                    yield f"##contig=<ID={name},length={length}>"
            for name, (kind, text) in fields.items():
                said = " ".join(text.split()).replace('"', "'")
                yield f'##INFO=<ID={ids[name]},Number=A,Type={kind},Description="{said}">'
            yield f"##dnasweep={about}"
            cells = line.split("\t")
            yield "\t".join([*cells, *_FIXED_COLUMNS[len(cells) :]])
        elif line:
            found: dict[int, Mapping[str, Any]] = {}
            while waiting is not None and waiting["row"] == number:
                found[waiting["allele"]] = waiting
                waiting = next(rows, None)
            cells = line.split("\t")
            if len(cells) >= 5 and cells[1].isdecimal():
                yield _annotated(cells, found, ids)
    if waiting is not None:
        raise InputError("the file changed while it was being scored", file=source)


_FIXED_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")


def _annotated(
    cells: list[str], found: Mapping[int, Mapping[str, Any]], ids: Mapping[str, str]
) -> str:
    cells = cells + ["."] * (8 - len(cells))
    info = [] if cells[7] in (".", "") else cells[7].split(";")
    info = [field for field in info if not field.startswith(PREFIX)]
    number = cells[4].count(",") + 1
    for name, identifier in ids.items():
        values = [_text(found.get(i, {}).get(name)) for i in range(1, number + 1)]
        if any(value != "." for value in values):
            info.append(f"{identifier}={','.join(values)}")
    cells[7] = ";".join(info) or "."
    return "\t".join(cells)


def _ids(columns: Iterable[str]) -> dict[str, str]:
    """Return the name of the INFO field of each column, different for each."""
    found: dict[str, str] = {}
    for name in columns:
        identifier = PREFIX + re.sub(r"[^A-Za-z0-9_.]", "_", name)
        while identifier in found.values():
            identifier += "_"
        found[name] = identifier
    return found


def _text(value: Any) -> str:
    if value is None or value == "" or value != value:
        return "."
    return f"{value:.6g}" if isinstance(value, float) else str(value).translate(_UNSAFE)
