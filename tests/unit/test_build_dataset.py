"""The job that builds a data set, dry: it says and refuses what the real run would."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from dnasweep.commands.jobs.build_dataset import BuildOptions, main
from dnasweep.errors import InputError
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import prepare_sweep
from option_toys import ALL, flags_of
from rich.console import Console


def rows(number: int) -> list[str]:
    rng = np.random.default_rng(3)
    return [f"{''.join(rng.choice(list('ACGT'), 40))},{i % 2}" for i in range(number)]


def dry(tmp_path: Path, lines: list[str], **options: object) -> str:
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["sequence,label", *lines]) + "\n")
    said = io.StringIO()
    chosen = BuildOptions(data=(str(path),), dry_run=True, **options)
    main(chosen, Console(file=said, width=200))
    return said.getvalue()


def test_rows_left_out_are_not_said_to_be_listed_where_nothing_is_kept(tmp_path: Path) -> None:
    said = dry(tmp_path, [*rows(30), "ACGTZ,1"], skip_bad_rows=True)
    assert "rows left out: they" in said
    assert "rejects.tsv" not in said


@pytest.mark.parametrize("root", ["s3://", "http://["])
def test_a_storage_that_is_none_is_refused(tmp_path: Path, root: str) -> None:
    with pytest.raises(InputError, match="storage"):
        dry(tmp_path, rows(30), storage=root)


@pytest.mark.parametrize("seed", [2**32, 2**63 - 1])
def test_large_seeds_are_used(tmp_path: Path, seed: int) -> None:
    assert "30 sequences" in dry(tmp_path, rows(30), data_seed=seed)


def test_larger_shares_are_offered_where_they_help(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 different rows leave none") as caught:
        dry(tmp_path, rows(3))
    assert "--split-fractions" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        dry(tmp_path, rows(8))
    assert "--split-fractions, such as 0.5 0.25 0.25" in str(caught.value)
    assert "8 sequences" in dry(tmp_path, rows(8), split_fractions=(0.5, 0.25, 0.25))


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("genes.tsv", "gene\tlabel\nadh1\t1\nact1\t0\n", "there is no column with sequences"),
        (
            "genes.gtf",
            "chr1\thavana\tgene\t100\t200\t.\t+\t.\tx\n",
            "gives coordinates, not sequences",
        ),
    ],
)
def test_words_of_other_columns_are_not_taken_for_a_sequence(
    tmp_path: Path, name: str, text: str, found: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=found):
        main(BuildOptions(data=(str(path),), dry_run=True), Console(quiet=True))


@pytest.mark.parametrize(
    ("axis", "option"),
    [
        ("checkpoint", "--checkpoints"),
        ("strategy", "--strategies"),
        ("learning_rate", "--learning-rates"),
    ],
)
def test_an_axis_without_values_names_its_option(tmp_path: Path, axis: str, option: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["sequence,label", *rows(30)]) + "\n")
    chosen = SweepOptions(data=(str(path),), dry_run=True, storage=str(tmp_path / "runs"))
    assert any(option in flags_of(options) for options in ALL.values())
    with pytest.raises(InputError, match=f"axis {axis} has no values") as caught:
        prepare_sweep("x", {axis: ()}, chosen, Console(quiet=True))
    assert f"Name at least one: {option}." in str(caught.value)
