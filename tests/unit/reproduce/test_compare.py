import pytest

from attnaudit import tables
from attnaudit.reproduce import reproduction
from attnaudit.reproduce.compare import verdict
from attnaudit.reproduce.published import JSD_SHARE
from tests.unit.reproduce.runs import SST_SIZES, cell, made_run


def by_place(table):
    return {
        (row["quantity"], row["group"], row["encoder"], row["attention"]): row for row in table.to_pylist()
    }


def of_model(table, quantity, group="predicted negative"):
    return by_place(table)[quantity, group, "bilstm", "additive"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((0.40, 0.35, 0.33, 0.37, 0.04), "within"),
        ((0.40, 0.35, 0.33, 0.37, 0.02), "outside"),
        ((0.30, 0.35, 0.33, 0.37, 0.03), "within"),
        ((0.40, 0.40, None, None, 0.0), "within"),
        ((0.41, 0.40, None, None, None), "outside"),
    ],
)
def test_the_rule(arguments, word):
    assert verdict(*arguments) == word


def test_rows_have_unique_keys_and_the_schema(tmp_path):
    table = reproduction(
        [
            cell(made_run(tmp_path, "a", sizes=SST_SIZES, jsd={"adversarial_paper": 0.5})),
            cell(None, encoder="cnn", status="budget", reason="no time"),
            cell(None, corpus="snli", status="not_run"),
            cell(made_run(tmp_path, "b"), corpus="planted"),
        ]
    )
    tables.check("reproduction", table)
    key = tables.ACROSS_RUNS["reproduction"].key
    places = list(zip(*(table[name].to_pylist() for name in key), strict=True))
    assert len(set(places)) == len(places)
    planted = [row for row in table.to_pylist() if row["corpus"] == "planted"]
    assert {row["verdict"] for row in planted} == {"not_published"}


def test_sizes_stand_once_for_a_corpus(tmp_path):
    table = reproduction([cell(made_run(tmp_path, "a", sizes=SST_SIZES))])
    sizes = {(q, g): row for (q, g, e, _), row in by_place(table).items() if e == "any"}
    assert sizes["vocabulary", "overall"]["verdict"] == "within"
    assert sizes["mean_length", "overall"]["verdict"] == "within"
    assert sizes["train_size", "class negative"]["verdict"] == "within"
    assert sizes["test_size", "class positive"]["verdict"] == "outside"
    assert "length_filter" in sizes["test_size", "class positive"]["reason"]


def test_agreement_is_held_against_the_predicted_class(tmp_path):
    table = reproduction([cell(made_run(tmp_path, "a", sizes=SST_SIZES, undefined=3))])
    row = of_model(table, "attention_gradient_tau_mean")
    assert row["value"] == pytest.approx(1)
    assert row["published"] == 0.395443
    assert row["original_random"] == 0.198
    assert (row["n"], row["n_undefined"]) == (18, 2)
    assert row["verdict"] == "outside"
    assert row["reason"][0] == "other_vectors"
    assert "test_selection" in row["reason"]
    assert of_model(table, "attention_leave_one_out_tau_mean")["value"] == pytest.approx(-1)
    overall = of_model(table, "attention_gradient_tau_mean", "overall")
    assert (overall["verdict"], overall["reason"]) == ("not_published", ["by_class_only"])
    ceiling = of_model(table, "gradient_leave_one_out_tau_mean")
    assert (ceiling["verdict"], ceiling["reason"]) == ("not_published", ["ceiling_not_published"])


def test_a_number_near_the_published_one_is_within(tmp_path):
    near = made_run(tmp_path, "a", sizes=SST_SIZES, tvd=0.035, largest=0.3)
    table = reproduction([cell(near, vectors="fasttext-simple")])
    row = of_model(table, "permutation_median_tvd_0.25_0.50")
    assert row["published"] == 0.03428
    assert (row["verdict"], row["reason"]) == ("within", [])
    empty = of_model(table, "permutation_median_tvd_0.75_1.00")
    assert (empty["verdict"], empty["reason"], empty["value"]) == ("not_comparable", ["empty_here"], None)


def test_seeds_stand_together(tmp_path):
    runs = [made_run(tmp_path, f"s{s}", sizes=SST_SIZES, swaps=s, seed=s) for s in (0, 1, 2)]
    table = reproduction([cell(run, seed=seed) for seed, run in enumerate(runs)])
    row = of_model(table, "attention_gradient_tau_mean")
    values = [1, 1 - 2 / 28, 1 - 4 / 28]
    assert row["seeds"] == 3
    assert row["value"] == pytest.approx(sum(values) / 3)
    assert (row["seed_low"], row["seed_high"]) == (pytest.approx(values[2]), pytest.approx(1))
    assert (row["low"], row["high"]) == (pytest.approx(values[2]), pytest.approx(1))
    assert row["run_id"] == "s0, s1, s2"


def test_the_papers_search_alone_is_held_against_its_histogram(tmp_path):
    jsd = {"adversarial_paper": 0.5, "adversarial_exact": 0.6, "adversarial_search": 0.1}
    table = reproduction([cell(made_run(tmp_path, "a", sizes=SST_SIZES, jsd=jsd))])
    share = of_model(table, JSD_SHARE)
    assert (share["value"], share["published"]) == (1, pytest.approx(0.84195))
    distance = of_model(table, "paper_jsd_wasserstein")
    assert distance["published"] == 0
    assert 0 < distance["low"] < distance["value"] == distance["high"]
    exact = of_model(table, "exact_jsd_share_from_0.4025")
    assert (exact["verdict"], exact["reason"]) == ("not_published", ["search_below_optimum"])


def test_without_the_papers_search_its_numbers_were_not_run(tmp_path):
    jsd = {"adversarial_bracket": 0.2}
    table = reproduction([cell(made_run(tmp_path, "a", jsd=jsd))])
    assert of_model(table, JSD_SHARE)["verdict"] == "not_run"
    assert of_model(table, "bracket_low_jsd_share_from_0.4025")["value"] == 0
    assert of_model(table, "bracket_high_jsd_share_from_0.4025")["value"] == 1


def test_the_bounds_of_the_bracket_lie_so_far_apart(tmp_path):
    lower = [0.596, 0.58, 0.5, None] * 10  # the upper bound is .6
    table = reproduction([cell(made_run(tmp_path, "a", jsd={"adversarial_bracket": lower}))])
    width = of_model(table, "bracket_mean_width", "overall")
    assert width["value"] == pytest.approx((0.004 + 0.02 + 0.1) / 3)
    assert width["low"] < width["value"] < width["high"]
    assert (width["n"], width["n_undefined"]) == (30, 10)
    certified = of_model(table, "bracket_share_certified", "overall")
    assert certified["value"] == pytest.approx(1 / 3)
    assert 0.1 < certified["low"] < 1 / 3 < certified["high"] < 0.6
    for row in (width, certified):
        assert (row["published"], row["verdict"], row["reason"]) == (
            None,
            "not_published",
            ["search_below_optimum"],
        )


def test_without_a_bracket_it_has_no_width(tmp_path):
    table = reproduction([cell(made_run(tmp_path, "a", jsd={"adversarial_exact": 0.2}))])
    assert not {"bracket_mean_width", "bracket_share_certified"} & set(table["quantity"].to_pylist())


def test_a_cell_given_twice_is_one_seed(tmp_path):
    run = made_run(tmp_path, "a", sizes=SST_SIZES)
    row = of_model(reproduction([cell(run), cell(run)]), "attention_gradient_tau_mean")
    assert (row["seeds"], row["seed_low"], row["run_id"]) == (1, None, "a")


def test_two_runs_of_one_seed_are_one_seed(tmp_path):
    runs = [made_run(tmp_path, name, swaps=swaps) for name, swaps in (("a", 0), ("b", 1))]
    row = of_model(reproduction([cell(run) for run in runs]), "attention_gradient_tau_mean")
    assert (row["seeds"], row["value"], row["run_id"]) == (1, pytest.approx(1 - 1 / 28), "a, b")


def test_a_cell_without_a_run_lists_what_is_published():
    table = reproduction([cell(None, corpus="snli", status="not_run")])
    assert {row["verdict"] for row in table.to_pylist()} == {"not_run"}
    row = of_model(table, "attention_gradient_tau_mean", "predicted entailment")
    assert row["published"] is not None
    assert (row["value"], row["seeds"], row["run_id"]) == (None, 0, "")


def test_snli_classes_are_matched_by_name(tmp_path):
    run = made_run(tmp_path, "a", classes=("contradiction", "entailment", "neutral"))
    table = reproduction([cell(run, corpus="snli")])
    theirs = {
        name: of_model(table, "attention_gradient_tau_mean", f"predicted {name}")["published"]
        for name in ("neutral", "contradiction", "entailment")
    }
    assert theirs == {"neutral": 0.360133, "contradiction": 0.416067, "entailment": 0.398573}


@pytest.mark.parametrize(
    ("changes", "run", "reason"),
    [
        ({"corpus": "planted-clinical"}, {"classes": ("absent", "present")}, "stand_in"),
        ({"corpus": "ade"}, {"classes": ("no effect", "adverse effect")}, "stand_in"),
        (
            {"corpus": "agnews"},
            {"classes": ("World", "Business"), "sizes": {"train": {"n": 2000}, "dev": {"n": 400}}},
            "training_sample",
        ),
    ],
)
def test_what_cannot_be_compared_has_no_verdict(tmp_path, changes, run, reason):
    table = reproduction([cell(made_run(tmp_path, "a", **run), **changes)])
    row = of_model(table, "attention_gradient_tau_mean", f"predicted {run['classes'][0]}")
    assert row["verdict"] == "not_comparable"
    assert row["reason"][0] == reason
    assert row["published"] is not None


def test_a_class_of_an_unknown_name_is_held_against_nothing(tmp_path):
    table = reproduction([cell(made_run(tmp_path, "a", classes=("bad", "good")))])
    for quantity, group in (
        ("attention_gradient_tau_mean", "predicted bad"),
        ("permutation_median_tvd_0.25_0.50", "predicted good"),
        ("f1", "class good"),
    ):
        row = of_model(table, quantity, group)
        assert (row["published"], row["verdict"]) == (None, "not_published")
        assert row["reason"] == ["class_not_matched"]
    there = of_model(table, "attention_gradient_tau_mean", "predicted negative")
    assert (there["verdict"], there["value"]) == ("not_run", None)


def test_the_stand_in_for_cnn_is_named_where_it_was_run(tmp_path):
    run = made_run(tmp_path, "a", classes=("a", "b", "c", "d", "e"))
    for corpus, needed in (("planted-cloze", True), ("cnn", False)):
        rows = reproduction([cell(run, corpus=corpus)]).to_pylist()
        assert any("stand_in_cnn" in row["reason"] for row in rows) is needed
        assert not any("stand_in" in row["reason"] for row in rows)


def test_babi_3_is_another_version_and_has_no_classes(tmp_path):
    run = made_run(tmp_path, "a", classes=("a", "b", "c", "d", "e"))
    table = reproduction([cell(run, corpus="babi_3")])
    row = of_model(table, "attention_gradient_tau_mean", "overall")
    assert (row["verdict"], row["reason"]) == ("not_comparable", ["babi_3_version", "short_training"])
    assert {row["group"] for row in table.to_pylist()} == {"overall"}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"limit": 40}, "audited_sample"),
        ({"train": {"epochs": 2}}, "short_training"),
        ({"task": {"name": "sst", "preparation": "plain-1"}}, "other_preparation"),
    ],
)
def test_what_must_be_known_goes_with_a_verdict(tmp_path, spec, reason):
    run = made_run(tmp_path, "a", sizes=SST_SIZES, tvd=0.035, spec=spec)
    row = of_model(reproduction([cell(run, vectors="fasttext")]), "permutation_median_tvd_0.25_0.50")
    assert (row["verdict"], row["reason"]) == ("within", [reason])
