"""Evaluation on test, of trials that were chosen on validation."""

from __future__ import annotations

from pathlib import Path

from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.stages.classifier import finetune
from dnasweep.stages.dataset import load_dataset, rows_of
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.scores import KIND, Scored, read_scores, score_key, write_scores
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.storage import Storage
from dnasweep.tasks.calls import decision_threshold
from dnasweep.tokens.loading import load_tokenizer


def evaluate_on_test(storage: Storage, spec: ClassifierSpec) -> Scored:
    """Score a trial on the test rows of its target; if it is damaged, train it again first.

    The decision threshold is stored with the weights. It was chosen on validation rows of the species
    that the trial was trained on, because nothing is known of a target that it has never seen. A trial
    that kept its last weights has the threshold 0.5, and its validation rows are not read.
    """

    trial = storage.find(spec.kind, spec.key)
    if trial is None:
        finetune(storage, spec)
        trial = storage.expect(spec.kind, spec.key)

    def build(folder: Path) -> None:
        checkpoint = trial / CHECKPOINT
        table = load_dataset(storage, spec.tokenizer.dataset).table
        test = rows_of(table, spec.target).test
        model, tokenizer = load_classifier(checkpoint), load_tokenizer(checkpoint)
        threshold = decision_threshold(model.config.to_dict())
        sequences = table["sequence"].iloc[test].tolist()
        scores = predict_probabilities(model, tokenizer, sequences, dtype=spec.training.precision)[
            :, 1
        ]
        write_scores(folder, table, test, scores, threshold)

    key = score_key(storage, spec)
    assert key is not None, "the trial was found a moment ago"
    return read_scores(storage.obtain(KIND, key, build, inputs=spec))
