"""Files of one tokenizer that contradict each other are refused, and none is left out of account."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from backbone_toys import dnabert_kmers
from dnasweep.errors import InputError
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.recognition import candidate_configs
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

ESM = ["<unk>", "<pad>", "<mask>", "<cls>", *map("".join, product("ATCG", repeat=3)), *"ATCGN"]


def letters(folder: Path, **settings: object) -> Path:
    """Write the tokenizer of a HyenaDNA, which is only a class and special tokens."""
    config = {"tokenizer_class": "HyenaDNATokenizer", "pad_token": "[PAD]"} | settings
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def kmers(folder: Path, kmer: str, *, ends: bool = True) -> Path:
    """Write the tokenizer.json of 3-mers that cuts raw DNA by a pattern."""
    words = {word: i for i, word in enumerate([*dnabert_kmers(), *"ATCG"])}
    file = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    file.pre_tokenizer = pre_tokenizers.Split(Regex(kmer), "isolated")
    if ends:
        file.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    file.save(str(folder / "tokenizer.json"))
    return folder


def refused(folder: Path, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        load_tokenizer(folder)
    assert caught.value.remedy


def test_letters_are_those_of_the_class(tmp_path):
    load_tokenizer(letters(tmp_path, characters=[*"ACGTN"]))
    refused(letters(tmp_path, characters=[*"ATGCN"]), "characters of tokenizer_config.json")
    refused(letters(tmp_path, pad_token="[UNK]"), "its pad token is said to be '\\[UNK\\]'")
    added = {"7": {"content": "A"}, "8": {"content": "G"}}
    refused(letters(tmp_path, added_tokens_decoder=added), "'G' is 8 in .* and 9 in the vocab")


def test_two_files_name_one_special_token(tmp_path):
    letters(tmp_path, sep_token={"content": "[SEP]", "lstrip": False})
    path = tmp_path / "special_tokens_map.json"
    path.write_text(json.dumps({"sep_token": "[SEP]"}))
    load_tokenizer(tmp_path)
    for token in ("[CLS]", None):
        path.write_text(json.dumps({"sep_token": token}))
        refused(tmp_path, r"sep_token is .* in special_tokens_map\.json and '\[SEP\]' in")


def test_tokens_have_one_id_in_all_files(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(dnabert_kmers()))
    kmers(tmp_path, "[ACGTN]{3}|[ACGTN]")
    load_tokenizer(tmp_path)
    swapped = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "AAT", "AAA"]
    (tmp_path / "vocab.txt").write_text("\n".join(swapped))
    refused(tmp_path, r"'AAT' is 5 in vocab\.txt and 6 in tokenizer\.json")
    (tmp_path / "vocab.txt").unlink()
    (tmp_path / "added_tokens.json").write_text(json.dumps({"[EXTRA]": 80}))
    load_tokenizer(tmp_path)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"ACGTACGT": 80}))
    refused(tmp_path, r"'ACGTACGT' is in added_tokens\.json and not in tokenizer\.json")


def test_a_file_that_cuts_kmers_in_another_way_is_not_read_otherwise(tmp_path):
    kmers(tmp_path, "[ACGTN]{3}|[ACGTN]")
    assert [way.name for way in candidate_configs(tmp_path)] == ["kmer-3"]
    kmers(tmp_path, "^[ACGT]|[ACGT]{3}")
    refused(tmp_path, r"tokenizer\.json makes other rows of DNA than kmer-3 or kmer-3-overlap")
    kmers(tmp_path, "[ACGTN]{3}|[ACGTN]", ends=False)
    refused(tmp_path, "makes other rows of DNA")


@pytest.mark.parametrize(
    "settings", [{"model_type": "esm"}, {"add_bias_fnn": False}], ids=["esm", "its second version"]
)
def test_the_tokenizer_of_a_nucleotide_transformer_needs_no_class(settings, tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(ESM))
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": len(ESM)} | settings))
    for named in ({"tokenizer_class": "EsmTokenizer"}, {}):
        path = tmp_path / "tokenizer_config.json"
        path.write_text(json.dumps({"eos_token": None} | named))
        ids = load_tokenizer(tmp_path).encode(["ACGTNACGAA"]).ids
        expected = ["<cls>", "ACG", "T", "N", "ACG", "A", "A", "<pad>"]
        assert [ESM[i] for i in ids] == expected
    path.write_text(json.dumps({"eos_token": None, "tokenizer_class": "BertTokenizer"}))
    refused(tmp_path, r"an ESM, and its tokenizer a BertTokenizer without tokenizer\.json")


def test_a_file_that_restarts_kmers_after_n_is_followed(tmp_path):
    kmers(tmp_path, "[ACGT]{3}|[ACGTN]")
    file = json.loads((tmp_path / "tokenizer.json").read_text())
    file["model"]["vocab"]["N"] = len(file["model"]["vocab"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    assert [way.name for way in candidate_configs(tmp_path)] == ["greedy-3"]
    tokenizer = load_tokenizer(tmp_path)
    assert [tokenizer.tokens[i] for i in tokenizer.encode(["ACGNACGT"]).ids[1:-1]] == [
        *("ACG", "N", "ACG", "T")
    ]


def test_of_a_base_in_both_cases_the_one_in_upper_case_is_read(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"ACGT", *"acgt"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.vocab_size == len(words)
    assert [words[i] for i in tokenizer.encode(["ACGTacgt"]).ids[1:-1]] == [*"ACGTACGT"]
