"""What the documentation shows is run: the README's Python, the example specs, and every link between pages."""

import re
import tomllib
from pathlib import Path

import pytest

from attnaudit.report import write_report
from attnaudit.run import audit
from attnaudit.spec import Spec
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


def test_the_measure_of_the_extending_page_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (settings,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "my_measures.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    spec = Spec.parse(tomllib.loads(settings) | {"task": {"test": 10}, "counterfactuals": []})
    result = audit(spec, model=tiny.model(), store=tmp_path / "store")
    subjects = {row["subject"] for row in result.tables["summary"].to_pylist()}
    assert "attention ~ my_measures.InputNorm" in subjects
    assert "my_measures.InputNorm" in write_report(result).read_text()


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


@pytest.mark.parametrize("path", sorted((ROOT / "examples").iterdir()), ids=lambda p: p.name)
def test_example_specs_are_valid(path: Path) -> None:
    assert Spec.read(path) != Spec()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), target
