"""Imports go down only, and what reads a run folder needs no torch; the contracts stand in pyproject.toml."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(source: Path) -> subprocess.CompletedProcess[str]:
    """Hold the package found in the folder `source` against the contracts."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--config", str(ROOT / "pyproject.toml")],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_imports_keep_to_the_floors():
    finished = lint_imports(ROOT / "src")
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    ("module", "planted", "complaint"),
    [
        ("stats", "import torch", "attnaudit.stats -> torch"),
        ("card", "from attnaudit import run", "attnaudit.card -> attnaudit.run"),
        ("errors", "from attnaudit import spec", "attnaudit.errors -> attnaudit.spec"),
        ("summary", "from attnaudit import report", "attnaudit.summary -> attnaudit.report"),
        ("unplaced", "import json", "not listed as layers"),
    ],
)
def test_a_planted_fault_is_found(tmp_path, module, planted, complaint):
    package = tmp_path / "attnaudit"
    shutil.copytree(ROOT / "src" / "attnaudit", package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / module / "__init__.py" if (package / module).is_dir() else package / f"{module}.py"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{planted}\n")
    finished = lint_imports(tmp_path)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert complaint in finished.stdout
