"""A report's data as one HTML file, everything in it."""

import json

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from csp.page.data import ReportData
from csp.page.payload import packed, payload
from csp.page.sections import html_of
from csp.viewing import inlined
from csp.viewing.inlined import inline, text_of

SCRIPTS = (
    "core.js",
    "powder.js",
    "landscape.js",
    "structure.js",
    "table.js",
    "compare.js",
    "curves.js",
    "main.js",
)
"""In the order in which they build on one another, after those that draw crystals."""
_LIBRARY = "vendor/echarts.min.js"
_PACKAGE = "csp.page"
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
            style=inline(_PACKAGE, "style.css"),
            libraries=[
                inline("csp.viewing", inlined.LIBRARY),
                inline(_PACKAGE, _LIBRARY),
            ],
            scripts=[
                *(inline("csp.viewing", name) for name in inlined.SCRIPTS),
                *(inline(_PACKAGE, name) for name in SCRIPTS),
            ],
        )
    )


def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: text_of(_PACKAGE, name)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
