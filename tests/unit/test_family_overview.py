"""The table of families in the documents: written from the registry, and true of small models of each."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from dnasweep.errors import InputError
from dnasweep.models.encoder.attention import first_token_attention
from dnasweep.models.families.overview import HEADS, overview
from dnasweep.models.families.registry import FAMILIES, family_of
from dnasweep.models.pretrained.any_head import load_any
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.continued import check_masked
from golden_models import as_safetensors, cases

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "how_to" / "checkpoints.md"
KINDS = ("dnabert2", "gena", "nt_v2", "hyenadna", "caduceus")


def test_the_document_has_the_table_of_the_registry() -> None:
    assert overview() in DOCUMENT.read_text()
    rows = [line.split(" | ") for line in overview().splitlines()]
    assert {len(row) for row in rows} == {len(HEADS)}
    assert len(rows) == len(FAMILIES) + 3


@pytest.mark.parametrize("case", cases(*KINDS))
def test_what_the_table_says_of_attention_and_masks_is_so(case: Path, tmp_path: Path) -> None:
    source = as_safetensors(case / "checkpoint", tmp_path / "checkpoint")
    family = family_of(read_config(source))
    assert family is not None
    model = load_any(case / "classifier")
    ids = torch.randint(7, 11, (1, 12))
    if family.attention:
        with torch.no_grad():
            found = first_token_attention(model, ids, None, "all")
        torch.testing.assert_close(found.sum(1), torch.ones(1))
    else:
        with pytest.raises(InputError, match=f"cannot be shown: {family.name} has none"):
            first_token_attention(model, ids, None, "all")
    if family.objective == "causal":
        with pytest.raises(InputError, match="causal model"):
            check_masked(source)
    elif case.name != "bare-pickled":
        check_masked(source)
