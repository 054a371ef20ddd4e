"""The card in a terminal, as Markdown and as JSON, and the exit codes of a check, from run folders."""

import json
import re
import sys

import pytest

from attnaudit import cli, result
from attnaudit.card.controls import NOT_RUN, Control, ControlAnswer
from attnaudit.card_text import markdown, plain
from attnaudit.harmless import in_markdown
from attnaudit.report.page import page
from attnaudit.result import Result
from attnaudit.spec.policy import Policy
from attnaudit.terminal import show
from attnaudit.terminal_card import show_card
from tests.unit.card.summaries import LOST, SOONER, summary
from tests.unit.report.small_run import FORMS, small_run

FAILED = Control(
    "misled",
    "Attention trained to mislead.",
    (ControlAnswer("agreement", "overall", ("not supported",), "supported", ""),),
)


@pytest.fixture
def given(monkeypatch):
    """Make every run that is opened have a summary made by hand."""
    return lambda *changes: monkeypatch.setattr(result, "summary", lambda *_: summary(*changes))


@pytest.fixture
def command(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["attnaudit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


@pytest.mark.parametrize(
    ("changes", "code", "outcome"),
    [
        ({}, 0, "holds"),
        ({SOONER: (0.5, 0.4, 0.6, 200)}, 1, "does not hold"),
        ({SOONER: (0.8, 0.7, 0.9, 200)}, 3, "undetermined"),
        ({LOST: None}, 3, "undetermined"),
    ],
)
def test_exit_codes_follow_the_numbers(tmp_path, command, given, changes, code, outcome) -> None:
    folder = small_run(tmp_path).folder
    given(changes)
    found = command("check", folder)
    assert (found[0], found[2]) == (code, "")
    assert found[1].rstrip().endswith(f"check: {outcome}")
    found = command("check", folder, "--json")
    assert found[0] == code
    assert set(json.loads(found[1])) == {"outcome", "required", "controls", "policy"}


def test_a_policy_decides_and_a_bad_one_is_bad_input(tmp_path, command, given) -> None:
    folder = small_run(tmp_path).folder
    given({LOST: None})
    policy = tmp_path / "policy.toml"
    policy.write_text('require = ["ranking words"]')
    assert command("check", folder, "--policy", policy)[0] == 0
    policy.write_text("sooner_than_random = 0.95")
    assert command("check", folder, "--policy", policy)[0] == 1
    assert "not supported" in command("card", folder, "--policy", policy)[1]
    policy.write_text("sooner_than_randon = 0.95")
    for name in ("check", "card"):
        code, out, err = command(name, folder, "--policy", policy)
        assert (code, out) == (2, "")
        assert "did you mean `sooner_than_random`" in err.replace("\n", " ")
    assert command("check", tmp_path / "nowhere")[0] == 2


def test_a_failed_control_is_first_and_nothing_holds(tmp_path, command, given, monkeypatch, capsys) -> None:
    run = small_run(tmp_path)
    given()
    monkeypatch.setattr(Result, "controls", property(lambda _: (FAILED,)))
    code, out, _ = command("check", run.folder)
    assert (code, out.startswith("controls failed 1 control failed (misled)")) == (3, True)
    fresh = Result.open(run.folder)
    text = markdown(fresh)
    assert text.index("Controls failed") < text.index("may be used for")
    assert "misled failed: agreement (all texts) came out supported" in text
    show_card(fresh, width=132)
    shown = capsys.readouterr().out
    assert shown.index("controls failed") < shown.index("ranking words")
    show(fresh, width=132)
    shown = capsys.readouterr().out
    assert shown.index("controls failed") < shown.index("ranking words")
    html = fresh._repr_html_()
    assert html.index("1 control failed") < html.index("ranking words")
    written = page(fresh)
    assert written.index("1 control failed") < written.index('<p class="answer"')


def test_markdown_by_hand(tmp_path, given) -> None:
    given({SOONER: (0.5, 0.4, 0.6, 200)})
    text = markdown(small_run(tmp_path))
    assert text.startswith(
        "## Attention as an explanation: evidence card\n\nAudited with attnaudit 0.0.0 (run small): 24 texts of small"
    )
    for line in (
        "| ranking words | **not supported** | Removal is not supported; agreement is supported. |",
        "| claiming what caused the decision | **not supported** | Removal is not supported; agreement, "
        "exclusiveness, necessity and consistency are supported. |",
        "| removal | all | **not supported** | 0.500 (0.400 to 0.600) | at least 0.75 | 200 texts |",
        "| necessity | all | **supported** | 0.050 (0.040 to 0.060) | at least 0.01 | 5 seeds |",
        f"- {NOT_RUN}",
    ):
        assert line in text.splitlines(), line
    assert "\n\n\n" not in text


@pytest.mark.parametrize(
    "name",
    ["a|b", "**x**", "[x](http://e.org)", "<img src=x>", "`c`", "two\nlines", "\x1b[31m", "www.e.org", "$x$"],
)
def test_names_cannot_become_markdown(tmp_path, name) -> None:
    run = small_run(tmp_path, n=40, classes=(name, "other"), corpus=name)
    text = markdown(run)
    plain_text = re.sub(r"\\(.)", "", text)  # what is left once escaped marks are gone
    assert "\x1b" not in text
    for table_line in (line for line in plain_text.splitlines() if line.startswith("|")):
        assert table_line.count("|") in (4, 7)
    for mark in ("<img", "](", "http://", "`c`", "www.", "$x", "**x"):
        assert mark not in plain_text
    assert len({line.count("|") for line in plain_text.splitlines() if line.startswith("| agreement")}) == 1


def test_in_markdown_by_hand() -> None:
    assert in_markdown("a|b *c* [d] _e_") == r"a\|b \*c\* \[d\] \_e\_"
    assert in_markdown("http://a.b\nc") == r"http:\//a.b c"
    assert in_markdown("0.5, 80% (plain).") == "0.5, 80% (plain)."


def test_json_has_what_is_documented(tmp_path, command, given) -> None:
    run = small_run(tmp_path)
    given()
    code, out, _ = command("card", run.folder, "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert list(found) == ["policy", "uses", "answers", "controls", "run", "corpus", "model"]
    assert set(found["uses"][0]) == {"name", "verdict", "questions", "in_the_way", "sentence"}
    assert set(found["answers"][0]) == {
        *("question", "title", "group", "verdict", "sentence"),
        *("value", "low", "high", "n", "threshold", "wanted", "over"),
    }
    assert Policy.parse(found["policy"]) == Policy()
    assert found["corpus"]["name"] == "small"
    assert found["run"]["id"] == "small"
    assert found["model"]["scores"]["accuracy"] == 0.8
    assert found == json.loads(json.dumps(plain(Result.open(run.folder))))
    target = tmp_path / "out" / "card.json"
    assert command("card", run.folder, "--format", "json", "--output", target)[0] == 0
    assert json.loads(target.read_text()) == found
    assert command("card", run.folder, "--output", target)[0] == 2


@pytest.mark.parametrize("width", [80, 132])
@pytest.mark.parametrize("form", list(FORMS))
def test_the_terminal_card_fits(tmp_path, capsys, form, width) -> None:
    show_card(small_run(tmp_path, n=40, **FORMS[form]), width=width)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert (
        text.index("ranking words") < text.index("The five questions") < text.index("Controls were not run")
    )
    assert "40 texts" in text


def test_class_names_are_no_markup_in_a_terminal(tmp_path, capsys) -> None:
    show_card(small_run(tmp_path, n=40, classes=("[red]x[/]", "\x1b[31my")), width=132)
    out = capsys.readouterr().out
    assert "[red]x[/]" in out
    assert "\x1b" not in out


def test_the_page_shows_uses_then_questions_then_controls_then_the_policy(tmp_path) -> None:
    html = page(small_run(tmp_path))
    places = [
        html.index(part)
        for part in (
            "By the use that this model’s attention is put to:",
            "<bdi>ranking words</bdi>",
            "Does attention rank the words",
            "Do the most attended words decide",
            NOT_RUN,
            "<dt><code>share_of_ceiling</code> = 0.8</dt>",
            '<section id="asked"',
        )
    ]
    assert places == sorted(places)


def test_a_run_without_any_numbers_has_a_card(tmp_path, capsys) -> None:
    run = small_run(tmp_path, measures=(), counterfactuals=())
    assert {a.verdict for a in run.card} == {"not run"}
    assert {u.verdict for u in run.uses()} == {"undetermined"}
    show_card(run, width=80)
    assert "not run" in capsys.readouterr().out
    assert "| – | – | – |" in markdown(run)
