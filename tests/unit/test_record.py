"""What the manifest says about how fast a model was trained."""

from attnaudit import record


def test_tokens_per_second_counts_every_epoch() -> None:
    data = {"facts": {"splits": {"train": {"n": 200, "mean_length": 12.5}}}}
    assert record.tokens_per_second(data, 4, {"training": 5.0}) == {"training": 2000}


def test_nothing_is_said_where_nothing_was_trained() -> None:
    audited = {"facts": {"splits": {"all": {"n": 200, "mean_length": 12.5}}}}
    trained = {"facts": {"splits": {"train": {"n": 200, "mean_length": 12.5}}}}
    assert record.tokens_per_second(audited, 0, {}) == {"training": None}
    assert record.tokens_per_second(trained, 4, {"corpus": 1.0}) == {"training": None}
