"""Find, inspect and copy the pretrained checkpoints of a sweep into the storage.

Whatever is wrong with a checkpoint is reported here, before anything is trained.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dnasweep.config import ModelConfig, TokenizerConfig, TuningConfig
from dnasweep.errors import InputError
from dnasweep.models.pretrained.hub import is_hub_name
from dnasweep.stages.converted import as_safetensors
from dnasweep.stages.model_sources import FoundModel, find_model
from dnasweep.stages.models import keep_model, model_digest
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.specs import CNN, PretrainedCheckpoint
from dnasweep.stages.tokens import tokenizer_of
from dnasweep.storage import Storage, refuse_damaged
from dnasweep.sweeps.lengths import Lengths, longest_row
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.recognition import candidate_configs
from dnasweep.tokens.tokenizers import CONFIG_FILE, fit
from dnasweep.tracking.client import resolve_uri
from dnasweep.tracking.lookup import existing_directory

_TRACKED = re.compile(r"models:/.+|[0-9a-f]{32}|[^/@]+@[^/]+")
_CONVNET = PretrainedCheckpoint(
    name=CNN, key="", tokenizers=("char",), model=ModelConfig.convnet()
)


def prepare_checkpoints(
    storage: Storage,
    names: Iterable[str],
    *,
    model: ModelConfig,
    tunings: Iterable[TuningConfig],
    tracking_uri: str | None = None,
    keep: bool = True,
    sequences: Sequence[str] = (),
    lengths: Lengths | None = None,
    pickle: bool = True,
    further: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[PretrainedCheckpoint, ...]:
    """Return the checkpoints that cells name, without duplicates, copied into the storage.

    Parameters
    ----------
    storage
        Storage to copy them to.
    names
        Directories, hub names, or names in MLflow; `none` means no checkpoint; the name of the
        convolutional baseline is accepted as well and has no weights.
    model
        Model configuration; every checkpoint must support its `windows`.
    tunings
        Tuning methods; every checkpoint must support each of them.
    keep
        Whether they are copied, or only inspected.
    sequences, lengths
        If `lengths` is given, the number of tokens of the longest of the sequences is added to it
        for each checkpoint and each of its tokenizers.
    tracking_uri
        MLflow store in which names are looked up; None: the default one.
    pickle
        Whether pickled weights are converted in a separate process; otherwise they are refused.
    further
        Whether pretraining is continued, which requires masked language models.
    say
        Called with messages about a checkpoint, one line each.

    Raises
    ------
    InputError
        If a checkpoint is not found, is not an encoder that can be run here, contains more than
        weights in a pickled file, or has a tokenizer that cannot be used for DNA.
    """
    wanted = [name for name in dict.fromkeys(names) if name != "none"]
    tunings = list(dict.fromkeys(tunings))
    found = []
    for name in wanted:
        if name == CNN:
            found.append(_CONVNET)
            continue
        with tempfile.TemporaryDirectory(prefix="dnasweep-model-") as scratch:
            directory, commit = _find(name, storage, tracking_uri, Path(scratch), pickle=pickle)
            if commit:
                say(f"{name}: commit {commit} of the hub.")
            if pickle and (copy := as_safetensors(directory, storage if keep else None, scratch)):
                directory = copy
                say(
                    f"{name}: its weights are pickled. They were read in a separate process that cannot run "
                    "code from the file, and are used as safetensors."
                )
            if further:
                # Imported here because a sweep without such checkpoints does not need torch.
                from dnasweep.models.pretrained.continued import check_masked

                check_masked(directory)
            size, tokenizers, new = _inspect(directory, model, tunings)
            if new:
                say(f"{name}: {new}")
            key = keep_model(storage, directory) if keep else model_digest(directory)
            if lengths is not None:
                for one in tokenizers:
                    tokenizer = tokenizer_of(directory, one)
                    lengths[key, one.name] = longest_row(tokenizer, sequences)
        short_names = tuple(one.name for one in tokenizers)
        found.append(
            PretrainedCheckpoint(
                name=name,
                key=key,
                tokenizers=short_names,
                model=size,
                commit=commit,
                pretrained_further=further,
            )
        )
    return tuple(found)


def _find(
    name: str, storage: Storage, tracking_uri: str | None, scratch: Path, *, pickle: bool
) -> FoundModel:
    if (path := existing_directory(name)) is not None:
        refuse_damaged(path)
        return FoundModel(path)
    if not (_TRACKED.fullmatch(name) or "://" in name or is_hub_name(name)):
        raise InputError(
            "there is no such model directory",
            file=name,
            remedy="Give a directory written by save_pretrained, its URI in a bucket, a hub name "
            "OWNER/MODEL, a run id or models:/NAME@ALIAS.",
        )
    uri = resolve_uri(tracking_uri, storage.root)
    return find_model(name, uri=uri, scratch=scratch, pickle=pickle)


def _inspect(
    directory: Path, model: ModelConfig, tunings: Sequence[TuningConfig]
) -> tuple[ModelConfig, tuple[TokenizerConfig, ...], str]:
    """Return size, tokenizers and a sentence on new layers; build a classifier as a check."""
    # Imported here because a sweep without such checkpoints does not need torch.
    from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe, new_parts
    from dnasweep.models.pretrained.heads import is_of_classifier
    from dnasweep.models.pretrained.weight_files import read_headers
    from dnasweep.models.training.trained_weights import lora_targets

    size = describe(directory)
    if (directory / CONFIG_FILE).is_file():
        tokenizer = load_tokenizer(directory)
        tokenizers: tuple[TokenizerConfig, ...] = (tokenizer.config,)
    else:
        tokenizers = candidate_configs(directory)
        tokenizer = tokenizer_of(directory, tokenizers[0])
    built = build_on_checkpoint(
        directory,
        dataclasses.replace(size, windows=model.windows),
        tokenizer=tokenizer,
        num_tokens=3,
        dropout=0.0,
        seed=0,
    )
    for tuning in tunings:
        if tuning.method == "lora":
            try:
                lora_targets(built, tuning)
            except InputError as error:
                raise InputError(error.reason, file=directory, remedy=error.remedy) from None
    has_head = any(map(is_of_classifier, read_headers(directory)))
    return size, tokenizers, _new_layers(new_parts(built, directory), has_head=has_head)


def _new_layers(new: Sequence[str], *, has_head: bool) -> str:
    """Return a sentence on the layers that are not those of a checkpoint, "" if there are none."""
    if not new:
        return ""
    poolers = [f"the pooler ({name})" for name in new if name.endswith("pooler")]
    head = ", ".join(name for name in new if not name.endswith("pooler"))
    layers = " and ".join([f"the classification head ({head})", *poolers])
    where = "not taken from the checkpoint" if has_head else "not in the checkpoint"
    if poolers:
        return f"{layers} are {where}; they start from random weights and are trained."
    return f"{layers} is {where}; it starts from random weights and is trained."


def check_tokenizers(recipe: Recipe, cells: Sequence[Cell]) -> None:
    """Refuse cells with a tokenizer that does not fit the checkpoint they start from.

    Raises
    ------
    InputError
        Naming the checkpoint and the tokenizers that fit it.
    """
    known = {one.name: one for one in recipe.checkpoints}
    for cell in cells:
        found = known.get(cell.checkpoint or "none")
        if (
            found in (None, _CONVNET)
            or TokenizerConfig.parse(cell.tokenizer).name in found.tokenizers
        ):
            continue
        raise InputError(
            f"the model does not have the vocabulary of {cell.tokenizer} but that of "
            f"{' or '.join(found.tokenizers)}",
            file=found.name,
            remedy=f"Leave out --tokenizers, or name {found.tokenizers[0]}.",
        )


def check_tunings(recipe: Recipe, cells: Sequence[Cell]) -> None:
    """Refuse LoRA targets that are not layers of the models built by the sweep itself."""
    checked = set()
    for cell in cells:
        spec = recipe.expand(cell)
        kind = (spec.model.family, spec.tuning.targets)
        if spec.checkpoint is None and spec.tuning.targets and kind not in checked:
            checked.add(kind)
            # Imported here because a sweep without such targets does not need torch.
            from dnasweep.models.architecture import build_classifier
            from dnasweep.models.training.trained_weights import lora_targets

            small = dataclasses.replace(
                spec.model, layers=1, hidden=8, heads=1, intermediate=8, max_tokens=None
            )
            tokenizer = fit(TokenizerConfig(kind="char"), [])
            built = build_classifier(small, tokenizer=tokenizer, num_tokens=8, dropout=0.0, seed=0)
            lora_targets(built, spec.tuning)
