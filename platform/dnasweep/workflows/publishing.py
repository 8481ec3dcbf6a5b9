"""Publish a model with its card: to a folder and, if one is named, to a repository on the hub."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.formats.paths import user_path
from dnasweep.jobs.publish_options import PublishOptions
from dnasweep.jobs.request import model_directory
from dnasweep.models.pretrained.config_file import read_settings
from dnasweep.models.pretrained.heads import kind_of
from dnasweep.report.model_card import CARD, CardFacts, base_model_of, card_text, digests_of
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import Storage
from dnasweep.storage.output_folder import check_folder, publish_files
from dnasweep.sweeps.training_record import TrainingRecord, find_record, trial_of
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.model_files import first_line, model_files
from dnasweep.tracking.client import resolve_uri
from dnasweep.tracking.flavours import has_pipeline
from dnasweep.tracking.lookup import existing_directory, find_model_run
from dnasweep.tracking.tags import package_versions

JOB = "publication"


def publish_model(options: PublishOptions, console: Console) -> Sequence[Path]:
    """Write a model and its card into a folder, push it if requested, and return the files.

    Parameters
    ----------
    options
        Options of the command.
    console
        Console for progress and results.

    Raises
    ------
    InputError
        For a model that is not found or not a classifier, a folder that cannot be written to, and a
        repository that the hub does not accept.
    """
    token = _token(options)
    out = user_path(options.out)
    storage = Storage(options.storage)
    uri = resolve_uri(options.tracking_uri, storage.root)
    with model_directory(options.model, uri) as directory:
        if kind_of(directory).head != "classifier":
            raise InputError(
                "the model has no classification head",
                file=options.model,
                remedy="Publish a fine-tuned model: dnasweep finetune trains one.",
            )
        record = find_record(storage, _trial(options.model, uri))
        if record is not None:
            # MLflow rewrites tokenizers; use the model as it was trained.
            directory = storage.expect(ClassifierSpec.kind, record.trial_key) / CHECKPOINT
        facts = _facts(options, directory, record)
        if record is None:
            console.print(
                f"[yellow]there is no record of this model's training in {escape(storage.root)}, which the card "
                "states; give the storage of its sweep with --storage and --tracking-uri[/]",
                soft_wrap=True,
            )
        if facts.license is None:
            console.print(
                "[yellow]no licence: others may not use the model; name one with --license[/]"
            )
        text = card_text(facts)
        if options.dry_run:
            console.print(text, markup=False, highlight=False, soft_wrap=True)
            return ()
        check_folder(out)
        with tempfile.TemporaryDirectory(prefix="dnasweep-publish-") as scratch:
            aside = Path(scratch)
            for name in model_files(directory):
                shutil.copyfile(directory / name, aside / name)
            (aside / CARD).write_text(text, encoding="utf-8")
            files = publish_files(sorted(aside.iterdir()), out, job=JOB)
    console.print(
        f"[bold]written[/] {escape(str(out))}: {len(files)} files, and README.md is the card"
    )
    if options.to is not None and token is not None:
        _push(options.to, out, files, token=token, private=options.private, console=console)
    else:
        console.print(
            "[dim]nothing has left this machine; --to OWNER/NAME pushes it to the hub[/]"
        )
    return files


def _trial(source: str, uri: str) -> str:
    path = existing_directory(source)
    if path is not None and (key := trial_of(path)):
        return key
    run = find_model_run(source, uri=uri)
    return run.trial_key if run else ""


def _facts(options: PublishOptions, directory: Path, record: TrainingRecord | None) -> CardFacts:
    config = read_settings(directory)
    title = options.name or (options.to or "").partition("/")[2]
    return CardFacts(
        title=title or (str(record.sweep["name"]) if record else Path(options.out).name),
        config=config,
        tokenizer=load_tokenizer(directory).config.name,
        loads_in_transformers=has_pipeline(config),
        address=options.to or Path(options.out).name,
        license=options.license,
        base_model=base_model_of(record) if record else None,
        record=record,
        digests=digests_of(directory / name for name in model_files(directory)),
        versions=package_versions(("dnasweep", "torch", "transformers")),
    )


def _token(options: PublishOptions) -> str | None:
    """Return the hub's token, before anything is written; None if nothing is pushed."""
    if options.to is None or options.dry_run:
        return None
    from huggingface_hub import get_token

    if (token := get_token()) is None:
        raise InputError(
            f"there is no token for pushing to {options.to}",
            remedy="Set HF_TOKEN, or run `hf auth login`; without --to only the folder is written.",
        )
    return token


def _push(
    repository: str,
    folder: Path,
    files: Sequence[Path],
    *,
    token: str,
    private: bool,
    console: Console,
) -> None:
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    try:
        there = api.repo_exists(repository)
        api.create_repo(repository, private=private, exist_ok=True)
        with console.status(f"pushing to {escape(repository)}"):
            done = api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                allow_patterns=[path.name for path in files],
                commit_message="Upload the model and its card",
            )
    except Exception as error:  # of many kinds, from the network and the hub
        raise InputError(
            f"the hub does not accept {repository} ({first_line(error)})",
            remedy=f"The folder {folder} is complete: check the name of the repository and the token's write "
            "permission, and run the same command again.",
        ) from error
    how = "a new commit" if there else "a private repository" if private else "a public repository"
    console.print(f"[bold]pushed[/] {escape(str(done))}: {how}", soft_wrap=True)
