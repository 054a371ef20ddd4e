import base64
import csv
import hashlib
import io
import json

import pyarrow as pa
import pytest

from attnaudit.report.figure_box import MOST_ROWS, csv_bytes, figure_box, json_for_html
from tests.unit.report.small_run import small_run


def test_csv_is_quoted_and_formulas_are_made_harmless():
    texts = ["=1+1", "+1", "-2", "@x", "\tx", 'a "b", c', "two\nlines", "plain", None]
    data = csv_bytes(pa.table({"text": texts, "value": [-1.5, 0.0, None, 1, 2, 3, 4, 5, 6]})).decode()
    rows = list(csv.reader(io.StringIO(data, newline="")))
    assert rows[0] == ["text", "value"]
    assert [row[0] for row in rows[1:]] == [
        "'=1+1",
        "'+1",
        "'-2",
        "'@x",
        "'\tx",
        'a "b", c',
        "two\nlines",
        "plain",
        "",
    ]
    assert rows[1][1] == "-1.5"  # a number is no formula
    assert rows[3][1] == ""


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--", "]]>", "a\u2028b\u2029c", "&lt;"]
)
def test_json_cannot_leave_its_element(text):
    held = json_for_html({"text": text})
    assert not set(held) & set("<>&\u2028\u2029")
    assert json.loads(str(held)) == {"text": text}


def test_a_box_holds_its_file_and_the_hash_of_it(tmp_path):
    box = figure_box(small_run(tmp_path), "tau_pairs")
    data = base64.b64decode(box.link.split(",", 1)[1])
    assert hashlib.sha256(data).hexdigest().startswith(box.digest)
    assert len(box.digest) == 10
    assert len(box.rows) == MOST_ROWS
    assert box.n_rows == len(data.decode().splitlines()) - 1
    assert json.loads(str(box.spec))["layer"]


def test_a_figure_with_nothing_to_draw_says_so(tmp_path):
    box = figure_box(small_run(tmp_path, counterfactuals=()), "adversary_histogram")
    assert box.still is None
    assert "nothing to draw" in box.nothing
