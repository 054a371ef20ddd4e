"""From tables to numbers to answers, on tables small enough to do by hand."""

import numpy as np
import pyarrow as pa
import pytest

from attnaudit import tables
from attnaudit.agreement import agreement, plausibility
from attnaudit.card import Policy, card, verdict
from attnaudit.per_instance import per_instance
from attnaudit.stats.inference import Estimate
from attnaudit.summary import bin_name, dispersions, in_bin, lookup, summarise, told_apart


def importance(**scores: list) -> pa.Table:
    """One measure a keyword, one list of scores (or None) an instance."""
    parts = []
    for measure, rows in scores.items():
        status = ["too_short" if row is None else "constant" if len(set(row)) == 1 else "ok" for row in rows]
        columns = {
            "instance_id": [f"i{n}" for n in range(len(rows))],
            "step": 0,
            "measure": measure,
            "scores": rows,
            "objective": "p",
            "status": status,
        }
        parts.append(tables.build("importance", columns))
    return pa.concat_tables(parts)


def instances(predictions: list[int], evidence: list | None = None) -> pa.Table:
    n = len(predictions)
    return tables.build(
        "instances",
        {
            "instance_id": [f"i{k}" for k in range(n)],
            "split": "test",
            "text": None,
            "query": None,
            "tokens": None,
            "offsets": [[]] * n,
            "audited": [[True]] * n,
            "evidence": evidence or [None] * n,
            "target": predictions,
            "prediction": predictions,
            "output": [[0.5, 0.5]] * n,
            "n_audited": 4,
        },
    )


def stored(**given: pa.Table) -> dict[str, pa.Table]:
    found = {name: given.get(name, table.schema.empty_table()) for name, table in tables.TABLES.items()}
    found["agreement"] = agreement(found["importance"])
    found["plausibility"] = plausibility(found["instances"], found["importance"])
    return found


def counterfactual(
    kind: str,
    tvds: list[list[float]],
    jsd: float | list[float] = 0.5,
    *,
    epsilon: float | None = None,
    upper: list[float] | None = None,
) -> pa.Table:
    ids = [f"i{n}" for n, draws in enumerate(tvds) for _ in draws]
    nothing = ("logit_mean", "logit_variance", "weights")
    return tables.build(
        "counterfactual",
        {
            "instance_id": ids,
            "site": "pool",
            "scope": "site",
            "kind": kind,
            "draw": [d for draws in tvds for d in range(len(draws))],
            "output_tvd": [v for draws in tvds for v in draws],
            "flipped": [v > 0.4 for draws in tvds for v in draws],
            "epsilon": epsilon,
            "attention_jsd": jsd,
            "certified_upper_jsd": upper,
            "status": "ok",
            **dict.fromkeys(nothing),
        },
    )


def test_agreement_is_counted_by_group_and_undefined_is_not_averaged() -> None:
    up, down, flat = [1.0, 2, 3, 4], [4.0, 3, 2, 1], [1.0, 1, 1, 1]
    table = importance(attention=[up, up, up, None], gradient_detached=[up, down, flat, None])
    numbers = lookup(summarise(stored(instances=instances([0, 1, 1, 1]), importance=table), ["no", "yes"]))
    overall = numbers["agreement", "attention ~ gradient_detached", "overall", "mean"]
    assert overall.value == 0
    assert overall.n == 2
    assert numbers["agreement", "attention ~ gradient_detached", "predicted no", "mean"].value == 1
    assert numbers["agreement", "attention ~ gradient_detached", "predicted yes", "mean"].value == -1
    rows = summarise(stored(instances=instances([0, 1, 1, 1]), importance=table), ["no", "yes"]).to_pylist()
    undefined = {r["group"]: r["n_undefined"] for r in rows if r["statistic"] == "mean"}
    assert undefined == {"overall": 2, "predicted no": 0, "predicted yes": 2}


def test_small_p_values_are_counted_as_they_are_and_adjusted() -> None:
    """Of five tokens 120 orders: p is 2/120, 10/120 and more; among four texts 2/120 becomes 8/120, alone not."""
    up, near, half = [1.0, 2, 3, 4, 5], [2.0, 1, 3, 4, 5], [4.0, 1, 3, 2, 5]
    table = importance(attention=[up] * 4 + [None], gradient_detached=[up, near, half, half, None])
    rows = summarise(
        stored(instances=instances([0, 1, 1, 1, 1]), importance=table), ["no", "yes"]
    ).to_pylist()
    found = {
        (r["group"], r["statistic"]): (r["value"], r["n"], r["n_undefined"])
        for r in rows
        if r["statistic"].startswith("share_significant")
    }
    assert found == {
        ("overall", "share_significant"): (0.25, 4, 1),
        ("overall", "share_significant_bh"): (0.0, 4, 1),
        ("predicted no", "share_significant"): (1.0, 1, 0),
        ("predicted no", "share_significant_bh"): (1.0, 1, 0),
        ("predicted yes", "share_significant"): (0.0, 3, 1),
        ("predicted yes", "share_significant_bh"): (0.0, 3, 1),
        # Of fewer than eight tokens none can be drawn.
        ("overall", "share_significant_rarefied"): (None, 0, 5),
        ("predicted no", "share_significant_rarefied"): (None, 0, 1),
        ("predicted yes", "share_significant_rarefied"): (None, 0, 4),
    }


def test_small_p_values_are_counted_on_texts_cut_to_one_length() -> None:
    """The same order everywhere gives p = 2/8! in every draw, and none where the scores have nothing to do."""
    up = [float(k) for k in range(30)]
    table = importance(
        attention=[up, up, up, up[:8], up[:7], up, None],
        gradient_detached=[up, up[::-1], [1.0] * 30, up[:8], up[:7], None, up],
    )
    given = stored(instances=instances([0] * 7), importance=table)
    share = per_instance([given], 7).rarefied["attention", "gradient_detached"]
    assert share.tolist()[:2] == [1.0, 1.0]  # the reverse is as clear
    assert share[3] == 1.0
    assert np.isnan(share[[2, 4, 5, 6]]).all()
    row = lookup(summarise(given, ["no", "yes"]))[
        "agreement", "attention ~ gradient_detached", "overall", "share_significant_rarefied"
    ]
    assert (row.value, row.n) == (1.0, 3)


def test_the_order_in_which_measures_were_asked_changes_nothing() -> None:
    rows = {"attention": [[1.0, 2, 3]], "gradient_detached": [[1.0, 3, 2]], "leave_one_out": [[3.0, 1, 2]]}
    forwards = agreement(importance(**rows))
    backwards = agreement(importance(**dict(reversed(rows.items()))))
    pairs = list(zip(forwards["measure_a"].to_pylist(), forwards["measure_b"].to_pylist(), strict=True))
    assert pairs == [
        ("attention", "gradient_detached"),
        ("attention", "leave_one_out"),
        ("gradient_detached", "leave_one_out"),
    ]
    assert forwards.equals(backwards)


def test_permutation_is_the_median_over_draws_then_over_texts() -> None:
    draws = counterfactual("permuted", [[0.1, 0.2, 0.9], [0.3, 0.3, 0.3], [0.0, 0.0, 0.5]])
    table = importance(attention=[[0.1, 0.9], [0.4, 0.6], [0.5, 0.5]])
    numbers = lookup(
        summarise(
            stored(instances=instances([0, 0, 1]), importance=table, counterfactual=draws), ["no", "yes"]
        )
    )
    assert numbers["permutation", "permuted", "overall", "median_tvd"].value == pytest.approx(0.2)
    assert numbers["permutation", "permuted", "overall", "mean_tvd"].value == pytest.approx(0.5 / 3)
    assert numbers["permutation", "permuted", "overall", "share_flipped"].value == pytest.approx(2 / 9)
    middle = "permuted, max attention 0.50–0.75"
    assert numbers["permutation", middle, "overall", "median_tvd"].n == 2


def test_exact_and_search_are_held_against_each_other() -> None:
    both = pa.concat_tables(
        [
            counterfactual("adversarial_exact", [[0.01], [0.01]], jsd=0.6),
            counterfactual("adversarial_search", [[0.01], [0.01]], jsd=0.35),
        ]
    )
    numbers = lookup(summarise(stored(instances=instances([0, 1]), counterfactual=both), ["no", "yes"]))
    assert numbers["adversary", "exact above search", "overall", "mean_jsd"].value == pytest.approx(0.25)
    assert numbers["adversary", "adversarial_exact", "overall", "share_jsd_from_0.4"].value == 1
    assert numbers["adversary", "adversarial_search", "overall", "share_jsd_from_0.4"].value == 0


def test_a_bracket_is_counted_at_both_ends_and_held_against_what_had_its_epsilon() -> None:
    rows = pa.concat_tables(
        [
            counterfactual("adversarial_bracket", [[0.0], [0.0]], 0.5, epsilon=0.05, upper=[0.502, 0.6]),
            counterfactual("adversarial_search", [[0.0], [0.0]], 0.3, epsilon=0.01),
            counterfactual("adversarial_paper", [[0.0], [0.0]], 0.4, epsilon=0.05),
        ]
    )
    numbers = lookup(summarise(stored(instances=instances([0, 1]), counterfactual=rows), ["no", "yes"]))
    found = {
        t: e.value for (_, s, g, t), e in numbers.items() if (s, g) == ("adversarial_bracket", "overall")
    }
    assert found["mean_jsd"] == pytest.approx(0.5)
    assert found["mean_upper_jsd"] == pytest.approx(0.551)
    assert found["mean_width"] == pytest.approx(0.051)
    assert found["share_certified"] == 0.5
    assert numbers["adversary", "bracket above paper", "overall", "mean_jsd"].value == pytest.approx(0.1)
    assert ("adversary", "bracket above search", "overall", "mean_jsd") not in numbers


def test_same_weights_are_counted_at_both_ends_where_they_were_solved() -> None:
    rows = counterfactual(
        "same_weights", [[0.0], [0.0], [0.9]], [0.3, 0.5, 0.2], epsilon=0.01, upper=[0.301, 0.6, 0.2]
    )
    rows = rows.set_column(
        rows.schema.get_field_index("attention_jsd"), rows.field("attention_jsd"), pa.array([0.3, 0.5, None])
    ).set_column(
        rows.schema.get_field_index("certified_upper_jsd"),
        rows.field("certified_upper_jsd"),
        pa.array([0.301, 0.6, None]),
    )
    summary = summarise(stored(instances=instances([0, 1, 1]), counterfactual=rows), ["no", "yes"])
    found = {t: e for (_, s, g, t), e in lookup(summary).items() if (s, g) == ("same_weights", "overall")}
    assert found["mean_jsd"].value == pytest.approx(0.4)
    assert found["mean_upper_jsd"].value == pytest.approx(0.4505)
    assert found["share_certified"].value == 0.5
    assert found["share_jsd_from_0.4"].value == 0.5
    assert found["mean_jsd"].n == 2
    undefined = {
        r["n_undefined"]
        for r in summary.to_pylist()
        if (r["group"], r["statistic"]) == ("overall", "mean_jsd")
    }
    assert undefined == {1}
    assert not any(" above " in subject for _, subject, _, _ in lookup(summary))


def moments(variance: list[float | None]) -> pa.Table:
    """Rows `permuted_moments` with these variances of the logit."""
    rows = counterfactual("permuted_moments", [[0.0]] * len(variance))
    at = rows.schema.get_field_index("logit_variance")
    return rows.set_column(at, rows.field("logit_variance"), pa.array(variance, pa.float64()))


def test_dispersions_by_hand() -> None:
    """Weights (.75, .25) have Σ(α−ᾱ)² = .125, and evidence 1 and 3 Σ(s−s̄)²/(n−1) = 2: the logit varies by .25."""
    given = {"importance": importance(attention=[[0.75, 0.25]] * 2), "counterfactual": moments([0.25, 0.25])}
    numbers = lookup(summarise(stored(instances=instances([0, 1]), **given), ["no", "yes"]))
    found = {
        s: e.value for (x, s, g, t), e in numbers.items() if (x, g, t) == ("permutation", "overall", "median")
    }
    assert found == {
        "dispersion of attention": 0.125,
        "dispersion of evidence": pytest.approx(2**0.5),
        "dispersion of logit": 0.5,
    }
    share = numbers["permutation", "dispersion of attention", "overall", "share_of_log_variance"]
    assert share.value is None  # nothing differs between the texts


def test_dispersions_multiply_to_the_variance_and_their_shares_sum_to_one() -> None:
    draw = np.random.default_rng(0)
    weights = [draw.dirichlet(np.ones(draw.integers(2, 30))).astype(np.float32) for _ in range(60)]
    evidence = [draw.normal(0, draw.uniform(0.1, 3), len(w)) for w in weights]
    exact = [
        float(((w - w.mean()) ** 2).sum() * ((s - s.mean()) ** 2).sum() / (len(w) - 1))
        for w, s in zip([w.astype(float) for w in weights], evidence, strict=True)
    ]
    given = {"importance": importance(attention=weights), "counterfactual": moments(exact)}
    tables_ = stored(instances=instances([0, 1] * 30), **given)
    attention, spread, logit = dispersions(per_instance([tables_], 60))
    assert attention * spread == pytest.approx(np.array(exact))
    assert logit.tolist() == exact
    assert spread == pytest.approx([np.var(s, ddof=1) for s in evidence], rel=1e-4)
    numbers = lookup(summarise(tables_, ["no", "yes"]))
    for group in ("overall", "predicted no", "predicted yes"):
        parts = [
            numbers["permutation", f"dispersion of {of}", group, "share_of_log_variance"]
            for of in ("attention", "evidence")
        ]
        assert sum(part.value for part in parts) == pytest.approx(1)
        assert sum(part.low for part in parts) <= 1 <= sum(part.high for part in parts)
    slope = np.polyfit(np.log(logit), np.log(attention), 1)[0]
    share = numbers["permutation", "dispersion of attention", "overall", "share_of_log_variance"]
    assert share.value == pytest.approx(slope)
    assert share.low < slope < share.high


def test_uniform_attention_leaves_the_evidence_unknown_and_other_models_have_no_dispersions() -> None:
    flat = np.full(3, 1 / 3, dtype=np.float32)
    given = {
        "importance": importance(attention=[flat, [0.5, 0.3, 0.2]]),
        "counterfactual": moments([0.0, 0.04]),
    }
    rows = summarise(stored(instances=instances([0, 0]), **given), ["no", "yes"]).to_pylist()
    found = {r["subject"]: r for r in rows if (r["group"], r["statistic"]) == ("overall", "median")}
    assert found["dispersion of attention"]["n_undefined"] == 0
    assert (found["dispersion of evidence"]["n"], found["dispersion of evidence"]["n_undefined"]) == (1, 1)
    given["counterfactual"] = moments([None, None])
    numbers = lookup(summarise(stored(instances=instances([0, 0]), **given), ["no", "yes"]))
    assert not any(subject.startswith("dispersion") for _, subject, _, _ in numbers)


@pytest.mark.parametrize(
    ("prediction", "n_classes", "told"),
    [([0, 0], 2, [0, 1]), ([2, 2], 3, [0, 1, 2]), ([7, 2, 7], 40, [2, 7]), ([0, 1, 2, 3], 40, [])],
)
def test_classes_are_told_apart_where_they_are_few(
    prediction: list[int], n_classes: int, told: list[int]
) -> None:
    assert told_apart(np.array(prediction), n_classes) == told


def test_bins_cover_everything_once() -> None:
    largest = np.array([0.0, 0.2499, 0.25, 0.5, 0.75, 1.0])
    counted = sum(in_bin(largest, low, low + 0.25).astype(int) for low in (0.0, 0.25, 0.5, 0.75))
    assert counted.tolist() == [1] * 6
    assert bin_name(0.25, 0.5) == "0.25–0.50"


def test_precision_and_average_precision_by_hand() -> None:
    marks = [[[True, False, False, True]], [[False] * 4], None]
    table = importance(attention=[[0.9, 0.8, 0.1, 0.2], [1.0, 2, 3, 4], [1.0, 2, 3, 4]])
    rows = plausibility(instances([0, 1, 1], marks), table).to_pylist()
    found = {
        (r["instance_id"], r["metric"]): (r["value"], r["status"])
        for r in rows
        if r["measure"] == "attention"
    }
    assert found["i0", "precision_at_k"] == (0.5, "ok")
    assert found["i0", "average_precision"] == (pytest.approx((1 / 1 + 2 / 3) / 2), "ok")
    assert found["i1", "precision_at_k"] == (None, "not_applicable")
    assert len(found) == 8


def test_ties_at_the_border_count_by_their_share() -> None:
    marks = [[[True, False, False, False]]]
    table = importance(attention=[[1.0, 1, 1, 1]], gradient=[[2.0, 2, 1, 0]])
    rows = plausibility(instances([0], marks), table).to_pylist()
    found = {r["measure"]: r["value"] for r in rows if r["metric"] == "precision_at_k"}
    assert found == {"attention": 0.25, "gradient": 0.5, "chance": 0.25}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.8, 0.9, "supported"),
        (0.7, 0.79, "not supported"),
        (0.7, 0.9, "undetermined"),
        (None, None, "undetermined"),
    ],
)
def test_verdict_by_the_interval(low, high, expected: str) -> None:
    assert verdict(Estimate(0.75, low, high, 9), 0.8) == expected


def agreeing(noise: float, ceiling_noise: float) -> pa.Table:
    draw = np.random.default_rng(0)
    truth = draw.normal(size=(80, 30))
    gradient = truth + ceiling_noise * draw.normal(size=truth.shape)
    attention = truth + noise * draw.normal(size=truth.shape)
    shifted = {"attention": attention, "gradient_detached": gradient, "leave_one_out": truth}
    table = importance(**{name: list(np.abs(values + 9)) for name, values in shifted.items()})
    return summarise(stored(instances=instances([0, 1] * 40), importance=table), ["no", "yes"])


@pytest.mark.parametrize(
    ("noise", "ceiling_noise", "expected"),
    [(0.3, 0.5, "supported"), (4.0, 0.5, "not supported"), (0.01, 4.0, "undetermined")],
)
def test_the_answer_follows_the_numbers(noise: float, ceiling_noise: float, expected: str) -> None:
    answer = card(agreeing(noise, ceiling_noise))[0]
    assert (answer.question, answer.verdict) == ("agreement", expected)
    assert "τ = " in answer.sentence


def test_the_answer_follows_the_policy() -> None:
    summary = agreeing(0.8, 0.5)
    assert card(summary, policy=Policy(share_of_ceiling=0.2))[0].verdict == "supported"
    assert card(summary, policy=Policy(share_of_ceiling=0.99))[0].verdict == "not supported"


def test_what_was_not_measured_is_not_answered() -> None:
    answers = card(summarise(stored(instances=instances([0, 1])), ["no", "yes"]))
    assert {answer.verdict for answer in answers} == {"not run"}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("adversarial_exact", "for 50% of the texts"),
        ("adversarial_bracket", "for at least 50% of the texts"),
        ("adversarial_paper", None),
    ],
)
def test_the_card_says_how_sure_it_is_of_other_attentions(kind: str, said: str | None) -> None:
    draws = counterfactual("permuted", [[0.3]] * 40)
    other = counterfactual(kind, [[0.0]] * 40, [0.5, 0.1] * 20, upper=[0.6] * 40)
    table = importance(attention=[[0.2, 0.8]] * 40)
    given = {"importance": table, "counterfactual": pa.concat_tables([draws, other])}
    summary = summarise(stored(instances=instances([0, 1] * 20), **given), ["no", "yes"])
    sentence = next(a for a in card(summary) if a.question == "exclusiveness").sentence
    assert (said or "of probability; 0.10 is asked.") in sentence
    assert ("not decisive" in sentence) == (said is not None)


@pytest.mark.parametrize(("tvd", "expected"), [(0.3, "supported"), (0.02, "not supported")])
def test_exclusiveness_follows_the_permutations(tvd: float, expected: str) -> None:
    draws = counterfactual("permuted", [[tvd + 0.001 * n] for n in range(40)])
    table = importance(attention=[[0.2, 0.8]] * 40)
    summary = summarise(
        stored(instances=instances([0, 1] * 20), importance=table, counterfactual=draws), ["no", "yes"]
    )
    answer = next(a for a in card(summary) if a.question == "exclusiveness")
    assert answer.verdict == expected
    assert f"{answer.value:.3f}" in answer.sentence


def test_few_texts_get_no_verdict() -> None:
    draws = counterfactual("permuted", [[0.5 + 0.001 * n] for n in range(29)])
    table = importance(attention=[[0.2, 0.8]] * 29)
    stored_tables = stored(instances=instances([0] * 29), importance=table, counterfactual=draws)
    summary = summarise(stored_tables, ["no", "yes"])
    answer = next(a for a in card(summary) if a.question == "exclusiveness")
    assert answer.verdict == "undetermined"
    assert answer.sentence.startswith("Only 29 texts")
    assert card(summary, policy=Policy(least_texts=29))[1].verdict == "supported"


def erased(operator: str = "renormalise", **flips: list) -> pa.Table:
    """Decision flips by ordering: for each instance a number, None (censored), or a list of draws."""
    rows = []
    for ordering, values in flips.items():
        for n, value in enumerate(values):
            for draw, one in enumerate(value if isinstance(value, list) else [value]):
                rows.append((f"i{n}", ordering, draw, one, "censored" if one is None else "ok"))
    columns = {
        name: [row[i] for row in rows] for i, name in enumerate(("instance_id", "ordering", "draw", "value"))
    }
    return tables.build(
        "erasure",
        {
            **columns,
            "quantity": "decision_flip",
            "operator": operator,
            "fraction": None,
            "status": [row[4] for row in rows],
        },
    )


def test_sooner_than_random_by_hand() -> None:
    """Later, equal and never count 1, ½ and 1 for an order that flips; one that never flips loses or draws."""
    table = erased(
        attention=[0.2, 0.2, None, None],
        random=[[0.1, 0.2, 0.5, None], [None] * 4, [0.9, None, None, None], [None] * 4],
    )
    given = stored(instances=instances([0, 0, 1, 1])) | {"erasure": table}
    numbers = per_instance([given], 4)
    sooner = numbers.erasure["sooner_than_random", "attention", "renormalise"]
    assert sooner[:3].tolist() == [(0 + 0.5 + 1 + 1) / 4, 1.0, (0 + 0.5 * 3) / 4]
    assert np.isnan(sooner[3])  # nothing changes this decision
    random = numbers.erasure["decision_flip", "random", "renormalise"]
    assert random[0] == pytest.approx((0.1 + 0.2 + 0.5) / 3)
    assert np.isnan(random[1])
    found = lookup(summarise(given, ["no", "yes"]))
    whole = found["erasure", "attention, renormalise", "overall", "sooner_than_random"]
    assert (whole.value, whole.n) == (pytest.approx(np.mean(sooner[:3])), 3)


def test_a_sample_counts_only_what_was_asked() -> None:
    """Three of four texts are deleted from; one of them never flips, and the fourth is no undefined number."""
    fixed = erased(attention=[0.2, 0.4, 0.6, None], random=[[0.3, 0.5]] * 4)
    anew = erased("delete", attention=[0.1, None, 0.4], random=[[0.2, 0.3], [None] * 2, [0.4, 0.1]])
    given = stored(instances=instances([0, 0, 1, 1])) | {"erasure": pa.concat_tables([fixed, anew])}
    numbers = per_instance([given], 4)
    assert numbers.erased["delete"].tolist() == [True, True, True, False]
    assert numbers.erased["renormalise"].all()
    sooner = numbers.erasure["sooner_than_random", "attention", "delete"]
    assert sooner[[0, 2]].tolist() == [1.0, 0.25]
    assert np.isnan(sooner[[1, 3]]).all()
    rows = {
        (r["subject"], r["group"], r["statistic"]): (r["value"], r["n"], r["n_undefined"])
        for r in summarise(given, ["no", "yes"]).to_pylist()
    }
    of = "attention, delete"
    assert rows[of, "overall", "mean_decision_flip"] == (pytest.approx(0.25), 2, 1)
    assert rows[of, "predicted yes", "sooner_than_random"] == (pytest.approx(0.25), 1, 0)
    assert rows["attention, renormalise", "overall", "mean_decision_flip"] == (pytest.approx(0.4), 3, 1)
    [answer] = [a for a in card(summarise(given, ["no", "yes"])) if a.question == "removal"]
    anew = answer.sentence.lower().partition("deleted in order of attention, with the text encoded anew, ")[2]
    assert anew.startswith("words change the decision sooner than in 62% of random orders (")
    assert ", 2 texts; " in anew.partition(")")[0]


def test_nothing_is_said_of_deleting_where_it_was_not_asked() -> None:
    given = stored(instances=instances([0])) | {"erasure": erased(attention=[0.2], random=[[0.3]])}
    [answer] = [a for a in card(summarise(given, ["no", "yes"])) if a.question == "removal"]
    assert "anew" not in answer.sentence


@pytest.mark.parametrize(
    ("flips", "expected"),
    [((0.1, 0.1), "supported"), ((0.1, 0.65), "undetermined"), ((0.9, 0.9), "not supported")],
)
def test_the_removal_verdict_follows_the_numbers(flips: tuple[float, float], expected: str) -> None:
    """Against random flips at .4, .6, .7, .8 a flip at .1 is sooner than all, at .65 than half, at .9 than none."""
    draws = [[0.4, 0.6, 0.7, 0.8]] * 80
    both = [erased(how, attention=list(flips) * 40, random=draws) for how in ("renormalise", "delete")]
    given = stored(instances=instances([0, 0, 1, 1] * 20)) | {"erasure": pa.concat_tables(both)}
    answers = card(summarise(given, ["no", "yes"]), ("overall", "predicted no"))
    removal = [answer for answer in answers if answer.question == "removal"]
    assert [answer.group for answer in removal] == ["overall", "predicted no"]
    assert removal[0].verdict == expected
    assert removal[0].n == 80
    assert "random orders" in removal[0].sentence
