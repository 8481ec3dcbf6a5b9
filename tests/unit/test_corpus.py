"""The tokenised corpus: what it counts, and that it comes back from its file."""

from __future__ import annotations

import numpy as np
import pytest
from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.tokenizers import fit

SEQUENCES = ["ACGTACG", "", "AC", "ACGTNNACGTTA"]


@pytest.fixture(params=["kmer-3-overlap", "kmer-3", "char"])
def corpus(request) -> Corpus:
    return fit(TokenizerConfig.parse(request.param), []).encode(SEQUENCES)


def test_counts_of_rows(corpus):
    assert len(corpus) == 4
    assert corpus.num_bases().tolist() == [7, 0, 2, 12]
    assert corpus.num_bases([3, 0, 3]).tolist() == [12, 7, 12]
    tokens = corpus.num_tokens()
    assert tokens[1] == 2
    assert tokens.sum() == corpus.ids.size
    assert corpus.num_tokens(np.array([2])).tolist() == [tokens[2]]


def test_save_and_load(corpus, tmp_path):
    corpus.save(tmp_path / "corpus.safetensors")
    loaded = Corpus.load(tmp_path / "corpus.safetensors")
    for name in ("ids", "offsets", "starts", "ends"):
        before, after = getattr(corpus, name), getattr(loaded, name)
        assert before.dtype == after.dtype, name
        assert np.array_equal(before, after), name


def test_an_empty_corpus(tmp_path):
    empty = fit(TokenizerConfig.parse("char"), []).encode([])
    empty.save(tmp_path / "corpus.safetensors")
    assert len(Corpus.load(tmp_path / "corpus.safetensors")) == 0
    assert empty.num_bases().size == empty.num_tokens().size == 0


def test_a_missing_or_damaged_file_is_named(corpus, tmp_path):
    with pytest.raises(InputError, match=r"none\.safetensors"):
        Corpus.load(tmp_path / "none.safetensors")
    file = tmp_path / "corpus.safetensors"
    corpus.save(file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        Corpus.load(file)
