"""The project about itself: public names, reading without torch, generated docs, nothing read from a pickle."""

import subprocess
import sys
from pathlib import Path

import pytest

import attnaudit

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_public_names_are_what_is_written_and_all_of_them_load() -> None:
    assert sorted(attnaudit.__all__) == sorted(attnaudit._WHERE) == sorted(dir(attnaudit))
    for name in attnaudit.__all__:
        assert getattr(attnaudit, name) is not None
    with pytest.raises(AttributeError, match="no attribute `nonsense`"):
        _ = attnaudit.nonsense


@pytest.mark.parametrize(
    "module",
    [
        "attnaudit",
        "attnaudit.report",
        "attnaudit.result",
        "attnaudit.terminal",
        "attnaudit.tasks",
        "attnaudit.cli",
    ],
)
def test_reading_needs_no_torch(module: str) -> None:
    code = f"import {module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_is_read_where_torch_is_not_installed(planted_run, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from attnaudit import Result, write_report\n"
        f"result = Result.open({str(planted_run.folder)!r})\n"
        "assert result.tables['summary'].num_rows and result._repr_html_()\n"
        f"write_report(result, {str(tmp_path / 'report.html')!r})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_pickle_is_written_or_read() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for word in ("pickle", "torch.load", "torch.save", "joblib"):
            assert word not in text.replace("never pickle", ""), f"{path}: {word}"


def test_no_place_of_this_machine_is_written_in_the_product() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for word in ("/work", "../shared", "/root", "/opt/"):
            assert word not in text, f"{path}: {word}"


def test_generated_documentation_is_that_of_the_code() -> None:
    made = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
