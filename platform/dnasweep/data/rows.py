"""Convert rows of text to rows of the table, and separate those that cannot be used."""

from __future__ import annotations

import pandas as pd

from dnasweep.data.catalogue import Catalogue
from dnasweep.data.label_cells import LabelReading
from dnasweep.data.label_notation import plain_cells
from dnasweep.data.label_reading import read_labels
from dnasweep.data.label_words import MISSING
from dnasweep.data.names import SPLIT_NAMES
from dnasweep.data.not_dna import NOT_DNA, first_fault
from dnasweep.data.source import Source
from dnasweep.data.species_names import read_names
from dnasweep.data.table import make_table
from dnasweep.errors import InputError
from dnasweep.formats.bed import DOUBTFUL_STRANDS, STRANDS, doubtful_strands
from dnasweep.formats.intervals import MAX_POSITION, SMALLER_FIRST, refuse_powers
from dnasweep.formats.rejects import RejectedRow, RowChecks
from dnasweep.formats.sequences import join_kmers

_MISSING = ("nan", "na", "n/a", "none", "null", "<na>")
# pandas writes a missing value as nan; within upper-case bases it was concatenated by mistake.
_PASTED = r"(?:^|[^a-z])nan(?:[^a-z]|$)"
_ONLY_DIGITS = "Write only digits, or rename the column if it is not a position on a chromosome."


def check_rows(
    raw: pd.DataFrame,
    source: Source,
    *,
    labels: LabelReading | None = None,
    require_labels: bool = True,
    min_bases: int = 1,
    catalogue: Catalogue | None = None,
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the usable rows of `raw` as rows of the table, and the rejected ones.

    Parameters
    ----------
    raw
        Text columns `sequence` and any of id, label, name, species, chrom, start, end, strand,
        split; `row`, the 1-based row in the file; and `file` if the source is several. Not changed.
    source
        The file, with default values for its rows.
    labels
        Rules for reading labels. Default: inferred from these rows.
    require_labels
        Whether a row without a label is rejected; otherwise its label is -1.
    min_bases
        Minimum length of a sequence in bases; shorter ones are rejected.
    catalogue
        Catalogue of known species; None for the built-in one.

    Returns
    -------
    frame
        The columns of a table, with `file` and `row`, the origin of each row, and `numbered`, whether a
        number was added to its id because it repeats an earlier one, as in GENE0/2.
    rejected
        All other rows, with reasons.
    """
    raw = raw.reset_index(drop=True)
    checks = RowChecks(raw.index)
    sequences = _sequences(raw["sequence"], checks, min_bases)
    columns = {
        "sequence": sequences,
        **_labels(raw, source, labels, checks, require_labels, sequences),
        **_species_and_id(raw, source, checks, catalogue),
        "chrom": _place(raw, "chrom"),
        **_interval(raw, checks),
        "strand": _coded(raw, "strand", STRANDS, "", checks),
        "split": _coded(raw, "split", {**SPLIT_NAMES, "": ""}, source.split, checks),
        "shots": pd.Series(source.shots, index=raw.index, dtype="Int64"),
    }
    columns["id"], columns["numbered"] = _ids(columns["id"], raw["row"], source)
    rejected = checks.rejected(
        source.path, raw["row"], raw.drop(columns=["row", "tss", "file"], errors="ignore")
    )
    if "file" in raw:
        files = raw["file"][~checks.good]
        rejected = [row._replace(file=f) for row, f in zip(rejected, files, strict=True)]
    file = raw.get("file", str(source.path))
    frame = pd.DataFrame({**columns, "file": file, "row": raw["row"]})
    return frame[checks.good], rejected


def loses_class(raw: pd.DataFrame, good: pd.DataFrame) -> bool:
    """Return whether a label with at least two rows has no good row left."""
    if good.empty:
        return True
    labels = _text(raw, "label")
    counts = labels[~labels.str.lower().isin(MISSING)].value_counts()
    kept = set(_text(raw[raw["row"].isin(good["row"])], "label"))
    return any(n > 1 and label not in kept for label, n in counts.items())


def check_shots(frame: pd.DataFrame, source: Source) -> None:
    """Refuse a few-shot set whose number of rows per class differs from that in the folder name."""
    counts = frame["label"].value_counts().sort_index()
    if (counts != source.shots).any():
        listed = ", ".join(f"{n:,} of class {label}" for label, n in counts.items())
        raise InputError(
            f"contains {listed}, but its folder says {source.shots} of each",
            file=source.path,
            remedy="Name the folder after the number of rows of each class.",
        )


def _text(raw: pd.DataFrame, column: str) -> pd.Series:
    if column not in raw:
        return pd.Series("", index=raw.index, dtype="str")
    return raw[column].astype("str").str.strip()


def _place(raw: pd.DataFrame, column: str) -> pd.Series:
    """Return a coordinate column; missing values as written by R and pandas become empty."""
    text = _text(raw, column)
    return text.mask(text.str.lower().isin(_MISSING), "")


def _quoted(text: pd.Series) -> pd.Series:
    return text.str[:40].map(repr)


def _sequences(raw: pd.Series, checks: RowChecks, min_bases: int) -> pd.Series:
    text = raw.astype("str").str.strip()
    checks.add(text == "", "the sequence is empty")
    spaced = text.str.contains(r"\s")
    if spaced.any():
        joined = text[spaced].map(_join)
        broken = joined.str.startswith("!")
        checks.add(
            broken.reindex(text.index, fill_value=False),
            joined.str[1:].reindex(text.index),
            "Write a sequence in one line, without spaces.",
        )
        text = text.mask(spaced, joined.mask(broken, "").reindex(text.index))
    checks.add(text.str.lower().isin(_MISSING), "the sequence is a missing value, not DNA")
    pasted = text.str.contains("nan", regex=False)
    pasted[pasted] = text[pasted].str.contains(_PASTED) & text[pasted].str.contains("[A-Z]")
    checks.add(
        pasted,
        "the sequence contains a literal 'nan'",
        "A missing value was pasted into it; correct the row.",
    )
    not_dna = text.str.contains(NOT_DNA)
    if not_dna.any():
        faults = text[not_dna].map(first_fault)
        reasons, remedies = (faults.str[i].reindex(text.index, fill_value="") for i in (0, 1))
        checks.add(not_dna, reasons, remedies)
    bases = text.str.len()
    checks.add(
        bases < min_bases,
        "the sequence has " + bases.astype("str") + f" bases, but {min_bases} are needed",
        "Use a smaller --crop.",
    )
    return text.str.upper().str.replace("U", "T", regex=False)


def _join(sentence: str) -> str:
    """Return the sequence of a k-mer sentence, or ! and the reason why it is not one."""
    if "\n" in sentence or "\r" in sentence:
        return "!the sequence spans several lines"
    try:
        return join_kmers(sentence)
    except InputError as error:
        return f"!the sequence contains spaces and is not a list of overlapping k-mers: {error.reason}"


def join_rows(
    frames: list[pd.DataFrame], sources: list[Source]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of all files as one table with unique ids, and their origins."""
    ids = pd.concat([frame["id"] for frame in frames])
    shared = set(ids[ids.duplicated()])
    for frame, source in zip(frames, sources, strict=True):
        frame["id"] = frame["id"].mask(frame["id"].isin(shared), f"{source.name}/" + frame["id"])
    joined = pd.concat(frames, ignore_index=True)
    table = make_table(joined)
    repeated = table["id"].duplicated()
    if repeated.any():
        raise InputError(
            f"the id {table['id'][repeated].iloc[0]!r} comes from two files",
            file=joined["file"][repeated].iloc[0],
            row=int(joined["row"][repeated].iloc[0]),
            remedy="Give each file once.",
        )
    return table, joined[["file", "row"]]


def label_cells(raw: pd.DataFrame, *, required: bool = True) -> pd.Series:
    """Return normalised cells of labels; -1 means missing if labels are not required."""
    text = plain_cells(_text(raw, "label"))
    return text if required else text.mask(text == "-1", "")


def _labels(
    raw: pd.DataFrame,
    source: Source,
    labels: LabelReading | None,
    checks: RowChecks,
    require_labels: bool,
    sequences: pd.Series,
) -> dict[str, pd.Series]:
    if "label" not in raw:
        return {"label": pd.Series(-1 if source.label is None else source.label, index=raw.index)}
    text = label_cells(raw, required=require_labels)
    if labels is None:
        labels = read_labels(text, required=require_labels)
    return labels.columns(text, checks, required=require_labels, sequences=sequences)


def _species_and_id(
    raw: pd.DataFrame, source: Source, checks: RowChecks, catalogue: Catalogue | None
) -> dict[str, pd.Series]:
    """Return species and id; a column `name` is the species if most of its rows are known species."""
    ids, species, known_only = _text(raw, "id"), _text(raw, "species"), False
    if "name" in raw:
        name = _text(raw, "name")
        if is_species(raw, catalogue):
            species, known_only = name, True
        elif "id" not in raw:
            ids = name
    meant = read_names(species.unique(), known_only=known_only, catalogue=catalogue)
    for cell, named in meant.items():
        if named.key is None:
            remedy = named.remedy or "Use scientific or common names."
            checks.add(species == cell, f"the {named.reason}", remedy)
    keys = species.map({cell: named.key or "" for cell, named in meant.items()}).astype("str")
    return {"id": ids, "species": keys.mask(keys == "", source.species)}


def is_species(raw: pd.DataFrame, catalogue: Catalogue | None = None) -> bool:
    """Return whether the column `name` contains species, that is, if most rows are known species."""
    if "name" not in raw or "species" in raw:
        return False
    name = _text(raw, "name")
    meant = read_names(name.unique(), known_only=True, catalogue=catalogue)
    return bool(name.map({n: named.key for n, named in meant.items()}).notna().mean() >= 0.5)


def _interval(raw: pd.DataFrame, checks: RowChecks) -> dict[str, pd.Series]:
    numbers = {}
    for column in ("start", "end"):
        text = _place(raw, column)
        refuse_powers(text, column, checks)
        number = pd.to_numeric(text, errors="coerce")
        usable = number.between(0, MAX_POSITION) & (number % 1 == 0)
        wrong = ~usable & (text != "")
        checks.add(wrong, f"the {column} is not a whole number of at least 0", _ONLY_DIGITS)
        numbers[column] = number.where(usable).astype("Int64")
    backward = (numbers["end"] <= numbers["start"]).fillna(False).astype(bool)
    checks.add(backward, "the end is not after the start", SMALLER_FIRST)
    return numbers


def _coded(
    raw: pd.DataFrame, column: str, codes: dict[str, str], default: str, checks: RowChecks
) -> pd.Series:
    text = (_place if column == "strand" else _text)(raw, column).str.lower()
    if column == "strand" and "start" in raw:
        checks.add(doubtful_strands(text), *DOUBTFUL_STRANDS)
    values = text.map(codes)
    accepted = ", ".join(code for code in codes if code)
    checks.add(values.isna(), f"the {column} " + _quoted(text) + f" is not one of {accepted}")
    values = values.fillna("").astype("str")
    return values.mask(values == "", default)


def _ids(ids: pd.Series, rows: pd.Series, source: Source) -> tuple[pd.Series, pd.Series]:
    """Return ids, with missing ones generated and repeated ones numbered, and which were numbered."""
    ids = ids.mask(ids == "", f"{source.name}:" + rows.astype("str"))
    numbered = ids.duplicated()
    if not numbered.any():
        return ids, numbered
    taken = set(ids)
    made = []
    for name, number in zip(ids[numbered], ids.groupby(ids).cumcount()[numbered], strict=True):
        number += 1
        while f"{name}/{number}" in taken:
            number += 1
        taken.add(f"{name}/{number}")
        made.append(f"{name}/{number}")
    ids = ids.copy()
    ids[numbered] = made
    return ids, numbered
