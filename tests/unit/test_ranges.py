"""Every number of every script is in its range, or refused before anything is read."""

from __future__ import annotations

import math
import types
import typing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dnasweep.config import ModelConfig, TokenizerConfig, TuningConfig
from dnasweep.config.ranges import Checked, Range, ranges
from dnasweep.errors import InputError
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import prepare_sweep
from option_toys import ALL
from rich.console import Console

NEEDED: dict[Any, Any] = {str: "x", tuple[str, ...]: ("x",)}


def numeric(options: type) -> dict[str, type]:
    """Return the fields that hold whole numbers, and those that hold any."""
    found = {}
    for name, hint in typing.get_type_hints(options).items():
        kinds = {hint, *typing.get_args(hint)} & {int, float}
        if kinds:
            found[name] = kinds.pop()
    return found


def make(options: type, **given: Any) -> Any:
    """Return options with what they need and what is given, without reading any file."""
    hints = typing.get_type_hints(options)
    needed = {
        field.name: NEEDED.get(hints[field.name], 300)
        for field in fields(options)
        if field.default is MISSING
    }
    return options(**needed | given)


NUMBERS = [
    (script, name)
    for script, options in ALL.items()
    for name in numeric(options)
    # May be a range, and has a reader of its own.
    if name != "workers_per_trial"
]


def test_there_are_numbers_to_walk() -> None:
    assert len(NUMBERS) > 200
    assert all(issubclass(options, Checked) for options in ALL.values() if numeric(options))


@pytest.mark.parametrize(("script", "name"), NUMBERS)
def test_every_number_has_a_range_and_is_held_to_it(script: str, name: str) -> None:
    options = ALL[script]
    assert name in ranges(options), "give it a type of dnasweep.config.ranges"
    span, _ = ranges(options)[name]
    several = isinstance(getattr(options, name, None), tuple)
    assert math.isfinite(span.least)
    assert math.isfinite(span.most)
    for bad in (math.nan, math.inf, -math.inf, 1e308, -1e308, 10**30, -(10**30)):
        with pytest.raises(InputError, match=f"{name} is") as caught:
            make(options, **{name: (bad,) if several else bad})
        assert caught.value.remedy
    for end in {0, -1, 1, 2, span.least, span.most}:
        value = (end,) if several else end
        if span.holds(end):
            assert getattr(make(options, **{name: value}), name) == value
        else:
            with pytest.raises(InputError, match=f"{name} is"):
                make(options, **{name: value})


@pytest.mark.parametrize(
    ("script", "name", "values"),
    [
        ("tokenizer_grid", "batch_size", (0, -1)),
        ("tokenizer_grid", "finetune_epochs", (0, -1)),
        ("fewshot_grid", "finetune_epochs", (0,)),
        ("fewshot_grid", "batch_size", (0,)),
        ("fewshot_grid", "resamples", (0,)),
        ("tokenizer_grid", "pretrain_epochs", (0,)),
        ("tokenizer_grid", "cpus_per_worker", (0,)),
        ("tokenizer_grid", "gpus_per_worker", (-0.5, 1.5)),
        ("tokenizer_grid", "seeds", ((0, -1),)),
        ("tokenizer_grid", "learning_rates", ((0.0,), (1.0,), (1e-3, math.nan))),
        ("tokenizer_grid", "data_seed", (12345678901234567890, -1)),
        ("tokenizer_grid", "workers_per_trial", (0, "4..1", "٣", "9" * 5000)),
        ("shap_batch", "standard_error", (0, math.nan)),
        ("verify_shap", "max_gap", (-1, math.nan)),
        ("scan_genome", "seed", (-1,)),
        ("scan_genome", "threshold", (0, -0.1, math.nan)),
        ("scan_genome", "thresholds", ((0.5, math.nan),)),
        ("score_variants", "motif_p", (0, 1)),
    ],
)
def test_what_would_not_do_what_it_says_is_refused(
    script: str, name: str, values: tuple[Any, ...]
) -> None:
    for value in values:
        with pytest.raises(InputError, match=f"{name} is"):
            make(ALL[script], **{name: value})


def test_the_ends_of_what_may_be_can_be_planned(tmp_path: Path) -> None:
    """At the least and the most of each number the plan stands, or says what is wrong."""
    table = tmp_path / "data.csv"
    letters = np.random.default_rng(0).choice(list("ACGT"), (60, 40))
    rows = [f"{''.join(row)},{n % 2}" for n, row in enumerate(letters)]
    table.write_text("\n".join(["sequence,label", *rows]) + "\n")
    planned, mute = 0, []
    for name, (span, _) in ranges(SweepOptions).items():
        if name in ("simulated_rows", "pretrain_rows", "decoy_rate", "data_seed", "crop"):
            continue  # of the data, which are read anew for each
        whole = numeric(SweepOptions)[name] is int
        room = 0 if whole else 1e-9
        for end in (span.least + room * span.above, span.most - room * span.below):
            value = int(end) if whole else float(end)
            several = isinstance(getattr(SweepOptions, name), tuple)
            options = SweepOptions(
                data=(str(table),),
                storage=str(tmp_path / "runs"),
                preset="1x32x2",
                dry_run=True,
                **{name: (value,) if several else value},
            )
            axes = {
                "tokenizer": ("kmer-3",),
                "species_set": ("none", "all"),
                "learning_rate": options.learning_rates,
                "seed": options.seeds,
            }
            try:
                planned += bool(prepare_sweep("ends", axes, options, Console(quiet=True)).plan)
            except InputError as error:
                mute += [(name, value)] * (not error.remedy)
    assert not mute
    assert planned > 20


def test_the_message_says_what_may_be() -> None:
    said = {
        0: "at least 1",
        2**40: "at most 1,048,576",
        math.nan: "at least 1",
    }
    assert {value: Range(1, 2**20).wanted(value) for value in said} == said
    assert Range(0, 1).wanted(2) == "a number from 0 to 1"
    assert Range(0, 1, below=True).wanted(1) == "a number from 0 to below 1"
    assert Range(0, 1, above=True, below=True).wanted(1) == "a number between 0 and 1"
    assert Range(0, 10**6, above=True).wanted(0) == "a number above 0"
    assert Range(0, 1024, whole_above=1).wanted(1.5) == "a whole number above 1"


@pytest.mark.parametrize(
    "read",
    [
        *(
            lambda n, t=text: TokenizerConfig.parse(t + n)
            for text in ("kmer-", "bpe-", "kmer-6-stride-")
        ),
        lambda n: ModelConfig.preset(f"2x{n}"),
        lambda n: ModelConfig.preset(f"{n}x64"),
        lambda n: TuningConfig.parse(f"lora-{n}"),
    ],
)
@pytest.mark.parametrize(
    "digits", ["0", "٣", "３", "²", "9" * 7, "9" * 20, "9" * 5000, "-1", "1e3"]
)
def test_numbers_within_names_too(read: Any, digits: str) -> None:
    with pytest.raises(InputError):
        read(digits)


def test_options_made_by_hand_are_held_as_well() -> None:
    with pytest.raises(InputError, match="batch_size is 0"):
        types.SimpleNamespace(o=make(ALL["predict"], batch_size=0))


@pytest.mark.parametrize("script", sorted(ALL))
def test_a_name_that_is_no_text_is_refused_by_name(script: str) -> None:
    hints = typing.get_type_hints(ALL[script])
    name = next(name for name, hint in hints.items() if str in {hint, *typing.get_args(hint)})
    bad = "n\udcff.csv"
    with pytest.raises(
        InputError, match=rf"{name} is n\\xff.csv, which is not valid UTF-8"
    ) as caught:
        make(ALL[script], **{name: (bad,) if "tuple" in str(hints[name]) else bad})
    str(caught.value).encode()
