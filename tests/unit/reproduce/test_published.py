import json

import numpy as np
import pytest

from attnaudit.errors import UnknownNameError
from attnaudit.reproduce import published
from attnaudit.reproduce.published import corpora, figure, original_with_random_vectors, tolerance


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("sst", "bilstm", "additive", "attention_gradient_tau_mean", "0"), 0.395443),
        (("sst", "average", "dot", "attention_gradient_tau_mean", "1"), 0.35657),
        (("snli", "bilstm", "dot", "attention_leave_one_out_tau_std", "2"), 0.187752),
        (("babi_2", "average", "additive", "attention_leave_one_out_tau_mean", "overall"), 0.928851),
        (("cnn", "bilstm", "additive", "attention_gradient_tau_share_significant", "overall"), 0.99),
        (("diabetes", "bilstm", "additive", "permutation_median_tvd_0.00_0.25", "1"), 0.85088),
        (("babi_1", "bilstm", "additive", "permutation_median_tvd_0.75_1.00", "overall"), 0.99142),
        (("sst", "bilstm", "additive", "accuracy", "overall"), 0.82029),
        (("anemia", "bilstm", "additive", "f1", "1"), 0.934498),
        (("adr", "", "", "train_size", "1"), 1939),
        (("newsgroups", "", "", "test_size", "0"), 151),
        (("babi_3", "bilstm", "additive", "table1_performance", "overall"), 0.62),
    ],
)
def test_numbers_are_those_of_the_sources(place, value):
    assert figure(*place) == pytest.approx(value, abs=1e-6)


def test_share_of_far_adversaries_is_what_the_plots_show():
    # Read off the plots of bb51d3f by hand: Diabetes 1.00 and .70, SNLI .54, .74 and .26.
    where = ("bilstm", "additive", published.JSD_SHARE)
    assert [round(figure("diabetes", *where, g), 2) for g in ("0", "1")] == [1.0, 0.7]
    assert [round(figure("snli", *where, g), 2) for g in ("0", "1", "2")] == [0.54, 0.74, 0.26]


def test_every_corpus_has_six_models_with_everything():
    assert len(corpora()) == 12
    for corpus in corpora().values():
        assert set(corpus.models) == {(e, a) for e in published.ENCODERS for a in published.ATTENTIONS}
        for model in corpus.models.values():
            assert set(model.tau) == {"attention_gradient", "attention_leave_one_out"}
            for by_group in (*model.tau.values(), *model.tau_histogram.values(), model.jsd_histogram):
                assert set(by_group) == set(corpus.groups)
            assert "accuracy" in model.scores


def test_histograms_sum_to_one_but_for_undefined_texts():
    for corpus in corpora().values():
        for model in corpus.models.values():
            for shares in model.jsd_histogram.values():
                assert len(shares) == 40
                assert shares.sum() == pytest.approx(1, abs=3e-4)
            for pair, by_group in model.tau_histogram.items():
                for group, shares in by_group.items():
                    assert len(shares) == 30
                    if model.tau[pair][group].mean is None:
                        assert 0.99 < shares.sum() < 1
                    else:
                        assert shares.sum() == pytest.approx(1, abs=3e-4)
                        middles = (published.TAU_EDGES[1:] + published.TAU_EDGES[:-1]) / 2
                        assert (middles * shares).sum() == pytest.approx(
                            model.tau[pair][group].mean, abs=0.012
                        )


def test_undefined_means_are_missing_and_never_made_up():
    missing = [
        (c.name, *model, pair, group)
        for c in corpora().values()
        for model, m in c.models.items()
        for pair, by_group in m.tau.items()
        for group, tau in by_group.items()
        if tau.mean is None
    ]
    assert len(missing) == 7
    assert {group for *_, group in missing} == {"1"}
    assert {attention for _, _, attention, *_ in missing} == {"dot"}


def test_quartiles_are_in_order():
    for corpus in corpora().values():
        for model in corpus.models.values():
            for by_group in model.permutation.values():
                for q in by_group.values():
                    assert 0 <= q.first <= q.median <= q.third <= 1


def test_table_1_and_repository_differ_where_the_errata_say():
    differ = {
        c.name
        for c in corpora().values()
        if c.table1.train_size != c.repository.train_size or c.table1.test_size != c.repository.test_size
    }
    assert differ == {"imdb", "newsgroups", "agnews", "diabetes"}
    assert all(c.table1.vocabulary == c.repository.vocabulary for c in corpora().values())


def test_the_agreement_of_the_yardsticks_is_not_published():
    assert figure("sst", "bilstm", "additive", "gradient_leave_one_out_tau_mean", "0") is None


def test_an_unknown_corpus_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean `imdb`"):
        figure("imbd", "bilstm", "additive", "accuracy", "overall")


@pytest.mark.parametrize(
    ("corpus", "classes", "groups"),
    [
        ("snli", ("contradiction", "Entailment", "neutral"), ("1", "2", "0")),
        ("snli", ("contradiction", "b", "neutral"), ("1", None, "0")),
        ("snli", ("0", "1", "2"), (None, None, None)),  # which was numbered otherwise by a later generation
        ("sst", ("positive", "negative"), ("1", "0")),
        # One of two is known: the other is the one that is left, wherever it stands.
        ("adr", ("anything", "adverse effect"), ("0", "1")),
        ("adr", ("adverse effect", "anything"), ("1", "0")),
        ("sst", ("bad", "positive"), ("0", "1")),
        ("sst", ("negative", "neutral", "positive"), ("0", None, "1")),
        # None is known: the order says nothing.
        ("adr", ("no", "yes"), (None, None)),
        ("anemia", ("absent", "present"), (None, None)),
        # Labels that are the published indices.
        ("adr", ("0", "1"), ("0", "1")),
        ("diabetes", ("1", "0"), ("1", "0")),
        ("sst", ("0", "1", "2"), (None, None, None)),
        ("cnn", ("0", "1"), (None, None)),
        # Classes of the corpora that stand in.
        ("adr", ("no effect", "adverse effect"), ("0", "1")),
        ("diabetes", ("absent", "present"), ("0", "1")),
    ],
)
def test_classes_are_matched_by_name_and_never_by_order(corpus, classes, groups):
    assert published.published_groups(corpora()[corpus], classes) == groups


def test_classes_of_generated_stand_ins_are_known():
    from attnaudit.tasks.planted_clinical_language import CLASSES

    assert published.published_groups(corpora()["diabetes"], CLASSES) == ("0", "1")


def test_stand_ins_have_a_counterpart_and_others_none():
    assert published.counterpart("planted-clinical") == "diabetes"
    assert published.counterpart("sst") == "sst"
    assert published.counterpart("planted") is None


def test_tolerance_is_the_range_of_the_original_runs_where_known():
    place = ("bilstm", "additive", "attention_gradient_tau_mean")
    # SST class 0 over four generations: .309566, .337203, .395443, .343248.
    assert tolerance("sst", *place, "0") == pytest.approx(0.395443 - 0.309566)
    assert tolerance("babi_2", *place, "overall") == pytest.approx(0.270933)
    assert tolerance("snli", *place, "0") == 0.067
    assert tolerance("sst", "bilstm", "dot", "attention_gradient_tau_mean", "0") == 0.067
    assert tolerance("sst", "cnn", "additive", "attention_gradient_tau_mean", "0") == 0.053
    assert tolerance("sst", "", "", "vocabulary", "overall") == 0
    assert tolerance("sst", "bilstm", "additive", "exact_jsd_share_from_0.4025", "0") is None


def test_the_original_code_under_random_vectors_is_kept_apart():
    place = ("sst", "bilstm", "additive")
    assert original_with_random_vectors(*place, "attention_gradient_tau_mean", "0") == 0.198
    assert original_with_random_vectors(*place, "attention_gradient_tau_share_significant", "1") == 0.22
    assert original_with_random_vectors(*place, "attention_gradient_tau_std", "1") is None
    assert original_with_random_vectors("babi_1", *place[1:], "permutation_median_tvd", "overall") == 0.921
    assert original_with_random_vectors("imdb", *place[1:], "accuracy", "overall") is None


def test_a_share_counted_from_another_threshold_is_withheld(monkeypatch):
    place = ("sst", "bilstm", "additive", published.JSD_SHARE, "overall")
    assert original_with_random_vectors(*place) is None  # the original counts above .4
    alike = {"sst+bilstm+additive": {f"jsd_share_from_{published.FAR}": {"overall": 0.9}}}
    monkeypatch.setattr(published, "_document", lambda: {"original_random": {"models": alike}})
    assert original_with_random_vectors(*place) == 0.9


def test_sources_are_named():
    sources = published.sources()
    assert sources["gradient_leave_one_out"] is None
    assert all(
        "bb51d3f" in sources[name] or "graph_outputs" in sources[name] for name in ("scores", "repository")
    )
    assert len(json.dumps(published._document())) < 300_000
    assert np.isclose(published.JSD_EDGES[23], published.FAR)
