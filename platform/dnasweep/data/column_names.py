"""Column names that are common in genomics, and options that name a column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from dnasweep.config.ranges import Checked
from dnasweep.formats.headers import canonical_name

ACCEPTED: dict[str, tuple[str, ...]] = {
    "sequence": ("sequence", "seq", "sequences", "dna_sequence"),
    "label": ("label", "true_label", "labels", "class", "target"),
    "id": ("id", "seq_id", "sequence_id", "identifier"),
    "name": ("name",),
    "species": ("species", "organism"),
    "chrom": ("chrom", "chr", "chromosome", "seqnames", "seqname", "seqid", "region"),
    "start": ("start", "chromstart", "chrom_start"),
    "end": ("end", "chromend", "chrom_end"),
    "strand": ("strand",),
    "split": ("split",),
}
"""Standard header names by table column, in upper or lower case; the values of `name` decide
whether it is a species or an id."""

MEANING = {name: column for column, names in ACCEPTED.items() for name in names}
"""Table column by standard header name."""

BESIDE_POSITIONS = ("seqnames", "seqname", "seqid", "region")
"""Names of a chromosome column only if there is a start and no other column of chromosomes."""
SEQUENCE_NAMES = ("dna", "text", "nucleotide", "nucleotides", "bases", "dna_seq")
"""Names of a column that is read as the sequence even without DNA, if no other column contains DNA."""
_LABELS = (
    *("y", "y_true", "targets", "activity", "expression", "category", "classification", "outcome"),
    *("is_promoter", "is_enhancer", "is_positive", "promoter_label", "class_label", "label_name"),
)
NAMELESS = frozenset([*ACCEPTED["label"], "y", "y_true", "targets", "value"])
"""Names of columns of labels that do not say what is measured."""
KNOWN = frozenset([*MEANING, "stop", *SEQUENCE_NAMES, *_LABELS])
"""Names that distinguish a header from a title above it, or from DNA."""

_WIDE_LABEL = re.compile(
    r"is_\w+|labels?_(?:\d+|binary|bin|name|text|str)|label\d+|\w+_(?:labels?|class|activity|expression|log2_enrichment)"
)
_UNIT = re.compile(r"_?\(.*\)$|[?:]+$")
_NUMBER = (
    r"activity|expression|enrichment|score|value|values|signal|intensity|strength|affinity|fold_?change|"
    r"log2|ratio|tpm|rpkm|fpkm|cpm|counts?|coverage|(?:log2?_?)?(?:fc|fold_?change)"
)
_MEASUREMENT = re.compile(rf"(?:\w+_)?(?:{_NUMBER})(?:_\w+)?")
_EFFECT = r"(?:\w+_)?(?:activity|expression|enrichment|strength|tpm|rpkm|fpkm|(?:log2?_?)?(?:fc|fold_?change))"
_MAYBE_LABEL = re.compile(
    rf"{_EFFECT}|"
    r"log2(?:_?rna_?[/_]?dna)?(?:_ratio)?|"
    r"(?:mean_)?(?:score|values?|signal|intensity|affinity|rna_dna_ratio)|(?:ground_?)?truth|gold|"
    r"response|outputs?|type|state|annotation|binding|bound|functional|accessible|essential|"
    r"promoter|enhancer|silencer|insulator|tata|phenotype|cls|ner_tags|tags"
)
_NO_LABEL = re.compile(
    r".*(?:weight|fold|index|idx|unnamed|length|len|gc|num|count|source|file|chrom|chr|gene|accession|"
    r"description|comment|notes?|date|version|quality|batch|replicate|plate|barcode|sample)(?:s|_.*)?"
)


_ABOUT_OTHERS = re.compile(
    # Uncertainty of a measurement, and predictions of a model.
    r"(?:sd|std|stdev|stddev|se|sem|stderr|var|variance|cv|err|error|n|num|lower|upper|pred|predicted)_.*|"
    r".*_(?:sd|std|stdev|stddev|se|sem|stderr|var|variance|err|error|pred|predicted)|"
    # Flags whose 1 means the negative class.
    r"is_(?:non|not|negative|neg|background|control|random|shuffled|scrambled|decoy)(?:_.*)?"
)
OPTIONS = {name: f"--{name}-column" for name in ("sequence", "label", "split", "id", "species")}
"""Command-line option by the table column that it names."""


class ColumnNames(NamedTuple):
    """Columns that the user has named; empty for columns found by standard names."""

    sequence: str = ""
    """The column of sequences."""
    label: tuple[str, ...] = ()
    """The column of labels, or several."""
    split: str = ""
    """The column of splits."""
    id: str = ""
    """The column of ids."""
    species: str = ""
    """The column of species."""
    where_present: bool = False
    """Whether the named columns may be missing from a file."""

    def of(self, column: str) -> tuple[str, ...]:
        """Return the names given for a column of the table."""
        given = getattr(self, column, ())
        return (given,) * bool(given) if isinstance(given, str) else given

    @property
    def given(self) -> list[str]:
        """The options in use that name a column."""
        return [option for column, option in OPTIONS.items() if self.of(column)]

    @property
    def known(self) -> frozenset[str]:
        """All names by which a header is recognised."""
        return KNOWN | {canonical_name(name) for column in OPTIONS for name in self.of(column)}


def may_be_label(name: str) -> bool:
    """Return whether a column with this non-standard name may contain labels."""
    name = _UNIT.sub("", name)
    if _ABOUT_OTHERS.fullmatch(name):
        return False
    return name in _LABELS or name in ACCEPTED["label"] or bool(_WIDE_LABEL.fullmatch(name))


def might_be_label(name: str) -> bool:
    """Return whether a column with this name may contain labels if there is no better candidate."""
    name = _UNIT.sub("", name)
    return bool(_MAYBE_LABEL.fullmatch(name)) and not _ABOUT_OTHERS.fullmatch(name)


def may_be_only_label(name: str) -> bool:
    """Return whether a column with this name may contain labels if it is the only other column."""
    return bool(name) and not (_NO_LABEL.fullmatch(name) or _ABOUT_OTHERS.fullmatch(name))


def is_measurement(name: str) -> bool:
    """Return whether a column is named after a measured quantity.

    Examples
    --------
    >>> is_measurement("Expression (TPM)"), is_measurement("Dev log2 enrichment"), is_measurement("label")
    (True, True, False)
    """
    return bool(_MEASUREMENT.fullmatch(_UNIT.sub("", canonical_name(name))))


def is_effect(name: str) -> bool:
    """Return whether a column is named after an effect of the sequence measured by an assay.

    Examples
    --------
    >>> is_effect("k562_log2fc"), is_effect("se_expression"), is_effect("score")
    (True, False, False)
    """
    name = _UNIT.sub("", name)
    return bool(re.fullmatch(_EFFECT, name)) and not _ABOUT_OTHERS.fullmatch(name)


def kind_of_label(name: str) -> str:
    """Return the part of the name shared by label columns of one kind, "" if there is none.

    Examples
    --------
    >>> kind_of_label("label_12"), kind_of_label("hk_log2_enrichment"), kind_of_label("y")
    ('label', 'log2_enrichment', '')
    """
    if re.fullmatch(r"labels?_?\d+", name):
        return "label"
    match = re.fullmatch(rf"\w+?_(log2_enrichment|labels?|{_NUMBER})", name)
    return match[1] if match else ""


@dataclass(frozen=True, kw_only=True)
class ColumnOptions(Checked):
    """Which columns of tables are read; options of every command that reads sequences."""

    sequence_column: str | None = None
    """Column of the sequences, in any case. Default: sequence, seq and the like, or the only column
    of DNA."""
    label_column: tuple[str, ...] = ()
    """Column of the labels, or several for as many numbers or labels per row. Default: label, class, target,
    y, expression and the like."""
    split_column: str | None = None
    """Column that says train, validation or test. Default: split, or the only column of such words."""
    id_column: str | None = None
    """Column of the ids. Default: id or name; else rows are numbered."""
    species_column: str | None = None
    """Column of the species. Default: species or organism."""

    @property
    def columns(self) -> ColumnNames:
        """The columns that are named."""
        return ColumnNames(
            self.sequence_column or "",
            self.label_column,
            self.split_column or "",
            self.id_column or "",
            self.species_column or "",
        )
