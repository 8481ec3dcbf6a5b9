"""Long sequences in windows: the definition, no influence of company, training and prediction alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from dnasweep.config import ModelConfig, TrainingConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.encoder.forward import class_logits, masked_logits
from dnasweep.models.encoder.windows import cut, mean_over_windows, nearest
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from toys import class_task, masked_task, toy_language

TOKENS = 10
SIZE = ModelConfig(layers=2, hidden=32, heads=2, intermediate=64, max_tokens=TOKENS)
LOGO = dataclasses.replace(SIZE, family="albert", embedding=16)
ALIBI = dataclasses.replace(SIZE, positions="alibi")


def by_hand(row: list[int]) -> list[list[int]]:
    """Return the windows of one row, written out from the definition."""
    first, *inner, last = row
    size, stride = TOKENS - 2, (TOKENS - 2) // 2
    if len(inner) <= size:
        return [row]
    starts = [*range(0, len(inner) - size, stride), len(inner) - size]
    return [[first, *inner[s : s + size], last] for s in dict.fromkeys(starts)]


def batch_of(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor | None]:
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    real = torch.tensor([[i < len(row) for i in range(width)] for row in rows])
    return ids, None if bool(real.all()) else real


def some_rows(lengths: list[int]) -> list[list[int]]:
    rng = np.random.default_rng(0)
    return [[2, *rng.integers(5, 60, n - 2).tolist(), 3] for n in lengths]


@pytest.mark.parametrize("lengths", [[25], [10, 11, 9, 2, 40], [14, 14], [18, 30, 3]])
def test_windows_are_those_of_the_definition(lengths):
    rows = some_rows(lengths)
    windows = cut(*batch_of(rows), TOKENS, pad_id=0)
    expected = [(i, w) for i, row in enumerate(rows) for w in by_hand(row)]
    assert windows.row.tolist() == [i for i, _ in expected]
    for k, (_, window) in enumerate(expected):
        real = len(window) if windows.attention is None else int(windows.attention[k].sum())
        assert windows.ids[k, :real].tolist() == window
        assert not windows.ids[k, real:].any()


def test_every_token_is_judged_in_the_window_whose_middle_is_nearest():
    rows = some_rows([31, 12, 8])
    ids, attention = batch_of(rows)
    windows = cut(ids, attention, TOKENS, pad_id=0)
    width = ids.shape[1]
    inner = [r * width + t for r, row in enumerate(rows) for t in range(1, len(row) - 1)]
    found = nearest(windows, torch.tensor(inner), width)
    assert torch.equal(windows.ids.flatten()[found], ids.flatten()[inner])
    place = found % windows.ids.shape[1]
    long = torch.tensor(inner) < width
    middle = long & (torch.tensor(inner) % width > 4) & (torch.tensor(inner) % width < 26)
    assert place[middle].min() >= 3, "never at the edge of a window while another shows more"
    assert place[middle].max() <= 6


@pytest.mark.parametrize("pool", ["log-odds", "hidden"])
@pytest.mark.parametrize("size", [SIZE, LOGO, ALIBI], ids=["roberta", "albert", "alibi"])
def test_logits_are_the_mean_over_windows_whatever_the_company(size, pool):
    toy = toy_language(4)
    config = dataclasses.replace(size, windows=pool)
    model = build_classifier(
        config, tokenizer=toy.tokenizer, num_tokens=40, dropout=0.0, seed=0
    ).eval()
    rows = some_rows([25, 10, 40, 7])
    with torch.no_grad():
        # Large weights: the head is far from linear, so that the two ways differ.
        for parameter in model.parameters():
            parameter.mul_(4)
        together = class_logits(model, *batch_of(rows))
        for i, row in enumerate(rows):
            alone = class_logits(model, *batch_of([row]))
            torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-4)
            each = [class_logits(model, torch.tensor([w]), None) for w in by_hand(row)]
            mean = torch.stack(each).mean(0)
            if pool == "log-odds":
                torch.testing.assert_close(alone, mean, atol=1e-5, rtol=1e-4)
            elif len(each) > 1 and size is SIZE:
                assert not torch.allclose(alone, mean, atol=1e-4)
    if pool == "hidden" and size is LOGO:
        windows = cut(*batch_of(rows), TOKENS, 0)
        with torch.no_grad():
            found = model.albert(windows.ids, attention_mask=windows.attention.long())
            pooled = mean_over_windows(found.pooler_output, windows)
            torch.testing.assert_close(model.classifier(pooled), together, atol=1e-5, rtol=1e-4)


def test_masked_tokens_of_long_rows_are_judged_in_their_windows():
    toy = toy_language(20, window=90)
    config = dataclasses.replace(SIZE, windows="log-odds")
    model = build_masked_lm(config, tokenizer=toy.tokenizer, num_tokens=32, dropout=0.0, seed=0)
    rows = some_rows([26, 9])
    ids, attention = batch_of(rows)
    positions = torch.tensor([1, 24, 26 + 3])
    with torch.no_grad():
        found = masked_logits(model.eval(), ids, attention, positions)
        first, last = by_hand(rows[0])[0], by_hand(rows[0])[-1]
        for k, (window, place) in enumerate(((first, 1), (last, TOKENS - 2), (rows[1], 3))):
            expected = model(torch.tensor([window])).logits[0, place]
            torch.testing.assert_close(found[k], expected, atol=1e-5, rtol=1e-4)
    task = masked_task(toy)
    nats, _ = task.loss(model, task.batch(toy.train_rows[:4], 0))
    assert torch.isfinite(nats)


def test_training_and_prediction_read_alike_after_a_round_trip(tmp_path):
    toy = toy_language(60, window=75, ragged=30)
    config = dataclasses.replace(SIZE, windows="hidden")
    longest = int(toy.corpus.num_tokens().max())
    assert longest > 2 * TOKENS
    model = build_classifier(
        config, tokenizer=toy.tokenizer, num_tokens=longest, dropout=0.0, seed=0
    )
    task = class_task(toy)
    training = TrainingConfig(bases=6000, batch_size=16, micro_batch_size=8, evaluations=1)
    result = train(task, model, training, context=DistributedContext(device=torch.device("cpu")))
    export(result.model, toy.tokenizer, tmp_path)
    sequences = [toy.sequences[i] for i in toy.validation_rows]
    found = predict_probabilities(tmp_path, None, sequences, batch_size=3, device="cpu")
    np.testing.assert_allclose(found, result.probabilities, atol=1e-6)
    assert load_classifier(tmp_path).config.max_position_embeddings == TOKENS + 1


def test_without_windows_nothing_changes_and_long_rows_are_refused():
    toy = toy_language(4)
    common = {"tokenizer": toy.tokenizer, "num_tokens": 40, "dropout": 0.0, "seed": 0}
    with pytest.raises(InputError, match=r"40 tokens, .* at most 10.*--windows"):
        build_classifier(SIZE, **common)
    windowed = dataclasses.replace(SIZE, windows="log-odds")
    plain = build_classifier(SIZE, **(common | {"num_tokens": 10})).eval()
    other = build_classifier(windowed, **common).eval()
    ids, attention = batch_of(some_rows([10, 6]))
    with torch.no_grad():
        assert torch.equal(
            class_logits(plain, ids, attention), class_logits(other, ids, attention)
        )
