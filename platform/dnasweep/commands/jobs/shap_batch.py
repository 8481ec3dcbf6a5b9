"""Explain sequences: which bases speak for a class, and which against it.

Shapley values of the tokens of every sequence, computed shard by shard by as many actors as there
are GPUs, or cores. The same command again goes on where it was stopped. Ends with the place of the
tables (one row per token, one row per sequence, as Parquet) and of a report; `dnasweep verify-shap` reads
them again.

    dnasweep shap-batch --model models:/tokenizer-grid@best --data promoters.csv
    dnasweep shap-batch --model RUN_ID --data test.fa --target positive --num-actors 4
"""

from rich.console import Console

from dnasweep.jobs.attribution_request import AttributionOptions


def main(options: AttributionOptions, console: Console) -> None:
    from dnasweep.workflows.attributions import run_attributions

    run_attributions(options, console)
