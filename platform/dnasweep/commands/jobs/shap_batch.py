"""Explain predictions: which bases of a sequence support a class, and which oppose it.

Computes Shapley values of the tokens of every sequence, shard by shard, with one actor per GPU, or per
core. The same command resumes after an interruption. Ends with the location of the tables (one row per
token and one row per sequence, as Parquet) and of a report; `dnasweep verify-shap` checks them.

    dnasweep shap-batch --model models:/tokenizer-grid@best --data promoters.csv
    dnasweep shap-batch --model RUN_ID --data test.fa --target positive --num-actors 4
"""

from rich.console import Console

from dnasweep.jobs.attribution_request import AttributionOptions


def main(options: AttributionOptions, console: Console) -> None:
    from dnasweep.workflows.attributions import AttributionJob
    from dnasweep.workflows.run import run

    run(AttributionJob.of, options, console, waiting="reading the sequences and the model")
