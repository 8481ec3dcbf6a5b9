"""Assemblies of the human genome: their names, and the lengths of their chromosomes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dnasweep.formats.chromosomes import chromosome_keys

_NAMES = ("GRCh37", "GRCh38")
_LENGTHS = {
    "1": (249250621, 248956422),
    "2": (243199373, 242193529),
    "3": (198022430, 198295559),
    "4": (191154276, 190214555),
    "5": (180915260, 181538259),
    "6": (171115067, 170805979),
    "7": (159138663, 159345973),
    "8": (146364022, 145138636),
    "9": (141213431, 138394717),
    "10": (135534747, 133797422),
    "11": (135006516, 135086622),
    "12": (133851895, 133275309),
    "13": (115169878, 114364328),
    "14": (107349540, 107043718),
    "15": (102531392, 101991189),
    "16": (90354753, 90338345),
    "17": (81195210, 83257441),
    "18": (78077248, 80373285),
    "19": (59128983, 58617616),
    "20": (63025520, 64444167),
    "21": (48129895, 46709983),
    "22": (51304566, 50818468),
    "X": (155270560, 156040895),
    "Y": (59373566, 57227415),
}
"""Length of each chromosome in the assemblies of `_NAMES`."""
_SPELLED = re.compile(
    r"(?:(?:grch|ncbi|build|hg|hs|b)[ ._-]?)*(?:(37|19)|(38))(?:d5|d1|dh|[ ._/(-].*)?",
    re.IGNORECASE,
)


def assembly_named(text: str) -> str:
    """Return GRCh37 or GRCh38 for any of their usual names; other names are returned unchanged.

    Examples
    --------
    >>> assembly_named("hg19"), assembly_named("GRCh38.p13"), assembly_named("38"), assembly_named("mm10")
    ('GRCh37', 'GRCh38', 'GRCh38', 'mm10')
    >>> assembly_named("hs38DH"), assembly_named("GRCh38/hg38"), assembly_named("NCBI Build 37")
    ('GRCh38', 'GRCh38', 'GRCh37')
    """
    match = _SPELLED.fullmatch(text)
    return _NAMES[match[2] is not None] if match else text


def assembly_of(lengths: Mapping[str, int]) -> str:
    """Return the human assembly that has chromosomes of these lengths, "" if it is neither of the two.

    Parameters
    ----------
    lengths
        Length of each record of a genome in bases, by name; records other than chromosomes do not count.

    Examples
    --------
    >>> assembly_of({"chr21": 46709983, "chrM": 16569}), assembly_of({"chr21": 1000})
    ('GRCh38', '')
    """
    found = [
        tuple(known == lengths[name] for known in _LENGTHS[key])
        for name, key in chromosome_keys(lengths).items()
        if key in _LENGTHS
    ]
    fitting = [
        name for name, fits in zip(_NAMES, zip(*found, strict=True), strict=False) if all(fits)
    ]
    return fitting[0] if fitting else ""
