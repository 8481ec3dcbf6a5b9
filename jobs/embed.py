"""Embed sequences with any model: vectors for other tools, and a picture of how they lie.

The model is an MLflow run id, a registered model or a directory, with a head or without: a classifier, DNABERT-2, the
Nucleotide Transformers, HyenaDNA, Caduceus, GENA-LM, or what transformers runs. Writes a table as Parquet, the same as
arrays (.npz), and a page with the first two principal components, coloured by label and species where the input has
them. Computes in this process, or on Ray with --address or --num-actors; the same command again goes on where it was
stopped.

    python jobs/embed.py --model models:/tokenizer-grid@best --data new.fa --out embeddings
    python jobs/embed.py --model hyenadna-tiny-1k-seqlen-hf --data promoters.csv --pooling last
"""

from dnasweep.cli.command import run_command
from dnasweep.jobs.embedding_request import EmbedOptions
from rich.console import Console


def main(options: EmbedOptions, console: Console) -> None:
    from dnasweep.workflows.embeddings import run_embeddings

    run_embeddings(options, console)


if __name__ == "__main__":
    run_command(main, EmbedOptions, doc=__doc__)
