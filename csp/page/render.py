"""A report's data as one HTML file, everything in it."""

import json

from markupsafe import Markup

from csp.page.data import ReportData
from csp.page.payload import packed, payload
from csp.page.sections import html_of
from csp.viewing.inlined import drawing_scripts, inline, template

_SCRIPTS = (
    "vendor/echarts.min.js",
    "core.js",
    "powder.js",
    "landscape.js",
    "structure.js",
    "table.js",
    "compare.js",
    "curves.js",
    "main.js",
)
"""In the order in which they build on one another; the first is a library of others."""
_PACKAGE = "csp.page"


def html(data: ReportData) -> str:
    """The page: it opens from disk and asks the network for nothing.

    Names and texts of the data are escaped by the template; what the scripts show of
    it they set as text.
    """
    content = payload(data)
    return template(_PACKAGE, "page.html.jinja").render(
        data=data,
        packed=packed(content),
        has_ranking=content["corrected"] is not None,
        sections=[
            (section.title, Markup(html_of(section.markdown)))
            for section in data.sections
        ],
        settings=json.dumps(dict(data.settings), ensure_ascii=False, indent=1),
        style=inline(_PACKAGE, "style.css"),
        scripts=[*drawing_scripts(), *(inline(_PACKAGE, name) for name in _SCRIPTS)],
    )
