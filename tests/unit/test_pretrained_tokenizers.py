"""Tokenizers of pretrained checkpoints: their own ids, with the bases of every token, or a reason."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from backbone_toys import DNABERT_SPECIAL, dnabert_kmers
from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.recognition import candidate_configs, read_pretrained
from dnasweep.tokens.tokenizers import CONFIG_FILE, fit
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from toys import toy_sequences
from transformers import AutoTokenizer, PreTrainedTokenizerFast

SEQUENCES = [*toy_sequences(6, window=50, ragged=20), "ACGTNNNACGTACGN", "acgu", "AC", "N", ""]


def rows_of(encoded):
    return [encoded.ids[a:b].tolist() for a, b in itertools.pairwise(encoded.offsets)]


def dnabert_ids(sequence: str, k: int) -> list[int]:
    """Return what DNABERT's own files make of a sequence: its words looked up, one after another."""
    words = dnabert_kmers(k)
    place = {word: i for i, word in enumerate(words)}
    cut = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
    return [place["[CLS]"], *(place.get(word, 1) for word in cut), place["[SEP]"]]


@pytest.mark.parametrize("k", [3, 6])
def test_dnabert_numbers_kmers_as_its_vocabulary_does(tmp_path, k):
    words = dnabert_kmers(k)
    assert len(words) == 4**k + 5
    assert words[5:8] == ["A" * k, "A" * (k - 1) + "T", "A" * (k - 1) + "C"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.config.name == f"kmer-{k}-overlap"
    assert tokenizer.vocab_size == len(words)
    whole = [s for s in SEQUENCES if len(s) >= k and s.isupper()]
    encoded = tokenizer.encode(whole)
    assert rows_of(encoded) == [dnabert_ids(s, k) for s in whole]
    inner = encoded.ends > 0
    assert (encoded.ends - encoded.starts)[inner].tolist() == [k] * int(inner.sum())
    # Where there is no whole word, there is no token for a base either.
    assert rows_of(tokenizer.encode(["AC", ""])) == [[2, 1, 1, 3], [2, 3]]


@pytest.mark.parametrize(
    "special",
    [DNABERT_SPECIAL, ("<cls>", "<pad>", "<eos>", "<unk>", "<mask>")],
    ids=["bert", "esm"],
)
@pytest.mark.parametrize("spec", ["kmer-3", "kmer-3-overlap", "char"])
def test_our_own_numbers_are_translated_whatever_the_order(tmp_path, spec, special):
    ours = fit(TokenizerConfig.parse(spec), [])
    own = list(ours.tokens[5:])
    words = [special[0], *own[::-1], *special[1:]]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    theirs = read_pretrained(tmp_path, TokenizerConfig.parse(spec))
    expected, found = ours.encode(SEQUENCES), theirs.encode(SEQUENCES)
    for name in ("starts", "ends", "offsets"):
        assert np.array_equal(getattr(expected, name), getattr(found, name))
    roles = {"[CLS]": "cls", "[SEP]": "sep", "[UNK]": "unk"}
    esm = {"cls": "<cls>", "sep": "<eos>", "unk": "<unk>"}
    named = esm if special[0] == "<cls>" else {v: k for k, v in roles.items()}
    names = [ours.tokens[i] for i in expected.ids]
    names = [named[roles[n]] if n in roles else n for n in names]
    assert [words[i] for i in found.ids] == names
    assert theirs.pad_id == words.index(special[1] if special[0] == "<cls>" else special[0])
    assert set(theirs.real_ids) == {words.index(ours.tokens[i]) for i in ours.real_ids}


@pytest.mark.parametrize("spec", ["kmer-3", "kmer-3-overlap", "bpe-64", "wordpiece-64", "char"])
def test_a_tokenizer_file_alone_gives_what_it_gave_with_its_settings(tmp_path, spec):
    ours = fit(TokenizerConfig.parse(spec), SEQUENCES)
    ours.save(tmp_path)
    (tmp_path / CONFIG_FILE).unlink()
    assert len(candidate_configs(tmp_path)) == 1, "the file says whether k-mers overlap"
    theirs = load_tokenizer(tmp_path)
    assert theirs.config.kind == ours.config.kind
    expected, found = ours.encode(SEQUENCES), theirs.encode(SEQUENCES)
    for name in ("ids", "offsets", "starts", "ends"):
        assert np.array_equal(getattr(expected, name), getattr(found, name)), name
    assert theirs.report(SEQUENCES).bases_per_token == ours.report(SEQUENCES).bases_per_token


@pytest.mark.parametrize("kind", ["vocabulary", "file"])
def test_what_is_saved_opens_here_and_in_transformers_alike(tmp_path, kind):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    if kind == "vocabulary":
        (source / "vocab.txt").write_text("\n".join(dnabert_kmers()))
    else:
        fit(TokenizerConfig.parse("bpe-64"), SEQUENCES).save(source)
        (source / CONFIG_FILE).unlink()
    first = load_tokenizer(source)
    first.save(target)
    again = load_tokenizer(target)
    assert (again.tokens, again.config, again.pad_id) == (first.tokens, first.config, first.pad_id)
    rows = rows_of(first.encode(SEQUENCES))
    assert rows_of(again.encode(SEQUENCES)) == rows
    plain = AutoTokenizer.from_pretrained(target)
    assert [plain(s)["input_ids"] for s in SEQUENCES] == rows
    assert (plain.pad_token_id, plain.mask_token_id) == (first.pad_id, first.mask_id)


def test_a_bert_tokenizer_that_wants_kmers_already_cut_is_given_them_whole(tmp_path):
    # What transformers' own BertTokenizer saves of DNABERT: of raw DNA it makes one unknown word.
    words = {word: i for i, word in enumerate(dnabert_kmers())}
    file = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    file.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=file, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]",
    ).save_pretrained(tmp_path)  # fmt: skip
    assert [way.name for way in candidate_configs(tmp_path)] == ["kmer-3-overlap", "kmer-3"]
    tokenizer = load_tokenizer(tmp_path)
    assert rows_of(tokenizer.encode(["ACGTA"])) == [dnabert_ids("ACGTA", 3)]


def test_an_n_of_its_own_is_used(tmp_path):
    words = ["<pad>", "<cls>", "<eos>", "<mask>", "A", "C", "G", "T", "N"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = load_tokenizer(tmp_path)
    assert [words[i] for i in tokenizer.encode(["ACNRT"]).ids[1:-1]] == ["A", "C", "N", "N", "T"]
    assert tokenizer.has_mask


def refused(folder, reason):
    with pytest.raises(InputError, match=reason) as caught:
        load_tokenizer(folder)
    assert caught.value.remedy


def write(folder, words, **settings):
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_what_cannot_be_is_refused_with_the_reason(tmp_path):
    words = dnabert_kmers()
    protein = write(tmp_path / "protein", [*DNABERT_SPECIAL, *"LAGVSERTIDPKQNFYMHWC"])
    refused(protein, "not one of DNA: it has 'L'")
    pieces = write(tmp_path / "pieces", [*DNABERT_SPECIAL, "A", "##C", "##G", "T", "GATTA"])
    refused(pieces, "vocab.txt does not say how DNA is cut")
    twice = write(tmp_path / "twice", [*words, "AAA"])
    refused(twice, "row 70: 'AAA' stands there twice")
    (tmp_path / "nothing").mkdir()
    refused(tmp_path / "nothing", "is missing")
    # Nothing ends a row, as with the Nucleotide Transformers, and it is not said that the model is one.
    endless = write(
        tmp_path / "endless",
        ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", *words[5:]],
        eos_token=None,
    )
    refused(endless, "no token that ends a row")
    broken = write(tmp_path / "broken", words)
    (broken / "tokenizer_config.json").write_text("{")
    refused(broken, "no JSON")


def test_a_file_whose_tokens_do_not_show_every_base_is_refused(tmp_path):
    ours = fit(TokenizerConfig.parse("bpe-64"), SEQUENCES)
    ours.save(tmp_path)
    (tmp_path / CONFIG_FILE).unlink()
    file = json.loads((tmp_path / "tokenizer.json").read_text())
    file["pre_tokenizer"] = {
        "type": "Split", "pattern": {"String": "G"}, "behavior": "Removed", "invert": False,
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    refused(tmp_path, "do not show every base once")
    file["pre_tokenizer"], file["post_processor"] = None, None
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    refused(tmp_path, "does not begin and end with its special tokens")


def test_where_code_of_a_model_begins_kmers_is_not_guessed(tmp_path):
    # K-mers of one model of ProkBERT begin at every base, and those of another at every second one.
    own = {"auto_map": {"AutoTokenizer": ["prokbert_tokenizer.ProkBERTTokenizer", None]}}
    kmers = write(tmp_path / "kmers", dnabert_kmers(), **own)
    refused(
        kmers, r"custom code for the tokenizer \(auto_map\).* cuts DNA into kmer-3-overlap, remove"
    )
    (kmers / "tokenizer_config.json").write_text("{}")
    assert load_tokenizer(kmers).config.name == "kmer-3-overlap"
    letters = write(tmp_path / "letters", [*DNABERT_SPECIAL, *"ACGT"], **own)
    assert load_tokenizer(letters).config.name == "char"


def test_kmers_with_n_are_not_read_as_unknown(tmp_path):
    kmers = ["".join(letters) for letters in itertools.product("ACGTN", repeat=3)]
    folder = write(tmp_path / "kmers", [*DNABERT_SPECIAL, *kmers])
    refused(folder, "not all k-mers of A, C, G and T of one length")


def test_an_n_after_the_last_kmer_is_that_of_the_vocabulary(tmp_path):
    words = [*dnabert_kmers(), *"ATCGN"]
    tokenizer = load_tokenizer(write(tmp_path / "model", words))
    sequences = ["ACGAN", "ACGN", "NACGTN", "ACGTA", "AN", "N", ""]
    rows = rows_of(tokenizer.encode(sequences))
    assert words[rows[1][-2]] == "N"
    # As in transformers, and in windows of a genome.
    assert rows == [tokenizer.tokenizer.encode(s).ids for s in sequences]
    ids, _ = tokenizer.encode_windows("TACGNA", np.array([1]), 4)
    assert ids.tolist() == rows[1]


def test_a_file_that_makes_one_unknown_token_of_a_long_sequence_is_refused(tmp_path):
    words = [*DNABERT_SPECIAL, *"ACGT", "ACG", "TATA", "CAAT", *(f"##{base}" for base in "ACGT")]
    file = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    file.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    file.save(str(tmp_path / "tokenizer.json"))
    refused(
        tmp_path,
        r"of 'ACGTTGCAAGGCTTAACCGA'\.\.\. \(297 letters\) it makes tokens that are unknown",
    )
    file.model.max_input_chars_per_word = 1 << 20
    file.save(str(tmp_path / "tokenizer.json"))
    assert load_tokenizer(tmp_path).encode(["A" * 300]).ids.size == 302
