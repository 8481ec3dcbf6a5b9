"""Find the columns of sequences and labels in a table, or report why they are not clear."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from dnasweep.data.column_names import (
    ACCEPTED,
    BESIDE_POSITIONS,
    MEANING,
    OPTIONS,
    SEQUENCE_NAMES,
    ColumnNames,
    is_effect,
    kind_of_label,
    may_be_label,
    may_be_only_label,
    might_be_label,
)
from dnasweep.data.joined_labels import are_numbers, one_hot
from dnasweep.data.names import SPLIT_NAMES
from dnasweep.data.split_columns import may_be_split
from dnasweep.errors import InputError
from dnasweep.formats.delimited import Cells
from dnasweep.formats.headers import canonical_name

_BASES = re.compile(r"[ACGTUN ]{6,}|[ACGTRYSWKMBDHVNU]{12,}", re.IGNORECASE)
_SEQUENCE = r"(?i)[ACGTRYSWKMBDHVNU\s]{6,}"
_LOOKED_AT = 200
_SHARE_OF_DNA = 0.9
_FEW = 20
"""Maximum number of different labels in a column of classes with an unknown name."""
_COORDINATES = frozenset(["chrom", "start", "end"])


class Finder:
    """The columns of one file, with error messages for ambiguous ones.

    Parameters
    ----------
    cells
        Cells of the file.
    names
        Column names in the form used for comparisons.
    file
        Path of the file, for messages.
    """

    def __init__(self, cells: Cells, names: Sequence[str], file: Path) -> None:
        self.cells, self.names, self.file = cells, names, file
        self.row = cells.header_row or None
        found = [name[:40] or "(no name)" for name in cells.names[:20]]
        self.found = f"found {', '.join(found)}" if found else "found no names"

    def shown(self, column: int) -> str:
        """Return the name of a column as written in the file."""
        return self.cells.names[column][:40] if self.cells.names else self.names[column]

    def error(self, reason: str, remedy: str | None = None) -> InputError:
        """Return the error for a header that does not identify the columns."""
        return InputError(reason, file=self.file, row=self.row, remedy=remedy)

    def free(self, meaning: Mapping[int, str]) -> list[int]:
        """Return the columns of single values that have no meaning yet.

        Parameters
        ----------
        meaning
            Column of the table by column of the file.
        """
        return [i for i in range(len(self.names)) if i in self.cells.frame and i not in meaning]

    def named(self, names: ColumnNames) -> dict[int, str]:
        """Return the meaning of the columns that the user has named."""
        meaning: dict[int, str] = {}
        for column, option in OPTIONS.items():
            for name in names.of(column):
                wanted = canonical_name(name)
                there = [i for i, one in enumerate(self.names) if one == wanted]
                if not there:
                    # Accept signal_value for signalValue.
                    plain = [one.replace("_", "") for one in self.names]
                    there = [i for i, one in enumerate(plain) if one == wanted.replace("_", "")]
                if not there and names.where_present:
                    continue
                if not there:
                    raise self.error(
                        f"there is no column {name}: {self.found}",
                        f"Give one of these with {option}.",
                    )
                if len(there) > 1:
                    raise self.error(
                        f"{len(there)} columns are named {name}", "Rename all but one of them."
                    )
                if there[0] in meaning:
                    raise self.error(
                        f"the column {name} is named for both {meaning[there[0]]} and {column}",
                        f"Name another with {option}.",
                    )
                meaning[there[0]] = column
        return meaning

    def add_plain(self, meaning: dict[int, str]) -> None:
        """Add columns with standard names, except for meanings that the user has named.

        Parameters
        ----------
        meaning
            Column of the table by column of the file; changed in place.
        """
        given = set(meaning.values())
        places = self._names_of_places()
        for i, name in enumerate(self.names):
            column = MEANING.get(name)
            if column is None or i in meaning or column in given:
                continue
            if column in _COORDINATES and name not in places:
                continue
            if column in meaning.values():
                option = OPTIONS.get(column)
                twice = self.names.count(name) > 1
                raise self.error(
                    f"the header has more than one column for the {column}: {self.found}",
                    f"Choose one with {option}."
                    if option and not twice
                    else "Keep one of these columns.",
                )
            meaning[i] = column

    def _names_of_places(self) -> frozenset[str]:
        """Return the names of coordinate columns in this file; positions count only beside a chromosome.

        Without a chromosome, positions are relative to something else, such as a transcription start. The
        chromosome is called region in tables of Genomic Benchmarks, and seqnames in those of Bioconductor.
        """
        known = [name for name in ACCEPTED["chrom"] if name in self.names]
        plain = [name for name in known if name not in BESIDE_POSITIONS]
        if not plain and not set(ACCEPTED["start"]) & set(self.names):
            return frozenset()
        chrom = plain or known[:1]
        return frozenset([*chrom, *ACCEPTED["start"], *ACCEPTED["end"]] if chrom else ())

    def add_sequence(
        self,
        meaning: dict[int, str],
        notes: list[str],
        has_genome: bool,
        *,
        labelled: bool = False,
    ) -> None:
        """Add the only column of DNA, unless coordinates replace sequences.

        Parameters
        ----------
        meaning
            Column of the table by column of the file; changed in place.
        notes
            Notes for the user; appended to.
        has_genome
            Whether coordinates can replace sequences.
        labelled
            Whether labels are wanted, so that sequences may also be in a FASTA file of their own.
        """
        placed = set(meaning.values()) >= _COORDINATES
        if placed and has_genome:
            return
        free = self.free(meaning)
        dna = [i for i in free if _is_dna(self.cells.frame[i])]
        if len(dna) > 1:
            raise self.error(
                f"the columns {self.shown(dna[0])} and {self.shown(dna[1])} both contain sequences",
                "Choose one with --sequence-column.",
            )
        # A column named dna without DNA is read anyway, so that its bad rows are reported.
        chosen = dna or [i for i in free if self.names[i] in SEQUENCE_NAMES][:1]
        if not placed and any(
            _BASES.fullmatch(word) for name in self.cells.names for word in (name, *name.split())
        ):
            raise self.error(
                f"there is no header: row 1 already contains a sequence ({self.found})",
                "Add a first line with the names of the columns, such as id,sequence,label.",
            )
        if chosen:
            meaning[chosen[0]] = "sequence"
            notes.append(f"{self.file.name}: the sequences are the column {self.shown(chosen[0])}")
        elif not placed:
            raise self.error(
                f"there is no column with sequences: {self.found}",
                f"Name it {' or '.join(ACCEPTED['sequence'][:2])} (any case), or say which it is "
                f"with --sequence-column; or give {', '.join(ACCEPTED['chrom'][:2])}, start and end "
                "with a genome"
                + ("; or give their FASTA file with --sequences." if labelled else "."),
            )

    def add_label(self, meaning: dict[int, str], notes: list[str]) -> None:
        """Add the only column whose name may mean a label, or several numeric ones of one kind.

        Parameters
        ----------
        meaning
            Column of the table by column of the file; changed in place.
        notes
            Notes for the user; appended to.
        """
        free = [i for i in self.free(meaning) if self._may_hold_labels(i)]
        found, hot = [i for i in free if may_be_label(self.names[i])], []
        if not found and "sequence" in meaning.values():
            hot = one_hot(self.cells.frame, free)
            found = hot or [i for i in free if might_be_label(self.names[i])]
        alone = self._alone(meaning) if not found and "sequence" in meaning.values() else []
        found = found or alone
        if not found:
            return
        if len(found) > 1 and not hot and not self._are_of_a_kind(found):
            raise self._unclear_label(found[0], found[1])
        for i in found:
            meaning[i] = "label"
        what = "the labels are the column" + ("s" if len(found) > 1 else "")
        told = f"{what} {', '.join(map(self.shown, found))}"
        notes.append(f"{self.file.name}: {told}{', which is the only other one' if alone else ''}")

    def check_label(self, meaning: Mapping[int, str]) -> None:
        """Refuse a column `class` or `target` of words, such as genes, beside a column of measured effects.

        Parameters
        ----------
        meaning
            Column of the table by column of the file, without columns named by the user.
        """
        chosen = next(i for i, column in meaning.items() if column == "label")
        measured = [i for i in self.free(meaning) if is_effect(self.names[i])]
        if self.names[chosen] not in ("class", "target") or chosen not in self.cells.frame:
            return
        numbers = [i for i in measured if are_numbers(self.cells.frame, [i])]
        if numbers and not are_numbers(self.cells.frame, [chosen]):
            raise self._unclear_label(chosen, numbers[0])

    def _unclear_label(self, one: int, other: int) -> InputError:
        """Return the error for two columns of which either could be the label."""
        return self.error(
            f"the columns {self.shown(one)} and {self.shown(other)} could both be the label",
            "Choose with --label-column; several columns give several numbers or labels per row.",
        )

    def _alone(self, meaning: Mapping[int, str]) -> list[int]:
        """Return the only column that has no meaning yet, if it contains a few classes."""
        free = self.free(meaning)
        if len(free) != 1 or not (
            may_be_only_label(self.names[free[0]]) and self._may_hold_labels(free[0])
        ):
            return []
        cells = self.cells.frame[free[0]].str.strip().str.lower()
        num = cells[cells != ""].nunique()
        return free if 1 < num <= min(_FEW, len(cells) / 2) else []

    def _may_hold_labels(self, column: int) -> bool:
        if may_be_split(self.names[column]):
            return False
        cells = self.cells.frame[column].str.strip().str.lower()
        return not set(cells.unique()) <= {"", *SPLIT_NAMES}

    def _are_of_a_kind(self, columns: Sequence[int]) -> bool:
        kinds = {kind_of_label(self.names[i]) for i in columns}
        return len(kinds) == 1 and "" not in kinds and are_numbers(self.cells.frame, columns)


def _is_dna(column: pd.Series) -> bool:
    """Return whether nearly all of the first non-empty cells are DNA."""
    text = column.str.strip()
    text = text[text != ""].head(_LOOKED_AT)
    return len(text) > 0 and float(text.str.fullmatch(_SEQUENCE).mean()) >= _SHARE_OF_DNA
