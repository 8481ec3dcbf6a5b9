"""FASTA files as a stream: the same letters for any piece size, plain or gzip, or a reason."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pytest
from dnasweep.errors import InputError
from dnasweep.formats.sequences import read_letters
from dnasweep.runtime.kmer_counts import _count, _read
from dnasweep.tokens.ngrams import NGramCounts, count_sequences

FASTA = b"\n>one a > in a title\nACGTN\r\nacgtT\n\nGG\n>two\n>three\nTTTTACG\r>four\nA"
RECORDS = ["ACGTNacgtTGG", "", "TTTTACG", "A"]


@pytest.mark.parametrize("block", [1, 2, 7, 1000])
@pytest.mark.parametrize("packed", [False, True])
def test_letters_do_not_depend_on_pieces_or_packing(tmp_path, block, packed):
    path = tmp_path / "genome.fa"
    path.write_bytes(gzip.compress(FASTA) if packed else FASTA)
    pieces = list(read_letters(path, block=block))
    assert b"".join(p.text for p in pieces).decode() == "".join("|" + r for r in RECORDS)
    assert sum(p.num_read for p in pieces) == path.stat().st_size


@pytest.mark.parametrize("block", [1, 5, 1000])
@pytest.mark.parametrize("soft_masked", [True, False])
def test_kmers_of_a_genome_are_counted_once_however_it_is_read(tmp_path, block, soft_masked):
    path = tmp_path / "genome.fa"
    path.write_bytes(FASTA)
    pieces = pa.concat_tables(_read(pa.table({"file": [str(path)]}), k=4, block=block))
    counted = _count(pieces, k=4, soft_masked=soft_masked)
    found = NGramCounts.of_flat(np.array(counted["counts"][0].as_py()), 4)
    expected = count_sequences(RECORDS, 4, soft_masked=soft_masked)
    assert np.array_equal(found.flat, expected.flat)
    assert counted["size"].to_pylist() == [len(FASTA)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "contains no FASTA record"),
        (b"\n \n", "contains no FASTA record"),
        (b"sequence,label\nACGT,1\n", "does not begin with the title"),
        (gzip.compress(b">a\nACGT", mtime=0)[:-6], "corrupt or cut short"),
    ],
)
def test_files_that_are_no_genome_are_refused(tmp_path, content, reason):
    path = tmp_path / "genome.fa"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        list(read_letters(path))
