"""Publish a trained model: a folder with a model card, and a repository of the Hugging Face hub where asked.

The card is written from what is on record: data with their digest and audit, scores with their spread over seeds
and beside the k-mer baseline, training, tokenizer, licence, how to load it, and the SHA-256 of each file. Names of
folders of this machine do not stand in it. Nothing leaves this machine unless --to names a repository.

    dnasweep publish --model models:/tokenizer-grid@best --license apache-2.0 --out promoter-model
    dnasweep publish --model models:/tokenizer-grid@best --license mit --to OWNER/promoter-model --private
"""

from rich.console import Console

from dnasweep.jobs.publish_options import PublishOptions


def main(options: PublishOptions, console: Console) -> None:
    from dnasweep.workflows.publishing import publish_model

    publish_model(options, console)
