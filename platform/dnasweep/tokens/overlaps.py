"""Tokens of windows of one text, which overlap and so share work where the tokenizer allows.

A k-mer of a text is the same word in every window that holds it, so a tokenizer that enumerates
words reads the text once and gathers each window; where its k-mers do not overlap, windows of one
phase share them. What a learned vocabulary makes of a window depends on where the window begins: it
is cut window by window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dnasweep.tokens.kmers import encode_kmer_windows
from dnasweep.tokens.tokenizers import DnaTokenizer

Rows = tuple[NDArray[np.int32], NDArray[np.int64]]
"""Flat token ids, and where rows begin, one more than there are rows."""


def encode_windows(
    tokenizer: DnaTokenizer, text: str, starts: NDArray[np.int64], width: int
) -> Rows:
    """Return the tokens of `text[start : start + width]` for each start, as `encode` cuts them.

    Parameters
    ----------
    starts
        First base of each window, shape ``(n,)``; all windows lie within the text.
    width
        Bases a window.
    """
    config = tokenizer.config
    if config.kind in ("kmer", "char"):
        kmers = config.kind == "kmer"
        ours = encode_kmer_windows(
            text,
            starts,
            width=width,
            k=config.k if kmers else 1,
            stride=config.stride if kmers else 1,
            unk_id=DnaTokenizer.unk_id,
            cls_id=DnaTokenizer.cls_id,
            sep_id=DnaTokenizer.sep_id,
        )
        ids = tokenizer.renumber(ours)
        return ids.ravel(), np.arange(len(starts) + 1, dtype=np.int64) * ids.shape[1]
    encoded = tokenizer.encode([text[start : start + width] for start in starts.tolist()])
    return encoded.ids, encoded.offsets
