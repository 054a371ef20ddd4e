import re
from pathlib import Path

import pytest

import attnaudit.drawing
from tests.unit.drawing.contrast import contrast

STYLE = (Path(attnaudit.drawing.__file__).parent / "document.css").read_text(encoding="utf-8")
BLOCKS = [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in STYLE.split(":root")[1:3]]
THEMES = dict(zip(("light", "dark"), BLOCKS, strict=True))
PAIRS = [("ink", "paper"), ("soft", "paper"), ("link", "paper"), ("ink", "raised"), ("soft", "raised")]
PAIRS += [(f"{name}-ink", name) for name in ("good", "bad", "open", "none")]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("letters", "ground"), PAIRS)
def test_letters_have_the_contrast_that_wcag_asks(theme, letters, ground):
    colours = THEMES[theme]
    assert contrast(colours[letters], colours[ground]) >= 4.5
