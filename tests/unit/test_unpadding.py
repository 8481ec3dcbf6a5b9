"""Only real tokens are computed: outputs, gradients and trainings are those of padded batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dnasweep.config import ModelConfig, TrainingConfig, content_key
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.embedding import embed, embed_tokens
from dnasweep.models.encoder import packed, packed_attention
from dnasweep.models.encoder.forward import class_logits, last_hidden_state, masked_logits
from dnasweep.models.encoder.packed import MIN_PADDING, Packed, pack, packed_rows
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.loop import Loop
from dnasweep.models.training.train import train
from toys import TINY, bases_task, class_task, masked_task, toy_language

CPU = torch.device("cpu")
SIZES = {
    "learned": TINY,
    "alibi": ModelConfig(layers=2, hidden=32, heads=4, intermediate=64, positions="alibi"),
    "one layer": ModelConfig(layers=1, hidden=32, heads=2, intermediate=64),
}
LENGTHS = {
    "random": [17, 40, 3, 22, 40, 9, 31],
    "one of special tokens alone": [2, 40, 38, 21],
    "longest last": [5, 6, 7, 40],
    "one row": [40],
}
CONFIG = TrainingConfig(bases=3_000, batch_size=16, micro_batch_size=8, evaluations=3)


@pytest.fixture(scope="module")
def toy():
    return toy_language(60, ragged=40)


@pytest.fixture(params=[False, True], ids=["blocks", "one block"])
def one_block(request) -> bool:
    return request.param


def build(kind, toy, size=TINY, **how):
    common = {"tokenizer": toy.tokenizer, "num_tokens": 64, "dropout": 0.0, "seed": 0}
    return kind(size, **(common | how)).train()


def batch_of(lengths: list[int], toy) -> tuple[torch.Tensor, torch.Tensor]:
    attention = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(5, 60, attention.shape, generator=torch.Generator().manual_seed(0))
    return ids.masked_fill(~attention, toy.tokenizer.pad_id), attention


def as_packed(attention: torch.Tensor, *, one_block: bool) -> Packed:
    return packed_rows(attention.sum(1).numpy(), attention.shape[1], one_block=one_block)


def check_equal(model, compute, where: Packed) -> None:
    """Compare values and gradients of all weights with and without padding."""
    found = []
    for given in (None, where):
        model.zero_grad(set_to_none=True)
        values = compute(given)
        weights = torch.linspace(-1, 1, values.numel()).view_as(values)
        ((values * weights).sum() / len(values)).backward()
        gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        found.append((values.detach(), gradients))
    (values, gradients), (others, other_gradients) = found
    torch.testing.assert_close(others, values, atol=1e-5, rtol=1e-5)
    assert other_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(other_gradients[name], gradient, atol=1e-5, rtol=1e-5, msg=name)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_outputs_and_gradients_are_those_of_a_padded_batch(toy, size, lengths, one_block):
    ids, attention = batch_of(lengths, toy)
    where = as_packed(attention, one_block=one_block)
    classifier = build(build_classifier, toy, size)
    check_equal(classifier, lambda p: class_logits(classifier, ids, attention, p), where)
    masked = build(build_masked_lm, toy, size)
    positions = attention.flatten().nonzero()[:, 0][::3]
    check_equal(masked, lambda p: masked_logits(masked, ids, attention, positions, p), where)
    check_equal(masked, lambda p: last_hidden_state(masked, ids, attention, p)[attention], where)
    states = last_hidden_state(masked, ids, attention, where)
    assert states.shape[:2] == ids.shape
    assert (states[~attention] == 0).all()


def reference_attention(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k):
    """Stand in for `varlen_attn`: attention by its definition, one row at a time."""
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert int(cu_seq_q.diff().max()) == max_q
    assert int(cu_seq_k.diff().max()) == max_k
    assert (
        (int(cu_seq_q[-1]), int(cu_seq_k[-1]))
        == (len(query), len(key))
        == (len(query), len(value))
    )
    rows = []
    for i in range(len(cu_seq_k) - 1):
        q, k, v = (
            x[ends[i] : ends[i + 1]].transpose(0, 1)
            for x, ends in ((query, cu_seq_q), (key, cu_seq_k), (value, cu_seq_k))
        )
        scores = q @ k.transpose(1, 2) * q.shape[-1] ** -0.5
        rows.append((scores.softmax(-1) @ v).transpose(0, 1))
    return torch.cat(rows)


@pytest.fixture
def kernel_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Have torch's kernel for packed rows, and note the longest rows it is called with."""
    calls: list[tuple[int, int]] = []

    def varlen_attn(*arguments):
        calls.append(arguments[-2:])
        return reference_attention(*arguments)

    monkeypatch.setattr(packed_attention, "varlen_attn", varlen_attn)
    monkeypatch.setattr(packed_attention, "has_packed_kernel", lambda query: True)
    return calls


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_the_kernel_for_packed_rows_gets_the_rows(toy, lengths, kernel_calls):
    ids, attention = batch_of(lengths, toy)
    where = as_packed(attention, one_block=True)
    model = build(build_classifier, toy)
    check_equal(model, lambda p: class_logits(model, ids, attention, p), where)
    assert kernel_calls == [(40, 40), (1, 40)]
    masked = build(build_masked_lm, toy)
    positions = attention.flatten().nonzero()[:, 0][::3]
    check_equal(masked, lambda p: masked_logits(masked, ids, attention, positions, p), where)
    assert kernel_calls[2:] == [(40, 40), (40, 40)]


def test_the_kernel_is_not_used_for_what_it_cannot_compute(toy, kernel_calls):
    ids, attention = batch_of(LENGTHS["random"], toy)
    where = as_packed(attention, one_block=True)
    alibi = build(build_classifier, toy, SIZES["alibi"])
    dropout = build(build_classifier, toy)
    for layer in dropout.roberta.encoder.layer:
        layer.attention.self.dropout.p = 0.5
    for model in (alibi, dropout):
        class_logits(model, ids, attention, where)
    assert not kernel_calls
    class_logits(dropout.eval(), ids, attention, where)
    assert len(kernel_calls) == 2


@pytest.mark.parametrize(
    ("query", "capability", "expected"),
    [
        ((torch.bfloat16, 64), (9, 0), True),
        ((torch.float16, 64), (8, 0), True),
        ((torch.float32, 64), (9, 0), False),
        ((torch.bfloat16, 20), (9, 0), False),
        ((torch.bfloat16, 256), (9, 0), False),
        ((torch.bfloat16, 64), (7, 5), False),
    ],
)
def test_which_gpus_and_types_have_the_kernel(query, capability, expected, monkeypatch):
    class OnGpu:
        device = torch.device("cuda", 0)
        dtype, shape = query[0], (5, 2, query[1])

    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert packed_attention.has_packed_kernel(OnGpu()) is expected  # type: ignore[arg-type]
    assert not packed_attention.has_packed_kernel(torch.zeros(5, 2, 64, dtype=torch.bfloat16))


def test_attention_weights_are_dropped_as_often_as_the_probability_says(one_block):
    lengths = np.array([30, 12, 25])
    where = packed_rows(lengths, 30, one_block=one_block)
    torch.manual_seed(0)
    query = torch.zeros(lengths.sum(), 4, 8)
    ones = torch.ones(lengths.sum(), 4, 8)
    # All weights are equal and all values 1, so the mean tells how many were kept, scaled by 1 / (1 - p).
    found = packed_attention.attend(query, query, ones, where, dropout=0.4)
    assert found.mean().item() == pytest.approx(1, abs=0.05)
    assert found.std() > 0.05
    exact = packed_attention.attend(query, query, ones, where)
    torch.testing.assert_close(exact, torch.ones(67, 32))


def test_blocks_have_rows_of_similar_length():
    lengths = np.random.default_rng(0).integers(2, 500, size=200)
    where = packed_rows(lengths, 500, one_block=False)
    first = 0
    for number, width in where.blocks:
        own = lengths[where.order[first : first + number]]
        assert own.max() == width
        assert own.min() >= (1 - packed.BLOCK_PADDING) * width
        first += number
    assert first == len(lengths)
    assert len(where.slots) < 1.1 * lengths.sum()


def test_places_of_tokens():
    where = packed_rows(np.array([2, 4, 3]), 5, one_block=False)
    assert where.indices.tolist() == [0, 1, 5, 6, 7, 8, 10, 11, 12]
    assert where.offsets.tolist() == [0, 2, 6, 9]
    assert where.places.tolist() == [0, 1, 0, 1, 2, 3, 0, 1, 2]
    assert where.at(torch.tensor([0, 6, 8, 12])).tolist() == [0, 3, 5, 8]
    assert where.slots[where.filled].tolist() == list(range(9))
    assert where.real.sum() == 9


def test_only_a_batch_with_enough_padding_is_packed():
    assert pack(None, CPU) is None
    assert pack(torch.ones(4, 20, dtype=torch.bool), CPU) is None
    little, enough = (torch.arange(20) < torch.tensor([[20], [n]]) for n in (17, 16))
    assert pack(little, CPU) is None
    assert (~enough).float().mean() == pytest.approx(MIN_PADDING)
    assert pack(enough, CPU) is not None
    assert pack(torch.arange(20) < torch.tensor([[20], [0]]), CPU) is None


def test_predictions_and_embeddings_do_not_depend_on_the_batch(toy, monkeypatch):
    model = build(build_classifier, toy).eval()
    packs = []
    monkeypatch.setattr(
        "dnasweep.models.row_batches.pack",
        lambda *how: packs.append(pack(*how)) or packs[-1],
    )
    rows = toy.sequences[:24]

    def numbers(size: int) -> list[np.ndarray]:
        how = {"batch_size": size}
        return [
            predict_probabilities(model, toy.tokenizer, rows, **how),
            embed(model, toy.tokenizer, rows, pooling="max", **how),
            embed_tokens(model, toy.tokenizer, rows, **how)[0],
        ]

    alone = numbers(1)
    assert not any(packs)
    for one, other in zip(numbers(24), alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert all(packs[-3:])


def task_and_model(name: str, toy, **how):
    task = {"pretrain": masked_task, "finetune": class_task, "bases": bases_task}[name](toy)
    if name == "pretrain":
        return task, build(build_masked_lm, toy, **how)
    learned = task.learned
    return task, build(
        build_classifier,
        toy,
        head=learned.head,
        places=learned.places,
        num_labels=learned.num_outputs,
        **how,
    )


@pytest.mark.parametrize("name", ["pretrain", "finetune", "bases"])
def test_a_training_run_has_the_losses_and_metrics_of_padded_batches(name, monkeypatch):
    toy = toy_language(60, spec="kmer-3-overlap", ragged=40)
    used = []
    plain = packed_attention.attend
    monkeypatch.setattr(
        "dnasweep.models.encoder.unpadded.attend",
        lambda *rows, **how: used.append(1) or plain(*rows, **how),
    )
    found = []
    for unpadding in (False, True):
        task, model = task_and_model(name, toy)
        config = dataclasses.replace(CONFIG, unpadding=unpadding)
        context = DistributedContext(device=CPU)
        result = train(task, model, config, context=context)
        found.append([[e.train_loss, *e.metrics.values()] for e in result.evaluations])
        if not unpadding:
            in_evaluations = len(used)
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)
    assert len(used) > 2 * in_evaluations


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"unpadding": False}, False), ({"compile": True}, False)],
)
def test_when_training_packs_batches(toy, changes, expected):
    task, model = task_and_model("finetune", toy)
    config = dataclasses.replace(CONFIG, **changes)
    loop = Loop(task, model, config, DistributedContext(device=CPU))
    steps = range(loop.schedule.steps_per_epoch)
    batches = [b for step in steps for b in loop._make_batches(loop.masking_progress(step))]
    loop.close()
    assert any(batch.packed is not None for batch in batches) == expected


def test_another_dropout_is_drawn_so_the_switch_is_part_of_the_key():
    off = dataclasses.replace(CONFIG, unpadding=False)
    assert content_key(off) != content_key(CONFIG)


def test_dropout_acts_on_packed_rows_in_training_only(toy):
    ids, attention = batch_of(LENGTHS["random"], toy)
    where = as_packed(attention, one_block=False)
    model = build(build_classifier, toy, dropout=0.5)
    assert not torch.equal(*(class_logits(model, ids, attention, where) for _ in range(2)))
    model.eval()
    assert torch.equal(*(class_logits(model, ids, attention, where) for _ in range(2)))


def test_rows_with_more_tokens_than_positions_are_refused_before_a_device_sees_them(toy):
    model = build(build_classifier, toy, num_tokens=20)
    ids, attention = batch_of(LENGTHS["random"], toy)
    with pytest.raises(ValueError, match=r"40 tokens.*24 positions"):
        class_logits(model, ids, attention, as_packed(attention, one_block=True))


def test_windows_of_long_rows_are_computed_as_before(toy):
    size = dataclasses.replace(TINY, max_tokens=12, windows="log-odds")
    model = build(build_classifier, toy, size, num_tokens=12).eval()
    ids, attention = batch_of(LENGTHS["random"], toy)
    where = as_packed(attention, one_block=False)
    expected = class_logits(model, ids, attention)
    assert torch.equal(class_logits(model, ids, attention, where), expected)
    assert not torch.equal(F.softmax(expected, 1), torch.full_like(expected, 0.5))
