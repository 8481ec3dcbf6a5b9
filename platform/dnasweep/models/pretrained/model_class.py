"""Find the transformers class of a model directory, and load the model with the weights of the directory.

The class is found by its name. Code and adapters that come with a model are never used.
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
from dnasweep.models.pretrained.complement_match import check_complements
from dnasweep.models.pretrained.config_file import USE_KNOWN_KIND, config_misfit
from dnasweep.models.pretrained.copies import check_copies
from dnasweep.models.pretrained.rotary import set_frequencies
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
        If transformers has no such class, or the class is of another model type.
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
    """Return transformers' masked language model class for a configuration.

    Parameters
    ----------
    settings
        Configuration of the model.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        If there is no such class.
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
    """A model, and the differences between its class and the weights of its directory."""

    model: PreTrainedModel
    missing: list[str]
    """Weights of the class that are missing from the files, or have another shape."""
    unexpected: list[str]
    """Weights of the files that the class does not have, by their names in the files."""


def load_model(kind: type[Any], directory: Path, settings: Any) -> LoadedModel:
    """Return a model in fp32 on the CPU, created only from the weights of a directory.

    No other files are read: neither code nor adapters, which could refer to a model elsewhere.

    Parameters
    ----------
    kind
        Class to load.
    directory
        A model directory.
    settings
        Configuration of the model, see :func:`dnasweep.models.pretrained.settings.settings_of`.

    Raises
    ------
    InputError
        If the weights are damaged or not finite, or do not fit the class.
    """
    stored = read_headers(directory)
    check_size(kind, settings, stored, directory)
    check_complements(settings, stored, directory)
    weights = read_tensors(directory, stored)
    # Loading takes milliseconds, and its progress bar would disturb the caller's. The caller decides
    # about missing weights, so transformers' warnings about them are not shown.
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
    except Exception as error:  # a class may raise anything for unexpected settings
        raise config_misfit(
            f"transformers cannot load it as {kind.__name__} ({first_line(error)})", directory
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    mismatched = [entry[0] for entry in info.get("mismatched_keys") or []]
    missing = {*info["missing_keys"], *mismatched}
    missing -= _fill_shared_biases(model, missing, weights)
    check_copies(model, weights, directory)
    set_frequencies(model, weights, directory)
    prepare(model)
    return LoadedModel(
        model,
        sorted(missing),
        sorted(info["unexpected_keys"]),
    )


def _fill_shared_biases(
    model: PreTrainedModel, missing: set[str], weights: Mapping[str, Tensor]
) -> set[str]:
    """Fill in biases of vocabulary heads that files contain under only one of two names; return these names.

    The bias of a head is also the bias of its decoder, whether or not the decoder weight is tied to the
    embeddings, and earlier versions of transformers store it only once.
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
    """Return the attention implementation for a class: fused if available, otherwise `eager`."""
    return "sdpa" if getattr(kind, "_supports_sdpa", False) else "eager"


def prepare(model: PreTrainedModel) -> None:
    """Make the output of a model for a row independent of earlier rows and of the batch.

    Parameters
    ----------
    model
        A BigBird is changed to choose sparse or full attention for each batch, and an ESM to never read
        padding tokens; other models are not changed.
    """
    _choose_attention_by_row(model)
    if model.config.model_type in ("esm", NUCLEOTIDE_TRANSFORMER.model_type):
        ignore_padding_tokens(model)


def _choose_attention_by_row(model: PreTrainedModel) -> None:
    """Make a BigBird choose sparse or full attention for each batch.

    transformers' BigBird switches to full attention at the first row that is too short for blocks, and
    never switches back, so its output for a row would depend on earlier rows.
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
    # Counted as in transformers: global blocks, the window and random blocks, with a margin.
    fewest = (5 + 2 * config.num_random_blocks) * config.block_size
    wanted = config.attention_type if rows.shape[1] > fewest else "original_full"
    if wanted != model.attention_type:
        # The new layers are initialised with random weights, which are then replaced.
        with torch.random.fork_rng(devices=[]):
            model.set_attention_type(wanted)
