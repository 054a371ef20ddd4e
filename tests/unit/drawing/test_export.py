import pytest

from attnaudit.drawing import export_figures
from attnaudit.errors import SpecError
from tests.unit.report.small_run import small_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"))


def test_figures_are_written_one_column_wide(run, tmp_path):
    paths = export_figures(run, tmp_path, ("svg", "pdf", "png"), ["tau_gradient", "permutation_violins"])
    assert [path.name for path in paths] == [
        f"{name}.{kind}" for name in ("tau_gradient", "permutation_violins") for kind in ("svg", "pdf", "png")
    ]
    assert 'width="240"' in paths[0].read_text()[:300]
    assert 'fill="white"' in paths[0].read_text()[:400]
    assert paths[1].read_bytes().startswith(b"%PDF")
    assert b"/MediaBox [0 0 240" in paths[1].read_bytes()
    assert paths[2].read_bytes().startswith(b"\x89PNG")


def test_figures_with_nothing_to_show_are_left_out(run, tmp_path):
    assert export_figures(run, tmp_path, ("svg",), ["plausibility"]) == []


def test_unknown_names_and_formats_are_refused_together(run, tmp_path):
    with pytest.raises(SpecError) as raised:
        export_figures(run, tmp_path, ("gif",), ["tau_gradiant"])
    assert len(raised.value.faults) == 2
    assert "tau_gradient" in raised.value.faults[0]
    assert list(tmp_path.iterdir()) == []
