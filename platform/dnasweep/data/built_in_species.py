"""The eight species of the built-in data, whose promoters EPDnew collects."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Species:
    """One of the eight species."""

    key: str
    """The canonical name, used in tables and set names."""
    latin: str
    """Genus and species."""
    taxon: int
    """NCBI taxonomy identifier."""
    epdnew: str
    """The EPDnew promoter collection, `<code>_EPDnew_<release>_<assembly>`."""
    assemblies: tuple[str, ...]
    """Genome assemblies by UCSC and consortium names, beginning with that of the EPDnew collection."""
    synonyms: tuple[str, ...]
    """Other names found in data."""

    @property
    def code(self) -> str:
        """EPDnew's two-letter code of the species."""
        return self.epdnew[:2]


_ALL = (
    Species(
        key="human",
        latin="Homo sapiens",
        taxon=9606,
        epdnew="Hs_EPDnew_006_hg38",
        assemblies=("hg38", "GRCh38", "hg19", "GRCh37", "hg18", "hs1", "T2T-CHM13", "CHM13"),
        synonyms=("sapiens", "homo", "humans"),
    ),
    Species(
        key="mouse",
        latin="Mus musculus",
        taxon=10090,
        epdnew="Mm_EPDnew_003_mm10",
        assemblies=("mm10", "GRCm38", "mm39", "GRCm39", "mm9"),
        synonyms=("musculus", "mus", "mice"),
    ),
    Species(
        key="rat",
        latin="Rattus norvegicus",
        taxon=10116,
        epdnew="Rn_EPDnew_001_rn6",
        assemblies=("rn6", "Rnor_6.0", "rn7", "mRatBN7.2", "rn5", "Rnor_5.0", "rn4"),
        synonyms=("norvegicus", "rattus", "rats"),
    ),
    Species(
        key="macaque",
        latin="Macaca mulatta",
        taxon=9544,
        epdnew="Rm_EPDnew_001_rheMac8",
        assemblies=("rheMac8", "Mmul_8.0.1", "Mmul_8", "rheMac10", "Mmul_10", "rheMac3"),
        synonyms=("mulatta", "macaca", "rhesus", "rhesus macaque", "rhesus monkey", "monkey"),
    ),
    Species(
        key="zebrafish",
        latin="Danio rerio",
        taxon=7955,
        epdnew="Dr_EPDnew_001_danRer7",
        assemblies=("danRer7", "Zv9", "danRer10", "GRCz10", "danRer11", "GRCz11"),
        synonyms=("rerio", "danio", "brachydanio rerio"),
    ),
    Species(
        key="fruit_fly",
        latin="Drosophila melanogaster",
        taxon=7227,
        epdnew="Dm_EPDnew_005_dm6",
        assemblies=("dm6", "BDGP6", "BDGP6.28", "BDGP6.32", "BDGP6.46", "dm3", "BDGP5"),
        synonyms=("melanogaster", "drosophila", "fly", "fruitfly", "vinegar fly"),
    ),
    Species(
        key="chicken",
        latin="Gallus gallus",
        taxon=9031,
        epdnew="Gg_EPDnew_001_galGal5",
        assemblies=(
            "galGal5",
            "Gallus_gallus-5.0",
            "galGal6",
            "GRCg6a",
            "GRCg7b",
            "bGalGal1",
            "galGal4",
        ),
        synonyms=("gallus", "hen", "gallus gallus domesticus"),
    ),
    Species(
        key="worm",
        latin="Caenorhabditis elegans",
        taxon=6239,
        epdnew="Ce_EPDnew_001_ce6",
        assemblies=("ce6", "WS190", "ce10", "WS220", "ce11", "WBcel235"),
        synonyms=("elegans", "caenorhabditis", "nematode", "roundworm"),
    ),
)

SPECIES: dict[str, Species] = {s.key: s for s in _ALL}
"""The eight species by canonical name, in the order used by every named set."""
