"""The report in a browser, offline: it draws, it hands out its numbers, and text from a corpus stays text."""

import csv
import hashlib
import io
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from attnaudit.report import write_report
from tests.unit.report.small_run import small_run

IMAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(1)</script>"
CLASSES = ("<b>x</b>", 'it\'s "y"')
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.browser


def found_browser():
    given = os.environ.get("ATTNAUDIT_CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser():
    pytest.importorskip("playwright", reason="playwright is not installed")
    from playwright.sync_api import sync_playwright

    program = found_browser()
    if program is None:
        pytest.skip("no Chromium was found; name one by ATTNAUDIT_CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def report():
    texts = [[IMAGE, SCRIPT, "plain", "=1+1", "שלום", "👩🏽‍🚀"], ["a", "b", "c", "d", "e"]] * 15
    with tempfile.TemporaryDirectory() as folder:
        run = small_run(
            Path(folder), texts=texts, classes=CLASSES, evidence=True, warnings=(SCRIPT,), corpus="<i>c</i>"
        )
        yield write_report(run)


class Visit:
    """A page that was opened, and everything it did that it should not."""

    def __init__(self, browser, report, **more):
        self.context = browser.new_context(accept_downloads=True, **more)
        self.page = self.context.new_page()
        self.dialogs, self.messages, self.errors, self.requests = [], [], [], []
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on("console", lambda message: self.messages.append((message.type, message.text)))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(report.as_uri())
        self.page.wait_for_function(
            "[...document.querySelectorAll('.chart')].every((box) => box.dataset.drawn)"
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


@pytest.fixture
def visit(browser, report):
    with Visit(browser, report, viewport={"width": 1100, "height": 900}) as opened:
        yield opened


def test_nothing_from_the_corpus_runs_and_nothing_is_loaded(visit, report):
    assert visit.requests == [report.as_uri()]
    assert visit.dialogs == []
    assert visit.errors == []
    assert visit.messages == []
    text = visit.page.inner_text("body")
    for literal in (IMAGE, SCRIPT, CLASSES[0], "<i>c</i>"):
        assert literal in text
    assert visit.page.locator("img, b").count() == 0


def test_an_injected_script_does_not_run(visit):
    visit.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.injected = true";
            document.body.append(script);
            const box = document.createElement("div");
            box.innerHTML = '<img src="data:," onerror="window.injected = true">';
            document.body.append(box);
        }"""
    )
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.injected") is None
    assert any("Content Security Policy" in text for _, text in visit.messages)


def test_every_figure_is_drawn_by_the_script(visit):
    charts = visit.page.locator(".chart")
    assert charts.count() == 9
    for number in range(charts.count()):
        chart = charts.nth(number)
        assert chart.get_attribute("data-drawn") == "yes"
        assert chart.locator("svg").count() == 1
        box = chart.locator("svg").bounding_box()
        assert box["width"] > 500
        assert box["height"] > 150


def test_the_numbers_of_a_figure_can_be_had_as_csv(visit):
    figure = visit.page.locator("#figure-exact_against_search")
    with visit.page.expect_download() as waiting:
        figure.get_by_text("numbers (CSV)").click()
    with open(waiting.value.path(), "rb") as file:
        data = file.read()
    assert waiting.value.suggested_filename == "exact_against_search.csv"
    assert hashlib.sha256(data).hexdigest().startswith(figure.locator(".source code").inner_text())
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert len(rows) == 30
    assert rows[0]["group"] in {f"predicted {name}" for name in CLASSES}


def test_a_phone_scrolls_only_down(browser, report):
    with Visit(browser, report, viewport={"width": 390, "height": 800}) as phone:
        widths = phone.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths == [390, 390]
        wide = phone.page.locator(".chart svg").first.bounding_box()["width"]
        assert 300 < wide <= 390


@pytest.mark.parametrize(("scheme", "dark"), [("dark", True), ("light", False)])
def test_the_page_follows_the_theme(browser, report, scheme, dark):
    with Visit(browser, report, viewport={"width": 900, "height": 600}, color_scheme=scheme) as opened:
        paper, ink, letters = opened.page.evaluate(
            """() => {
                const colour = (query, what) => getComputedStyle(document.querySelector(query))[what];
                const letters = colour(".chart svg text", "fill");
                return [colour("body", "backgroundColor"), colour("body", "color"), letters];
            }"""
        )
        assert (_brightness(paper) < 60) == dark
        assert (_brightness(ink) > 180) == dark
        assert letters == ink


def test_print_is_light_and_shows_the_figures(browser, report):
    with Visit(browser, report, viewport={"width": 900, "height": 600}, color_scheme="dark") as opened:
        opened.page.emulate_media(media="print")
        assert _brightness(opened.page.evaluate("getComputedStyle(document.body).backgroundColor")) > 250
        assert opened.page.locator(".chart svg").first.is_visible()
        assert not opened.page.locator("nav").is_visible()


def test_without_scripts_the_still_pictures_stand(browser, report):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".chart-still svg").count() == 9
    context.close()


def test_the_keyboard_reaches_the_findings(visit):
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    assert visit.page.locator(".skip").bounding_box()["x"] >= 0
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("location.hash") == "#main"


def _brightness(colour):
    channels = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(channels) / 3
