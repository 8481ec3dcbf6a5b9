"""Compare explanations of one model: do methods agree, and are they right?

SHAP, LIME, Anchors, integrated gradients, in-silico mutagenesis and attention explain the same
sequences, each as a sharded job; existing results are reused. The comparison includes the rank agreement
of each pair of methods, recovery of planted elements if they are known (built-in data; --elements),
enrichment of promoter elements at their positions, deletion and insertion curves, and sanity checks. Ends
with a table, a page, and all numbers as Parquet and JSON.

    dnasweep compare-explanations --model RUN_ID
    dnasweep compare-explanations --model RUN_ID OTHER_RUN --data promoters.csv --num-sequences 200
"""

from rich.console import Console

from dnasweep.jobs.explanation_options import ComparisonOptions


def main(options: ComparisonOptions, console: Console) -> None:
    from dnasweep.workflows.explanation_comparison import run_comparison

    run_comparison(options, console)
