"""Predict the class of sequences with a trained model.

The model is an MLflow run id, a registered model (models:/NAME@ALIAS or models:/NAME/VERSION) or a
directory. Writes one row per sequence: id, species, a probability for each class, and the call at the
threshold chosen on validation. For a model that classifies bases, the row has the called intervals and the
probabilities at every base; for a model of signals, the values of its bins (--out predictions.parquet). A
model trained with --average-reverse-complement predicts by the mean log odds of both strands. Computes in
this process, or on Ray with --address or --num-actors; the same command resumes after an interruption.

    dnasweep predict --model models:/tokenizer-grid@best --data new.fa --out predictions.csv
"""

from rich.console import Console

from dnasweep.jobs.prediction_request import PredictOptions


def main(options: PredictOptions, console: Console) -> None:
    from dnasweep.workflows.predictions import PredictionJob
    from dnasweep.workflows.run import run

    run(PredictionJob.of, options, console)
