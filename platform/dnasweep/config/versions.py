"""Format versions: one number for each kind of code whose output is stored under a content key.

A content key is a hash of the inputs of an artefact. It does not cover the code that makes the
artefact, so a number from here is part of the key as well. If a code change gives a different
result for the same inputs, raise the corresponding number: artefacts of the old code are then no
longer found, and are made again. If results stay the same, do not change the number, or finished
work is computed again.
"""

from __future__ import annotations

STORAGE = 1
"""How artefacts are found and locked; versions with different numbers cannot share a storage
(`storage.layout`)."""
DATASET = 11
"""Data sets: reading, simulation, negatives, splits and audit (`data.dataset_config`)."""
STAGES = 3
"""Tokenizers, corpora, encoders, trials and k-mer baselines (`stages.specs`)."""
CONTINUED_PRETRAINING = 2
"""Encoders pretrained further from a checkpoint, in addition to `STAGES` (`stages.specs`)."""
CHECKPOINTS = 3
"""How published checkpoints are read, as part of what identifies one (`stages.models`)."""
BASELINE = 3
"""The k-mer baseline, in addition to `STAGES` (`stages.scores`)."""
TEST_SCORES = 2
"""Test scores of a trial, in addition to `STAGES` (`stages.scores`)."""
HELD_OUT = 2
"""Rows that pretraining leaves out because they resemble test rows (`stages.held_out`)."""
PMI = 1
"""Counts of k-mers, and the PMI tables made from them (`stages.specs`)."""
GENOME = 1
"""A genome's bases, copied into the storage for jobs to read (`genomics.genome_store`)."""
SHARDS = 1
"""How every sharded job divides its rows into parts (`jobs.shards.work_list`)."""
ATTRIBUTIONS = 8
"""Attributions, in addition to `SHARDS` (`jobs.attribution_request`)."""
ATTRIBUTION_TABLE = "2"
"""Columns of an attribution table; also written into the file, and checked when it is read
(`attribution.tables`)."""
PREDICTIONS = 2
"""Class probabilities, in addition to `SHARDS` (`jobs.prediction_request`)."""
EMBEDDINGS = 1
"""Embeddings, in addition to `SHARDS` (`jobs.embedding_request`)."""
MARGINAL = 2
"""Outputs of a marginalisation, in addition to `SHARDS` (`jobs.marginal_request`)."""
DESIGN = 2
"""Designed sequences, in addition to `SHARDS` (`jobs.design_request`)."""
SCAN = 2
"""Scores of a genome scan, in addition to `SHARDS` (`jobs.scan_request`)."""
SCAN_FINDINGS = 2
"""Peaks of a scan, and their overlap with known annotation (`workflows.scan_files`)."""
VARIANTS = 4
"""Variant scores, in addition to `SHARDS` (`jobs.variant_request`)."""
ATTRIBUTION_COMPARISON = 4
"""Comparisons of attributions of several models (`workflows.explanation_comparison`)."""
