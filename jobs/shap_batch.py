"""Explain sequences: which bases speak for a class, and which against it.

Shapley values of the tokens of every sequence, computed shard by shard by as many actors as there
are GPUs, or cores. The same command again goes on where it was stopped. Ends with the place of the
tables (one row a token, one row a sequence, as Parquet) and of a report; verify_shap.py reads them
again.

    python jobs/shap_batch.py --model models:/tokenizer-grid@best --data promoters.csv
    python jobs/shap_batch.py --model RUN_ID --data test.fa --target positive --num-actors 4
"""

from dnasweep.cli.command import run_command
from dnasweep.jobs.attribution_request import AttributionOptions
from rich.console import Console


def main(options: AttributionOptions, console: Console) -> None:
    from dnasweep.workflows.attributions import run_attributions

    run_attributions(options, console)


if __name__ == "__main__":
    run_command(main, AttributionOptions, doc=__doc__)
