import numpy as np
import pytest

from attnaudit.reproduce import findings as f
from attnaudit.reproduce.findings import counted, findings, overall
from attnaudit.reproduce.study import gather
from tests.unit.reproduce.runs import cell, made_run


def of(cells):
    return findings(gather(cells))


def one(found, part):
    return next(finding for finding in found if finding.part == part)


def test_the_average_encoder_agrees_more(tmp_path):
    contextual, average = made_run(tmp_path, "a", swaps=2), made_run(tmp_path, "b")
    found = of([cell(contextual), cell(average, encoder="average")])
    finding = one(found, f.AVERAGE_LESS_CONTEXTUAL)
    assert finding.estimate.value == pytest.approx(4 / 28)
    assert (finding.verdict, finding.paired, finding.seeds) == ("holds", True, 1)
    assert finding.published == pytest.approx((0.691844 - 0.395443 + 0.690502 - 0.384899) / 2)


def test_other_texts_are_compared_unpaired_and_the_other_way_does_not_hold(tmp_path):
    contextual, average = made_run(tmp_path, "a"), made_run(tmp_path, "b", n=30, swaps=2)
    finding = one(of([cell(contextual), cell(average, encoder="average")]), f.AVERAGE_LESS_CONTEXTUAL)
    assert (finding.verdict, finding.paired) == ("does not hold", False)


def test_seeds_that_audit_different_texts_all_count(tmp_path):
    cells = []
    for seed, (swaps, n) in enumerate([(1, 30), (3, 40)]):
        cells.append(cell(made_run(tmp_path, f"a{seed}", swaps=swaps, n=n), seed=seed))
        cells.append(cell(made_run(tmp_path, f"b{seed}", n=n), encoder="average", seed=seed))
    finding = one(of(cells), f.AVERAGE_LESS_CONTEXTUAL)
    assert finding.estimate.value == pytest.approx((2 + 6) / 2 / 28)
    assert (finding.estimate.low, finding.estimate.high) == (pytest.approx(2 / 28), pytest.approx(6 / 28))
    assert (finding.seeds, finding.paired, finding.estimate.n) == (2, True, 30)


def test_encoders_without_a_seed_in_common_are_paired_in_order(tmp_path):
    cells = [
        cell(made_run(tmp_path, "a", swaps=2), seed=1),
        cell(made_run(tmp_path, "b"), encoder="average", seed=0),
    ]
    finding = one(of(cells), f.AVERAGE_LESS_CONTEXTUAL)
    assert (finding.estimate.value, finding.seeds) == (pytest.approx(4 / 28), 1)


def test_a_cell_given_twice_is_one_seed_of_a_finding(tmp_path):
    run = made_run(tmp_path, "a")
    average = cell(made_run(tmp_path, "b"), encoder="average")
    found = of([cell(run), cell(run), average, average])
    assert {finding.seeds for finding in found if finding.statement < 3 and finding.encoder == "bilstm"} == {
        1
    }


def test_without_the_average_encoder_there_is_no_first_finding(tmp_path):
    found = of([cell(made_run(tmp_path, "a"))])
    assert one(found, f.AVERAGE_LESS_CONTEXTUAL).verdict == "not run"
    assert overall(found, 1) == "not run"


def test_attention_can_be_replaced_where_little_changes(tmp_path):
    tvd = np.where(np.arange(40) % 2, 0.02, 0.08)
    largest = np.where(np.arange(40) % 2, 0.2, 0.8)
    jsd = {"adversarial_paper": 0.5}
    run = made_run(tmp_path, "a", tvd=tvd, largest=largest, jsd=jsd, prediction=[0, 0, 1, 1] * 10)
    found = of([cell(run)])
    assert one(found, f.PERMUTED).verdict == "holds"
    assert one(found, f.REPLACED).verdict == "holds"
    peaked = one(found, f.PEAKED)
    assert (peaked.estimate.value, peaked.verdict) == (pytest.approx(0.06), "holds")
    assert counted(found, 2) == {"holds": 3}
    assert overall(found, 2) == "holds"


def test_where_much_changes_it_does_not_hold(tmp_path):
    found = of([cell(made_run(tmp_path, "a", tvd=0.5, jsd={"adversarial_exact": 0.1}))])
    assert one(found, f.PERMUTED).verdict == "does not hold"
    assert one(found, f.REPLACED).verdict == "does not hold"
    assert one(found, f.PEAKED).verdict == "too few texts"  # all in one bin


def test_one_class_moves(tmp_path):
    tvd = np.where(np.arange(40) % 2, 0.8, 0.04)
    found = of([cell(made_run(tmp_path, "a", tvd=tvd), corpus="planted-clinical")])
    finding = one(found, f.CLASSES_APART)
    assert (finding.estimate.value, finding.verdict) == (pytest.approx(0.76), "holds")
    assert 0.7 < finding.published < 0.85


@pytest.mark.parametrize(
    ("classes", "verdict"),
    [(("diabetes", "no diabetes"), "does not hold"), (("a", "b"), "holds")],  # published: without it, with it
)
def test_the_second_class_is_that_of_the_paper(tmp_path, classes, verdict):
    tvd = np.where(np.arange(40) % 2, 0.8, 0.04)
    found = of([cell(made_run(tmp_path, "a", tvd=tvd, classes=classes), corpus="diabetes")])
    assert one(found, f.CLASSES_APART).verdict == verdict


def test_an_interval_over_the_border_is_undetermined(tmp_path):
    tvd = np.where(np.arange(40) < 20, 0.05, 0.15)
    found = of([cell(made_run(tmp_path, "a", tvd=tvd))])
    assert one(found, f.PERMUTED).verdict == "undetermined"


def test_the_third_statement_is_named_though_nothing_was_run():
    found = of([cell(None, status="not_run")])
    assert {finding.verdict for finding in found} == {"not run"}
    assert {finding.statement for finding in found} == {1, 2, 3}
