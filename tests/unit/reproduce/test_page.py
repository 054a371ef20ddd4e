import csv
import io
import re
import subprocess
import sys
from html import unescape

import pyarrow.parquet as pq
import pytest

from attnaudit.reproduce import reproduction, write_reproduction
from attnaudit.reproduce.compare import compare
from attnaudit.reproduce.documents import markdown
from attnaudit.reproduce.figures import FIGURES, SIDES
from attnaudit.reproduce.findings import findings
from attnaudit.reproduce.page import page
from attnaudit.reproduce.ran import facts
from attnaudit.reproduce.study import gather
from attnaudit.reproduce.words import QUANTITIES, capital
from tests.unit.report.test_page import Outline
from tests.unit.reproduce.runs import SST_SIZES, cell, made_run

BAD = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    jsd = {"adversarial_paper": 0.5, "adversarial_exact": 0.6}
    return [
        cell(made_run(folder, "a", sizes=SST_SIZES, jsd=jsd, swaps=2), wall_seconds=90.0),
        cell(made_run(folder, "b", jsd=jsd), encoder="average"),
        cell(made_run(folder, "c", classes=("<b>x</b>", "present")), corpus="planted-clinical"),
        cell(None, corpus="snli", encoder="cnn", attention="dot", status="budget", reason=BAD),
    ]


@pytest.fixture(scope="module")
def html(cells):
    study = gather(cells)
    return page(study, compare(study), findings(study), command="attnaudit reproduce <jain2019>")


def test_all_four_files_are_written(cells, tmp_path):
    paths = write_reproduction(cells, tmp_path / "out", command="c")
    assert [path.suffix for path in paths] == [".html", ".md", ".csv", ".parquet"]
    table = reproduction(cells)
    assert pq.read_table(paths[3]).equals(table)
    rows = list(csv.reader(io.StringIO(paths[2].read_text())))
    assert rows[0] == table.column_names
    assert len(rows) == len(table) + 1
    text = paths[1].read_text()
    assert "| sst | BiLSTM | additive | random | predicted negative |" in text
    assert "<b>" not in text


COMMAND = "attnaudit reproduce jain2019 --vectors '/data/my vectors/wiki.simple.vec'  --output ~/out"


def test_the_command_stands_as_it_was_given(cells):
    study = gather(cells)
    table, found = compare(study), findings(study)
    assert unescape(page(study, table, found, command=COMMAND)).count(f"<code>{COMMAND}</code>") == 1
    assert f"```\n{COMMAND}\n```" in markdown(study, table, found, command=COMMAND)
    assert "````\na ``` b\n````" in markdown(study, table, found, command="a ``` b")
    assert "- Command: not recorded" in markdown(study, table, found)


def test_the_markdown_says_at_the_top_what_was_run(cells):
    study = gather(cells)
    text = markdown(study, compare(study), findings(study), command="c")
    start = text.index("## What was run")
    section = text[start : text.index("## Findings")]
    assert start < 400
    for term, fact in facts(study, "c"):
        assert term == "Command" or f"- {term}: {fact}" in section.splitlines()
    assert "- Packages: numpy 2" in section
    lines = section.splitlines()
    assert "- Device: not recorded" in lines
    assert "| corpus | model | vectors | seeds | texts audited | epochs | time | not run |" in lines
    assert "| sst | BiLSTM, additive | random | 0 | 40 | – | 1 min 30 s |  |" in lines
    assert (
        "| snli | CNN, dot | random | – | – | – | – | budget: &lt;/script>&lt;script>alert(1)&lt;/script> |"
        in lines
    )


def test_the_optimum_shows_how_far_the_bounds_lie_apart(tmp_path):
    study = gather([cell(made_run(tmp_path, "a", jsd={"adversarial_bracket": 0.2}))])
    table, found = compare(study), findings(study)
    html, text = page(study, table, found), markdown(study, table, found)
    optimum = html[html.index('id="optimum"') : html.index('id="errata"')]
    for quantity in ("bracket_mean_width", "bracket_share_certified"):
        assert capital(QUANTITIES[quantity]) in optimum
        assert f"## {capital(QUANTITIES[quantity])}" in text


def test_the_page_is_well_built_small_and_needs_nothing_else(html):
    outline = Outline(html)
    assert outline.faults == []
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)
    assert len(html.encode()) < 6_000_000
    body = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r"https?:|src=|url\(|@import", body)
    assert not re.search(r">\s*(nan|NaN|None|inf)\s*<|\b(nan|None)\b", body)
    assert "unsafe-eval" not in html


def test_text_from_outside_stays_text(html):
    body = re.sub(r'<script type="module">.*?</script>', "", html, flags=re.DOTALL)
    assert "<b>x</b>" not in body
    assert BAD not in body
    assert "&lt;jain2019&gt;" in body
    assert "budget: &lt;/script&gt;" in body


def test_verdicts_are_said_in_words_and_errata_are_linked(html):
    for word in ("within", "outside", "not comparable", "not published", "not run", "holds"):
        assert word in html
    assert '<a href="#erratum-other_vectors">' in html
    assert 'id="erratum-babi_3_version"' in html


def test_charts_are_held_once_and_drawn_from_their_rows(html):
    charts = len(re.findall(r'data-chart="', html))
    # Two models with all four figures; the stand-in without the paper's search has three.
    assert charts == 2 * (4 + 4 + 3)


def test_what_differs_between_the_sides_is_only_the_rows(cells):
    reading = gather(cells[:1]).readings[0]
    for figure in FIGURES.values():
        table = figure.data(reading)
        assert set(table["side"].to_pylist()) == set(SIDES)
        specs = [figure.draw(table, side).to_dict() for side in SIDES]
        assert all(spec.pop("datasets") for spec in specs)
        assert all(spec.pop("data") for spec in specs)
        assert specs[0] == specs[1]


def test_histograms_of_a_figure_sum_to_one(cells):
    reading = gather(cells[:1]).readings[0]
    for name in ("attention_gradient", "adversary"):
        rows = FIGURES[name].data(reading).to_pylist()
        for side in SIDES:
            for group in {row["group"] for row in rows}:
                share = sum(r["share"] for r in rows if (r["side"], r["group"]) == (side, group))
                assert share == pytest.approx(1, abs=1e-3)


def test_nothing_run_is_a_page_too():
    study = gather([cell(None, status="not_run")])
    html = page(study, compare(study), findings(study))
    assert Outline(html).faults == []
    assert "No number could be held against a published one" in html


def test_reading_needs_no_torch():
    code = "import sys, attnaudit.reproduce; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
