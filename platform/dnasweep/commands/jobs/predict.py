"""Predict the class of sequences with a trained model.

The model is an MLflow run id, a registered model (models:/NAME@ALIAS or models:/NAME/VERSION) or a
directory. Writes one row per sequence: id, species, a probability for each class, and the call at the
threshold chosen on validation; of a model with a class for each base, the intervals that it calls and
the probabilities at every base, and of a model of signals those of its bins (--out
predictions.parquet). A model trained with --average-reverse-complement is called by the mean log odds
of both strands. Computes in this process, or on Ray with --address or --num-actors; the
same command again goes on where it was stopped.

    dnasweep predict --model models:/tokenizer-grid@best --data new.fa --out predictions.csv
"""

from rich.console import Console

from dnasweep.jobs.prediction_request import PredictOptions


def main(options: PredictOptions, console: Console) -> None:
    from dnasweep.workflows.predictions import run_predictions

    run_predictions(options, console)
