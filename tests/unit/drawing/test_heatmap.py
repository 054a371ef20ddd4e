import re

import numpy as np
import pytest

from attnaudit.drawing.heatmap import HEATMAP_STYLE, WINDOW, heatmap, shade, window
from tests.unit.drawing.contrast import contrast


def test_tokens_and_caption_are_escaped():
    html = heatmap(["<img src=x onerror=alert(1)>", '"&'], [0.7, 0.3], caption="<b>x</b>")
    assert "<img" not in html
    assert "<b>x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_text_runs_in_its_own_direction():
    html = heatmap(["שלום", "hello", "مرحبا"], [0.2, 0.5, 0.3])
    assert 'dir="auto"' in html
    assert html.count("<bdi>") >= 3


def test_shade_is_linear_and_the_largest_weight_is_darkest():
    assert [shade(w, 0.4) for w in (0.0, 0.1, 0.2, 0.4)] == [0, 25, 50, 100]
    html = heatmap(["a", "b", "c"], [0.1, 0.4, 0.2])
    assert [float(p) for p in re.findall(r"([\d.]+)%,transparent", html)] == [25, 100, 50]


def test_weights_can_be_read_without_seeing_shades():
    html = heatmap(["a", "b"], [0.25, 0.75])
    assert 'title="0.2500"' in html
    assert "Largest weight 0.750. Most: <bdi>b</bdi> 0.75, <bdi>a</bdi> 0.25." in html


def test_withheld_texts_show_numbers():
    html = heatmap(None, [0.1, 0.9])
    assert "<bdi>2</bdi>" in html
    assert "withheld" in html


def test_long_texts_are_cut_around_the_largest_weight():
    weights = np.full(5000, 1e-5)
    weights[3000] = 0.9
    html = heatmap([f"w{i}" for i in range(5000)], weights)
    assert html.count("<span title") == WINDOW
    assert "<bdi>w3000</bdi>" in html
    assert "of 5,000" in html


@pytest.mark.parametrize("largest", [0, 10, 2499, 4999])
def test_the_window_holds_the_largest_weight(largest):
    weights = np.zeros(5000)
    weights[largest] = 1
    first, last = window(weights)
    assert last - first == WINDOW
    assert first <= largest < last


def test_all_zero_and_empty_rows():
    assert "All weights are 0." in heatmap(["a", "b"], [0, 0])
    assert "no tokens" in heatmap([], [])


@pytest.mark.parametrize("weights", [[0.5], [0.5, -0.1], [0.5, float("nan")]])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="must be"):
        heatmap(["a", "b"], weights)


def test_letters_keep_their_contrast_on_the_darkest_shade():
    light, dark = re.findall(r"--attention-full: (#\w{6})", HEATMAP_STYLE)[:2]
    assert contrast("#1c2128", light) >= 4.5
    assert contrast("#e4e8ec", dark) >= 4.5
    fallback = re.search(r"--attention-full,(#\w{6})", heatmap(["a"], [1.0])).group(1)
    assert min(contrast("#000000", fallback), contrast("#ffffff", fallback)) >= 4.5
