"""`attnaudit reproduce`, from the plan to the page, on a corpus of the paper's form that is small and made up."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attnaudit import cli
from attnaudit.errors import SpecError
from attnaudit.studies import jain2019
from tests.unit.tasks import stand_ins

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small `sst`: sentences of 8 to 12 words, of which one decides."""
    draw = random.Random(0)

    def rows(part: str, count: int) -> list[dict]:
        made = []
        for number in range(count):
            label = number % 2
            words = [draw.choice("abcdefghij") * 3 for _ in range(draw.randint(7, 11))]
            words.insert(draw.randint(0, 6), ("awful", "lovely")[label])
            made.append({"id": f"sst-{part}-{number}", "text": " ".join(words), "label": label})
        return made

    folder = tmp_path / "corpora"
    folder.mkdir()
    stand_ins.write(folder, "sst", train=rows("train", 200), dev=rows("dev", 40), test=rows("test", 60))
    monkeypatch.setenv("ATTNAUDIT_DATA", str(folder))
    return folder


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["attnaudit", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


SMALL = ("--only", "sst", "--attention", "additive", "--vectors", "random", "--epochs", "2")


@pytest.mark.slow
def test_cells_are_run_found_again_and_held_against_the_paper(corpora: Path, command: Command) -> None:
    code, out, err = command("reproduce", "jain2019", *SMALL, "--encoder", "average,cnn", "--jobs", "2")
    assert code == 0, err
    assert "2 of 2 cells can be run here" in err
    assert [Path(line).name for line in out.split()] == [
        "reproduction.html",
        "reproduction.md",
        "reproduction.csv",
        "reproduction.parquet",
    ]
    first = Path("reproduction/reproduction.csv").read_bytes()
    said = Path("reproduction/reproduction.md").read_text(encoding="utf-8")
    assert "| sst | average | additive | random |" in said
    assert "Contextual encoders agree less with gradients" in said
    runs = sorted(path.name for path in Path("runs").iterdir())
    assert len(runs) == 2

    code, _, err = command("reproduce", "jain2019", *SMALL, "--encoder", "average,cnn")
    assert code == 0, err
    assert sorted(path.name for path in Path("runs").iterdir()) == runs
    assert Path("reproduction/reproduction.csv").read_bytes() == first

    code, _, err = command(
        "reproduce", *SMALL, "--encoder", "average,cnn,bilstm", "--collect", "--output", "b"
    )
    assert code == 0, err
    assert len(list(Path("runs").iterdir())) == 2  # the third cell was not run, and the page says so
    assert "not run yet" in Path("b/reproduction.html").read_text(encoding="utf-8")


def test_a_plan_says_what_can_be_run_and_what_is_missing(corpora: Path, command: Command) -> None:
    code, out, err = command("reproduce", "jain2019", "--plan", "--seeds", "0,1")
    assert (code, out) == (0, "")
    assert "diabetes: needs your own copy: give --set diabetes.notes=FILE" in err
    assert "babi_1:" in err  # not in the folder
    assert "sst" in err
    assert not Path("runs").exists()
    assert not Path("reproduction").exists()


def test_what_cannot_be_planned_is_said_at_once(corpora: Path, command: Command) -> None:
    code, _, err = command("reproduce", "jain2019", "--only", "sts", "--encoder", "bilstn", "--plan")
    assert code == 2
    assert "did you mean `sst`?" in err
    assert "did you mean `bilstm`?" in err
    for arguments in (("reproduce", "jain2020"), ("reproduce", "--seeds", "one", "--plan")):
        code, _, err = command(*arguments)
        assert code == 2
        assert "error" in err


def test_cells_of_a_plan(corpora: Path) -> None:
    cells = jain2019.plan(vectors=["minilm"])
    assert len({(c.corpus, c.encoder, c.attention, c.seed) for c in cells}) == len(cells)
    sst = [cell for cell in cells if cell.corpus == "sst"]
    assert {(c.encoder, c.attention) for c in sst} == {
        (e, a) for e in ("bilstm", "cnn", "average") for a in ("additive", "dot")
    }
    assert all(c.spec.model.vectors == "minilm" and c.seconds > 5 for c in sst)
    assert [(c.encoder, c.attention) for c in cells if c.corpus == "imdb"] == [
        ("bilstm", "additive"),
        ("average", "additive"),
    ]
    assert {c.vectors for c in cells if c.corpus.startswith("babi")} == {"random"}
    kinds = [entry.name for entry in sst[0].spec.counterfactuals]
    assert kinds == ["permuted", "uniform", "adversarial", "adversarial_paper"]
    both = jain2019.plan(
        only=["sst", "babi_1"], encoders=["cnn"], attentions=["dot"], vectors=["minilm", "random"]
    )
    assert [(c.corpus, c.vectors) for c in both] == [
        ("sst", "minilm"),
        ("sst", "random"),
        ("babi_1", "random"),
    ]
    own = {"diabetes": {"notes": "n.csv", "diagnoses": "d.csv"}}
    cell, _ = jain2019.plan(only=["diabetes"], settings=own)
    assert cell.spec.task.notes == "n.csv"
    with pytest.raises(SpecError, match="tsk"):
        jain2019.plan(only=["sst"], settings={"sst": {"tsk": 1}})


def test_the_table_of_corpora_has_both_sides(corpora: Path, command: Command) -> None:
    code, out, _ = command("data", "--table", "--json")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(out)}
    assert len(rows) == 12
    assert rows["sst"]["published"]["train_size"] == [3034, 3321]
    assert sum(rows["sst"]["ours"]["test_size"]) < 60  # the longest and the shortest go, as in the paper
    assert rows["sst"]["ours"]["score"] is None
    assert rows["imdb"]["ours"] is None
    assert "imdb" in rows["imdb"]["reason"]
    code, out, _ = command("data", "--table")
    assert code == 0
    assert "not run" in out
    assert "16,175" in out
