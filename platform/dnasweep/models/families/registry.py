"""The model families, and recognition of the family of a checkpoint from its settings and weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.families.family import Family
from dnasweep.models.families.lengths import CHUNK


def _is(config: Mapping[str, Any], model_type: str) -> bool:
    """Return whether a config.json names this model type, or none."""
    return config.get("model_type") in (None, model_type)


_NO_DECODER = (("is_decoder", (False,)), ("add_cross_attention", (False,)))

DNABERT2 = Family(
    name="DNABERT-2",
    model_type="dnasweep-dnabert2",
    told_by=lambda config: "alibi_starting_size" in config and _is(config, "bert"),
    weights=r"encoder\.layer\.0\.mlp\.gated_layers\.weight$",
    first="[CLS]",
    last="[SEP]",
    padded_on="right",
    foreign="[UNK], one for each letter",
    reads="first token",
    one_length=False,
    # Attention is biased by distance; max_position_embeddings has no effect.
    read_settings=frozenset({"alibi_starting_size"}),
    only=(
        ("position_embedding_type", ("absolute", "alibi", None)),
        *_NO_DECODER,
    ),
    # The default of BERT; padding is told by the attention mask.
    unread_pad_id=0,
)
"""DNABERT-2 and DNABERT-S (Zhou et al. 2024): BERT whose attention is biased by distance (ALiBi)."""

GENA = Family(
    name="GENA-LM",
    model_type="dnasweep-gena",
    told_by=lambda config: (
        _is(config, "bert")
        and (config.get("pre_layer_norm") is True or {"pre_layer_norm", "auto_map"} <= set(config))
    ),
    weights=r"encoder\.layer\.0\.pre_attention_ln\.weight$",
    first="[CLS]",
    last="[SEP]",
    padded_on="right",
    foreign="N, or one token for a run of ten or more",
    reads="first token",
    one_length=False,
    longest="`max_position_embeddings`",
    tokens=lambda config: int(config.get("max_position_embeddings") or 512),
    read_settings=frozenset({"pre_layer_norm", "last_layer_norm"}),
    only=(("position_embedding_type", ("absolute",)), *_NO_DECODER),
    off_if_null=("pre_layer_norm", "last_layer_norm"),
)
"""GENA-LM (Fishman et al. 2025): BERT with normalisation before attention and feed-forward layers."""


def _esm_tokens(config: Mapping[str, Any]) -> int:
    """Return the maximum number of tokens: the first position is the one after the id of the padding token.

    With rotary positions, this is the length used in training.
    """
    pad = config.get("pad_token_id")
    return (
        int(config.get("max_position_embeddings") or 1026) - (1 if pad is None else int(pad)) - 1
    )


NUCLEOTIDE_TRANSFORMER = Family(
    name="Nucleotide Transformer v2",
    model_type="dnasweep-nucleotide-transformer-v2",
    told_by=lambda config: (
        _is(config, "esm")
        and (config.get("add_bias_fnn") is False or {"add_bias_fnn", "auto_map"} <= set(config))
    ),
    weights=r"(^|\.)encoder\.layer\.0\.attention\.self\.query\.weight$",
    first="[CLS]",
    last="nothing",
    padded_on="right",
    foreign="N, after which k-mers restart",
    reads="first token",
    one_length=False,
    longest="`max_position_embeddings` − 2",
    tokens=_esm_tokens,
    read_settings=frozenset({"add_bias_fnn"}),
    only=(
        ("position_embedding_type", ("rotary", "absolute", None)),
        # The authors' code has no such setting.
        ("rope_theta", (10000.0,)),
        ("is_folding_model", (False,)),
        ("vocab_list", ()),
        *_NO_DECODER,
    ),
)
"""The Nucleotide Transformer v2 (Dalla-Torre et al. 2025): ESM with a gated feed-forward layer. The first
version and AgroNT are plain ESM."""

HYENADNA = Family(
    name="HyenaDNA",
    model_type="dnasweep-hyenadna",
    told_by=lambda config: config.get("model_type") == "hyenadna",
    weights=r"layers\.0\.mixer\.filter_fn\.implicit_filter\.0\.weight$",
    first="nothing",
    last="[SEP]",
    padded_on="left",
    foreign="N",
    reads="last token",
    one_length=True,
    attention=False,
    objective="causal",
    # A filter of order 3 reads the current token and the two before it; each higher order, one more token ahead.
    reads_ahead=lambda config: int(config.get("short_filter_order") or 3) > 3,
    longest="`max_seq_len`",
    tokens=lambda config: int(config.get("max_seq_len") or 1024),
    # The authors' code cannot run filters of other orders, because of their shape or length.
    only=(("hyena_order", (2,)), ("short_filter_order", (1, 2, 3, 4, 5))),
)
"""HyenaDNA (Nguyen et al. 2023): causal long convolutions over single bases."""


def _mamba_states(config: Mapping[str, Any], num_tokens: int) -> float:
    """Return the numbers per token of the associative scan: decays and values, and a copy of each."""
    given = config.get("ssm_cfg") or {}
    strands = 2 if config.get("rcps") else 1
    channels = strands * given.get("expand", 2) * int(config.get("d_model") or 256)
    return 5 * channels * int(given.get("d_state", 16)) * min(1.0, CHUNK / num_tokens)


CADUCEUS = Family(
    name="Caduceus",
    model_type="dnasweep-caduceus",
    told_by=lambda config: config.get("model_type") == "caduceus",
    weights=r"layers\.0\.mixer\.(submodule\.)?mamba_fwd\.x_proj\.weight$",
    first="nothing",
    last="[SEP]",
    padded_on="left",
    foreign="N",
    reads="mean",
    one_length=True,
    attention=False,
    state_floats=_mamba_states,
    complements=True,
    only=(("bidirectional_strategy", ("add", "ew_multiply")),),
)
"""Caduceus and PlantCaduceus (Schiff et al. 2024): a bidirectional Mamba over single bases. Rows of
PlantCaduceus have no token at either end."""

FAMILIES: tuple[Family, ...] = (DNABERT2, GENA, NUCLEOTIDE_TRANSFORMER, HYENADNA, CADUCEUS)
"""All families; the order does not matter."""


def family_of(config: Mapping[str, Any]) -> Family | None:
    """Return the family of a `config.json`, from the hub or saved by this platform; None if there is none.

    Parameters
    ----------
    config
        Contents of `config.json`.
    """
    for family in FAMILIES:
        if config.get("model_type") == family.model_type:
            return family
    return next((family for family in FAMILIES if family.told_by(config)), None)


def recognise(config: Mapping[str, Any], weights: Iterable[str], directory: Path) -> Family | None:
    """Return the family of a checkpoint, from its settings and weights; None if there is none.

    Parameters
    ----------
    config
        Contents of `config.json`.
    weights
        Names of the weights of the checkpoint.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        If settings and weights do not belong to the same family.
    """
    names = list(weights)
    said = family_of(config)
    if said is None:
        found = next(
            (f for f in FAMILIES if f is not NUCLEOTIDE_TRANSFORMER and f.has_weights(names)), None
        )
        if found is None:
            return None
        shown = next(name for name in names if found.has_weights([name]))
        raise InputError(
            f"its weights are those of {found.name} ({shown}), but config.json describes another model",
            file=directory,
            remedy="Give the model with the config.json it was saved with.",
        )
    # A GENA-LM may be configured with normalisation after each layer, like BERT.
    plain = said is GENA and not config.get("pre_layer_norm")
    if not plain and not said.has_weights(names):
        _refuse(said, names, directory)
    return said


def _refuse(family: Family, names: list[str], directory: Path) -> None:
    shown = ", ".join(sorted(names)[:3])
    raise InputError(
        f"config.json describes {family.name}, but the weights are of another model ({shown}...)",
        file=directory,
        remedy="Give the model with the config.json it was saved with.",
    )
