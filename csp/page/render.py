"""A report's data as one HTML file, everything in it."""

import json
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from csp.page.data import ReportData
from csp.page.payload import packed, payload
from csp.page.sections import html_of

LIBRARIES = ("3Dmol-min.js", "echarts.min.js")
"""Of others, as they were published; see the README beside them."""
SCRIPTS = (
    "core.js",
    "crystal.js",
    "powder.js",
    "viewer.js",
    "landscape.js",
    "structure.js",
    "table.js",
    "compare.js",
    "curves.js",
    "main.js",
)
"""In the order in which they build on one another."""
_TEMPLATE = "page.html.jinja"


def html(data: ReportData) -> str:
    """The page: it opens from disk and asks the network for nothing.

    Names and texts of the data are escaped by the template; what the scripts show of
    it they set as text.
    """
    content = payload(data)
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            data=data,
            packed=packed(content),
            has_ranking=content["corrected"] is not None,
            sections=[
                (section.title, Markup(html_of(section.markdown)))
                for section in data.sections
            ],
            settings=json.dumps(dict(data.settings), ensure_ascii=False, indent=1),
            style=_inline("style.css"),
            libraries=[_inline(f"vendor/{name}") for name in LIBRARIES],
            scripts=[_inline(name) for name in SCRIPTS],
        )
    )


@cache
def _asset(name: str) -> str:
    return (files("csp.page") / "assets" / name).read_text(encoding="utf-8")


def _inline(name: str) -> Markup:
    """A file of the page's own that stands inside its script or style element."""
    text = _asset(name).replace("</script", r"<\/script").replace("<!--", r"<\!--")
    return Markup(text)


def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
