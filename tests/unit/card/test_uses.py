"""Uses, controls and the check: all that a use asks must be supported, and what stands in the way is named."""

import pytest

from attnaudit.card import Policy, card, uses
from attnaudit.card.check import EXIT_CODES, check
from attnaudit.card.controls import NOT_RUN, Control, ControlAnswer, lead, lines
from tests.unit.card.summaries import GROUPS, GUIDE, LOST, SEEDS, SOONER, TVD, summary


def control(found: str) -> Control:
    answers = (
        ControlAnswer("agreement", "overall", ("supported",), found, ""),
        ControlAnswer("removal", "predicted yes", ("supported", "undetermined"), "undetermined", ""),
    )
    return Control("one word", "The class hangs on a single word.", answers)


def verdicts(*changes: dict, policy: Policy | None = None, groups: tuple[str, ...] = ("overall",)) -> dict:
    return {u.name: u for u in uses(card(summary(*changes, groups=groups), groups, policy), policy)}


def test_each_use_asks_its_questions() -> None:
    assert {u.verdict for u in verdicts().values()} == {"supported"}
    against = verdicts({LOST: (-0.01, -0.02, 0.0, 200)})
    assert [u.verdict for u in against.values()] == ["supported", "supported", "not supported"]
    assert against["claiming what caused the decision"].in_the_way == ("necessity",)
    assert against["claiming what caused the decision"].sentence.startswith("Necessity is not supported; ")
    open_ = verdicts({GUIDE: None, SEEDS: None})
    assert [u.verdict for u in open_.values()] == ["supported", "undetermined", "undetermined"]
    assert "consistency was not run" in open_["showing a heat map"].sentence.lower()
    worse = verdicts({SOONER: (0.5, 0.4, 0.6, 200), TVD: (0.1, 0.05, 0.15, 200)})
    assert {u.verdict for u in worse.values()} == {"not supported"}
    assert worse["showing a heat map"].in_the_way == ("removal",)  # other weights may do as well
    assert worse["claiming what caused the decision"].in_the_way == ("exclusiveness", "removal")


def test_a_use_that_holds_for_one_class_only_says_so() -> None:
    key = ("erasure", "attention, renormalise", "predicted yes", "sooner_than_random")
    found = verdicts({key: (0.5, 0.4, 0.6, 200)}, groups=GROUPS)["ranking words"]
    assert found.verdict == "supported"
    assert found.sentence.endswith("By class: predicted no: supported; predicted yes: not supported.")


def test_uses_of_ones_own() -> None:
    policy = Policy.parse({"uses": {"pointing at a word": ["removal"]}, "require": ["pointing at a word"]})
    (found,) = uses(card(summary(), policy=policy), policy)
    assert (found.name, found.verdict, found.questions) == ("pointing at a word", "supported", ("removal",))


@pytest.mark.parametrize(
    ("changes", "policy", "controls", "code"),
    [
        ({}, {}, (), 0),
        ({}, {}, ("supported",), 0),
        ({}, {}, ("not supported",), 3),
        ({SOONER: (0.5, 0.4, 0.6, 200)}, {}, (), 1),
        ({SOONER: (0.5, 0.4, 0.6, 200)}, {}, ("not supported",), 1),
        ({SOONER: (0.8, 0.7, 0.9, 200)}, {}, (), 3),
        ({LOST: None}, {}, (), 3),
        ({LOST: None}, {"require": ["ranking words", "exclusiveness"]}, (), 0),
        ({LOST: None, SOONER: (0.5, 0.4, 0.6, 200)}, {}, (), 1),
    ],
)
def test_the_outcome_of_a_check(changes, policy, controls, code) -> None:
    asked = Policy.parse(policy)
    found = check(card(summary(changes), policy=asked), [control(v) for v in controls], asked)
    assert EXIT_CODES[found.outcome] == code
    assert [one.name for one in found.required] == list(asked.require)


def test_a_check_of_each_class() -> None:
    key = ("erasure", "attention, renormalise", "predicted yes", "sooner_than_random")
    answers = card(summary({key: (0.5, 0.4, 0.6, 200)}, groups=GROUPS), GROUPS)
    for groups, outcome in (("overall", "holds"), ("each class", "does not hold")):
        found = check(answers, (), Policy(groups=groups))
        assert found.outcome == outcome
    assert len(found.required) == 15
    not_run = card(summary({(*LOST[:2], g, LOST[3]): None for g in GROUPS}, groups=GROUPS), GROUPS)
    found = check(not_run, (), Policy(groups="each class", require=("necessity",)))
    assert [one.verdict for one in found.required] == ["not run"] * 3


def test_a_failed_control_is_said_first() -> None:
    assert lead([control("supported")]) == lead([]) == ""
    assert lead([control("not supported")]).startswith("1 control failed (one word): ")
    assert lines([]) == [NOT_RUN]
    good, bad = lines([control("supported"), control("not supported")])[::-1]
    assert good == "one word passed: 2 answers as expected. The class hangs on a single word."
    assert bad.startswith(
        "one word failed: agreement (all texts) came out not supported, expected supported."
    )
    open_ = control("undetermined")
    assert not open_.failed
    assert "passed: 1 answer as expected, 1 left open" in open_.line
