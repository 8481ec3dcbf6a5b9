"""Definition of each kind of tokenizer as a `tokenizers.Tokenizer` for raw DNA.

The rules are:

- Letters are normalised as described in :mod:`dnasweep.tokens.alphabet`.
- The ids 0 to 4 are [PAD], [UNK], [CLS], [SEP], [MASK], as in DNABERT; a row is [CLS] tokens [SEP].
- ``kmer``: the next ids are all k-mers over A, T, C, G in this order (AAAAAA is 5, AAAAAT 6), then the
  single bases A, T, C, G. K-mers start at 0, stride, 2 stride ... as long as k bases are left. The bases
  after the last k-mer, and all bases of a sequence shorter than k, are single-base tokens, so every base is
  in a token. A k-mer with an N is one [UNK], and so is an N after the last k-mer.
- ``greedy``: the vocabulary of ``kmer``. Each N is a separate token, after which k-mers restart; fewer than k
  bases before it are single-base tokens.
- ``char``: the next ids are A, T, C, G; an N is [UNK].
- ``bpe``, ``wordpiece``: trained on whole sequences; each N is one [UNK] and no token crosses it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from tokenizers import trainers as training

from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.alphabet import BASES
from dnasweep.tokens.ngrams import all_kmers

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Special tokens; the index of a token is its id."""
PAD_ID, UNK_ID, CLS_ID, SEP_ID, MASK_ID = range(len(SPECIAL_TOKENS))
MASK_TOKENS = ("[MASK]", "<mask>")
"""Mask tokens, of this platform and of RoBERTa."""

_MAX_WORD_LETTERS = 2**31 - 1


def define(config: TokenizerConfig, sequences: Sequence[str]) -> Tokenizer:
    """Return a new tokenizer; only `bpe` and `wordpiece` use the sequences.

    Training is deterministic: the same sequences in any order give the same tokenizer.

    Raises
    ------
    InputError
        If a tokenizer must be trained and no sequence has a base.
    """
    if not config.fitted:
        return _enumerated(config)
    return _trained(config, sequences)


def _enumerated(config: TokenizerConfig) -> Tokenizer:
    tokens = [*SPECIAL_TOKENS, *enumerated_kmers(config)]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    return with_row_ends(enumerated_tokenizer(config, vocabulary, unknown="[UNK]"))


def enumerated_kmers(config: TokenizerConfig) -> list[str]:
    """Return the k-mers of an enumerated tokenizer in this platform's order, special tokens excluded."""
    k = config.word
    return [*all_kmers(k), *(BASES if k > 1 else "")]


def enumerated_tokenizer(
    config: TokenizerConfig, vocabulary: dict[str, int], *, unknown: str
) -> Tokenizer:
    """Return the tokenizer that tokenizes according to `config`, with the ids of `vocabulary`.

    Parameters
    ----------
    config
        How DNA is tokenized; `kmer`, `greedy` or `char`.
    vocabulary
        Ids by token.
    unknown
        Token for k-mers that are not in the vocabulary.
    """
    k = config.word
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    steps = _letter_steps()
    if config.overlapping:
        steps += _overlap_steps(config.k, config.stride)
    else:
        tokenizer.decoder = decoders.Fuse()
    tokenizer.normalizer = normalizers.Sequence(steps)
    inner = "ACGT" if config.kind == "greedy" else "ACGTN"
    pattern = f"[{inner}]{{{k}}}|[ACGTN]" if k > 1 else "[ACGTN]"
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "isolated")
    return tokenizer


def _trained(config: TokenizerConfig, sequences: Sequence[str]) -> Tokenizer:
    if not any(sequences):
        raise InputError(
            f"there is no sequence to train the {config.name} tokenizer on",
            remedy="Give training sequences or use an enumerated tokenizer (kmer or char).",
        )
    options: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "special_tokens": list(SPECIAL_TOKENS),
        "initial_alphabet": sorted(BASES),
        "limit_alphabet": len(BASES),
        "show_progress": False,
    }
    if config.kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
        trainer: Any = training.BpeTrainer(**options)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        trainer = training.WordPieceTrainer(**options, continuing_subword_prefix="")
    tokenizer.normalizer = normalizers.Sequence(_letter_steps())
    tokenizer.pre_tokenizer = pre_tokenizers.Split("N", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.train_from_iterator(sequences, trainer)
    if config.kind == "wordpiece":
        tokenizer.model = models.WordPiece(
            tokenizer.get_vocab(with_added_tokens=True),
            unk_token="[UNK]",
            max_input_chars_per_word=_MAX_WORD_LETTERS,
            continuing_subword_prefix="",
        )
    return with_row_ends(tokenizer)


def with_row_ends(
    tokenizer: Tokenizer,
    special_tokens: Sequence[str] = SPECIAL_TOKENS,
    *,
    cls: str | None = "[CLS]",
    sep: str | None = "[SEP]",
) -> Tokenizer:
    """Add `cls` and `sep` to rows; special tokens written out in a sequence are kept whole.

    Parameters
    ----------
    tokenizer
        The tokenizer; changed in place.
    special_tokens
        All of its special tokens.
    cls, sep
        Tokens at the start and the end of a row, if any.
    """
    # A mask includes the surrounding blanks, like that of RoBERTa, so fill-mask pipelines and
    # attribution libraries read `ACGT [MASK] ACGT` as intended.
    tokenizer.add_special_tokens(
        [
            AddedToken(token, lstrip=True, rstrip=True, special=True, normalized=False)
            if token in MASK_TOKENS
            else token
            for token in special_tokens
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=_template(cls, "$A", sep),
        pair=_template(cls, "$A", sep, "$B", sep),
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in (cls, sep) if t is not None],
    )
    return tokenizer


def _template(*parts: str | None) -> str:
    return " ".join(part for part in parts if part is not None)


def _letter_steps() -> list[normalizers.Normalizer]:
    pairs = [("a", "A"), ("c", "C"), ("g", "G"), ("t", "T"), ("u", "T"), ("U", "T")]
    steps = [normalizers.Replace(old, new) for old, new in pairs]
    return [*steps, normalizers.Replace(Regex("[^ACGT]"), "N")]


def _overlap_steps(k: int, stride: int) -> list[normalizers.Normalizer]:
    """Rewrite a sequence as its successive overlapping k-mers and its tail.

    A pre-tokenizer can only divide text and not repeat parts, so repeats are made by insertion:
    each base is extended to the k-mer that starts at it, one letter per round, the first letter of
    a k-mer in upper case and the others in lower case. The next letter of a k-mer is the current
    last letter of the k-mer after it.
    """
    upper, lower = "[ACGTN]", "[acgtn]"
    kmer = f"{upper}{lower}{{{k - 1}}}"
    steps = []
    for grown in range(1, k):
        for base in "ACGTN":
            last = base if grown == 1 else f"{upper}{lower}{{{grown - 2}}}{base.lower()}"
            steps.append((f"(?<=[ACGTNacgtn])(?={last})", base.lower()))
    # K-mers truncated by the end are removed; if no k-mer is complete, only the first letter of
    # each is kept.
    steps.append((rf"{kmer}\K(?:{upper}{lower}{{0,{k - 2}}}(?!{lower}))+", ""))
    steps.append((rf"{upper}\K{lower}{{1,{k - 2}}}(?!{lower})", ""))
    if stride > 1:
        # K-mers between two steps become a bar. A k-mer that follows another without a bar is
        # after the last step, and its last letter is a base of the tail.
        steps.append((rf"{kmer}\K(?:{kmer}){{{stride - 1}}}(?={upper})", "|"))
        steps.append((rf"{lower}\K{upper}{lower}{{{k - 2}}}(?={lower})", ""))
        steps.append((r"\|", ""))
    steps += [(base.lower(), base) for base in "ACGTN"]
    return [normalizers.Replace(Regex(old), new) for old, new in steps]


def tokens_by_id(vocabulary: Mapping[str, int]) -> tuple[str, ...]:
    """Return the tokens by id; unused ids are filled with `[unused<id>]`."""
    names = {token_id: token for token, token_id in vocabulary.items()}
    return tuple(names.get(i, f"[unused{i}]") for i in range(max(names) + 1))


ROLES = tuple(token[1:-1].lower() for token in SPECIAL_TOKENS)
"""Roles of special tokens: pad, unk, cls, sep, mask."""


def tokenizer_files(
    tokenizer: Tokenizer, special_tokens: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the files that `transformers.AutoTokenizer` reads, by name.

    Parameters
    ----------
    tokenizer
        The tokenizer.
    special_tokens
        Special tokens by role; None: those of this platform.
    """
    roles = (
        dict(zip(ROLES, SPECIAL_TOKENS, strict=True)) if special_tokens is None else special_tokens
    )
    names = {f"{role}_token": token for role, token in roles.items()}
    settings = {
        **names,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }
    return {
        "tokenizer.json": tokenizer.to_str(pretty=True) + "\n",
        "tokenizer_config.json": json.dumps(settings, indent=2, sort_keys=True) + "\n",
    }
