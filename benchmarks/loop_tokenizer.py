"""Tokenizers as a user's own script would fit them: with `tokenizers`, wrapped for transformers."""

from __future__ import annotations

import itertools

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def fit_tokenizer(name: str, sequences: list[str]) -> tuple[PreTrainedTokenizerFast, int]:
    """Return the tokenizer and the k of its k-mers (0 for the others)."""
    kind, _, number = name.partition("-")
    k = int(number or 6) if kind == "kmer" else 0
    if kind == "kmer":
        kmers = ["".join(letters) for letters in itertools.product("ACGT", repeat=k)]
        vocabulary = {token: i for i, token in enumerate([*SPECIAL, *kmers])}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    elif kind == "char":
        vocabulary = {token: i for i, token in enumerate([*SPECIAL, *"ACGT"])}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    elif kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
        trainer = trainers.BpeTrainer(
            vocab_size=int(number or 4096), special_tokens=SPECIAL, show_progress=False
        )
        tokenizer.train_from_iterator(sequences, trainer)
    elif kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=10_000))
        trainer = trainers.WordPieceTrainer(
            vocab_size=int(number or 4096), special_tokens=SPECIAL, show_progress=False
        )
        tokenizer.train_from_iterator(sequences, trainer)
    else:
        raise SystemExit(f"tokenizer {name!r} is not known")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
    return wrapped, k


def as_text(sequence: str, k: int) -> str:
    """Return the sequence as the tokenizer reads it: k-mers separated by spaces, or as it is."""
    if not k:
        return sequence
    return " ".join(sequence[i : i + k] for i in range(0, len(sequence), k))
