"""The command line as a user meets it: what it prints, and what it says when something is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from attnaudit import cli, store
from attnaudit.errors import StoreError
from attnaudit.result import Result
from tests import tiny

Outcome = tuple[int, str, str]
Command = Callable[..., Outcome]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run the command line in this process, in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATTNAUDIT_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "400")

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["attnaudit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(json.dumps(tiny.small_spec().plain()))
    return path


def csv(path: Path, *rows: str, header: str = "text,label") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


ROWS = [f"word{n} good film,yes" if n % 2 else f"word{n} bad film,no" for n in range(60)]


def test_run_prints_one_object_with_what_is_promised(command: Command, spec_file: Path) -> None:
    code, out, err = command("run", spec_file, "--json", "--no-controls")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert Path(found["path"]).is_dir()
    assert Path(found["report"]).is_file()
    assert found["run_id"] in found["path"]
    assert {"accuracy", "roc_auc", "f1"} <= set(found["test"])
    for experiment, subject, statistic in (
        ("agreement", "attention ~ gradient_detached", "mean"),
        ("agreement", "attention ~ leave_one_out", "mean"),
        ("agreement", "gradient_detached ~ leave_one_out", "mean"),
        ("permutation", "permuted", "median_tvd"),
        ("adversary", "adversarial_exact", "mean_jsd"),
        ("plausibility", "attention", "average_precision"),
    ):
        for group in ("overall", "predicted negative", "predicted positive"):
            number = found["summary"][experiment][subject][group][statistic]
            assert number["low"] <= number["value"] <= number["high"]
            assert number["n"] > 0


def test_run_then_show_report_and_verify(command: Command, spec_file: Path, tmp_path: Path) -> None:
    code, out, _ = command("run", spec_file, "--no-controls")
    assert code == 0
    folder = next((tmp_path / "runs").iterdir())
    assert out.rstrip().endswith(f"run     runs/{folder.name}\nreport  runs/{folder.name}/report.html")
    for part in ("May this attention be shown", "not run", "τ, mean"):
        assert part in out
    code, shown, _ = command("show", folder.name)
    assert code == 0
    assert "May this attention be shown" in shown
    assert json.loads(command("show", folder, "--json")[1])["run_id"] in folder.name
    code, out, _ = command("verify", folder)
    assert (code, "whole and unaltered" in out) == (0, True)
    code, out, _ = command(
        "report", folder, "--output", tmp_path / "r.html", "--figures", "figs", "--format", "svg"
    )
    assert code == 0
    assert (tmp_path / "r.html").stat().st_size > 10_000
    assert len(list((tmp_path / "figs").glob("*.svg"))) >= 6


LIGHT = ("--epochs", 1, "--measure", "attention", "--counterfactual", "uniform", "--set", "erasures=[]")
"""A run for its folder alone: one epoch and one question."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_controls_are_trained_once_and_answered_as_they_must_be(
    command: Command, spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("ATTNAUDIT_CACHE", str(cache))
    code, out, err = command("run", spec_file, *LIGHT, "--json")
    assert (code, err) == (0, "")
    first = Result.open(json.loads(out)["path"])
    assert [control.name for control in first.controls] == ["positive", "negative"]
    for control in first.controls:
        assert {answer.question for answer in control.answers} == {"agreement", "exclusiveness", "removal"}
        assert not control.failed, control.line
        overall = [answer for answer in control.answers if answer.group == "overall"]
        assert all(answer.found in answer.expected for answer in overall)  # none of them left open
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    code, out, err = command("run", spec_file, *LIGHT, "--seed", 1)
    assert (code, err) == (0, "")
    assert "positive passed: " in out
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == kept
    code, out, err = command("run", spec_file, *LIGHT, "--seed", 2, "--no-controls", "--json")
    assert (code, err) == (0, "")
    assert Result.open(json.loads(out)["path"]).controls == ()


def test_flags_override_the_file(command: Command, spec_file: Path) -> None:
    code, out, _ = command(
        "run", spec_file, "--json", "--no-controls", "--seed", 3, "--epochs", 1, "--limit", 9, "--encoder", "average",
        "--attention", "dot", "--set", "task.noise=0.1", "--measure", "attention", "--measure", "gradient_full",
    )  # fmt: skip
    assert code == 0
    spec = Result.open(json.loads(out)["path"]).manifest["spec"]
    assert (spec["seed"], spec["train"]["epochs"], spec["limit"]) == (3, 1, 9)
    assert (spec["model"]["encoder"], spec["model"]["attention"]) == ("average", "dot")
    assert spec["task"]["noise"] == 0.1
    assert [m["name"] for m in spec["measures"]] == ["attention", "gradient_full"]


def test_own_file_and_then_its_model_on_another(command: Command, tmp_path: Path) -> None:
    data = csv(tmp_path / "mine.csv", *ROWS)
    small = ("--epochs", 1, "--hidden", 8, "--set", "model.embedding=8", "--json", "--no-controls")
    code, out, err = command("run", "--data", data, *small)
    assert code == 0, err
    first = json.loads(out)
    other = csv(tmp_path / "other.csv", "a good one,yes", "<img src=x onerror=alert(1)>,no")
    code, out, err = command(
        "run", "--data", other, "--from", first["path"], "--no-text", "--search", "--json", "--no-controls"
    )
    assert code == 0, err
    result = Result.open(json.loads(out)["path"])
    assert result.tables["instances"].num_rows == 2
    assert "adversarial_search" in result.tables["counterfactual"]["kind"].to_pylist()
    assert b"src=x" not in Path(json.loads(out)["report"]).read_bytes()


def test_data_lists_what_is_there_and_why_the_rest_is_not(command: Command) -> None:
    code, out, _ = command("data")
    assert code == 0
    assert "ATTNAUDIT_DATA" in out
    rows = {row["name"]: row for row in json.loads(command("data", "--json")[1])}
    assert rows["planted"]["ready"]
    assert not rows["sst"]["ready"]


def corrupt_parquet(folder: Path) -> Path:
    path = folder / "bad.parquet"
    path.write_bytes(b"PAR1 this is not Parquet PAR1")
    return path


def not_utf8(folder: Path) -> Path:
    path = folder / "latin.csv"
    path.write_bytes("text,label\nfine,yes\ncafé,no\n".encode("latin-1"))
    return path


def empty(folder: Path) -> Path:
    path = folder / "empty.csv"
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    ("make", "flags", "message"),
    [
        (lambda f: f / "missing.csv", (), "missing.csv"),
        (empty, (), "empty"),
        (lambda f: csv(f / "a.csv", *ROWS), ("--text-column", "txt"), "Did you mean `text`"),
        (lambda f: csv(f / "a.csv", "x,yes", "y,yes"), (), "yes"),
        (lambda f: csv(f / "a.csv", *ROWS, ",yes"), (), "line 62"),
        (lambda f: csv(f / "a.xls", *ROWS), (), ".xls"),
        (not_utf8, (), "line 3"),
        (corrupt_parquet, (), "bad.parquet"),
    ],
)
def test_files_that_cannot_be_audited(command: Command, tmp_path: Path, make, flags, message: str) -> None:
    code, out, err = command("run", "--data", make(tmp_path), *flags)
    assert (code, out) == (2, "")
    assert err.startswith("error")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--task", "imbd"), "did you mean `imdb`?"),
        (("--task", "sst"), "ATTNAUDIT_DATA"),
        (("--encoder", "bilstn", "--epochs", "0", "--seed", "-1"), "3 faults"),
        (("--set", "nonsense"), "KEY=VALUE"),
        (("--set", "train.epoch=3"), "did you mean `epochs`?"),
        (("--task", "sst", "--data", "x.csv"), "two corpora"),
        (("nowhere.toml",), "no such file"),
        (("--measure", "my_module:Missing"), "my_module"),
        (("--measure", "os:getcwd"), "cannot be used as a measure"),
        (("--device", "cuda"), "no GPU"),
        (("--set", "a=" + "[" * 3000), "unknown setting `a`"),
        (("--vectors", "nowhere.txt"), "nowhere.txt"),
        (("--data", "hf:some/name"), "attnaudit[hub]"),
        (("--from", "nowhere"), "no such run folder"),
    ],
)
def test_requests_that_cannot_be_met(command: Command, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = command("run", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


@pytest.fixture
def copied(planted_run: Result, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(planted_run.folder, tmp_path / "copy"))


def incomplete(folder: Path) -> None:
    next((folder / "importance").iterdir()).unlink()


def altered(folder: Path) -> None:
    part = next((folder / "importance").iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"?")


def newer(folder: Path) -> None:
    path = folder / store.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))


@pytest.mark.parametrize("damage", [incomplete, altered, newer])
@pytest.mark.parametrize("verb", ["show", "report", "verify"])
def test_damaged_run_folders(command: Command, copied: Path, damage, verb: str) -> None:
    damage(copied)
    code, out, err = command(verb, copied)
    assert (code, out) == (2, "")
    assert {"incomplete": "is missing", "altered": "altered", "newer": "install a newer"}[
        damage.__name__
    ] in err


def test_control_characters_from_data_do_not_reach_the_terminal(command: Command, tmp_path: Path) -> None:
    rows = [f"text {n},{'a' if n % 2 else chr(27) + '[31mred'}" for n in range(60)]
    data = csv(tmp_path / "odd.csv", *rows)
    code, out, err = command(
        "run", "--data", data, "--epochs", 1, "--hidden", 8, "--set", "model.embedding=8", "--no-controls"
    )
    assert code == 0, err
    assert chr(27) not in out
    code, _, err = command("run", "--data", csv(tmp_path / "one.csv", *[r for r in rows if chr(27) in r]))
    assert code == 2
    assert chr(27) not in err


@pytest.mark.slow
@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_hand_says_how_to_go_on(tmp_path: Path, stop: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "attnaudit", "demo", "--store", str(tmp_path / "s")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list((tmp_path / "s").glob("*.partial/*")):
        time.sleep(0.05)
    process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "the same command goes on from there" in err
    assert "Traceback" not in err


def test_a_report_that_cannot_be_written_leaves_a_finished_run(
    command: Command, spec_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import attnaudit.report

    def full(*_arguments: object) -> None:
        raise StoreError("no space left on the device")

    with monkeypatch.context() as patched:
        patched.setattr(attnaudit.report, "write_report", full)
        code, out, err = command("run", spec_file, "--json", "--no-controls")
    assert (code, out) == (2, "")
    assert "the run itself is finished" in err.lower()
    assert command("run", spec_file, "--json", "--no-controls")[0] == 0


@pytest.mark.slow
def test_module_and_script_are_the_same_and_quiet_without_a_terminal(tmp_path: Path, spec_file: Path) -> None:
    arguments = [
        "run",
        str(spec_file),
        "--store",
        str(tmp_path / "s"),
        "--json",
        "--no-controls",
        *map(str, LIGHT),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "attnaudit", *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    script = Path(sys.executable).with_name("attnaudit")
    again = subprocess.run([script, *arguments], capture_output=True, text=True, check=True)
    assert json.loads(again.stdout) == json.loads(done.stdout)


@pytest.mark.slow
def test_two_runs_are_compared(command: Command, spec_file: Path, tmp_path: Path) -> None:
    small = ("run", spec_file, "--json", "--no-controls", "--epochs", 1)
    first, second = (
        json.loads(command(*small, "--attention", one)[1])["path"] for one in ("additive", "dot")
    )
    # The seed draws the texts of `planted` as well.
    elsewhere = json.loads(command(*small, *LIGHT, "--seed", 1)[1])["path"]
    mine = ("--data", csv(tmp_path / "mine.csv", *ROWS))
    other = json.loads(command("run", *mine, *LIGHT, "--json", "--no-controls")[1])
    code, out, err = command("compare", Path(first).name, second, "--json", "--output", tmp_path / "both.md")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["texts"] == {"both": 60, "only_a": 0, "only_b": 0}
    assert found["settings"] == [{"name": "model.attention", "a": "additive", "b": "dot"}]
    for row in found["comparison"]:
        assert row["difference"] is None or row["low"] <= row["difference"] <= row["high"]
        assert row["verdict"] in row["sentence"] or row["verdict"] not in ("A higher", "B higher")
    kinds = {row["experiment"] for row in found["comparison"]}
    assert {"quality", "agreement", "permutation", "uniform", "adversary", "erasure", "plausibility"} <= kinds
    assert found["between"]["attention_jsd"]["value"] > 0
    assert (tmp_path / "both.md").read_text(encoding="utf-8").startswith("# Two runs compared\n")
    code, out, _ = command("compare", first, second)
    assert code == 0
    for part in (
        "A − B (95% interval over texts)",
        "model.attention: additive | dot",
        "JSD of the attentions",
    ):
        assert part in out
    code, out, err = command("compare", first, other["path"])
    assert (code, out) == (2, "")
    assert "no text is in both runs" in err
    code, out, err = command("compare", first, elsewhere)
    assert (code, out) == (2, "")
    assert "each of the 60 common ids stands for another text" in err
    code, out, err = command("compare", first, second, "--output", "both.docx")
    assert (code, out) == (2, "")
    assert "must end in .md" in err
    code, out, err = command("compare", first, "nowhere")
    assert (code, "there is no such run folder" in err) == (2, True)
