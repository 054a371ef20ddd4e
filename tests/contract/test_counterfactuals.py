"""The same questions to every counterfactual: adding an entry to `COUNTERFACTUALS` adds its tests."""

from contextlib import contextmanager

import pyarrow.compute as pc
import pytest

from attnaudit import tables
from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.errors import UnsupportedModelError
from attnaudit.models.transformer import opened
from tests import tiny, tiny_transformers
from tests.contract.test_models import OnlyFourMembers

FORMS = {
    "classification": {},
    "multi-class": {"classes": ("a", "b", "c")},
    "nli": {"query": True, "classes": ("neutral", "contradiction", "entailment")},
    "qa": {"query": True, "classes": tiny.WORDS, "cloze": True},
}


OF_TRANSFORMERS = ("permuted", "uniform", "adversarial_rows")
OF_POOLS = tuple(kind for kind in COUNTERFACTUALS if kind != "adversarial_rows")
CASES = [(kind, form) for kind in OF_POOLS for form in FORMS]
CASES += [(kind, "transformer") for kind in OF_TRANSFORMERS]


@contextmanager
def model_of(form: str, **how):
    if form != "transformer":
        yield tiny.model(**FORMS[form], **how)
        return
    with opened(
        tiny_transformers.bert(), tiny_transformers.tokenizer(), tiny_transformers.texts(3, 5)
    ) as model:
        yield model


def texts_of(form: str, *lengths: int):
    return tiny_transformers.texts(*lengths) if form == "transformer" else tiny.instances(*lengths)


def ask(kind: str, model, texts, seed: int = 0):
    batch = model.encode(texts)
    return COUNTERFACTUALS[kind]()(model, batch, model.trace(batch), seed=seed)


@pytest.mark.parametrize(("kind", "form"), CASES)
def test_rows_keep_the_schema_and_cover_every_instance(kind: str, form: str) -> None:
    texts = texts_of(form, 1, 2, 6, 20)
    with model_of(form) as model:
        rows = tables.check("counterfactual", ask(kind, model, texts))
    assert set(rows["instance_id"].to_pylist()) == {instance.id for instance in texts}
    keys = list(zip(*(rows[name].to_pylist() for name in tables.TABLES["counterfactual"].key), strict=True))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("kind", "form"), [case for case in CASES if case[1] in ("classification", "transformer")]
)
def test_one_token_is_too_short(kind: str, form: str) -> None:
    with model_of(form) as model:
        rows = ask(kind, model, texts_of(form, 1))
    assert set(rows["status"].to_pylist()) == {"too_short"}
    assert rows["attention_jsd"].null_count == len(rows)


@pytest.mark.parametrize(("kind", "form"), CASES)
def test_company_changes_nothing(kind: str, form: str) -> None:
    texts = texts_of(form, 3, 12, 25)
    # The steps of a search amplify rounding.
    tolerance = 2e-3 if kind == "adversarial_rows" else 1e-5
    with model_of(form, **({} if form == "transformer" else {"sharp": 1.0})) as model:
        together = ask(kind, model, texts)
        for instance in texts:
            mine = together.filter(pc.field("instance_id") == instance.id)
            alone = ask(kind, model, [instance])
            for name in ("output_tvd", "attention_jsd"):
                a, b = mine[name].drop_null().to_numpy(), alone[name].drop_null().to_numpy()
                assert a == pytest.approx(b, abs=tolerance)


@pytest.mark.parametrize(
    ("kind", "form"), [case for case in CASES if case[1] in ("classification", "transformer")]
)
def test_the_same_seed_gives_the_same_rows(kind: str, form: str) -> None:
    texts = texts_of(form, 4, 15)
    with model_of(form) as model:
        assert ask(kind, model, texts).equals(ask(kind, model, texts))


@pytest.mark.parametrize("kind", COUNTERFACTUALS)
def test_a_model_that_does_not_show_its_readout_is_refused(kind: str) -> None:
    with pytest.raises(UnsupportedModelError, match=kind):
        ask(kind, OnlyFourMembers(), tiny.instances(4))


def statuses(texts, *, seed: int = 0, model=None, **parameters) -> list[str]:
    model = model or tiny.model()
    batch = model.encode(texts)
    rows = COUNTERFACTUALS["same_weights"](**parameters)(model, batch, model.trace(batch), seed=seed)
    assert rows["certified_upper_jsd"].null_count == rows["attention_jsd"].null_count
    return rows["status"].to_pylist()


@pytest.mark.parametrize("form", ["multi-class", "nli", "qa"])
def test_same_weights_are_for_binary_linear_readouts(form: str) -> None:
    assert statuses(tiny.instances(1, 6), model=tiny.model(**FORMS[form])) == ["unsupported"] * 2


def test_same_weights_are_solved_up_to_a_length_then_on_a_sample_then_not() -> None:
    lengths = (1, 200, 201, 1000, 1001)
    assert statuses(tiny.instances(*lengths), long_share=0.0) == [
        *("too_short", "ok", "not_run", "not_run", "budget")
    ]
    assert statuses(tiny.instances(*lengths), long_share=1.0) == [*("too_short", "ok", "ok", "ok", "budget")]


def test_the_sample_of_long_texts_is_the_same_in_any_company_and_another_with_another_seed() -> None:
    texts = tiny.instances(*[201] * 24)
    drawn = statuses(texts, long_share=0.5)
    assert drawn == [statuses([text], long_share=0.5)[0] for text in texts]
    assert 4 <= drawn.count("ok") <= 20
    assert statuses(texts, long_share=0.5, seed=1) != drawn


def test_same_weights_keep_the_weights_and_stay_below_the_free_adversary() -> None:
    model = tiny.model(sharp=1.0)
    texts = tiny.instances(3, 9, 30, 70)
    same, free = ask("same_weights", model, texts), ask("adversarial_exact", model, texts)
    for row, other in zip(same.to_pylist(), free.to_pylist(), strict=True):
        assert row["epsilon"] == other["epsilon"]
        assert row["output_tvd"] <= row["epsilon"] + 1e-12
        assert row["attention_jsd"] <= row["certified_upper_jsd"]
        assert row["attention_jsd"] <= other["attention_jsd"] + 1e-12
    batch = model.encode(texts)
    trace = model.trace(batch)
    attention = trace.attention[model.sites[0]][:, 0, 0].double()
    for i, row in enumerate(same.to_pylist()):
        own = attention[i][batch.audit_mask[i]]
        assert sorted(row["weights"]) == sorted((own / own.sum()).tolist())
