"""Batches, losses and evaluations of the two tasks against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.classification import Classification
from dnasweep.models.training import rows as rows_module
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.tasks.losses import ClassLoss
from dnasweep.tokens.masking.scheme import IGNORED, MaskingProgress
from dnasweep.tokens.recognition import read_pretrained
from toys import TINY, class_task, masked_task, toy_language

CPU = DistributedContext(device=torch.device("cpu"))


def masked_lm(toy):
    longest = int(toy.corpus.num_tokens().max())
    return build_masked_lm(
        TINY, tokenizer=toy.tokenizer, num_tokens=longest, dropout=0.3, seed=0
    ).eval()


def test_a_rows_mask_does_not_depend_on_its_batch():
    task = masked_task(toy_language(40, ragged=9))
    rows = np.arange(10)
    together, alone = task.batch(rows, 3), task.batch(rows[[4]], 3)
    width = alone.ids.shape[1]
    assert torch.equal(together.ids[4, :width], alone.ids[0])
    here = together.positions // together.ids.shape[1] == 4
    assert torch.equal(together.targets[here], alone.targets)
    assert not torch.equal(task.batch(rows, 4).ids, together.ids)


def test_attention_is_given_only_where_there_is_padding():
    even, ragged = class_task(toy_language(20)), class_task(toy_language(20, ragged=20))
    assert even.batch(np.arange(8), 0).attention is None
    batch = ragged.batch(np.arange(8), 0)
    lengths = ragged.corpus.num_tokens(np.arange(8))
    assert batch.attention.sum(1).tolist() == lengths.tolist()
    assert bool((batch.ids[~batch.attention] == 0).all())


@pytest.mark.parametrize("spec", ["kmer-3", "kmer-3-overlap"])
def test_masked_metrics_are_their_definitions(spec):
    toy = toy_language(48, spec=spec, ragged=9)
    task, model = masked_task(toy), masked_lm(toy)
    found = task.evaluate(model, CPU)
    nats = bases = hidden = right = 0.0
    for row in toy.validation_rows:
        batch, masked = task._evaluation_batch(np.array([row]))
        with torch.no_grad():
            logits = model(input_ids=batch.ids).logits[0]
        labels = torch.from_numpy(masked.labels[0])
        at = labels != IGNORED
        # In evaluation every chosen token is hidden; none is left for the model to copy.
        assert bool((batch.ids[0][at] == toy.tokenizer.mask_id).all())
        nats += float(F.cross_entropy(logits[at], labels[at], reduction="sum"))
        right += int((logits[at].argmax(-1) == labels[at]).sum())
        hidden += int(at.sum())
        bases += masked.bases_of_masked_tokens.sum()
    assert found == pytest.approx(
        {
            "validation/loss": nats / hidden,
            "validation/bits_per_base": nats / bases / math.log(2),
            "validation/perplexity": math.exp(nats / hidden),
            "validation/masked_accuracy": right / hidden,
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("spec", ["kmer-3", "kmer-3-overlap"])
def test_mask_rates_are_their_definitions(spec):
    toy = toy_language(48, spec=spec, ragged=9)
    hidden = tokens = bases = all_bases = 0
    for row in toy.validation_rows:
        masked = masked_task(toy)._evaluation_batch(np.array([row]))[1]
        chosen = np.flatnonzero(masked.labels[0] != IGNORED)
        first = toy.corpus.offsets[row]
        spans = [range(s, e) for s, e in zip(toy.corpus.starts, toy.corpus.ends, strict=True)]
        spans = spans[first + 1 : toy.corpus.offsets[row + 1] - 1]
        shown = {b for i, span in enumerate(spans, 1) if i not in chosen for b in span}
        bases += len({b for i in chosen for b in spans[i - 1]} - shown)
        all_bases += len(toy.sequences[row])
        hidden, tokens = hidden + len(chosen), tokens + len(spans)
    found = masked_task(toy).describe(MaskingProgress())
    assert found == pytest.approx(
        {"validation/mask_rate": hidden / tokens, "validation/masked_bases": bases / all_bases}
    )


def test_random_masks_of_overlapping_tokens_hide_next_to_no_base_and_are_judged_by_spans():
    toy = toy_language(80, spec="kmer-3-overlap")
    model = masked_lm(toy)
    leaky, fair = masked_task(toy, scheme="random"), masked_task(toy, scheme="span")
    assert leaky.describe(MaskingProgress())["validation/masked_bases"] < 0.01
    assert fair.describe(MaskingProgress())["validation/masked_bases"] > 0.03
    assert leaky.evaluate(model, CPU) == fair.evaluate(model, CPU)


def test_evaluation_masks_are_the_same_for_every_seed_and_batch_size(monkeypatch):
    toy = toy_language(80, ragged=9)
    model = masked_lm(toy)
    first = masked_task(toy, seed=0).evaluate(model, CPU)
    monkeypatch.setattr(rows_module, "EVALUATION_ROWS", 3)
    assert masked_task(toy, seed=1).evaluate(model, CPU) == pytest.approx(first, rel=1e-6)


def test_evaluation_leaves_the_model_as_it_was():
    toy = toy_language(40)
    model = masked_lm(toy).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    masked_task(toy).evaluate(model, CPU)
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_batch_without_a_hidden_token_costs_nothing_and_has_gradients():
    toy = toy_language(8)
    task, model = masked_task(toy), masked_lm(toy)
    batch = task.batch(np.arange(4), 0)
    nothing = batch._replace(targets=batch.targets[:0], positions=batch.positions[:0])
    nats, weight = task.loss(model, nothing)
    nats.backward()
    assert (nats.item(), weight.item()) == (0, 0)
    assert all(p.grad is not None for p in model.parameters())


def test_probabilities_are_in_the_order_of_the_validation_rows():
    toy = toy_language(60, ragged=20)
    longest = int(toy.corpus.num_tokens().max())
    model = build_classifier(
        TINY, tokenizer=toy.tokenizer, num_tokens=longest, dropout=0.0, seed=0
    )
    task = class_task(toy)
    task.evaluate(model, CPU)
    batch = task.batch(toy.validation_rows, 0)
    with torch.no_grad():
        expected = (
            model(input_ids=batch.ids, attention_mask=batch.attention).logits.softmax(-1).numpy()
        )
    np.testing.assert_allclose(task.probabilities, expected, atol=1e-6)


def test_class_weights_weigh_the_training_loss_only():
    toy = toy_language(40)
    longest = int(toy.corpus.num_tokens().max())
    model = build_classifier(
        TINY, tokenizer=toy.tokenizer, num_tokens=longest, dropout=0.0, seed=0
    )
    plain = class_task(toy)
    weighted = class_task(toy, objective=ClassLoss(np.array([1.0, 3.0]), 0.0))
    batch = plain.batch(toy.train_rows[:7], 0)
    with torch.no_grad():
        logits = model(input_ids=batch.ids).logits
        nats, weight = weighted.loss(model, batch)
    each = F.cross_entropy(logits, batch.targets, reduction="none")
    factor = 1.0 + 2.0 * batch.targets
    assert nats.item() == pytest.approx((each * factor).sum().item(), rel=1e-5)
    assert weight.item() == factor.sum().item()
    assert weighted.evaluate(model, CPU) == plain.evaluate(model, CPU)


def test_worst_metrics_are_finite_and_no_better_than_guessing():
    toy = toy_language(40)
    masked, classes = masked_task(toy), class_task(toy)
    worst = masked.worst()
    assert worst["validation/loss"] == pytest.approx(math.log(toy.tokenizer.vocab_size))
    assert worst["validation/bits_per_base"] >= 2.0
    worst = classes.worst()
    assert worst["validation/loss"] == pytest.approx(math.log(2))
    assert (worst["validation/mcc"], worst["validation/auroc"]) == (0.0, 0.5)


def test_rows_that_cannot_be_learnt_from_are_named():
    toy = toy_language(20)
    common = {"train_rows": np.arange(10), "validation_rows": np.arange(10, 20)}
    with pytest.raises(InputError, match="only one class"):
        Classification(toy.corpus, np.zeros(20), **common)
    with pytest.raises(InputError, match="a label is -1, but there are 2"):
        Classification(toy.corpus, np.array([-1, 1] * 10), **common)
    with pytest.raises(InputError, match="no validation row"):
        Classification(toy.corpus, toy.labels, **(common | {"validation_rows": np.array([], int)}))


@pytest.mark.parametrize("spec", ["kmer-3", "bpe-80"])
def test_unigrams_are_the_frequencies_of_tokens_in_training(spec):
    toy = toy_language(80, spec=spec, ragged=9)
    task = masked_task(toy)
    read = [i for row in toy.train_rows for i in row_tokens(toy, row)]
    num_real = toy.tokenizer.vocab_size - 5
    bits = bases = 0.0
    for row in toy.validation_rows:
        _, masked = task._evaluation_batch(np.array([row]))
        for token in masked.labels[masked.labels != IGNORED]:
            bits -= math.log2((read.count(token) + 1) / (len(read) + num_real))
        bases += masked.bases_of_masked_tokens.sum()
    assert task.unigram_bits_per_base() == pytest.approx(bits / bases)


def test_unigrams_and_mask_rates_do_not_depend_on_the_order_of_ids(tmp_path):
    toy = toy_language(40, spec="kmer-3", ragged=9)
    special = ["<cls>", "<pad>", "<eos>", "<unk>", "<mask>"]
    words = [*special[:4], *toy.tokenizer.tokens[5:], special[4]]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    theirs = read_pretrained(tmp_path, toy.tokenizer.config)
    other = toy._replace(tokenizer=theirs, corpus=theirs.encode(toy.sequences))
    ours, task = masked_task(toy), masked_task(other)
    assert task.unigram_bits_per_base() == pytest.approx(ours.unigram_bits_per_base())
    assert task.describe(MaskingProgress()) == ours.describe(MaskingProgress())


def row_tokens(toy, row):
    return toy.corpus.ids[toy.corpus.offsets[row] + 1 : toy.corpus.offsets[row + 1] - 1].tolist()


@pytest.mark.parametrize(
    ("keep", "metric", "direction"),
    [("best", "mcc", "max"), ("best_auroc", "auroc", "max"), ("best_loss", "loss", "min")],
)
def test_weights_are_kept_by_the_metric_that_is_asked_for(keep, metric, direction):
    assert class_task(toy_language(20), keep=keep).selection == (f"validation/{metric}", direction)
