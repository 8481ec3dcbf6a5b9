"""Recognition of the tokenizer of a pretrained checkpoint from its files.

A tokenizer can be used if the bases of each token are known: because its vocabulary consists of
all k-mers of one length, for which this package tokenizes, or because its own `tokenizer.json`
represents every base of a sequence once and in order. Any other tokenizer is refused with the
reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from tokenizers import Tokenizer, models

from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.pretrained import PretrainedTokenizer
from dnasweep.tokens.tokenizer_kinds import enumerated_tokenizer, with_row_ends
from dnasweep.tokens.vocabulary import Vocabulary, read_vocabulary
from dnasweep.tokens.vocabulary_files import SETTINGS_FILE, token_settings

_PROBES = (
    "ACGTTGCAAGGCTTAACCGATCGGATATCCTAG",
    "TTTTTTTTTTTTT",
    "GATTACANNNGATTACAN",
    "GATNNNNNNNNNNNNNNACA",
    "ACG",
    "",
    # A WordPiece may read words of more than a hundred letters as one unknown token.
    "ACGTTGCAAGGCTTAACCGATCGGATATCCTAG" * 9,
)
_LETTERS = frozenset("ACGTN" + "BDHKMRSVWY" + "-" + "\n")
"""Letters in DNA tokens: bases, ambiguity codes, gaps, and the line ends in GENA-LM's vocabulary.
Sequences are normalised to A, C, G, T and N before tokenization."""
_KINDS = {models.BPE: "bpe", models.Unigram: "bpe", models.WordPiece: "wordpiece"}


def candidate_configs(directory: Path) -> tuple[TokenizerConfig, ...]:
    """Return the possible tokenizer configurations of a model, the most likely first.

    There are two if the files do not say whether k-mers overlap. Without tokens for single bases,
    a tail could not be represented, so overlapping k-mers are then more likely.

    Raises
    ------
    InputError
        If the vocabulary is not one of DNA, or does not determine the bases of its tokens.
    """
    vocabulary = read_vocabulary(directory)
    _check_letters(vocabulary)
    k = _kmer_length(vocabulary.dna_tokens)
    if k is None:
        return (_by_file(vocabulary).config,)
    ways = _ways(vocabulary, k)
    if vocabulary.file is None:
        _check_no_own_code(vocabulary, ways)
        return ways
    greedy = (TokenizerConfig(kind="greedy", k=k),) if _has_bases(vocabulary) and k > 1 else ()
    for config in dict.fromkeys((*ways, *greedy)):
        if _cuts_like(_enumerated(vocabulary, config), vocabulary.file):
            return (config,)
    # A file that makes only unknown tokens of DNA expects k-mers that have been cut already.
    made = vocabulary.file.encode(_PROBES[0]).tokens
    if not vocabulary.dna_tokens.keys().isdisjoint(token.upper() for token in made):
        _refuse(
            vocabulary,
            f"tokenizer.json makes other rows of DNA than {' or '.join(one.name for one in ways)}",
        )
    _check_no_own_code(vocabulary, ways)
    return ways


def _check_no_own_code(vocabulary: Vocabulary, ways: tuple[TokenizerConfig, ...]) -> None:
    """Refuse k-mers that code of the model cuts, such as those of ProkBERT, which begin at every second base."""
    if len(ways) > 1 and token_settings(vocabulary.directory).get("auto_map"):
        raise InputError(
            f"{SETTINGS_FILE} names custom code for the tokenizer (auto_map); such code is never run, "
            "and the vocabulary does not show at which bases it begins k-mers",
            file=vocabulary.directory,
            remedy=f"Only if you know that it cuts DNA into {ways[0].name}, remove auto_map from "
            f"{SETTINGS_FILE}.",
        )


def _ways(vocabulary: Vocabulary, k: int) -> tuple[TokenizerConfig, ...]:
    """Return the ways to cut DNA into all k-mers of one length, the most likely first."""
    if k == 1:
        return (TokenizerConfig(kind="char"),)
    if vocabulary.greedy:
        return (TokenizerConfig(kind="greedy", k=k),)
    apart, overlapping = (TokenizerConfig(kind="kmer", k=k, stride=s) for s in (k, 1))
    return (apart, overlapping) if _has_bases(vocabulary) else (overlapping, apart)


def _has_bases(vocabulary: Vocabulary) -> bool:
    return set("ACGT") <= vocabulary.dna_tokens.keys()


def read_pretrained(directory: Path, config: TokenizerConfig | None = None) -> PretrainedTokenizer:
    """Return the tokenizer of a pretrained checkpoint.

    Parameters
    ----------
    directory
        The checkpoint.
    config
        One of its :func:`candidate_configs`; None: the most likely.

    Raises
    ------
    InputError
        If there are none, or `config` is not one of them.
    """
    candidates = candidate_configs(directory)
    chosen = candidates[0] if config is None else config
    if chosen not in candidates:
        raise InputError(
            f"its vocabulary is that of {' or '.join(one.name for one in candidates)}, not of "
            f"{chosen.name}",
            file=directory,
            remedy=f"Use the tokenizer {candidates[0].name} with this model.",
        )
    vocabulary = read_vocabulary(directory)
    if not chosen.fitted:
        return _enumerated(vocabulary, chosen)
    return _by_file(vocabulary)


def _check_letters(vocabulary: Vocabulary) -> None:
    tokens = vocabulary.dna_tokens
    strange = [t for t in tokens if set(t.removeprefix("##")) - _LETTERS]
    strange.sort(key=tokens.__getitem__)
    if strange or not tokens:
        shown = ", ".join(map(repr, strange[:3]))
        raise InputError(
            f"its vocabulary is not one of DNA: it has {shown or 'no tokens'}",
            file=vocabulary.directory,
            remedy="Use a model of DNA, whose tokens consist of A, C, G, T and N.",
        )


def _kmer_length(tokens: Mapping[str, int]) -> int | None:
    """Return k if the tokens are exactly all k-mers, else None.

    Letters of their own may be there too, such as N, but no k-mers with them, which would be read as unknown.
    """
    plain = {token for token in tokens if set(token) <= set("ACGT")}
    if any(len(token) > 1 for token in tokens.keys() - plain):
        return None
    longest = max(map(len, plain), default=0)
    lengths = {len(token) for token in plain}
    whole = sum(len(token) == longest for token in plain) == 4**longest
    possible = longest == 1 or (3 <= longest <= 6 and lengths <= {1, longest})
    return longest if whole and possible else None


def _enumerated(vocabulary: Vocabulary, config: TokenizerConfig) -> PretrainedTokenizer:
    roles = vocabulary.roles
    unknown = roles.get("unk", "N")
    tokens = vocabulary.dna_tokens
    used = set(tokens.values())
    ids = tokens | {t: i for t, i in vocabulary.ids.items() if i not in used}
    if unknown not in ids:
        _refuse(vocabulary, "it has neither an unknown token nor one for N")
    tokenizer = enumerated_tokenizer(config, ids, unknown=unknown)
    with_row_ends(tokenizer, list(roles.values()), cls=roles.get("cls"), sep=roles.get("sep"))
    return PretrainedTokenizer(config, tokenizer, roles)


def _by_file(vocabulary: Vocabulary) -> PretrainedTokenizer:
    if vocabulary.file is None:
        _refuse(
            vocabulary,
            "its tokens are not all k-mers of A, C, G and T of one length, and vocab.txt does not say how "
            "DNA is cut into them",
        )
    kind = _KINDS.get(type(vocabulary.file.model))
    if kind is None:
        _refuse(vocabulary, f"it cuts by {type(vocabulary.file.model).__name__}")
    size = len(vocabulary.tokens)
    config = TokenizerConfig(kind=kind, vocab_size=size)  # type: ignore[arg-type]
    found = PretrainedTokenizer(config, vocabulary.file, vocabulary.roles)
    if found.unk_id < 0:
        _refuse(vocabulary, "it has neither an unknown token nor one for N")
    for probe in _PROBES:
        if vocabulary.file.encode(probe).ids != _row(found, probe):
            raise InputError(
                f"its tokenizer cannot be used: of {probe!r} it makes a row that does not begin and end with its "
                "special tokens",
                file=vocabulary.directory,
                remedy="Use a model whose rows begin with one special token and end with one.",
            )
        if problem := _problem(found, probe):
            shown = f"{probe[:20]!r}... ({len(probe)} letters)" if len(probe) > 40 else repr(probe)
            _refuse(vocabulary, f"of {shown} it makes {problem}")
    return found


def _problem(tokenizer: PretrainedTokenizer, probe: str) -> str | None:
    """Return a description of a problem with the tokens of a sequence, or None."""
    encoded = tokenizer.encode([probe])
    ids, starts, ends = encoded.ids, encoded.starts[1:-1], encoded.ends[1:-1]
    edges = np.concatenate([[0], ends])
    if edges[-1] != len(probe) or (starts != edges[:-1]).any() or (ends <= starts).any():
        return "tokens that do not show every base once and in order"
    if len(probe) > 9 and set(probe) <= set("ACGT") and (ids[1:-1] == tokenizer.unk_id).any():
        return "tokens that are unknown"
    return None


def _row(tokenizer: PretrainedTokenizer, sequence: str) -> list[int]:
    """Return the ids of a sequence, without the padding in place of missing first and last tokens."""
    ids: list[int] = tokenizer.encode([sequence]).ids.tolist()
    return ids["cls" not in tokenizer.roles : len(ids) - ("sep" not in tokenizer.roles)]


def _cuts_like(tokenizer: PretrainedTokenizer, file: Tokenizer) -> bool:
    """Return whether a model's own file tokenizes raw DNA like `tokenizer`."""
    return all(file.encode(probe).ids == _row(tokenizer, probe) for probe in _PROBES)


def _refuse(vocabulary: Vocabulary, reason: str) -> NoReturn:
    raise InputError(
        f"its tokenizer cannot be used: {reason}",
        file=vocabulary.directory,
        remedy="Give a tokenizer.json that cuts raw DNA, or a vocabulary of all k-mers of one "
        "length.",
    )
