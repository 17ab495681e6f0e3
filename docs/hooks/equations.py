"""Equations: LaTeX in, MathML out, when the site is built."""

import html
import re

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

_EQUATION = re.compile(
    r'<(span|div) class="arithmatex">(\\\(|\\\[)(.+?)(\\\)|\\\])</\1>', re.DOTALL
)
"""What pymdownx.arithmatex makes of ``$…$`` and ``$$…$$``."""


def with_mathml(page: str, name: str) -> str:
    """A page with MathML in place of LaTeX.

    Args:
        page: HTML.
        name: Of the page, for messages.

    Raises:
        PluginError: If an equation is not understood.
    """

    def converted(match: re.Match[str]) -> str:
        latex = html.unescape(match[3]).strip()
        display = "block" if match[1] == "div" else "inline"
        try:
            return str(convert(latex, display=display))
        except (LaTeXParseError, IndexError, KeyError) as error:
            raise PluginError(
                f"in {name} the equation {latex!r} is not understood "
                f"({type(error).__name__}): write it in simpler LaTeX"
            ) from error

    return _EQUATION.sub(converted, page)
