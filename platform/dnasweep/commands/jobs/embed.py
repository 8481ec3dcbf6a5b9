"""Embed sequences with any model: vectors for other tools, and a plot of them.

The model is an MLflow run id, a registered model or a directory, with or without a head: a classifier, DNABERT-2, the
Nucleotide Transformers, HyenaDNA, Caduceus, GENA-LM, or any other model that transformers supports. Writes the
embeddings as a Parquet table and as arrays (.npz), and a page with the first two principal components, coloured by
label and species if the input has them. Computes in this process, or on Ray with --address or --num-actors; the same
command resumes after an interruption.

    dnasweep embed --model models:/tokenizer-grid@best --data new.fa --out embeddings
    dnasweep embed --model hyenadna-tiny-1k-seqlen-hf --data promoters.csv --pooling last
"""

from rich.console import Console

from dnasweep.jobs.embedding_request import EmbedOptions


def main(options: EmbedOptions, console: Console) -> None:
    from dnasweep.workflows.embeddings import EmbeddingJob
    from dnasweep.workflows.run import run

    run(EmbeddingJob.of, options, console)
