"""Publish a trained model: a folder with a model card and, on request, a repository on the Hugging Face hub.

The card is written from the records of the training: data with their digest and audit, scores with their spread over
seeds and the k-mer baseline, training, tokenizer, licence, how to load the model, and the SHA-256 of each file. It
contains no folder names of this machine. Nothing leaves this machine unless --to names a repository.

    dnasweep publish --model models:/tokenizer-grid@best --license apache-2.0 --out promoter-model
    dnasweep publish --model models:/tokenizer-grid@best --license mit --to OWNER/promoter-model --private
"""

from rich.console import Console

from dnasweep.jobs.publish_options import PublishOptions


def main(options: PublishOptions, console: Console) -> None:
    from dnasweep.workflows.publishing import publish_model

    publish_model(options, console)
