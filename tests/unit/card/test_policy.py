"""A policy is read and checked as a spec is, and says why each threshold is what it is."""

import pytest

from attnaudit.errors import SpecError
from attnaudit.spec.policy import QUESTIONS, USE_REASONS, USES, Policy


def faults(values: dict) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        Policy.parse(values)
    return caught.value.faults


def test_what_is_not_given_stays() -> None:
    assert Policy.parse({}) == Policy()
    assert Policy.parse({"least_texts": 50}).share_of_ceiling == Policy().share_of_ceiling
    assert Policy.parse(Policy().plain()) == Policy()
    assert Policy().require == QUESTIONS


def test_every_threshold_and_use_has_its_reason() -> None:
    for name, value, why in Policy().reasons:
        assert value
        assert "because" in why or name == "groups", name
    assert set(USE_REASONS) == set(USES)
    assert all("Our choice, because" in Policy().why(use) for use in USES)
    own = Policy(uses={"ranking words": ("agreement",)})
    assert own.why("ranking words") == ""


def test_all_faults_at_once_with_place_and_nearest_name() -> None:
    found = faults(
        {
            "permutation_tdv": 0.1,
            "sooner_than_random": 2,
            "least_texts": "many",
            "seed_distance": float("inf"),
            "uses": {"mine": ["agrement", "removal", "necesity"]},
            "groups": "all",
        }
    )
    assert len(found) == 7
    text = "\n".join(found)
    for part in (
        "policy: `permutation_tdv`: unknown setting `permutation_tdv`: did you mean `permutation_tvd`?",
        "`sooner_than_random`: input should be less than or equal to 1, found 2",
        "`least_texts`: must be a whole number",
        "`seed_distance`",
        "`uses.mine.0`: unknown question `agrement`: did you mean `agreement`?",
        "`uses.mine.2`: unknown question `necesity`: did you mean `necessity`",
        "`groups`: input should be 'overall' or 'each class', found 'all'",
    ):
        assert part in text, part


def test_a_use_is_named_in_full_also_where_its_name_is_one_of_a_spec() -> None:
    with pytest.raises(SpecError, match=r"`uses\.hide\.0`"):
        Policy.parse({"uses": {"hide": ["agrement"]}})


def test_what_is_required_must_exist() -> None:
    said = faults({"require": ["ranking word", "remove"]})[0]
    assert "unknown question or use `ranking word`: did you mean `ranking words`" in said
    assert "`remove`" in said
    assert "at least 1 item" in faults({"require": []})[0]
    assert "must ask at least one question" in faults({"uses": {"mine": []}})[0]
    assert "not a question's" in faults({"uses": {"removal": ["removal"]}})[0]
    assert "must be a list" in faults({"require": 3})[0]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.txt", "", "a policy must be a `.toml`, `.yaml` or `.yml` file"),
        ("p.yaml", "[1]", "a policy must be a table"),
        ("p.toml", "a = ", "cannot be read"),
        ("p.toml", "share_of_ceiling = 3", "p.toml: `share_of_ceiling`"),
    ],
)
def test_a_file_that_is_no_policy(tmp_path, name, text, said) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SpecError, match="p\\.") as caught:
        Policy.read(tmp_path / name)
    assert said in str(caught.value)


def test_toml_and_yaml_say_the_same(tmp_path) -> None:
    (tmp_path / "p.toml").write_text('require = ["ranking words"]\n[uses]\n"ranking words" = ["removal"]\n')
    (tmp_path / "p.yaml").write_text("require: [ranking words]\nuses: {ranking words: [removal]}\n")
    policy = Policy.read(tmp_path / "p.toml")
    assert policy == Policy.read(tmp_path / "p.yaml")
    assert policy.uses == {"ranking words": ("removal",)}
