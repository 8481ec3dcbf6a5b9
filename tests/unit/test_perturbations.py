"""The shared forward pass over masked variants against the model's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dnasweep.attribution.block import Block
from dnasweep.attribution.explained_model import ExplainedModel, class_value
from dnasweep.attribution.references import mask_references, shuffled_references
from explainer_toys import learnt


def _block(layers: int, *, batch_rows: int | None = None) -> tuple[Block, np.ndarray]:
    toy = learnt("kmer-3", layers=layers)
    encoded = toy.tokenizer.encode(toy.sequences[:5])
    ids = encoded.ids.reshape(5, -1).astype(np.int64)
    explained = ExplainedModel(toy.model, target=1, value="log_odds", batch_rows=batch_rows)
    return Block.of(explained, ids, mask_references(ids, toy.tokenizer.mask_id)), ids


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_values_are_those_of_the_model_on_masked_ids(layers: int) -> None:
    block, ids = _block(layers)
    rng = np.random.default_rng(0)
    sequences = rng.integers(5, size=40)
    masks = rng.random((40, block.num_tokens)) < 0.5
    masked = ids[sequences].copy()
    masked[:, 1:-1][~masks] = learnt("kmer-3", layers=layers).tokenizer.mask_id
    with torch.inference_mode():
        logits = block.model.classifier(torch.from_numpy(masked)).logits
    expected = (logits[:, 1] - logits[:, 0]).double().numpy()
    np.testing.assert_allclose(block.values(sequences, masks), expected, atol=2e-5)
    assert np.ptp(expected) > 1


def test_batches_never_change_a_value() -> None:
    rng = np.random.default_rng(0)
    sequences = rng.integers(5, size=30)
    values = []
    for batch_rows in (None, 1, 7):
        block, _ = _block(2, batch_rows=batch_rows)
        masks = np.random.default_rng(1).random((30, block.num_tokens)) < 0.5
        values.append(block.values(sequences, masks))
    np.testing.assert_allclose(values[1], values[0], atol=1e-5)
    np.testing.assert_allclose(values[2], values[0], atol=1e-5)


def test_several_references_are_averaged() -> None:
    block, ids = _block(2)
    rng = np.random.default_rng(0)
    tokens = [rng.integers(5, 40, size=(2, 9)).astype(np.int32) for _ in range(5)]
    references = shuffled_references(ids, tokens)
    np.testing.assert_array_equal(references[0, 0, 1:10], tokens[0][0])
    np.testing.assert_array_equal(references[0, 0, 10:-1], np.resize(tokens[0][0], 12)[9:])
    np.testing.assert_array_equal(references[:, :, [0, -1]], ids[:, None, [0, -1]].repeat(2, 1))
    both = Block.of(block.model, ids, references)
    each = [Block.of(block.model, ids, references[:, [i]]) for i in range(2)]
    masks = rng.random((5, block.num_tokens)) < 0.5
    mean = sum(one.values(np.arange(5), masks) for one in each) / 2
    np.testing.assert_allclose(both.values(np.arange(5), masks), mean, atol=1e-5)


def test_deletion_is_the_shorter_sequence() -> None:
    block, ids = _block(2)
    shorter = Block.of(block.model, ids, None)
    masks = np.random.default_rng(0).random((5, block.num_tokens)) < 0.5
    expected = []
    for row, mask in zip(ids, masks, strict=True):
        kept = np.concatenate([[True], mask, [True]])
        with torch.inference_mode():
            logits = block.model.classifier(torch.from_numpy(row[kept][None])).logits
        expected.append(float(logits[0, 1] - logits[0, 0]))
    np.testing.assert_allclose(shorter.values(np.arange(5), masks), expected, atol=2e-5)


def test_a_full_gpu_halves_the_batch_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    block, _ = _block(2, batch_rows=16)
    masks = np.random.default_rng(0).random((20, block.num_tokens)) < 0.5
    sequences = np.arange(20) % 5
    expected = block.values(sequences, masks)
    sizes = []
    real = block.model.forward.logits

    def short_of_memory(tables: object, rows: torch.Tensor) -> torch.Tensor:
        sizes.append(len(rows))
        if len(rows) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(tables, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(block.model.forward, "logits", short_of_memory)
    np.testing.assert_allclose(block.values(sequences, masks), expected, atol=1e-5)
    assert sizes == [16, 8, 4, 4, 4, 4, 4]


def test_a_gpu_too_small_for_one_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    block, _ = _block(2)

    def no_memory(tables: object, rows: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(block.model.forward, "logits", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        block.values(np.array([0]), np.ones((1, block.num_tokens), bool))


def test_class_values_against_their_definitions() -> None:
    logits = torch.tensor([[1.0, 2.0, 4.0], [0.0, -1.0, 3.0]])
    share = logits.double().softmax(-1)[:, 2]
    torch.testing.assert_close(class_value(logits, 2, "probability"), share)
    torch.testing.assert_close(class_value(logits, 2, "log_odds"), (share / (1 - share)).log())
    torch.testing.assert_close(class_value(logits, 2, "logit"), logits[:, 2].double())
