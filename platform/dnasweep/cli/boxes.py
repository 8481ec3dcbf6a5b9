"""The boxes of `--help`, and the options in each."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_type_hints

import tyro

from dnasweep.invocation import as_typed

BOXES = {
    "axes": """suite tasks presets tokenizers species_sets checkpoints baselines maskings strategies targets tunings shots
        resamples learning_rates warmups weight_decays seeds search num_samples asha""",
    "input": """model attributions data download positives negatives sequences genome species species_table tree format
        sequence_column label_column split_column id_column species_column task tracks bins positive_label crop limit
        skip_bad_rows generate_negatives negative_distance first_base last_base split split_fractions
        split_identity split_groups train_rows leaks simulated_rows decoy_rate data_seed min_rows regions chromosomes match_chromosomes
        num_sequences motifs""",
    "job": "",
    "model": "preset max_tokens windows pickle",
    "pretraining": """continue_pretraining pretrain_data pretrain_rows pretrain_on pretrain_epochs pretrain_learning_rate
        pretrain_batch_size pretrain_seed pretrain_per_seed masking mask_rate stall_threshold pmi
        pmi_min_count pmi_table""",
    "fine-tuning": """target finetune_epochs batch_size micro_batch_size warmup weight_decay dropout
        tuning augment_reverse_complement average_reverse_complement class_weights label_smoothing""",
    "evaluation": "metric evaluations keep",
    "output": "dry_run time_budget out report json storage tracking_uri also name",
    "cluster": """address preflight workers_per_trial cpus_per_worker gpus_per_worker num_actors
        gpus_per_actor precision compile unpadding batch_rows shard_size hang_seconds timeout_s""",
}
"""Options of each box, by its name, in the order of the help. Options that are not listed belong to a
single job."""
SWEEP_BOXES = ("axes", "model", "pretraining", "fine-tuning", "evaluation")
"""Boxes only for commands that train; in jobs, options of the same names mean something else."""
FLAT = (tyro.conf.OmitArgPrefixes,)
"""Settings for tyro: names of boxes appear in the help but not in the options."""


def read_command_line(
    options: type,
    description: str,
    *,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    program: str | None = None,
    words: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Read the command line and return the value of each field of a dataclass.

    The help has a box for each kind of option, the most commonly needed first.

    Parameters
    ----------
    options
        The dataclass, whose fields have docstrings.
    description
        Text above the options in the help.
    defaults
        Defaults that differ from those of the dataclass, by field.
    program
        Name of the command in the help. Default: the script that runs.
    words
        Words of the command line. Default: those of this process.
    """
    chosen: Any = tyro.cli(
        boxed(options, defaults),
        prog=program,
        description=as_typed(description),
        args=words,
        config=FLAT,
    )
    return {name: value for box in vars(chosen).values() for name, value in vars(box).items()}


def boxed(options: type, defaults: Mapping[str, Any] = MappingProxyType({})) -> type:
    """Return a dataclass with a field for each box, which holds the options of the box."""
    boxes = [
        (
            name.replace("-", "_"),
            Annotated[_dataclass(options, names, defaults), tyro.conf.arg(name=name)],
        )
        for name, names in boxes_of(options).items()
    ]
    return dataclasses.make_dataclass("Options", boxes, kw_only=True)


def boxes_of(options: type) -> dict[str, list[str]]:
    """Return the fields of each box, without empty boxes."""
    there = [field.name for field in dataclasses.fields(options)]
    homes = {
        name: box
        for box, names in BOXES.items()
        if "tokenizers" in there or box not in SWEEP_BOXES
        for name in names.split()
    }
    order = list(homes)
    found = {box: [name for name in there if homes.get(name, "job") == box] for box in BOXES}
    for names in found.values():
        names.sort(key=lambda name: order.index(name) if name in homes else 0)
    return {box: names for box, names in found.items() if names}


def _dataclass(options: type, names: list[str], defaults: Mapping[str, Any]) -> type:
    """Return a dataclass with some fields of another, including types, defaults and help."""
    fields = {field.name: field for field in dataclasses.fields(options)}
    hints, docs = get_type_hints(options, include_extras=True), _docstrings(options)
    copied = []
    for name in names:
        hint, default = hints[name], defaults.get(name, fields[name].default)
        if name in docs:
            hint = Annotated[hint, _told(hint, docs[name], default)]
        copied.append((name, hint, dataclasses.field(default=default)))
    return dataclasses.make_dataclass(
        options.__name__, copied, kw_only=True, namespace={"__doc__": ""}
    )


def _told(hint: Any, text: str, default: Any) -> Any:
    """Return the annotated type of an option; the help of an optional one states its default."""
    if default is not None and default != ():
        return tyro.conf.arg(help=text)
    plain = {str: "STR", int: "INT", float: "FLOAT"}
    words = [plain[part] for part in plain if part in _types(hint)] if default is None else []
    return tyro.conf.arg(help=text, help_behavior_hint="", metavar=words[0] if words else None)


def _types(hint: Any) -> set[Any]:
    """Return a type hint and all types inside it."""
    return {hint}.union(*map(_types, get_args(hint))) if get_args(hint) else {hint}


@functools.cache
def _docstrings(options: type) -> dict[str, str]:
    """Return the docstring below each field of a dataclass and of its base classes."""
    docs = {}
    for one in reversed(options.__mro__):
        if not dataclasses.is_dataclass(one):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        assert isinstance(body, ast.ClassDef)
        field = ""
        for statement in body.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                field = statement.target.id
            elif field and isinstance(statement, ast.Expr):
                text = getattr(statement.value, "value", "")
                docs[field] = as_typed(" ".join(str(text).split()))
                field = ""
            else:
                field = ""
    return docs
