"""Computation of k-mer ids: each k-mer is a number in base 4.

The result is the same as that of the tokenizer object of :mod:`dnasweep.tokens.tokenizer_kinds`,
with the bases of each token, and is computed tens of times faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dnasweep.tokens.alphabet import chunks, digits, lengths_of, window_codes
from dnasweep.tokens.corpus import Corpus, concatenate, with_special_tokens
from dnasweep.tokens.tokenizer_kinds import CLS_ID, SEP_ID, SPECIAL_TOKENS, UNK_ID

# Number of bases processed at a time, so the arrays of a chunk fit into the cache.
_CHUNK = 1 << 17


def encode_kmers(sequences: Sequence[str], *, k: int, stride: int) -> Corpus:
    """Divide sequences into k-mers every `stride` bases and a tail of single bases.

    K-mer ids begin at 5 in the order of :func:`dnasweep.tokens.alphabet.window_codes`; the four
    single bases follow the k-mers, or are the k-mers if k is 1.

    Parameters
    ----------
    sequences
        DNA sequences as strings.
    k
        Length of the k-mers; 1 for single bases.
    stride
        Number of bases from one k-mer to the next.

    Examples
    --------
    >>> encoded = encode_kmers(["TATAAAAG"], k=3, stride=3)
    >>> encoded.starts.tolist(), encoded.ends.tolist()
    ([0, 0, 3, 6, 7, 0], [0, 3, 6, 7, 8, 0])
    """
    lengths = lengths_of(sequences)
    return concatenate(
        _chunk(digits("".join(sequences[first:last])), lengths[first:last], k, stride)
        for first, last in chunks(lengths, _CHUNK)
    )


def encode_kmer_windows(
    text: str, starts: NDArray[np.int64], *, width: int, k: int, stride: int
) -> NDArray[np.int32]:
    """Divide windows of a text into k-mers; k-mers shared by windows are computed once.

    Parameters
    ----------
    text
        A DNA sequence as a string.
    starts
        First base of each window, shape ``(n,)``.
    width
        Bases per window.
    k, stride
        As in :func:`encode_kmers`.

    Returns
    -------
    ids
        Token ids of each window from :func:`encode_kmers`, shape ``(n, tokens)``.
    """
    kmer_ids, base_ids = _ids_by_code(k)
    letters = digits(text)
    num_kmers = (width - k) // stride + 1 if width >= k else 0
    covered = (num_kmers - 1) * stride + k if num_kmers else 0
    ids = np.empty((len(starts), num_kmers + width - covered + 2), np.int32)
    ids[:, 0], ids[:, -1] = CLS_ID, SEP_ID
    if num_kmers:
        everywhere = kmer_ids.take(window_codes(letters, k), mode="clip")
        ids[:, 1 : num_kmers + 1] = everywhere[starts[:, None] + stride * np.arange(num_kmers)]
    tail = starts[:, None] + np.arange(covered, width)
    ids[:, num_kmers + 1 : -1] = base_ids[letters[tail]]
    return ids


def encode_greedy_kmers(sequences: Sequence[str], *, k: int) -> Corpus:
    """Divide sequences into k-mers from left to right, restarting after each non-base letter.

    If the next k letters are all A, C, G or T, they form one token; otherwise the next letter is a
    token.

    Parameters
    ----------
    sequences
        DNA sequences as strings.
    k
        Bases per k-mer.

    Examples
    --------
    >>> encoded = encode_greedy_kmers(["ACGTNACGTTG"], k=6)
    >>> encoded.starts[1:-1].tolist()
    [0, 1, 2, 3, 4, 5]
    """
    lengths = lengths_of(sequences)
    return concatenate(
        _greedy_chunk(digits("".join(sequences[first:last])), lengths[first:last], k)
        for first, last in chunks(lengths, _CHUNK)
    )


def _greedy_chunk(letters: NDArray[np.uint8], lengths: NDArray[np.int64], k: int) -> Corpus:
    kmer_ids, base_ids = _ids_by_code(k)
    places = np.arange(letters.size)
    known = letters < 4
    # Runs of bases are bounded by other letters and by the ends of the row.
    edge = np.zeros(letters.size + 1, bool)
    edge[np.concatenate(([0], np.cumsum(lengths)))] = True
    edge[:-1] |= ~known
    edge[1:] |= ~known
    limits = np.flatnonzero(edge)
    run = np.searchsorted(limits, places, "right") - 1
    inside, size = places - limits[run], np.diff(limits)[run]
    tail = inside >= size // k * k
    begins = np.flatnonzero(tail | (inside % k == 0))
    widths = np.where(tail[begins], 1, k).astype(np.int32)
    codes = window_codes(letters, k)
    ids = base_ids[letters[begins]]
    if codes.size:
        kmers = kmer_ids.take(codes.take(begins, mode="clip"), mode="clip")
        ids = np.where(widths == k, kmers, ids)
    rows = np.repeat(np.arange(lengths.size), lengths)[begins]
    counts = np.bincount(rows, minlength=lengths.size).astype(np.int64)
    return with_special_tokens(ids, counts, widths)


@cache
def _ids_by_code(k: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the ids of all k-mers, and of single bases, by their codes; [UNK] comes last."""
    first_kmer = len(SPECIAL_TOKENS)
    first_base = first_kmer if k == 1 else first_kmer + 4**k
    return (
        np.array([*range(first_kmer, first_kmer + 4**k), UNK_ID], np.int32),
        np.array([*range(first_base, first_base + 4), UNK_ID], np.int32),
    )


def _chunk(letters: NDArray[np.uint8], lengths: NDArray[np.int64], k: int, stride: int) -> Corpus:
    kmer_ids, base_ids = _ids_by_code(k)
    num_kmers = np.where(lengths >= k, (lengths - k) // stride + 1, 0)
    covered = np.where(num_kmers > 0, (num_kmers - 1) * stride + k, 0)
    tails = lengths - covered
    counts = num_kmers + tails + 2
    offsets = np.concatenate(([0], np.cumsum(counts)))
    origins = np.cumsum(lengths) - lengths
    size = int(offsets[-1])

    # Token p of a row starts at (p - 1) * stride; [CLS], tail and [SEP] are set afterwards.
    begins = np.arange(0, size * stride, stride)
    begins -= np.repeat((offsets[:-1] + 1) * stride, counts)
    codes = window_codes(letters, k)
    if codes.size:
        ids_at = kmer_ids.take(codes, mode="clip")
        ids = ids_at.take(begins + np.repeat(origins, counts), mode="clip")
    else:
        ids = np.empty(size, np.int32)
    starts = begins.astype(np.int32)
    ends = starts + np.int32(k)

    rows = np.repeat(np.arange(lengths.size), tails)
    place = np.arange(rows.size) - np.repeat(np.cumsum(tails) - tails, tails)
    slots, bases = offsets[rows] + 1 + num_kmers[rows] + place, covered[rows] + place
    ids[slots] = base_ids[letters[origins[rows] + bases]]
    starts[slots] = bases
    ends[slots] = bases + 1

    for slots, special in ((offsets[:-1], CLS_ID), (offsets[1:] - 1, SEP_ID)):
        ids[slots] = special
        starts[slots] = 0
        ends[slots] = 0
    return Corpus(ids=ids, offsets=offsets, starts=starts, ends=ends)
