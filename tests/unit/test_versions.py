"""Format versions stand in one file, and the keys of stored artefacts do not change by accident."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import dnasweep
import pytest
from backbone_toys import dnabert
from dnasweep.config import MaskingConfig, TrainingConfig, versions
from dnasweep.stages.models import model_digest
from dnasweep.stages.recipe import Cell, Recipe

PACKAGE = Path(dnasweep.__file__).parent
VERSION = re.compile(r"^_?(\w+_)?(FORMAT|VERSION)(_\w+)?\s*(:.*)?= *[\"']?[0-9]+[\"']?$", re.M)


def test_no_other_file_has_a_format_version() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.name != "versions.py"]
    assert files
    assert not [path for path in files if VERSION.search(path.read_text())]
    assert VERSION.search('SCHEMA_VERSION = "2"')
    assert VERSION.search("FORMAT = 3")


def test_keys_of_an_earlier_release_are_found_again() -> None:
    """Keys of finished work: where they change, every user computes everything a second time."""
    recipe = Recipe(
        dataset="0123456789abcdef",
        species=("human", "mouse"),
        masking=MaskingConfig(scheme="genemask"),
        pretraining=TrainingConfig(bases=1000),
        finetuning=TrainingConfig(bases=1000, dropout=0.1),
    )
    spec = recipe.expand(Cell(tokenizer="kmer-6-overlap", species_set="human-then-all", seed=3))
    fitted = recipe.expand(Cell(tokenizer="bpe-64", species_set="none", shots=10, resample=1))
    assert spec.encoder is not None
    assert spec.encoder.pmi is not None
    found = {
        "tokenizer": spec.tokenizer.key,
        "fitted tokenizer": fitted.tokenizer.key,
        "corpus": spec.tokenizer.corpus_key,
        "PMI table": spec.encoder.pmi.key,
        "encoder": spec.encoder.key,
        "trial": spec.key,
        "few-shot trial": fitted.key,
    }
    assert found == {
        "tokenizer": "f516de871ac73435",
        "fitted tokenizer": "388497ff0298cb7a",
        "corpus": "d6174474051d7ddf",
        "PMI table": "eeb16b082a38c8c8",
        "encoder": "79ca2b40982c71f9",
        "trial": "d7c9eaaee0a999fe",
        "few-shot trial": "ac911f5dc74f6249",
    }


def test_only_published_checkpoints_are_computed_anew_when_they_are_read_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = dnabert(tmp_path / "published")
    own = tmp_path / "own"
    shutil.copytree(published, own)
    (own / "dnasweep_tokenizer.json").write_text('{"kind": "kmer", "k": 3, "stride": 1}')
    before = [model_digest(folder) for folder in (published, own)]
    monkeypatch.setattr(versions, "CHECKPOINTS", versions.CHECKPOINTS + 1)
    after = [model_digest(folder) for folder in (published, own)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
