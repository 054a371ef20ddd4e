import base64
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from attnaudit.errors import StoreError
from attnaudit.report import write_report
from attnaudit.report.page import page
from tests.unit.report.small_run import FORMS, small_run


class Outline(HTMLParser):
    """Headings, ids, links, scripts and elements of a page, and whether its elements are closed in order."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self, html):
        super().__init__()
        self.headings, self.ids, self.links, self.scripts, self.elements, self.open = (
            [],
            [],
            [],
            [],
            set(),
            [],
        )
        self.faults = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.add(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "script":
            self.scripts.append(attributes)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.add(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    return page(
        small_run(tmp_path_factory.mktemp("run"), n=40, evidence=True, warnings=("Two texts stand twice.",))
    )


def test_the_report_goes_into_the_run_folder_or_where_it_is_wanted(tmp_path):
    run = small_run(tmp_path, n=3)
    assert write_report(run) == run.folder / "report.html"
    other = write_report(run, tmp_path / "elsewhere" / "page.html")
    assert other.read_bytes() == (run.folder / "report.html").read_bytes()


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    run = small_run(tmp_path, n=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        write_report(run, tmp_path / "file" / "report.html")


def test_the_same_run_gives_the_same_bytes(tmp_path):
    run = small_run(tmp_path, evidence=True)
    assert page(run) == page(type(run).open(run.folder))


def test_the_page_is_small_and_needs_nothing_else(html):
    assert len(html.encode()) < 5_000_000
    body = re.sub(r'<script type="module">.*?</script>', "", html, flags=re.DOTALL)
    body = re.sub(r'xmlns(:xlink)?="[^"]*"', "", body)
    body = re.sub(r'<script type="application/json".*?</script>', "", body, flags=re.DOTALL)
    assert "http:" not in body
    assert "https:" not in body
    assert "src=" not in body
    assert "url(" not in body
    assert "@import" not in body


def test_only_the_one_script_may_run(html):
    scripts = re.findall(r'<script type="module">(.*?)</script>', html, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    policy = (
        re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
        .group(1)
        .replace("&#39;", "'")
    )
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}';" in policy
    assert "unsafe-eval" not in policy
    outline = Outline(html)
    assert {attributes["type"] for attributes in outline.scripts} == {"module", "application/json"}


def test_the_page_is_well_built(html):
    outline = Outline(html)
    assert outline.faults == []
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(
        after <= before + 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False)
    )
    assert len(outline.ids) == len(set(outline.ids))
    assert {link.removeprefix("#") for link in outline.links if link.startswith("#")} <= set(outline.ids)
    assert {"main", "nav", "header", "footer", "caption", "h1"} <= outline.elements


def test_sections_stand_in_order(html):
    places = [
        html.index(f'<section id="{name}"')
        for name in (
            "card",
            "asked",
            "model",
            "agreement",
            "permutation",
            "adversary",
            "heat-maps",
            "evidence",
            "meaning",
        )
    ]
    assert places == sorted(places)
    assert "Two texts stand twice." in html
    assert "Made by hand." in html


def test_evidence_is_shown_only_where_it_is_known(tmp_path):
    assert '<section id="evidence"' not in page(small_run(tmp_path))


def test_text_from_the_corpus_stays_text(tmp_path):
    bad = "</script><script>alert(1)</script>"
    texts = [["<img src=x onerror=alert(1)>", bad, "good", "word"]] * 12
    classes = ("<b>x</b>", "\"'&lt;")
    html = page(small_run(tmp_path, texts=texts, classes=classes, corpus="<i>c</i>", warnings=(bad,)))
    html = re.sub(r'<script type="module">.*?</script>', "", html, flags=re.DOTALL)  # Vega's own words
    assert "<img" not in html
    assert "<script>alert" not in html
    assert "<b>x</b>" not in html
    assert "<i>c</i>" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert Outline(html).faults == []


def shown(html):
    """The page without its scripts and the numbers in them."""
    return re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("form", "said", "unsaid"),
    [
        ("classification", ("ROC-AUC 0.900", "by predicted class"), ("A bracket is", "Question:")),
        (
            "three_classes",
            ("Hypothesis:", "F1 (macro) 0.750", "most frequent class", "by predicted class", "A bracket is"),
            ("ROC-AUC",),
        ),
        (
            "many_answers",
            ("Question:", "46 in all", "A bracket is", "nats apart", "share of the texts<"),
            ("ROC-AUC", "by predicted class", "of a class", "@entity20,"),
        ),
    ],
)
def test_every_form_of_task_has_its_page(tmp_path, form, said, unsaid):
    html = page(small_run(tmp_path, **FORMS[form]))
    assert Outline(html).faults == []
    text = shown(html)
    for part in said:
        assert part in text, part
    for part in unsaid:
        assert part not in text, part
    assert not re.search(r"\b(nan|NaN|None)\b", text)


def test_a_bracket_is_said_with_both_bounds_and_its_epsilon(tmp_path):
    html = shown(page(small_run(tmp_path, **FORMS["three_classes"])))
    for part in (
        "on average the furthest is between ",
        "to within 0.05",
        "of the texts they agree to within 1%",
        "bracket, lower bound (ε\u00a0=\u00a00.05)",
        "bracket, upper bound (ε\u00a0=\u00a00.05)",
        "search as published (ε\u00a0=\u00a00.05)",
        "search (ε\u00a0=\u00a00.01)",
        "How far the certified bounds lie apart",
        "Outlined bars: none further away exists",
        "(at most ",
    ):
        assert part in html, part
    assert "The search as published stays" in html


def test_a_question_from_the_corpus_stays_text(tmp_path):
    bad = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    html = shown(page(small_run(tmp_path, field="question", queries=[bad] * 24)))
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;&lt;/script&gt;") == 10
    assert Outline(html).faults == []


def test_a_question_is_withheld_with_its_text(tmp_path):
    html = page(small_run(tmp_path, field="question", queries=["secret plan"] * 24, keep_text=False))
    assert "secret" not in html
    assert '<span>Question:</span> <bdi dir="auto">withheld</bdi>' in html


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"counterfactuals": ("adversarial_paper",)}, "the search as published finds"),
        (
            {"counterfactuals": ("adversarial_exact", "adversarial_paper")},
            "With the settings of the published code (what counts is ε = 0.05) the search reaches",
        ),
        ({"counterfactuals": ("adversarial_bracket",), "n": 1}, "1 text"),
        ({"counterfactuals": ("adversarial_bracket",), "defined": False}, "undefined on every text"),
        (
            {"counterfactuals": ("same_weights",)},
            "Keeping the same weights and only re-assigning them to other",
        ),
        (
            {"counterfactuals": ("same_weights",), "defined": False},
            "only re-assigning them is undefined on every text (too few tokens: 24)",
        ),
        (
            {"counterfactuals": ("permuted", "permuted_moments")},
            "How far the logit moves when the weights are",
        ),
        ({"counterfactuals": ("permuted", "permuted_moments"), "measures": ()}, "logits"),
        ({"counterfactuals": ("permuted", "permuted_moments", "same_weights"), "n": 1}, "1 text"),
        ({"counterfactuals": ()}, "attention was not permuted"),
        ({"counterfactuals": ("permuted",)}, "no adversarial attention was looked for"),
        ({"counterfactuals": ("adversarial_search",)}, "The search gives a lower bound"),
        ({"measures": ("attention",)}, "were not both measured"),
        ({"measures": (), "counterfactuals": ()}, "nothing to show"),
        ({"defined": False}, "undefined on every text (too few tokens: 24)"),
        ({"trained": False}, "the model was not trained in this run"),
        ({"n": 1}, "1 text"),
        ({"predictions": [0] * 24}, "predicted positive"),
        ({"classes": ("a", "b", "c")}, "predicted c"),
        ({"classes": ("a", "b", "c", "d")}, "all texts"),
        ({"keep_text": False}, "The text is withheld"),
    ],
)
def test_whatever_is_missing_the_page_says_so(tmp_path, changes, said):
    html = page(small_run(tmp_path, **changes))
    assert said in html
    assert Outline(html).faults == []
    assert not re.search(r"\b(nan|NaN|None)\b", re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL))


def test_texts_of_any_writing_and_length(tmp_path):
    texts = [
        ["שלום", "עולם", "טוב"],
        ["مرحبا", "بالعالم"],
        ["👩🏽‍🚀", "👍", "ok"],
        ["中", "文", "字"],
        [f"word{i}" for i in range(5000)],
        ["a\u2028b", "\u202eevil", "c"],
    ]
    html = page(small_run(tmp_path, texts=texts))
    assert "of 5,000, around the largest weight" in html
    for text in ("שלום", "مرحبا", "👩🏽‍🚀", "中"):
        assert f"<bdi>{text}</bdi>" in html


def test_reading_needs_no_torch():
    code = "import sys, attnaudit.report, attnaudit.drawing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
