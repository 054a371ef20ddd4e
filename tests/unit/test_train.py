"""Training: batches, the loss, resuming with the same bits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from attnaudit import train
from attnaudit.errors import ModelError
from tests import tiny

SETTINGS = train.Schedule(epochs=4, batch=8, learning_rate=0.01, weight_decay=1e-5)


def learnable(count: int, seed: int) -> list:
    """Texts whose class is whether a certain word stands in them."""
    made = []
    for number, instance in enumerate(
        tiny.instances(*np.random.default_rng(seed).integers(3, 12, count), seed=seed)
    ):
        words = [w for w in instance.fields["text"].split() if w != "ba"]
        words.insert(number % 3, "ba" if number % 2 else "be")
        fields = dict(instance.fields) | {"text": " ".join(words)}
        made.append(type(instance)(instance.id, fields, number % 2))
    return made


def trainable(seed: int = 0):
    return tiny.model(seed=seed, sharp=0.3).requires_grad_(True)


def fit(model, epochs: int, checkpoint=None):
    settings = replace(SETTINGS, epochs=epochs)
    return train.fit(model, learnable(80, 0), learnable(30, 1), settings, seed=5, checkpoint=checkpoint)


def test_learns_and_keeps_the_best_epoch() -> None:
    model = trainable()
    epochs, best = fit(model, 4)
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4]
    quality = [epoch.dev_scores["roc_auc"] for epoch in epochs]
    assert quality[best - 1] == max(quality) > 0.95
    assert not model.training
    logits = train.predict(model, learnable(30, 1))
    targets = torch.tensor([n % 2 for n in range(30)], dtype=torch.float64)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(logits[:, 1]), targets)
    assert epochs[best - 1].dev_loss == pytest.approx(loss.item(), abs=1e-5)


def test_resumed_training_ends_with_the_same_bits(tmp_path) -> None:
    whole, resumed = trainable(), trainable()
    expected = fit(whole, 4)
    fit(resumed, 2, tmp_path / "c.safetensors")
    again = trainable(seed=9)  # whatever it holds is overwritten by what was kept
    assert fit(again, 4, tmp_path / "c.safetensors") == expected
    for (name, a), (_, b) in zip(whole.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def test_a_batch_of_long_texts_taken_in_parts_is_the_same_step(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = trainable(), trainable()
    expected, _ = fit(whole, 1)
    monkeypatch.setattr(train, "_TRAINING_TOKENS", 30)
    found, _ = fit(parts, 1)
    assert found[0].train_loss == pytest.approx(expected[0].train_loss, rel=1e-5)
    for (name, a), (_, b) in zip(whole.state_dict().items(), parts.state_dict().items(), strict=True):
        assert torch.allclose(a, b, atol=2e-4), name


def test_a_loss_that_is_no_number_ends_the_training_in_words() -> None:
    model = trainable()
    with torch.no_grad():
        model.readout.weight.fill_(float("inf"))
    with pytest.raises(ModelError, match=r"diverged in epoch 1.*train.learning_rate"):
        fit(model, 1)


def test_batches_hold_each_text_once_and_like_lengths_together() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 500).tolist()
    batches = train.bucketed(lengths, 32, np.random.default_rng(1))
    assert sorted(i for batch in batches for i in batch) == list(range(500))
    padded = sum(len(b) * max(lengths[i] for i in b) for b in batches)
    assert padded < 1.2 * sum(lengths)
    assert batches != train.bucketed(lengths, 32, np.random.default_rng(2))
    assert batches == train.bucketed(lengths, 32, np.random.default_rng(1))


def test_predictions_do_not_depend_on_the_batch() -> None:
    model = tiny.model(sharp=1.0)
    texts = tiny.instances(5, 30, 1, 12)
    together = train.predict(model, texts)
    alone = np.concatenate([train.predict(model, [instance]) for instance in texts])
    assert np.allclose(together, alone, atol=1e-5)
