"""Tokens of overlapping windows are those of each window alone."""

import numpy as np
import pytest
from dnasweep.config import TokenizerConfig
from dnasweep.tokens.alphabet import other_strand
from dnasweep.tokens.recognition import read_pretrained
from dnasweep.tokens.tokenizers import fit
from scan_toys import random_dna


@pytest.mark.parametrize(
    "spec", ["kmer-6", "kmer-6-overlap", "kmer-5-stride-2", "char", "bpe-64", "wordpiece-64"]
)
@pytest.mark.parametrize("width", [2, 6, 61])
def test_windows_have_the_tokens_of_their_text(spec, width):
    text = random_dna(700, 3, (200, 230))
    tokenizer = fit(TokenizerConfig.parse(spec), [text])
    starts = np.sort(np.random.default_rng(0).integers(0, len(text) - width + 1, 90))
    for strand in (text, other_strand(text)):
        ids, offsets = tokenizer.encode_windows(strand, starts, width)
        expected = tokenizer.encode([strand[s : s + width] for s in starts.tolist()])
        np.testing.assert_array_equal(ids, expected.ids)
        np.testing.assert_array_equal(offsets, expected.offsets)


def test_a_vocabulary_of_others_keeps_its_numbers(tmp_path):
    # DNABERT's order of special tokens, then words in another order than ours.
    words = [a + b + c for a in "TGCA" for b in "TGCA" for c in "TGCA"]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (tmp_path / "vocab.txt").write_text("\n".join(names) + "\n")
    tokenizer = read_pretrained(tmp_path)
    assert tokenizer.config.kind == "kmer"
    text = random_dna(200, 1)
    starts = np.arange(0, 150, 11)
    ids, _ = tokenizer.encode_windows(text, starts, 40)
    expected = tokenizer.encode([text[s : s + 40] for s in starts.tolist()])
    np.testing.assert_array_equal(ids, expected.ids)
