"""Rows of text made into rows of the table, and the ones that cannot be told apart from them."""

from __future__ import annotations

import re

import pandas as pd

from dnasweep.data.sources import SPLIT_NAMES, Source
from dnasweep.data.species import SPECIES, resolve
from dnasweep.data.table import IUPAC
from dnasweep.errors import InputError
from dnasweep.formats.intervals import FARTHEST
from dnasweep.formats.rejects import RejectedRow
from dnasweep.formats.sequences import join_kmers

_FOREIGN = f"[^{IUPAC}U{IUPAC.lower()}u]"
_MISSING = ("nan", "na", "n/a", "none", "null", "<na>")
# pandas writes a missing value as nan; within upper-case bases it came from pasting one in.
_PASTED = r"(?:^|[^a-z])nan(?:[^a-z]|$)"
_STRANDS = {"+": "+", "1": "+", "+1": "+", "-": "-", "-1": "-", "": "", ".": "", "*": "", "0": ""}
_LETTERS = (
    "Only the IUPAC letters " + IUPAC + " (and U, any case) can stand in a sequence; mend the row."
)


class _Findings:
    """The first thing found wrong with each row."""

    def __init__(self, index: pd.Index) -> None:
        self.reason = pd.Series("", index=index, dtype="str")
        self.remedy = pd.Series("", index=index, dtype="str")

    def add(self, bad: pd.Series, reason: str | pd.Series, remedy: str = "") -> None:
        bad = bad & (self.reason == "")
        if bad.any():
            self.reason = self.reason.mask(bad, reason)
            self.remedy = self.remedy.mask(bad, remedy)


def clean(
    raw: pd.DataFrame, source: Source, *, require_labels: bool = True, shortest: int = 1
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the usable rows of `raw`, and a fault for every other row.

    The rows have the columns of a table, and `file` and `row`, where they stand.

    Parameters
    ----------
    raw
        Text columns `sequence` and any of id, label, name, species, chrom, start, end, strand,
        split; and `row`, the 1-based row in the file. Not changed.
    source
        The file, and what holds where a row says nothing.
    require_labels
        Whether a row without a label is a fault; otherwise its label is -1.
    shortest
        Bases below which a sequence is a fault.
    """
    raw = raw.reset_index(drop=True)
    found = _Findings(raw.index)
    columns = {
        "sequence": _sequences(raw["sequence"], found, shortest),
        "label": _labels(raw, source, found, require_labels),
        **_species_and_name(raw, source, found),
        "chrom": _text(raw, "chrom"),
        **_interval(raw, found),
        "strand": _coded(raw, "strand", _STRANDS, "", found),
        "split": _coded(raw, "split", {**SPLIT_NAMES, "": ""}, source.split, found),
        "shots": pd.Series(source.shots, index=raw.index, dtype="Int64"),
    }
    good = found.reason == ""
    columns["id"] = _ids(columns["id"], raw["row"], source, good, found)
    good = found.reason == ""
    faults = [
        RejectedRow(str(source.path), int(row), reason, " ".join(map(str, cells)), remedy)
        for row, reason, remedy, *cells in zip(
            *(raw["row"][~good], found.reason[~good], found.remedy[~good]),
            *(raw[c][~good] for c in raw.columns if c not in ("row", "tss")),
            strict=True,
        )
    ]
    return pd.DataFrame({**columns, "file": str(source.path), "row": raw["row"]})[good], faults


def loses_class(raw: pd.DataFrame, good: pd.DataFrame) -> bool:
    """Return whether a label of two rows or more has no good row left."""
    if good.empty:
        return True
    if "label" not in raw:
        return False
    counts = _text(raw, "label").value_counts()
    kept = set(_text(raw[raw["row"].isin(good["row"])], "label"))
    return any(n > 1 and label not in kept for label, n in counts.items())


def _text(raw: pd.DataFrame, column: str) -> pd.Series:
    if column not in raw:
        return pd.Series("", index=raw.index, dtype="str")
    return raw[column].astype("str").str.strip()


def _sequences(raw: pd.Series, found: _Findings, shortest: int) -> pd.Series:
    text = raw.astype("str").str.strip()
    found.add(text == "", "the sequence is empty")
    spaced = text.str.contains(r"\s")
    if spaced.any():
        joined = text[spaced].map(_join)
        broken = joined.str.startswith("!")
        found.add(
            broken.reindex(text.index, fill_value=False),
            joined.str[1:].reindex(text.index),
            "Write a sequence in one line, without blanks.",
        )
        text = text.mask(spaced, joined.mask(broken, "").reindex(text.index))
    found.add(text.str.lower().isin(_MISSING), "the sequence is a missing value, not DNA")
    pasted = text.str.contains("nan", regex=False)
    pasted[pasted] = text[pasted].str.contains(_PASTED) & text[pasted].str.contains("[A-Z]")
    found.add(
        pasted,
        "the sequence holds a literal 'nan'",
        "A missing value was pasted into it; mend the row.",
    )
    foreign = text.str.contains(_FOREIGN)
    if foreign.any():
        found.add(foreign, text[foreign].map(_name_foreign).reindex(text.index), _LETTERS)
    bases = text.str.len()
    found.add(
        bases < shortest,
        "the sequence has "
        + bases.astype("str")
        + f" bases, and {shortest} are to be cut from it",
        "Use a smaller --crop.",
    )
    return text.str.upper().str.replace("U", "T", regex=False)


def _join(sentence: str) -> str:
    if "\n" in sentence or "\r" in sentence:
        return "!the sequence goes over several lines"
    try:
        return join_kmers(sentence)
    except InputError as error:
        return f"!the sequence holds blanks and is no list of overlapping k-mers: {error.reason}"


def _name_foreign(sequence: str) -> str:
    match = re.search(_FOREIGN, sequence)
    assert match is not None
    return (
        f"{match[0]!r} at position {match.start() + 1} of the sequence is not an IUPAC DNA letter"
    )


def _labels(
    raw: pd.DataFrame, source: Source, found: _Findings, require_labels: bool
) -> pd.Series:
    if "label" not in raw:
        return pd.Series(-1 if source.label is None else source.label, index=raw.index)
    text = _text(raw, "label")
    missing = (text == "") | text.str.lower().isin(_MISSING)
    number = pd.to_numeric(text.where(text.str.fullmatch(r"[+-]?\d+(?:\.0*)?")), errors="coerce")
    lowest = 0 if require_labels else -1
    if require_labels:
        found.add(missing, "the label is missing")
    bad = ~missing & ~number.between(lowest, 127)
    reason = "the label " + text.str[:40].map(repr) + " is not an integer from 0 to 127"
    measured = bad & pd.to_numeric(text, errors="coerce").mod(1).gt(0)
    if measured.sum() > 1:
        remedy = "Measurements are not learned: make two classes of them by a threshold, 0 and 1."
    else:
        remedy = "Write the two classes as 0 and 1."
    found.add(bad, reason, remedy)
    return number.where(number.between(lowest, 127), -1).fillna(-1).astype("int64")


def _species_and_name(raw: pd.DataFrame, source: Source, found: _Findings) -> dict[str, pd.Series]:
    """Return species and id; a column `name` is the species where most of its rows are one."""
    ids, species = _text(raw, "id"), _text(raw, "species")
    if "name" in raw:
        name = _text(raw, "name")
        if "species" not in raw and name.map(_resolved(name)).notna().mean() >= 0.5:
            species = name
        elif "id" not in raw:
            ids = name
    keys = species.map(_resolved(species))
    found.add(
        keys.isna(),
        "species " + species.str[:40].map(repr) + " is not known",
        f"Known are {', '.join(SPECIES)}, their Latin names and assemblies; leave the cell of any "
        "other species empty.",
    )
    keys = keys.fillna("").astype("str")
    return {"id": ids, "species": keys.mask(keys == "", source.species)}


def _resolved(names: pd.Series) -> dict[str, str | None]:
    keys: dict[str, str | None] = {}
    for name in names.unique():
        try:
            keys[name] = resolve(name) if name else ""
        except InputError:
            keys[name] = None
    return keys


def _interval(raw: pd.DataFrame, found: _Findings) -> dict[str, pd.Series]:
    numbers = {}
    for column in ("start", "end"):
        text = _text(raw, column)
        number = pd.to_numeric(text, errors="coerce")
        usable = number.between(0, FARTHEST) & (number % 1 == 0)
        found.add(~usable & (text != ""), f"the {column} is not a whole number, 0 or above")
        numbers[column] = number.where(usable).astype("Int64")
    backward = (numbers["end"] <= numbers["start"]).fillna(False).astype(bool)
    found.add(backward, "the end does not lie behind the start")
    return numbers


def _coded(
    raw: pd.DataFrame, column: str, codes: dict[str, str], default: str, found: _Findings
) -> pd.Series:
    text = _text(raw, column).str.lower()
    values = text.map(codes)
    accepted = ", ".join(code for code in codes if code)
    reason = f"the {column} " + text.str[:40].map(repr) + f" is not one of {accepted}"
    found.add(values.isna(), reason)
    values = values.fillna("").astype("str")
    return values.mask(values == "", default)


def _ids(
    ids: pd.Series, rows: pd.Series, source: Source, good: pd.Series, found: _Findings
) -> pd.Series:
    ids = ids.mask(ids == "", f"{source.name}:" + rows.astype("str"))
    repeated = ids[good].duplicated().reindex(ids.index, fill_value=False)
    if repeated.any():
        first = rows[good].groupby(ids[good]).first()
        where = ids[repeated].map(first).astype("str").reindex(ids.index)
        found.add(
            repeated,
            "the id " + ids.str[:40].map(repr) + " stands in row " + where + " already",
            "Ids, and names that are no known species, must be unique in a file; mend them.",
        )
    return ids
