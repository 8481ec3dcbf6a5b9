"""The class of transformers that runs a model directory, and a model of it with the directory's weights.

The class is known by its name. No code and no adapter that comes with a model is ever used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from torch import Tensor
from transformers import PreTrainedModel
from transformers.utils import logging

from dnasweep.config.model import CONVNET
from dnasweep.errors import InputError
from dnasweep.models.encoder import alibi, convnet
from dnasweep.models.encoder.capacity import ALIBI
from dnasweep.models.families.nucleotide_transformer import ignore_padding_tokens
from dnasweep.models.families.registry import NUCLEOTIDE_TRANSFORMER
from dnasweep.models.pretrained.config_file import USE_KNOWN_KIND, config_misfit
from dnasweep.models.pretrained.weight_files import read_headers, read_tensors
from dnasweep.models.pretrained.weight_match import check_size
from dnasweep.tokens.model_files import first_line


def class_named(name: str, model_type: str, directory: Path) -> type[Any]:
    """Return the class of an architecture.

    Parameters
    ----------
    name
        An entry of `architectures` in `config.json`, such as `BertForMaskedLM`.
    model_type
        Value of `model_type` in `config.json`.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        When transformers has no such class, or the class is another kind of model.
    """
    own = {ALIBI: alibi.class_of, CONVNET: convnet.class_of}.get(model_type)
    kind: Any = getattr(transformers, name, None) if own is None else own(name)
    if (
        not isinstance(kind, type)
        or not issubclass(kind, PreTrainedModel)
        or getattr(kind.config_class, "model_type", None) != model_type
    ):
        raise InputError(
            f"transformers itself has no {name} of the kind {model_type!r}, and code that comes "
            "with a model is never run",
            file=directory,
            remedy=USE_KNOWN_KIND,
        )
    return kind


def masked_class(settings: Any, directory: Path) -> type[Any]:
    """Return transformers' masked language model of a configuration.

    Parameters
    ----------
    settings
        Configuration of the model.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        When there is none.
    """
    known: Any = transformers.MODEL_FOR_MASKED_LM_MAPPING
    if type(settings) not in known:
        raise InputError(
            f"transformers has no masked language model of the kind {settings.model_type!r}",
            file=directory,
            remedy=USE_KNOWN_KIND,
        )
    found: type[Any] = known[type(settings)]
    return found


class LoadedModel(NamedTuple):
    """A model, and how its class and the weights of its directory differ."""

    model: PreTrainedModel
    missing: list[str]
    """Weights of the class that the files lack, or have in another shape."""
    unexpected: list[str]
    """Weights of the files that the class does not have, by their names in the files."""


def load_model(kind: type[Any], directory: Path, settings: Any) -> LoadedModel:
    """Return a model in fp32 on the CPU, made from the weights of a directory alone.

    No other file is read: neither code nor adapters, which could name a model in another place.

    Parameters
    ----------
    kind
        Class to load.
    directory
        A model directory.
    settings
        Its configuration, see :func:`dnasweep.models.pretrained.settings.settings_of`.

    Raises
    ------
    InputError
        When the weights are damaged or not finite, or do not make such a model.
    """
    stored = read_headers(directory)
    check_size(kind, settings, stored, directory)
    weights = read_tensors(directory, stored)
    # Loading takes milliseconds, and its progress bar would break the caller's own. What is missing
    # is for the caller to decide about, so transformers' warnings about it are not shown.
    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, info = kind.from_pretrained(
            None,
            config=settings,
            state_dict=weights,
            dtype=torch.float32,
            attn_implementation=attention_of(kind),
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except MemoryError:
        raise
    except Exception as error:  # a class may raise anything for settings that it does not expect
        raise config_misfit(
            f"transformers cannot load it as {kind.__name__} ({first_line(error)})", directory
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    mismatched = [entry[0] for entry in info.get("mismatched_keys") or []]
    missing = {*info["missing_keys"], *mismatched}
    missing -= _fill_shared_biases(model, missing, weights)
    prepare(model)
    return LoadedModel(
        model,
        sorted(missing),
        sorted(info["unexpected_keys"]),
    )


def _fill_shared_biases(
    model: PreTrainedModel, missing: set[str], weights: Mapping[str, Tensor]
) -> set[str]:
    """Fill the biases of vocabulary heads that files have under their other name alone; return which.

    A head's bias is its decoder's, whether or not the decoder's weight is that of the embeddings, and
    earlier versions of transformers store it once.
    """
    filled = set()
    for name in missing:
        other = name.replace(".decoder.bias", ".bias")
        if other != name and other in weights:
            with torch.no_grad():
                model.get_parameter(name).copy_(weights[other])
            filled.add(name)
    return filled


def attention_of(kind: type[Any]) -> str:
    """Return the attention that a class is loaded with: fused where it has that, else `eager`."""
    return "sdpa" if getattr(kind, "_supports_sdpa", False) else "eager"


def prepare(model: PreTrainedModel) -> None:
    """Have a model compute the same for a row whatever came before it and is beside it.

    Parameters
    ----------
    model
        A BigBird chooses sparse or full attention for each batch, and an ESM never reads padding
        tokens; other models are left alone.
    """
    _choose_attention_by_row(model)
    if model.config.model_type in ("esm", NUCLEOTIDE_TRANSFORMER.model_type):
        ignore_padding_tokens(model)


def _choose_attention_by_row(model: PreTrainedModel) -> None:
    """Have a BigBird choose sparse or full attention for each batch.

    transformers' BigBird changes to full attention at the first row that is too short for blocks, and
    never changes back, so that what it returns for a row would depend on the rows before it.
    """
    if model.config.model_type == "big_bird":
        model.base_model.register_forward_pre_hook(_choose_attention, with_kwargs=True)


def _choose_attention(model: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    rows = next(
        x
        for x in (*arguments, named.get("input_ids"), named.get("inputs_embeds"))
        if x is not None
    )
    config = model.config
    # As transformers counts: global blocks, the window and random blocks, with a reserve.
    fewest = (5 + 2 * config.num_random_blocks) * config.block_size
    wanted = config.attention_type if rows.shape[1] > fewest else "original_full"
    if wanted != model.attention_type:
        # The new layers draw random weights, which are then replaced.
        with torch.random.fork_rng(devices=[]):
            model.set_attention_type(wanted)
