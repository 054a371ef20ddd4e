from attnaudit.reproduce import published
from attnaudit.reproduce.compare import _QUANTITIES
from attnaudit.reproduce.errata import EFFECTS, ERRATA, EXPLAINS, UNTOUCHED, touching


def test_every_known_discrepancy_is_an_erratum_or_touches_nothing():
    covered = {number for erratum in ERRATA.values() for number in erratum.discrepancies}
    assert covered | set(UNTOUCHED) == set(range(1, 31))
    assert not covered & set(UNTOUCHED)


def test_every_erratum_touches_a_quantity_on_a_known_corpus():
    known = (*published.DATA, *_QUANTITIES)
    for erratum in ERRATA.values():
        assert erratum.effect in EFFECTS
        assert set(erratum.corpora) <= set(published.corpora())
        for prefix in erratum.quantities:
            assert any(quantity.startswith(prefix) for quantity in known), (erratum.id, prefix)
        assert erratum.sentence.endswith(".")


def test_every_quantity_has_an_explanation_for_a_difference():
    for quantity in (*published.DATA, *_QUANTITIES):
        if not quantity.startswith(("exact", "bracket")):
            assert touching(quantity, "sst", EXPLAINS), quantity
