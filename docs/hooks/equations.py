"""Equations: LaTeX in, MathML out, when the site is built."""

import html
import re
from xml.etree import ElementTree as ET

from latex2mathml import exceptions
from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

_EQUATION = re.compile(
    r'<(span|div) class="arithmatex">(\\\(|\\\[)(.+?)(\\\)|\\\])</\1>', re.DOTALL
)
"""What pymdownx.arithmatex makes of ``$…$`` and ``$$…$$``."""

_NOT_LATEX: tuple[type[Exception], ...] = (
    *(
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
    IndexError,
    KeyError,
    StopIteration,
)
"""What the converter raises."""

_PARTS = {
    "mfrac": 2,
    "msub": 2,
    "msup": 2,
    "munder": 2,
    "mover": 2,
    "msubsup": 3,
    "munderover": 3,
}
"""How many parts an element of MathML has; the converter does not look."""


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
        upright = latex.replace("\\mathrm{", "\\text{")  # else single letters slant
        display = "block" if match[1] == "div" else "inline"
        try:
            mathml = str(convert(upright, display=display))
        except _NOT_LATEX as error:
            raise _refusal(name, latex, type(error).__name__) from error
        if problem := _problem(mathml):
            raise _refusal(name, latex, problem)
        return mathml

    return _EQUATION.sub(converted, page)


def _problem(mathml: str) -> str:
    if "\\" in mathml:
        return "an unknown command"
    try:
        root = ET.fromstring(mathml)
    except ET.ParseError:
        return "an & out of place"
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        if len(element) != _PARTS.get(tag, len(element)):
            return "a part is missing"
    return ""


def _refusal(name: str, latex: str, reason: str) -> PluginError:
    return PluginError(
        f"in {name} the equation {latex!r} is not understood ({reason}): write it in "
        "simpler LaTeX"
    )
