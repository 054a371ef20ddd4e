"""Attention of a transformer replaced by scope, against every row, head and draw written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from attnaudit.counterfactual import scoped, scoped_search
from attnaudit.counterfactual.scoped import Scope, ScopedPermuted, ScopedUniform, head_effects, permuted_by
from attnaudit.counterfactual.scoped_search import ScopedAdversary
from attnaudit.errors import UnsupportedModelError
from attnaudit.importance.readings import LastLayer
from attnaudit.models.transformer import Transformer, opened
from attnaudit.models.words import by_word
from tests import tiny_transformers as tiny

TEXTS = tiny.texts(5, 8, 3, 1)
MODELS = {"bert": (tiny.bert, True), "gpt2": (tiny.gpt2, False)}
SCOPES = [
    Scope(),
    Scope(rows="read"),
    Scope(head=2),
    Scope(0),
    Scope(0, head=1),
    Scope(None),
    Scope(rows="read", head=3),
]


@pytest.fixture(params=MODELS, scope="module")
def model(request: pytest.FixtureRequest) -> Any:
    make, markers = MODELS[request.param]
    with opened(make(), tiny.tokenizer(markers=markers), tiny.texts(4, 6)) as made:
        yield made


def literal(model: Transformer, batch: Any, number: int, scope: Scope, deal: Any) -> tuple[np.ndarray, float]:
    """One text alone: the output under the edit, and the mean JSD, a row at a time in plain Python."""
    one = model.encode(TEXTS[number : number + 1])
    n = int(one.token_mask.sum())
    read = 0 if model.row == "first" else n - 1
    distances = []
    with torch.no_grad():
        untouched = model.trace(one).attention

    def edit(site: Any, attention: torch.Tensor) -> torch.Tensor:
        if site not in scope.sites(model):
            return attention
        new = untouched[site].clone()
        for head in range(attention.shape[1]):
            for query in range(n):
                if scope.head not in (None, head) or (scope.rows == "read" and query != read):
                    continue
                own = untouched[site][0, head, query].double().numpy()
                places = [t for t in range(n) if one.audit_mask[0, t] and own[t] > 0]
                dealt = deal(own[places], places)
                new[0, head, query, places] = torch.from_numpy(dealt).float()
                if len(places) > 1:
                    a, b = own[places] / own[places].sum(), dealt / dealt.sum()
                    distances.append(jensenshannon(a, b) ** 2)
        return new

    with torch.no_grad():
        logits = model.trace(one, intervention=edit).logits[0, 0]
    return torch.softmax(logits.double(), dim=-1).numpy(), float(np.mean(distances))


def checked(model: Transformer, rows: Any, scope: Scope, deal_of: Any) -> None:
    batch = model.encode(TEXTS)
    own = torch.softmax(model.trace(batch).logits[:, 0].double(), dim=-1).detach().numpy()
    assert {row["site"] for row in rows} == {scope.site_name(model)}
    for row in rows:
        number = batch.instance_ids.index(row["instance_id"])
        if number == 3:
            assert (row["status"], row["output_tvd"], row["attention_jsd"]) == ("too_short", None, None)
            continue
        output, jsd = literal(model, batch, number, scope, deal_of(number, row["draw"]))
        assert row["output_tvd"] == pytest.approx(0.5 * np.abs(output - own[number]).sum(), abs=2e-5)
        assert row["attention_jsd"] == pytest.approx(jsd, abs=1e-6)
        assert row["flipped"] == (output.argmax() != own[number].argmax())


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: f"{scope.site}-{scope.name()}")
def test_uniform_is_the_loop_over_rows(model: Transformer, scope: Scope) -> None:
    batch = model.encode(TEXTS)
    table = ScopedUniform(scope)(model, batch, model.trace(batch), seed=0)
    rows = table.to_pylist()
    assert len(rows) == 4
    checked(model, rows, scope, lambda _number, _draw: lambda own, _places: np.full(len(own), own.mean()))


@pytest.mark.parametrize("scope", SCOPES[:2] + SCOPES[5:6], ids=lambda scope: f"{scope.site}-{scope.name()}")
def test_permuted_deals_the_same_weights_in_the_order_of_the_draws(
    model: Transformer, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = model.encode(TEXTS)
    seen: list[torch.Tensor] = []

    def keep(keys: torch.Tensor) -> Any:
        seen.append(keys)
        return permuted_by(keys)

    monkeypatch.setattr(scoped, "permuted_by", keep)
    monkeypatch.setattr(scoped, "_TOKENS", 2 * batch.token_ids.numel())  # two draws a pass, one in the last
    rows = ScopedPermuted(scope, draws=3)(model, batch, model.trace(batch), seed=7).to_pylist()
    assert [row["draw"] for row in rows] == [0, 1, 2] * 3 + [0]
    keys = torch.cat([part.reshape(len(TEXTS), -1, part.shape[-1]) for part in seen], dim=1)

    def dealt(number: int, draw: int) -> Any:
        def deal(own: np.ndarray, places: list[int]) -> np.ndarray:
            return own[np.argsort(keys[number, draw, places].numpy(), kind="stable")]

        return deal

    checked(model, rows, scope, dealt)


def test_permutations_do_not_depend_on_company(model: Transformer) -> None:
    ask = ScopedPermuted(Scope(rows="read"), draws=4)
    batch, alone = model.encode(TEXTS), model.encode(TEXTS[1:2])
    together = ask(model, batch, model.trace(batch), seed=0).to_pylist()[4:8]
    for row, same in zip(ask(model, alone, model.trace(alone), seed=0).to_pylist(), together, strict=True):
        assert row["output_tvd"] == pytest.approx(same["output_tvd"], abs=1e-5)
        assert row["attention_jsd"] == pytest.approx(same["attention_jsd"], abs=1e-6)


def test_the_effect_of_a_head_is_that_of_making_it_uniform(model: Transformer) -> None:
    batch = model.encode(TEXTS)
    trace = model.trace(batch)
    found = head_effects(model, batch, trace)
    assert found.shape == (4, 2, 4)
    for site in range(2):
        for head in range(4):
            rows = ScopedUniform(Scope(site, head))(model, batch, trace, seed=0).to_pylist()
            expected = [row["output_tvd"] for row in rows[:3]]
            np.testing.assert_allclose(found[:3, site, head], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda model: Scope(2).sites(model), "there is no site 2: the model has 2"),
        (lambda _model: Scope(0, rows="read"), "are those of the last site"),
    ],
)
def test_scopes_that_are_not_there_are_refused(model: Transformer, make: Any, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        make(model)


def test_a_head_that_is_not_there_is_refused(model: Transformer) -> None:
    batch = model.encode(TEXTS)
    trace = model.trace(batch)
    with pytest.raises(UnsupportedModelError, match="there is no head 9: the site has 4"):
        ScopedUniform(Scope(head=9))(model, batch, trace, seed=0)


@pytest.mark.parametrize(
    "scope", [Scope(rows="read"), Scope(), Scope(None)], ids=lambda scope: f"{scope.site}-{scope.name()}"
)
def test_the_adversary_is_far_and_keeps_the_output(
    model: Transformer, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = model.encode(TEXTS)
    trace = model.trace(batch)
    tried: list[dict[Any, torch.Tensor]] = []
    output = scoped_search._output

    def keep(*arguments: Any) -> torch.Tensor:
        tried.append({site: weights.detach() for site, weights in arguments[2].items()})
        return output(*arguments)

    monkeypatch.setattr(scoped_search, "_output", keep)
    ask = ScopedAdversary(scope, epsilon=0.05, steps=40, learning_rate=0.1)
    rows = ask(model, batch, trace, seed=0).to_pylist()
    own = torch.softmax(trace.logits[:, 0].double(), dim=-1)
    best = np.zeros(len(TEXTS))
    with torch.no_grad():
        for used in tried:  # every step anew: whole passes, and scipy's divergence of the rows that are free
            moved = model.trace(batch, intervention=lambda site, a, used=used: used.get(site, a)).logits[:, 0]
            tvd = 0.5 * (torch.softmax(moved.double(), dim=-1) - own).abs().sum(dim=-1)
            for number in range(3):
                if tvd[number] <= 0.05 - 1e-5:
                    best[number] = max(best[number], mean_jsd(model, batch, trace, used, scope, number))
    for number, row in enumerate(rows[:3]):
        assert row["output_tvd"] <= 0.05
        assert row["attention_jsd"] == pytest.approx(best[number], abs=2e-3)
        assert row["attention_jsd"] > 0.02
    assert (rows[3]["status"], rows[3]["weights"]) == ("too_short", None)
    own_words = [of_text[0] for of_text in by_word(batch, LastLayer()(model, batch))]
    for row, words in zip(rows[:3], own_words, strict=False):
        if scope.rows != "read":
            assert row["weights"] is None
            continue
        weights = torch.tensor(row["weights"])
        assert weights.shape == words.shape
        assert weights.sum() == pytest.approx(float(words.sum()), abs=1e-5)  # what markers have they keep
        assert (weights - words).abs().max() > 0.01


def mean_jsd(model: Any, batch: Any, trace: Any, used: Any, scope: Scope, number: int) -> float:
    n = int(batch.token_mask[number].sum())
    audited = batch.audit_mask[number].numpy()
    by_site = []
    for site in scope.sites(model):
        distances = []
        for head in range(site.heads):
            for query in range(n):
                if scope.rows == "read" and query != (0 if model.row == "first" else n - 1):
                    continue
                a = trace.attention[site][number, head, query].double().numpy()
                b = used[site][number, head, query].double().numpy()
                places = audited & (a > 0)
                np.testing.assert_allclose(a[~places], b[~places])
                if places.sum() > 1:
                    np.testing.assert_allclose(a[places].sum(), b[places].sum(), atol=1e-6)
                    distances.append(jensenshannon(a[places], b[places]) ** 2)
        by_site.append(np.mean(distances))
    return float(np.mean(by_site))
