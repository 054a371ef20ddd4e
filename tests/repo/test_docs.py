"""What the documentation shows is run: the README's Python, the example specs, and every link between pages."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from attnaudit.imported import import_scores
from attnaudit.imported_rows import OPTIONAL, REQUIRED
from attnaudit.report import write_report
from attnaudit.run import audit
from attnaudit.spec import Spec
from attnaudit.spec.policy import Policy
from tests import tiny

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.slow
def test_python_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        small = block.replace('"task": "planted"', '"task": {"train": 60, "dev": 20, "test": 12}')
        assert small != block
        exec(compile(small, "README.md", "exec"), {})


def extending(language: str) -> list[str]:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_measure_of_the_extending_page_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_measures.py").write_text(extending("python")[0])
    monkeypatch.syspath_prepend(tmp_path)
    settings = tomllib.loads(extending("toml")[0])
    spec = Spec.parse(settings | {"task": {"test": 10}, "counterfactuals": []})
    result = audit(spec, model=tiny.model(), store=tmp_path / "store")
    subjects = {row["subject"] for row in result.tables["summary"].to_pylist()}
    assert "attention ~ my_measures.InputNorm" in subjects
    assert "my_measures.InputNorm" in write_report(result).read_text()


@pytest.mark.slow
def test_the_corpus_and_the_encoder_of_the_extending_page_are_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_parts.py").write_text(extending("python")[1])
    monkeypatch.syspath_prepend(tmp_path)
    spec = Spec.parse(tomllib.loads(extending("toml")[1]))
    result = audit(spec, store=tmp_path / "store")
    scores = {row["metric"]: row["value"] for row in result.tables["scores"].to_pylist()}
    assert scores["accuracy"] > 0.9
    assert set(result.tables["instances"]["query"].to_pylist()) <= {
        f"what colour is the {thing}" for thing in ("ball", "door", "hat", "car")
    }
    again = audit(
        Spec.parse(
            {
                "task": spec.task.model_dump(),
                "model": {"name": "earlier", "run": str(result.folder)},
                "measures": ["attention"],
                "counterfactuals": [],
                "erasures": [],
            }
        ),
        store=tmp_path / "store",
    )
    assert again.tables["instances"].num_rows == result.tables["instances"].num_rows * 10


@pytest.mark.slow
def test_the_command_line_finds_parts_beside_it_and_imports_none_for_a_run_folder(tmp_path: Path) -> None:
    (tmp_path / "my_parts.py").write_text(extending("python")[1])
    (tmp_path / "spec.toml").write_text(extending("toml")[1])

    def attnaudit(*arguments: str) -> subprocess.CompletedProcess[str]:
        script = Path(sys.executable).parent / "attnaudit"
        return subprocess.run([script, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert attnaudit("run", "spec.toml", "--epochs", "1", "--limit", "20", "--no-controls").returncode == 0
    (folder,) = (tmp_path / "runs").iterdir()
    (tmp_path / "own.csv").write_text(
        "passage,question,label\n" + "the hat is red . the ball is blue .,what colour is the hat,red\n" * 3
    )
    columns = ("--text-column", "passage", "--query-column", "question")
    again = ("run", "--from", folder.name, "--data", "own.csv", "--no-controls", *columns)
    refused = attnaudit(*again)
    assert refused.returncode == 2
    assert "--encoder my_parts:Gru" in refused.stderr
    other = attnaudit(*again, "--encoder", "bilstm")
    assert other.returncode == 2
    assert "its encoder is `my_parts:Gru`" in other.stderr
    assert attnaudit(*again, "--encoder", "my_parts:Gru").returncode == 0


@pytest.mark.slow
def test_the_contract_suite_covers_an_encoder_that_is_added(tmp_path: Path) -> None:
    (tmp_path / "my_parts.py").write_text(extending("python")[1])
    (tmp_path / "added.py").write_text(
        "from attnaudit.models import ENCODERS\nfrom my_parts import Gru\nENCODERS['gru'] = Gru\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "added", "-p", "no:xdist", "-k", "gru"]
    suite = ["tests/contract/test_models.py", "tests/contract/test_measures.py"]
    done = subprocess.run(
        [*command, *suite],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40


def test_commands_in_the_readme_exist() -> None:
    import typer

    from attnaudit.cli import app

    known = typer.main.get_command(app)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```\n(.*?)```", text, re.DOTALL))
    found = re.findall(r"attnaudit (\w+)((?:(?!attnaudit )[^\n#])*)", blocks)
    assert len(found) >= 9
    for name, rest in found:
        options = {o for parameter in known.commands[name].params for o in parameter.opts}
        for flag in re.findall(r"(--[\w-]+)", rest):
            assert flag in options, f"attnaudit {name} {flag}"


SETTINGS = [path for path in sorted((ROOT / "examples").iterdir()) if path.suffix in (".toml", ".yaml")]


@pytest.mark.parametrize("path", SETTINGS, ids=lambda p: p.name)
def test_examples_are_valid(path: Path) -> None:
    kind = Policy if path.stem == "policy" else Spec
    assert kind.read(path) != kind()


def test_the_example_of_scores_and_the_rows_of_the_import_page_are_imported(tmp_path: Path) -> None:
    example = import_scores(
        ROOT / "examples" / "scores.jsonl", store=tmp_path, classes=["negative", "positive"]
    )
    assert example.per_instance.measures == ("attention", "gradient", "leave_one_out")
    assert example.scores["accuracy"] is not None
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    (rows,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    own = tmp_path / "own.jsonl"
    own.write_text(rows, encoding="utf-8")
    assert (
        import_scores(own, store=tmp_path, classes=["negative", "positive"]).manifest["data"]["audited"] == 2
    )
    for field in (*REQUIRED, *OPTIONAL):
        assert f"| `{field}` |" in page


def test_the_program_of_the_import_page_compiles() -> None:
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    compile(program, "import.md", "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), target
