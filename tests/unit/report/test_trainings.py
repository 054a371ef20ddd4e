"""What the report says of other trainings: sentences and tables from numbers made by hand, and a whole page."""

import re

import numpy as np
import pytest

from attnaudit.report import sheets, trainings, trainings_said, trainings_sheets
from attnaudit.report.asked import asked
from attnaudit.report.numbers import Number, numbers
from attnaudit.report.page import page
from tests.unit.report.small_run import LAMBDAS, small_run


def narrow(value, n=100, width=0.005):
    return Number(value, value - width, value + width, n)


def whole(value, **more):
    return {"overall": narrow(value, **more)}


# --- representation --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.4, "The attention lies on few words"),
        (0.7, "The attention is spread unevenly"),
        (0.9, "The attention is spread over most words"),
        (0.99, "The attention is nearly uniform"),
    ],
)
def test_attention_is_worded_by_its_entropy(share, said):
    found = trainings_said.representation(
        {"entropy_share": narrow(share), "attention_entropy": narrow(2.5), "conicity": Number(None)}
    )
    assert found.startswith(f"{said} (entropy 2.50 nats, {share:.0%} of the most")
    assert ("a small distance says little" in found) == (share >= 0.95)


def test_states_are_worded_by_conicity_and_markers_are_said_where_they_have_weight():
    found = trainings_said.representation(
        {"conicity": narrow(0.7), "punctuation_mass": narrow(0.25), "special_mass": Number(0.1)}
    )
    assert found.startswith(
        "The states of a text point much the same way (conicity 0.70 [0.69, 0.70], at most 1)"
    )
    assert "25% of it lies on punctuation" in found
    assert "start and end markers have 10%" in found
    assert "nothing to show" in trainings_said.representation({"conicity": Number(None)})


# --- seeds -----------------------------------------------------------------------------------------------


def seeds(share, **more):
    return trainings_said.seeds(whole(share), narrow(0.1), narrow(0.05), None, n_seeds=2, **more)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.1, "to much the same words"),
        (0.4, "to partly the same words"),
        (0.5, "to partly the same words to largely other words"),
        (0.8, "to largely other words"),
        (1.0, "to words that have no more in common"),
    ],
)
def test_seeds_are_worded_by_the_share_of_chance(share, said):
    found = seeds(share)
    assert f"Trained from 2 other seeds, the model attends {said}" in found
    assert "0.100 [0.095, 0.105] nats away" in found
    assert "the output moves by 0.050 [0.045, 0.055] (TVD)" in found


def test_flat_attention_makes_a_small_distance_say_little():
    assert "a small distance says little" in seeds(0.3, entropy_share=narrow(0.97))
    assert "a small distance" not in seeds(0.3, entropy_share=narrow(0.9))
    assert "a small distance" not in seeds(0.3)


def test_the_adversary_beside_seeds_and_what_is_undefined():
    beyond = Number(0.9, 0.85, 0.94, 100)
    found = trainings_said.seeds(whole(0.3), narrow(0.1), None, beyond, n_seeds=1)
    assert "Trained from 1 other seed," in found
    assert (
        "On 90% (85% to 94%) of the texts the furthest attention with the same output lies further" in found
    )
    assert "more than training again gives" in found
    some = trainings_said.seeds(whole(0.3), narrow(0.1), None, Number(0.5, 0.4, 0.6, 100), n_seeds=1)
    assert some.endswith("than any of these seeds.")
    nothing = trainings_said.seeds({"overall": Number(None)}, None, narrow(0.2), None, n_seeds=1)
    assert nothing.startswith(
        "The attention of other seeds could not be compared on any text. Outputs move by 0.200"
    )


def test_caveats_follow_the_number_of_seeds():
    assert "over 3 other seeds (Student’s t)" in trainings_said.caveat(3, "other seeds")
    few = trainings_said.caveat(2, "other seeds")
    assert "say nothing about training again" in few
    assert few.endswith("there must be 3 other seeds, and here there are 2.")
    assert trainings_said.over(Number(0.1, 0, 0.2, 3), 3) == "3 seeds"
    assert trainings_said.over(Number(0.1, 0, 0.2, 200), 2) == "200 texts"


# --- uniform and guide -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (Number(0.05, 0.04, 0.06, 3), "loses 0.050 [0.040, 0.060] of accuracy (0.900 with"),
        (Number(-0.05, -0.06, -0.04, 3), "gains 0.050 [0.040, 0.060] of accuracy (0.900 with"),
        (
            Number(0.01, -0.01, 0.03, 3),
            "loses 0.010 [−0.010, 0.030] of accuracy, which cannot be told from no",
        ),
    ],
)
def test_uniform_attention_is_worded_by_its_difference(lost, said):
    found = trainings_said.uniform(Number(0.9), Number(0.85), {"overall": lost}, n_seeds=3)
    assert f"Trained with attention that stays uniform, the model {said}" in found
    assert found.endswith("3 pairs of trainings.")


def test_guide_names_all_three_sources():
    scores = {"base": Number(0.8), "uniform": Number(0.7), "own": Number(0.78)}
    found = trainings_said.guide(scores, whole(0.1), n_seeds=1)
    assert (
        "gains 0.100 [0.095, 0.105] of accuracy by this attention over uniform weights (0.800 with" in found
    )
    assert "learns itself it reaches 0.780; 1 pair of trainings." in found
    assert "no difference of accuracy" in trainings_said.guide(scores, {}, n_seeds=1)
    assert "no difference of accuracy" in trainings_said.uniform(None, None, {}, n_seeds=1)


# --- imitation and deception -----------------------------------------------------------------------------


def imitated(*points, seeds=None):
    """Numbers of imitations, (JSD, TVD) each, by λ = 0, 1, 2 …, and of seeds."""
    found = {}
    for weight, (jsd, tvd) in enumerate(points):
        for name, value in (("mean_jsd", jsd), ("mean_tvd", tvd)):
            found["imitation", f"weight {weight}", "overall", name] = narrow(value)
    if seeds:
        found["seeds", "other seeds", "overall", "mean_jsd"] = narrow(seeds[0])
        found["seeds", "other seeds", "overall", "mean_tvd"] = narrow(seeds[1])
    return found


def test_the_furthest_imitation_within_what_seeds_vary_is_said():
    points = ((0.1, 0.01), (0.4, 0.05), (0.6, 0.2))
    found = trainings_said.imitation(imitated(*points, seeds=(0.1, 0.06)))
    assert found.startswith(
        "Of 3 models trained to give the same outputs with other attention, the furthest whose "
    )
    assert (
        "no more than those of other seeds (TVD 0.060) attends 0.400 [0.395, 0.405] nats away (λ = 1;"
        in found
    )
    assert "further than other seeds lie (0.100 [0.095, 0.105])" in found
    assert "not as far as" in trainings_said.imitation(imitated(*points, seeds=(0.5, 0.06)))
    assert "about as far as" in trainings_said.imitation(imitated(*points, seeds=(0.402, 0.06)))
    alone = trainings_said.imitation(imitated(*points))
    assert "no more than TVD 0.100 attends 0.400" in alone
    assert "other seeds" not in alone


def test_imitations_that_all_move_the_outputs_or_are_undefined():
    found = trainings_said.imitation(imitated((0.4, 0.3), (0.5, 0.25)))
    assert "move more than TVD 0.100: by 0.250 [0.245, 0.255] at least." in found
    undefined = {
        ("imitation", "weight 0", "overall", "mean_jsd"): Number(None),
        ("imitation", "weight 0", "overall", "mean_tvd"): narrow(0.1),
    }
    assert "could not be compared" in trainings_said.imitation(undefined)


@pytest.mark.parametrize(
    ("after", "lost", "said"),
    [
        (0.01, Number(0.0, -0.005, 0.005, 100), "little attention is not little use"),
        (
            0.01,
            Number(0.1, 0.05, 0.15, 100),
            "a loss of 0.100 [0.050, 0.150]): attending away from them costs",
        ),
        (0.01, Number(0.01, -0.03, 0.05, 100), "whether that costs predictions is not settled"),
        (0.01, Number(-0.02, -0.03, -0.01, 100), "a gain of 0.020 [0.010, 0.030]): it decides as well"),
        (0.4, Number(0.0, -0.005, 0.005, 100), "it was not brought to attend away from them"),
    ],
)
def test_deception_is_worded_by_attention_and_by_what_it_costs(after, lost, said):
    found = trainings_said.deception(narrow(0.4), narrow(after), Number(0.8), lost)
    assert said in found
    assert "where the audited one spends 40%" in found


def test_deception_without_words_or_scores():
    assert "no text there is attention on any" in trainings_said.deception(None, None, None, None)
    assert trainings_said.deception(narrow(0.4), narrow(0.1), None, None).endswith(
        "its accuracy is not known."
    )


# --- tables and page -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return small_run(
        folder, n=60, evidence=True, companions=3, failed={"uniform seed 9": "<script>no</script>"}
    )


def test_every_table_has_as_many_cells_as_its_head(run):
    found, groups = numbers(run.tables["summary"]), run.groups
    made = [
        trainings_sheets.representation(found, groups),
        trainings_sheets.seeds(found, groups, 3),
        trainings_sheets.uniform(found, groups, 4),
        trainings_sheets.guide(found, groups, 4),
        trainings_sheets.imitation(found, groups),
        trainings_sheets.deception(found, groups),
        trainings_sheets.companions(run.evidence),
    ]
    for sheet in made:
        assert sheet.rows, sheet.caption
        assert all(len(row) == len(sheet.head) for row in sheet.rows), sheet.caption
    rows = {row[:2]: row for row in made[1].rows}
    assert rows["JSD to other seeds (nats)", "all texts"][4] == "3 seeds"
    assert rows["ε-max JSD beyond every seed (share of texts)", "all texts"][4] == "60 texts"
    assert [row[0] for row in made[4].rows[::3]] == ["0", "0.001", "0.01"]
    guides = [row for row in made[3].rows if row[0].startswith("of the imitation")]
    assert {row[1] for row in guides} == {"all texts"}
    hidden = {row[:2]: row for row in made[5].rows}
    score, other = (float(hidden[name, "all texts"][4]) for name in ("audited", "trained to hide"))
    lost = float(
        re.match("[−0-9.]+", hidden["the first above the second", "all texts"][4])[0].replace("−", "-")
    )
    assert score - other == pytest.approx(lost, abs=2e-3)
    right = run.per_instance.prediction == run.per_instance.target
    assert score == pytest.approx(right.mean(), abs=6e-4)


def test_the_share_of_entropy_is_that_of_the_logarithm(run):
    found = numbers(run.tables["summary"])["representation", "base", "overall", "mean_entropy_share"]
    weights = [
        np.array(row["scores"])
        for row in run.tables["importance"].to_pylist()
        if row["measure"] == "attention"
    ]
    shares = [-(w * np.log(w)).sum() / np.log(len(w)) for w in weights]
    assert found.value == pytest.approx(np.mean(shares), abs=1e-6)


def test_texts_of_one_token_have_no_share_of_entropy(tmp_path):
    run = small_run(tmp_path, texts=[["a"], ["a", "b"], ["a", "b", "c"]], companions=1)
    found = numbers(run.tables["summary"])["representation", "base", "overall", "mean_entropy_share"]
    assert (found.n, found.undefined) == (2, 1)


def test_permuted_seeds_have_a_mean_of_their_own(run):
    found = numbers(run.tables["summary"])
    diagnostic = run.per_instance.diagnostic
    each = [
        v.mean() for (kind, _, name), v in diagnostic.items() if (kind, name) == ("seeds", "permuted_jsd")
    ]
    assert len(each) == 3
    assert found["seeds", "other seeds", "overall", "mean_permuted_jsd"].value == pytest.approx(np.mean(each))


def test_the_page_has_each_part_its_figures_and_the_record(run):
    html = page(run)
    places = [
        html.index(part)
        for part in (
            '<dt>Trained beside it</dt><dd dir="auto">other seeds 3, uniform attention 4, imitations 3',
            'id="evidence-title">5 Evidence found',
            'id="representation-title">6 Representation',
            'id="trainings-title">7 Other trainings',
            '<h3 id="other-seeds">',
            'id="figure-seeds"',
            '<h3 id="uniform">',
            '<h3 id="guide">',
            '<h3 id="imitation">',
            'id="figure-imitation"',
            '<h3 id="deception">',
            "<dt>Conicity</dt>",
            "arXiv:1909.07913",
            "<h3>Trained beside it</h3>",
            "39.0 (26 runs)",
            "small-25",
            "These failed and are in no number:",
        )
    ]
    assert places == sorted(places)
    assert "uniform seed 9: &lt;script&gt;no&lt;/script&gt;" in html
    assert "&lt;b&gt;film&lt;/b&gt;" in html
    assert "<b>film" not in html
    assert html == page(type(run).open(run.folder))


def test_a_run_without_companions_has_none_of_it(tmp_path):
    run = small_run(tmp_path)
    html = page(run)
    for part in ('id="representation"', 'id="trainings"', "Trained beside", 'id="figure-seeds"', "Conicity"):
        assert part not in html
    assert trainings.on_record(None) == {}
    assert "nothing is said about other seeds" in dict(asked(run.manifest))["Seed"]


def test_only_what_was_run_is_shown(run):
    found = {key: number for key, number in numbers(run.tables["summary"]).items() if key[0] != "guide"}
    boxes = dict.fromkeys(trainings.FIGURES)
    assert list(trainings.trainings(found, run.groups, boxes)) == [
        "seeds",
        "uniform",
        "imitation",
        "deception",
    ]
    assert trainings.trainings({}, run.groups, boxes) == {}
    assert trainings.representation({}, run.groups) == {}
    assert sheets.subjects(found, "imitation") == [f"weight {weight:g}" for weight in LAMBDAS]
