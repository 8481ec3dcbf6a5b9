"""Tokenizers: the stated rules, the same ids as the saved object, exact bases."""

from __future__ import annotations

import random

import numpy as np
import pytest
from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens import kmer_ids, longest_match
from dnasweep.tokens import tokenizers as module
from dnasweep.tokens.alphabet import normalise
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer, fit

KMERS = [
    f"kmer-{k}-stride-{s}" if s < k else f"kmer-{k}" for k in range(3, 7) for s in range(1, k + 1)
]
SPECS = [*KMERS, "greedy-3", "greedy-6", "char", "bpe-300", "wordpiece-300"]
ODD = [
    "",
    "A",
    "N",
    "NNNNNNNNNNNN",
    "acgtACGTuU",
    "ACGTRYSWKMBDHVN",
    "ACG TA\nC-é*",
    "A" * 90,
    "TATATATATATATATATATATATATATATATATATATATAN" * 3,
]


def random_dna(generator: random.Random, length: int, letters: str = "ACGT") -> str:
    return "".join(generator.choices(letters, k=length))


def sample() -> list[str]:
    generator = random.Random(7)
    short = [
        random_dna(generator, length, letters)
        for length in range(21)
        for letters in ("ACGT", "ACGTN", "acgtuACGTN", "AAAAAACGTRY")
        for _ in range(3)
    ]
    return [*short, *ODD, *(random_dna(generator, 301) for _ in range(4))]


@pytest.fixture(scope="module")
def training_text() -> list[str]:
    generator = random.Random(1)
    # Repeats make words longer than the table of the fast path reaches.
    return [random_dna(generator, 150) + "A" * 40 + "TA" * 30 for _ in range(120)]


@pytest.fixture(scope="module")
def fitted(training_text) -> dict[str, DnaTokenizer]:
    return {spec: fit(TokenizerConfig.parse(spec), training_text) for spec in SPECS}


def row(encoded, i: int) -> list[int]:
    return encoded.ids[encoded.offsets[i] : encoded.offsets[i + 1]].tolist()


def words(tokenizer: DnaTokenizer, sequence: str) -> list[str]:
    return [tokenizer.tokens[i] for i in row(tokenizer.encode([sequence]), 0)[1:-1]]


@pytest.mark.parametrize(("k", "size"), [(3, 73), (4, 265), (5, 1033), (6, 4105)])
def test_kmer_vocabulary_is_dnaberts_then_single_bases(k, size):
    tokenizer = fit(TokenizerConfig(k=k, stride=1), [])
    assert tokenizer.tokens[:5] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    assert tokenizer.tokens[5:8] == ("A" * k, "A" * (k - 1) + "T", "A" * (k - 1) + "C")
    assert tokenizer.tokens[-4:] == ("A", "T", "C", "G")
    assert tokenizer.vocab_size == size
    assert tokenizer.real_ids.tolist() == list(range(5, 5 + 4**k))
    ids = (
        tokenizer.pad_id,
        tokenizer.unk_id,
        tokenizer.cls_id,
        tokenizer.sep_id,
        tokenizer.mask_id,
    )
    assert ids == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("spec", "sequence", "expected"),
    [
        ("kmer-3-overlap", "ACGTA", "ACG CGT GTA"),
        ("kmer-3-overlap", "ACNTAGG", "[UNK] [UNK] [UNK] TAG AGG"),
        ("kmer-3-overlap", "ac", "A C"),
        ("kmer-3", "ACGTACG", "ACG TAC G"),
        ("kmer-3", "ACGTNCGN", "ACG [UNK] G [UNK]"),
        ("kmer-3", "AU", "A T"),
        ("kmer-6-stride-4", "AACCGGTTACGTA", "AACCGG GGTTAC G T A"),
        ("char", "ACNRt", "A C [UNK] [UNK] T"),
    ],
)
def test_kmers_tail_and_unknown_letters(spec, sequence, expected):
    assert words(fit(TokenizerConfig.parse(spec), []), sequence) == expected.split()


@pytest.mark.parametrize("spec", SPECS)
def test_encode_gives_what_the_tokenizer_object_gives(fitted, spec):
    sequences = sample()
    encoded = fitted[spec].encode(sequences)
    for i, reference in enumerate(fitted[spec].tokenizer.encode_batch(sequences)):
        assert row(encoded, i) == reference.ids, sequences[i]


@pytest.mark.parametrize("spec", ["kmer-6-overlap", "kmer-5-stride-3", "kmer-4", *SPECS[-3:]])
def test_saved_folder_opens_in_transformers_with_the_same_ids(
    fitted, tmp_path, spec, training_text
):
    transformers = pytest.importorskip("transformers")
    tokenizer = fitted.get(spec) or fit(TokenizerConfig.parse(spec), training_text)
    tokenizer.save(tmp_path)
    plain = transformers.AutoTokenizer.from_pretrained(tmp_path)
    sequences = sample()
    encoded = tokenizer.encode(sequences)
    result = plain(sequences)
    assert set(result) == {"input_ids", "attention_mask"}
    assert result["input_ids"] == [row(encoded, i) for i in range(len(sequences))]
    assert (plain.pad_token_id, plain.unk_token_id, plain.mask_token_id) == (0, 1, 4)
    assert (plain.cls_token_id, plain.sep_token_id, len(plain)) == (2, 3, tokenizer.vocab_size)


@pytest.mark.parametrize("spec", ["kmer-6", "kmer-3-overlap", *SPECS[-3:]])
def test_blanks_around_a_mask_are_no_bases(fitted, tmp_path, spec, training_text):
    transformers = pytest.importorskip("transformers")
    tokenizer = fitted.get(spec) or fit(TokenizerConfig.parse(spec), training_text)
    tokenizer.save(tmp_path)
    plain = transformers.AutoTokenizer.from_pretrained(tmp_path)
    tight = plain("ACGTAC[MASK][MASK]GGTTAA[MASK]")["input_ids"]
    assert plain("ACGTAC [MASK] [MASK]GGTTAA [MASK]")["input_ids"] == tight
    assert tight.count(plain.mask_token_id) == 3
    assert plain.unk_token_id not in tight


@pytest.mark.parametrize("spec", SPECS)
def test_each_token_knows_its_bases_and_no_base_is_lost(fitted, spec):
    tokenizer, sequences = fitted[spec], sample()
    encoded = tokenizer.encode(sequences)
    for i, sequence in enumerate(sequences):
        part = slice(encoded.offsets[i], encoded.offsets[i + 1])
        ids, starts, ends = encoded.ids[part], encoded.starts[part], encoded.ends[part]
        assert (starts[[0, -1]] == 0).all()
        assert (ends[[0, -1]] == 0).all()
        normal = normalise(sequence)
        seen = np.zeros(len(sequence), int)
        for token, start, end in zip(ids[1:-1], starts[1:-1], ends[1:-1], strict=True):
            seen[start:end] += 1
            piece = normal[start:end]
            assert piece == tokenizer.tokens[token] if token != tokenizer.unk_id else "N" in piece
        assert (seen > 0).all()
        if not tokenizer.config.overlapping:
            assert (seen == 1).all()


def test_kmer_round_trip_and_count():
    sequence = random_dna(random.Random(3), 70)
    for k in range(3, 7):
        found = words(fit(TokenizerConfig(k=k, stride=1), []), sequence)
        assert len(found) == 70 - k + 1
        assert "".join(word[0] for word in found[:-1]) + found[-1] == sequence


def test_wordpiece_is_greedy_longest_match_and_uses_long_tokens(fitted):
    tokenizer = fitted["wordpiece-300"]
    vocabulary = set(tokenizer.tokens[5:])
    for sequence in ["A" * 77, "TA" * 50, random_dna(random.Random(4), 200)]:
        expected, rest = [], sequence
        while rest:
            word = next(rest[:n] for n in range(len(rest), 0, -1) if rest[:n] in vocabulary)
            expected.append(word)
            rest = rest[len(word) :]
        assert words(tokenizer, sequence) == expected
    assert max(map(len, words(tokenizer, "A" * 77))) > 16


@pytest.mark.parametrize("spec", ["bpe-300", "wordpiece-300"])
def test_an_unknown_letter_is_one_token_and_swallows_nothing(fitted, spec):
    left, right = "ACGTTGCAACGT", "GGATCCA"
    tokenizer = fitted[spec]
    expected = [*words(tokenizer, left), "[UNK]", "[UNK]", *words(tokenizer, right)]
    assert words(tokenizer, left + "NR" + right) == expected
    assert not any("N" in token for token in tokenizer.tokens[5:])


@pytest.mark.parametrize("spec", ["bpe-300", "wordpiece-300"])
def test_training_is_deterministic_and_sees_one_normal_form(fitted, training_text, spec):
    other = random.Random(5).sample(training_text, len(training_text))
    other = [sequence.lower().replace("t", "u") + "N" for sequence in other]
    again = fit(TokenizerConfig.parse(spec), other)
    assert again.tokens == fitted[spec].tokens
    assert (again.encode(sample()).ids == fitted[spec].encode(sample()).ids).all()


@pytest.mark.parametrize("spec", ["bpe-4096", "wordpiece-4096"])
def test_a_vocabulary_the_data_cannot_fill_is_reported(spec):
    tokenizer = fit(TokenizerConfig.parse(spec), ["ACGT", "ACGA"])
    report = tokenizer.report(["ACGT"])
    assert report.requested_vocab_size == 4096
    assert 9 <= report.vocab_size == tokenizer.vocab_size < 20
    assert set("ACGT") <= set(tokenizer.tokens)


def test_report_counts_bases_tokens_and_unknowns():
    report = fit(TokenizerConfig.parse("kmer-3"), []).report(["ACGACGAC", "ACN", ""])
    assert report.num_sequences == 3
    assert report.bases_per_token == pytest.approx(11 / 5)
    assert report.unknown_rate == pytest.approx(1 / 5)
    assert report.vocabulary_used == pytest.approx(1 / 64)
    assert report.longest_tokens == 6
    assert report.mean_tokens == pytest.approx((6 + 3 + 2) / 3)
    empty = fit(TokenizerConfig.parse("char"), []).report([])
    assert (empty.num_sequences, empty.bases_per_token, empty.longest_tokens) == (0, 0.0, 0)


@pytest.mark.parametrize("spec", SPECS)
def test_nothing_and_empty_sequences(fitted, spec):
    nothing = fitted[spec].encode([])
    assert nothing.ids.size == nothing.starts.size == nothing.ends.size == 0
    assert nothing.offsets.tolist() == [0]
    assert fitted[spec].encode(["", ""]).ids.tolist() == [2, 3, 2, 3]


def test_one_string_is_not_taken_for_a_list_of_bases(fitted):
    with pytest.raises(TypeError, match="list of sequences"):
        fitted["char"].encode("ACGT")


@pytest.mark.parametrize("spec", ["kmer-6-stride-1", "kmer-6-stride-4", "kmer-3", *SPECS[-3:]])
def test_a_row_does_not_depend_on_the_rows_around_it(fitted, spec, monkeypatch):
    sequences = sample()
    whole = fitted[spec].encode(sequences)
    for place, name in ((kmer_ids, "_CHUNK"), (longest_match, "_CHUNK"), (module, "_BPE_CHUNK")):
        monkeypatch.setattr(place, name, 25)
    monkeypatch.setattr(longest_match, "_FEW_ROWS", 0)
    parts = fitted[spec].encode(sequences)
    for name in ("ids", "offsets", "starts", "ends"):
        a, b = getattr(whole, name), getattr(parts, name)
        assert a.dtype == b.dtype, name
        assert np.array_equal(a, b), name


@pytest.mark.parametrize("spec", ["kmer-6-stride-1", "kmer-6", *SPECS[-3:]])
def test_a_long_sequence(fitted, spec):
    sequence = random_dna(random.Random(6), 100_000) + "N" + "A" * 1000
    encoded = fitted[spec].encode([sequence, "ACGT"])
    assert encoded.ends[encoded.offsets[1] - 2] == len(sequence)
    assert row(encoded, 1) == row(fitted[spec].encode(["ACGT"]), 0)
    if spec.startswith("bpe"):
        assert row(encoded, 0) == fitted[spec].tokenizer.encode(sequence).ids


@pytest.mark.parametrize("spec", ["kmer-5-stride-2", "wordpiece-300"])
def test_save_and_load(fitted, tmp_path, spec):
    fitted[spec].save(tmp_path / "new" / "folder")
    loaded = load_tokenizer(tmp_path / "new" / "folder")
    assert loaded.config == fitted[spec].config
    assert loaded.tokens == fitted[spec].tokens
    assert np.array_equal(loaded.encode(sample()).ids, fitted[spec].encode(sample()).ids)


def test_a_missing_or_damaged_folder_is_named(fitted, tmp_path):
    with pytest.raises(InputError, match="missing"):
        load_tokenizer(tmp_path)
    fitted["char"].save(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"tokenizer\.json.*damaged"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("sequences", [[], [""]])
def test_training_on_nothing_is_refused(sequences):
    with pytest.raises(InputError, match="no sequence"):
        fit(TokenizerConfig.parse("bpe-100"), sequences)
