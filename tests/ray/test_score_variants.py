"""Variants by their script: bad input, then a whole job."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from variant_toys import finish, start, write_inputs

pytestmark = pytest.mark.timeout(900)


def test_a_job_by_its_script(tmp_path: Path) -> None:
    write_inputs(tmp_path, 30)
    storage, more = tmp_path / "runs", ("--backgrounds", "3")
    output = finish(start(tmp_path, storage, *more), code=2)
    assert f"{tmp_path / 'x.vcf'}, row 35: REF is" in output
    output = finish(start(tmp_path, storage, *more, "--skip-bad-rows"))
    assert "scored 30 + rejected 1 = 31 alleles" in output
    (table,) = storage.glob("variants/*/results-*/variants.parquet")
    assert pq.read_table(table)["id"].to_pylist() == [f"v{i}" for i in range(30)]
    assert "REF is" in (table.parent / "rejects.tsv").read_text()
    assert (table.parent / "x.scored.vcf.gz").is_file()
