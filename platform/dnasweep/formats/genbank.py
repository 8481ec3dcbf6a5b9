"""Records of GenBank flat files, through Biopython."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pandas as pd
from Bio import BiopythonWarning, SeqIO
from Bio.Seq import UndefinedSequenceError

from dnasweep.errors import InputError


def read_genbank(data: bytes, *, file: Path) -> pd.DataFrame:
    """Return the records of a GenBank flat file: row (1-based record), sequence, id and organism.

    Parameters
    ----------
    data
        The text.
    file
        Path of the file, for messages.

    Raises
    ------
    InputError
        For a record that is damaged or has no sequence.
    """
    text = data.decode("utf-8", errors="replace")
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonWarning)
        records = SeqIO.parse(io.StringIO(text), "genbank")
        number = 0
        while True:
            number += 1
            try:
                record = next(records, None)
                if record is None:
                    break
                sequence = str(record.seq)
            except UndefinedSequenceError as error:
                raise InputError(
                    "the record has no sequence",
                    file=file,
                    row=number,
                    remedy="Download the records with their sequences (GenBank full).",
                ) from error
            except Exception as error:
                message = (str(error).splitlines() or [""])[0][:80]
                raise InputError(
                    f"the record is not valid GenBank ({message})",
                    file=file,
                    row=number,
                    remedy="Download the file again.",
                ) from error
            organism = str(record.annotations.get("organism", "")).strip()
            rows.append((number, sequence, record.id, "" if organism == "." else organism))
    if text.rstrip() and not text.rstrip().endswith("//"):
        raise InputError(
            "the last record is truncated", file=file, row=len(rows), remedy="Download it again."
        )
    return pd.DataFrame(rows, columns=["row", "sequence", "id", "species"])
