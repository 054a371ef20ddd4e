import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import gaussian_kde, kendalltau

from attnaudit.drawing import FIGURES
from attnaudit.drawing.export import svg
from attnaudit.drawing.figure import PALETTE
from tests.unit.drawing.contrast import contrast
from tests.unit.report.small_run import FORMS, small_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"), n=60, evidence=True, companions=2)


def test_every_figure_has_data_and_can_be_drawn(run):
    for name, figure in FIGURES.items():
        table = figure.data(run)
        assert isinstance(table, pa.Table), name
        assert len(table), name
        assert svg(figure.draw(table).to_dict(), 400).startswith("<svg"), name


def test_figures_of_one_run_are_the_same_every_time(run):
    for figure in FIGURES.values():
        table = figure.data(run)
        assert table.equals(figure.data(run))
        assert svg(figure.draw(table).to_dict(), 400) == svg(figure.draw(table).to_dict(), 400)


@pytest.mark.parametrize(
    ("name", "n_bins"), [("tau_gradient", 30), ("tau_leave_one_out", 30), ("adversary_histogram", 40)]
)
def test_histograms_sum_to_one_in_each_class(run, name, n_bins):
    table = FIGURES[name].data(run)
    for group in run.groups[1:]:
        rows = table.filter(pc.field("group") == group)
        assert len(rows) == n_bins
        assert pc.sum(rows["share"]).as_py() == pytest.approx(1, abs=1e-4)
        assert pc.sum(rows["count"]).as_py() == rows["n"][0].as_py()


def test_tau_histogram_counts_what_scipy_computes(run):
    importance = run.tables["importance"].to_pylist()
    scores = {(row["measure"], row["instance_id"]): row["scores"] for row in importance}
    taus = {
        row["instance_id"]: kendalltau(
            scores["attention", row["instance_id"]], scores["gradient_detached", row["instance_id"]]
        ).statistic
        for row in run.tables["instances"].to_pylist()
        if row["prediction"] == 1
    }
    expected, _ = np.histogram(list(taus.values()), np.linspace(-1, 1, 31))
    rows = FIGURES["tau_gradient"].data(run).filter(pc.field("group") == "predicted positive")
    assert rows["count"].to_pylist() == expected.tolist()


def test_violin_quartiles_are_those_of_numpy(run):
    counterfactual = run.tables["counterfactual"].filter(pc.field("kind") == "permuted").to_pylist()
    medians: dict[str, list[float]] = {}
    for row in counterfactual:
        medians.setdefault(row["instance_id"], []).append(row["output_tvd"])
    largest = {
        row["instance_id"]: max(row["scores"])
        for row in run.tables["importance"].to_pylist()
        if row["measure"] == "attention"
    }
    sample = [
        np.median(medians[row["instance_id"]])
        for row in run.tables["instances"].to_pylist()
        if row["prediction"] == 0 and 0.25 <= largest[row["instance_id"]] < 0.5
    ]
    assert len(sample) >= 5
    rows = FIGURES["permutation_violins"].data(run)
    rows = rows.filter(
        (pc.field("group") == "predicted negative") & (pc.field("max_attention") == "0.25–0.50")
    )
    for mark, share in (("quartile 1", 0.25), ("median", 0.5), ("quartile 3", 0.75)):
        found = rows.filter(pc.field("mark") == mark)["value"].to_pylist()
        assert found == [pytest.approx(np.quantile(sample, share), abs=1e-6)]
    assert set(rows["n"].to_pylist()) == {len(sample)}


def test_bins_with_few_texts_are_points(tmp_path):
    run = small_run(tmp_path, n=6)
    table = FIGURES["permutation_violins"].data(run)
    for row in table.to_pylist():
        assert (row["mark"] == "point") == (row["n"] < 5)


def test_pairs_stand_in_the_order_of_the_paper_and_integrate_to_one(run):
    table = FIGURES["tau_pairs"].data(run)
    pairs = list(dict.fromkeys(table["pair"].to_pylist()))
    assert pairs == [
        "attention ~ gradient (detached)",
        "attention ~ leave-one-out",
        "gradient (detached) ~ leave-one-out",
    ]
    for pair in pairs:
        rows = table.filter(pc.field("pair") == pair)
        assert np.trapezoid(rows["density"].to_numpy(), rows["tau"].to_numpy()) == pytest.approx(1, abs=1e-3)


def test_the_order_in_which_measures_were_asked_does_not_matter(tmp_path):
    run = small_run(tmp_path, measures=("leave_one_out", "gradient_full", "attention"))
    assert len(FIGURES["tau_gradient"].data(run))
    assert len(FIGURES["tau_leave_one_out"].data(run))


def test_training_marks_the_epoch_that_was_kept(run):
    table = FIGURES["training"].data(run).to_pylist()
    assert {row["epoch"] for row in table if row["selected"]} == {2}
    assert {row["curve"] for row in table} == {"loss on train (nats)", "loss on dev (nats)", "ROC-AUC on dev"}


def test_plausibility_is_the_mean_over_texts(run):
    rows = FIGURES["plausibility"].data(run).to_pylist()
    row = next(row for row in rows if (row["measure"], row["metric"]) == ("attention", "precision_at_k"))
    values = [
        r["value"]
        for r in run.tables["plausibility"].to_pylist()
        if (r["measure"], r["metric"]) == ("attention", "precision_at_k")
    ]
    assert row["value"] == pytest.approx(np.mean(values), abs=1e-6)
    assert row["low"] <= row["value"] <= row["high"]
    assert {row["metric"] for row in rows} == {"precision_at_k", "average_precision", "token_f1", "iou_f1"}
    assert "chance" not in {row["measure"] for row in rows}
    chance = {row["metric"]: row["chance"] for row in rows}
    assert 0 < chance["precision_at_k"] < chance["average_precision"] < 1


def test_scatter_holds_each_text_once(run):
    rows = FIGURES["exact_against_search"].data(run).to_pylist()
    assert len(rows) == len({row["instance_id"] for row in rows}) == 60
    assert all(row["optimum_low_jsd"] == row["optimum_high_jsd"] >= row["search_jsd"] for row in rows)


@pytest.fixture(scope="module", params=["three_classes", "many_answers"])
def bracketed(request, tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"), n=60, **FORMS[request.param])


def test_of_a_bracket_both_bounds_are_counted(bracketed):
    figure = FIGURES["adversary_histogram"]
    table = figure.data(bracketed)
    groups = bracketed.groups[1:] or ("overall",)
    for group in groups:
        for bound in ("lower", "upper"):
            rows = table.filter((pc.field("group") == group) & (pc.field("bound") == bound))
            assert len(rows) == 40
            assert pc.sum(rows["share"]).as_py() == pytest.approx(1, abs=1e-4)
    rows = bracketed.tables["counterfactual"].filter(pc.field("kind") == "adversarial_bracket")
    expected, _ = np.histogram(rows["certified_upper_jsd"].to_numpy(), np.linspace(0, 0.7, 41))
    upper = table.filter(pc.field("bound") == "upper")
    assert sum(upper["count"].to_pylist()) == expected.sum() == 60
    assert "Outlined bars" in figure.note(table)
    assert svg(figure.draw(table).to_dict(), 400).startswith("<svg")


def test_violins_of_a_bracket_mark_the_upper_medians(bracketed):
    figure = FIGURES["adversary_violins"]
    table = figure.data(bracketed)
    upper = table.filter(pc.field("bound") == "upper").to_pylist()
    lower = table.filter((pc.field("bound") == "lower") & (pc.field("mark") == "median")).to_pylist()
    assert {row["mark"] for row in upper} == {"median"}
    places = {(row["max_attention"], row["group"]): row["value"] for row in lower}
    assert places
    assert all(row["value"] >= places[row["max_attention"], row["group"]] for row in upper)
    assert "diamonds" in figure.note(table)
    assert "lower bound" in svg(figure.draw(table).to_dict(), 400)


def test_a_search_is_held_against_what_was_solved_with_the_same_epsilon(bracketed, tmp_path):
    figure = FIGURES["exact_against_search"]
    table = figure.data(bracketed)
    rows = table.to_pylist()
    assert len(rows) == 60
    assert {(row["search"], row["optimum"]) for row in rows} == {("search as published", "bracket")}
    assert all(row["optimum_low_jsd"] <= row["optimum_high_jsd"] for row in rows)
    assert any(row["optimum_low_jsd"] < row["optimum_high_jsd"] for row in rows)
    assert "between two bounds" in figure.note(table)
    assert svg(figure.draw(table).to_dict(), 400).startswith("<svg")
    other = small_run(tmp_path, counterfactuals=("adversarial_exact", "adversarial_paper"))
    assert len(figure.data(other)) == 0  # 0.01 and 0.05


def test_all_texts_together_need_no_legend(tmp_path):
    run = small_run(tmp_path, **FORMS["many_answers"])
    for name in ("tau_gradient", "adversary_histogram", "exact_against_search"):
        drawn = svg(FIGURES[name].draw(FIGURES[name].data(run)).to_dict(), 400)
        assert "overall" not in drawn
        assert "role-legend" not in drawn
    figure = FIGURES["permutation_violins"]
    assert "all texts (n " in svg(figure.draw(figure.data(run)).to_dict(), 400)


def test_a_search_alone_is_called_a_lower_bound(tmp_path):
    run = small_run(tmp_path, counterfactuals=("adversarial_paper",))
    for name in ("adversary_histogram", "adversary_violins"):
        table = FIGURES[name].data(run)
        assert set(table["bound"].to_pylist()) == {"lower"}
        assert FIGURES[name].note(table)
        assert "lower bound" in svg(FIGURES[name].draw(table).to_dict(), 400)


@pytest.mark.parametrize(
    ("changes", "empty"),
    [
        ({"counterfactuals": ()}, {"permutation_violins", "adversary_histogram", "adversary_violins"}),
        ({"counterfactuals": ("adversarial_search",)}, {"permutation_violins", "exact_against_search"}),
        ({"measures": ("attention",)}, {"tau_gradient", "tau_leave_one_out", "tau_pairs"}),
        ({"measures": ()}, {"tau_gradient", "permutation_violins", "adversary_violins"}),
        ({"trained": False}, {"training"}),
        ({"defined": False}, set(FIGURES) - {"training", "plausibility"}),
        ({}, {"plausibility"}),
    ],
)
def test_what_was_not_run_is_empty_and_says_why(tmp_path, changes, empty):
    run = small_run(tmp_path, **changes)
    for name in empty:
        assert len(FIGURES[name].data(run)) == 0, name
        assert FIGURES[name].nothing


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 1},
        {"predictions": [0] * 24},  # the other class is never predicted
        {"classes": ("a", "b", "c")},
        {"classes": ("a", "b", "c", "d", "e")},  # no groups from four classes on
        {"classes": ('it\'s "quoted" \\', "</script>\u2028'+alert(1)+'")},
    ],
)
def test_strange_runs_are_drawn(tmp_path, changes):
    run = small_run(tmp_path, **changes)
    for figure in FIGURES.values():
        table = figure.data(run)
        if len(table):
            assert svg(figure.draw(table).to_dict(), 330).startswith("<svg")


def test_a_class_keeps_its_colour_where_the_other_is_empty(tmp_path):
    run = small_run(tmp_path, predictions=[1] * 24)
    figure = FIGURES["adversary_histogram"]
    spec = figure.draw(figure.data(run)).to_dict()
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == [
        "predicted negative",
        "predicted positive",
    ]


@pytest.mark.parametrize("paper", ["#ffffff", "#14181d"])
def test_colours_can_be_seen_on_light_and_dark_pages(paper):
    assert min(contrast(colour, paper) for colour in PALETTE) >= 3


def test_seeds_are_drawn_as_means_over_seeds_beside_chance_and_the_adversary(run):
    table = FIGURES["seeds"].data(run)
    assert list(dict.fromkeys(table["attention"].to_pylist())) == [
        "other seeds",
        "other seeds, words at random",
        "furthest with the same output (ε-max)",
    ]
    found = run.per_instance.diagnostic
    near = np.mean([found["seeds", f"seed {k}", "attention_jsd"] for k in (1, 2)], axis=0)
    rows = table.filter(pc.field("attention") == "other seeds")
    expected = gaussian_kde(near)(rows["jsd"].to_numpy())
    expected /= np.trapezoid(expected, rows["jsd"].to_numpy())
    assert rows["density"].to_numpy() == pytest.approx(expected, abs=1e-4)
    assert set(rows["n"].to_pylist()) == {60}


def test_seeds_without_an_adversary_or_by_a_bracket(tmp_path):
    alone = FIGURES["seeds"].data(small_run(tmp_path, counterfactuals=("permuted",), companions=1))
    assert set(alone["attention"].to_pylist()) == {"other seeds", "other seeds, words at random"}
    bracket = small_run(tmp_path, name="bracket", companions=1, **FORMS["three_classes"])
    names = set(FIGURES["seeds"].data(bracket)["attention"].to_pylist())
    assert "furthest with the same output (ε-max), lower bound" in names
    assert len(FIGURES["seeds"].data(small_run(tmp_path, name="none"))) == 0


def test_imitations_stand_in_the_order_of_lambda_with_seeds_as_the_yardstick(run):
    table = FIGURES["imitation"].data(run)
    assert table["weight"].to_pylist() == [0.0, 0.001, 0.01, None]
    assert table["models"].to_pylist() == ["imitations"] * 3 + ["other seeds"]
    for row in table.to_pylist()[:3]:
        jsd = run.per_instance.diagnostic["imitation", f"weight {row['weight']:g}", "attention_jsd"]
        assert row["jsd"] == pytest.approx(jsd.mean(), abs=1e-6)
        assert row["jsd_low"] < row["jsd"] < row["jsd_high"]
    assert "The square" in FIGURES["imitation"].note(table)
    drawn = svg(FIGURES["imitation"].draw(table).to_dict(), 400)
    for label in (">0<", ">0.001<", ">0.01<"):
        assert label in drawn


def test_imitations_that_lie_together_share_a_label(run):
    table = FIGURES["imitation"].data(run)
    together = table.slice(0, 1).to_pylist() * 3
    rows = [{**row, "weight": weight} for row, weight in zip(together, (0.0, 0.1, 0.2), strict=True)]
    drawn = svg(FIGURES["imitation"].draw(pa.Table.from_pylist(rows, table.schema)).to_dict(), 400)
    assert "0 to 0.2" in drawn


def test_imitations_without_seeds_have_no_yardstick(run):
    table = FIGURES["imitation"].data(run).slice(0, 3)
    assert FIGURES["imitation"].note(table) == ""
    assert svg(FIGURES["imitation"].draw(table).to_dict(), 400).startswith("<svg")
