"""Transcription starts from a genome annotation in GTF or GFF."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.delimited import read_cells
from dnasweep.formats.reference import open_genome
from dnasweep.formats.rejects import RejectedRow, RowChecks

_TRANSCRIPTS = (
    *("transcript", "mrna", "lnc_rna", "ncrna", "primary_transcript", "pseudogenic_transcript"),
    *("snrna", "snorna", "mirna", "rrna", "trna", "lncrna"),
)
_GENES = ("gene", "ncrna_gene", "pseudogene", "protein_coding_gene")
_REGION = re.compile(rb"^##sequence-region\s+(\S+)\s+1\s+(\d{1,12})\s*$", re.MULTILINE)
_CODING_GENES = ("gene", "protein_coding_gene")
_OWN_ID, _OWNER = (
    # GFF3 names the row and the row above it; GTF names the gene in every row.
    rf"(?:^|;)\s*(?:{name}=|gene_id[ =])\s*\"?([^\";]+)"
    for name in ("ID", "Parent")
)
_NAMES = ("gene_name", "gene", "Name", "gene_id", "transcript_id", "ID", "Parent")


def read_starts(data: bytes, *, file: Path) -> tuple[pd.DataFrame, list[RejectedRow], str]:
    """Return the transcription starts of an annotation, as intervals of one base.

    They are the 5' ends of transcripts, and of genes that have a coding sequence but no transcript, as in
    annotations of bacteria and organelles; or of genes if the file has no transcripts. Starts at the same
    position and strand count once, under the name of the first.

    Parameters
    ----------
    data
        Text of nine columns: sequence, source, feature, start and end (1-based, both included),
        score, strand, frame, attributes.
    file
        Path of the file, for messages.

    Returns
    -------
    frame
        Text columns row, id (name of the gene), chrom, start, end (0-based, half-open) and strand.
    rejected
        Transcripts without usable coordinates or strand.
    note
        Message with the numbers of rows and starts.

    Raises
    ------
    InputError
        For a file without transcripts or genes.
    """
    # Sequences may follow the rows of GFF3.
    data = re.split(rb"^(?:##FASTA|>)", data, maxsplit=1, flags=re.MULTILINE)[0]
    cells, rejected = read_cells(data, separator="\t", num_columns=9, file=file, quoted=False)
    cells = cells[~cells[0].str.startswith("#")]
    feature = cells[2].str.lower()
    rows = cells[feature.isin(_TRANSCRIPTS)]
    read = f"{len(rows):,} transcript rows"
    if rows.empty:
        rows = cells[feature.isin(_GENES)]
        read = f"{len(rows):,} gene rows"
    elif len(bare := _without_transcript(cells, feature)):
        rows = pd.concat([rows, bare]).sort_index()
        read += f" and {len(bare):,} genes without one"
    if rows.empty:
        held = ", ".join(cells[2].drop_duplicates().head(8)) or "no row"
        raise InputError(
            f"has no transcripts or genes: its features are {held}",
            file=file,
            remedy="Give an annotation with transcript or gene rows, or a BED file.",
        )
    forward = rows[6] == "+"
    position = pd.to_numeric(rows[3].where(forward, rows[4]), errors="coerce")
    checks = RowChecks(rows.index)
    checks.add(~rows[6].isin(["+", "-"]), "the strand is not + or -")
    checks.add(
        position.isna() | (position < 1) | (position % 1 != 0),
        "the position is not a whole number of at least 1",
    )
    bad = checks.rejected(file, rows["row"], rows[[0, 2, 3, 4, 6]])
    rows, position = rows[checks.good], position[checks.good].astype("int64")
    frame = pd.DataFrame(
        {
            "row": rows["row"],
            "id": rows[8].map(_name),
            "chrom": rows[0],
            "start": (position - 1).astype("str"),
            "end": position.astype("str"),
            "strand": rows[6],
        }
    )
    starts = frame.drop_duplicates(["chrom", "start", "strand"]).reset_index(drop=True)
    genes = starts["id"].nunique()
    note = f"{len(starts):,} transcription starts of {read}, {genes:,} names"
    return starts, [*rejected, *bad], note


def check_regions(data: bytes, genome: Path, *, chroms: Iterable[str], file: Path) -> None:
    """Refuse an annotation whose lines ##sequence-region give a chromosome another length than the genome has.

    Parameters
    ----------
    data
        Text of the annotation.
    genome
        FASTA that its coordinates should refer to.
    chroms
        Names of the chromosomes that are used.
    file
        Path of the annotation, for messages.

    Raises
    ------
    InputError
        For the first such chromosome.
    """
    found = {name.decode("utf-8", "replace"): int(end) for name, end in _REGION.findall(data)}
    used = [name for name in chroms if name in found]
    if not used:
        return
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome, match=True)
    for name, record in contigs.names(used).items():
        if contigs.lengths[record] != found[name]:
            raise InputError(
                f"says that {name} has {found[name]:,} bases, but in the genome it has "
                f"{contigs.lengths[record]:,}: the assemblies differ",
                file=file,
                remedy="Give the genome that the annotation refers to. If only its lines ##sequence-region are "
                "wrong, remove them.",
            )


def _without_transcript(cells: pd.DataFrame, feature: pd.Series) -> pd.DataFrame:
    """Return the rows of genes to which a coding sequence belongs directly, not through a transcript."""
    genes = cells[feature.isin(_CODING_GENES)]
    own = genes[8].str.extract(_OWN_ID)[0]
    coding, transcripts = (
        cells[8][feature.isin(kinds)].str.extract(_OWNER)[0] for kinds in (("cds",), _TRANSCRIPTS)
    )
    return genes[own.isin(coding) & ~own.isin(transcripts)]


def _name(attributes: str) -> str:
    """Return the name of the gene, or otherwise of the row, from the attributes; "" if there is none."""
    found: dict[str, str] = {}
    for part in attributes.split(";"):
        key, _, value = re.sub(r"^\s*(\S+?)\s*[=\s]", r"\1=", part).partition("=")
        found.setdefault(key.strip(), value.strip().strip('"'))
    name = next((found[name] for name in _NAMES if found.get(name)), "")
    return re.sub(r"^(?:gene|transcript|rna)[:-]", "", name)
