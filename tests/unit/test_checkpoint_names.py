"""How checkpoints are named in tables."""

from __future__ import annotations

import pytest
from dnasweep.sweeps.checkpoint_names import short_names


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["/models/gena/checkpoint"], ["gena/checkpoint"]),
        (["/models/dnabert-6", "none"], ["dnabert-6", "none"]),
        (["/m/dnabert2/checkpoint", "/m/gena/checkpoint"], ["dnabert2/checkpoint", "gena/checkpoint"]),
        (["./a/x", "./b/x", "./b/y"], ["a/x", "b/x", "y"]),
        (["zhihan1996/DNABERT-2-117M"], ["zhihan1996/DNABERT-2-117M"]),
        (["models:/grid/3", "OWNER/MODEL@refs/pr/1"], ["models:/grid/3", "OWNER/MODEL@refs/pr/1"]),
        (["/one", "/two"], ["one", "two"]),
        (["/x", "/y/x"], ["/x", "y/x"]),
    ],
)  # fmt: skip
def test_folders_are_named_by_the_end_that_tells_them_apart(given, shown):
    assert short_names(given) == dict(zip(given, shown, strict=True))
