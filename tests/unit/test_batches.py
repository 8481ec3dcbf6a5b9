"""Batches: every row once, like lengths together, the same plan every time."""

from __future__ import annotations

import numpy as np
import pytest
from dnasweep.config import TokenizerConfig
from dnasweep.tokens.corpus import collate, epoch_plan
from dnasweep.tokens.tokenizers import fit

LENGTHS = np.random.default_rng(0).integers(5, 500, size=1003)


@pytest.mark.parametrize("num_rows", [0, 1, 7, 8, 9, 1003])
@pytest.mark.parametrize("bucket_batches", [1, 5, 50])
def test_every_row_once_and_only_the_last_batch_is_short(num_rows, bucket_batches):
    plan = epoch_plan(
        LENGTHS[:num_rows], batch_size=8, seed=1, epoch=0, bucket_batches=bucket_batches
    )
    assert [batch.size for batch in plan[:-1]] == [8] * (len(plan) - 1)
    assert len(plan) == -(-num_rows // 8)
    rows = np.concatenate([np.empty(0, int), *plan])
    assert sorted(rows) == list(range(num_rows))


def test_the_plan_depends_on_seed_and_epoch_alone():
    def plan(seed: int, epoch: int) -> list[list[int]]:
        return [b.tolist() for b in epoch_plan(LENGTHS, batch_size=16, seed=seed, epoch=epoch)]

    assert plan(0, 0) == plan(0, 0)
    plans = [plan(0, 0), plan(0, 1), plan(1, 0), plan(0, -1)]
    assert all(a != b for i, a in enumerate(plans) for b in plans[:i])


def test_buckets_save_padding_and_leave_the_order_of_lengths_random():
    def padded(plan: list[np.ndarray]) -> int:
        return sum(LENGTHS[batch].max() * batch.size for batch in plan)

    bucketed = epoch_plan(LENGTHS, batch_size=16, seed=0, epoch=0)
    unsorted = epoch_plan(LENGTHS, batch_size=16, seed=0, epoch=0, bucket_batches=1)
    assert padded(bucketed) < 1.1 * LENGTHS.sum() < 1.5 * LENGTHS.sum() < padded(unsorted)
    means = np.array([LENGTHS[batch].mean() for batch in bucketed])
    assert abs(np.corrcoef(means, np.arange(means.size))[0, 1]) < 0.4


def test_the_short_batch_is_drawn_from_all_lengths():
    drawn = [
        LENGTHS[epoch_plan(LENGTHS, batch_size=8, seed=0, epoch=e)[-1]].mean() for e in range(60)
    ]
    assert np.mean(drawn) == pytest.approx(LENGTHS.mean(), rel=0.1)


def test_equal_lengths_are_still_shuffled():
    rows = np.concatenate(epoch_plan(np.full(512, 9), batch_size=16, seed=0, epoch=0))
    assert abs(np.corrcoef(rows, np.arange(512))[0, 1]) < 0.2


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="batch_size 0"):
        epoch_plan(LENGTHS, batch_size=0, seed=0, epoch=0)


def test_collate_pads_to_the_longest_row_given():
    corpus = fit(TokenizerConfig.parse("kmer-3"), []).encode(["ACGTAC", "", "ACGT", "AAA"])
    batch = collate(corpus, [2, 1, 3], pad_id=0)
    assert batch.ids.dtype == np.int64
    assert batch.ids.shape == (3, 4)
    assert batch.lengths.tolist() == [4, 2, 3]
    # ACG is 0 * 16 + 2 * 4 + 3 in base 4 over A, T, C, G; the single T follows 64 words and A.
    assert batch.ids.tolist() == [[2, 5 + 11, 5 + 64 + 1, 3], [2, 3, 0, 0], [2, 5, 3, 0]]
    assert batch.starts.tolist() == [[0, 0, 3, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert batch.ends.tolist() == [[0, 3, 4, 0], [0, 0, 0, 0], [0, 3, 0, 0]]


def test_collate_pads_with_the_id_given_and_leaves_the_corpus_alone():
    corpus = fit(TokenizerConfig.parse("char"), []).encode(["ACGT", "A"])
    before = corpus.ids.copy()
    batch = collate(corpus, [0, 1], pad_id=77)
    assert batch.ids[1].tolist() == [2, 5, 3, 77, 77, 77]
    batch.ids[:] = 0
    full = collate(corpus, [0, 0], pad_id=77)
    full.ids[:] = 0
    full.starts[:] = 9
    assert np.array_equal(corpus.ids, before)
    assert corpus.starts.max() < 9


def test_collate_equals_the_rows_one_by_one():
    generator = np.random.default_rng(1)
    sequences = ["".join(generator.choice(list("ACGTN"), n)) for n in range(40)]
    corpus = fit(TokenizerConfig.parse("kmer-4-overlap"), []).encode(sequences)
    for rows in epoch_plan(corpus.num_tokens(), batch_size=7, seed=0, epoch=0):
        batch = collate(corpus, rows, pad_id=0)
        for i, row in enumerate(rows):
            single = collate(corpus, [row], pad_id=0)
            for part, alone in zip(batch[:3], single[:3], strict=True):
                assert np.array_equal(part[i, : batch.lengths[i]], alone[0])
                assert (part[i, batch.lengths[i] :] == 0).all()
