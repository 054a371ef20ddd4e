"""Templates → one HTML file that needs nothing else: what the report and the reproduction have in common.

Scripts run by their hash only, so text from a corpus can never become one; nothing is loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

_STYLE = Path(__file__).parent / "document.css"


def document(
    templates: Path,
    content: Mapping[str, Any],
    *,
    style: str = "",
    filters: Mapping[str, Callable[..., Any]] | None = None,
    names: Mapping[str, Any] | None = None,
) -> str:
    """The page `page.html.j2` of a folder with the script `page.js` beside it.

    Args:
        templates: the folder.
        content: what the template is given; strings are escaped.
        style: CSS that follows the common one.
        filters: functions that the templates may call as filters, …
        names: … and values that all of them see.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    environment.globals |= names or {}
    script = _script(templates / "page.js")
    return environment.get_template("page.html.j2").render(
        **content,
        style=Markup(_STYLE.read_text(encoding="utf-8") + style),
        script=Markup(script),
        policy=_policy(script),
    )


@cache
def _script(path: Path) -> str:
    """A page's script with Vega in it; bundling takes a second, so once a process."""
    bundle = vl_convert.javascript_bundle(path.read_text(encoding="utf-8"))
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _policy(script: str) -> str:
    """What a page may do: run this one script, and load nothing."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
