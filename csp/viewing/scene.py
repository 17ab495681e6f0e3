"""One crystal in three dimensions, for notebooks: a document inside a frame."""

from collections.abc import Iterable
from html import escape

from csp.viewing.elements import radii_of
from csp.viewing.inlined import drawing_scripts, inline, template

_HEIGHT = 420
"""Of the frame, pixels."""
_PACKAGE = "csp.viewing"


def scene(cif: str, symbols: Iterable[str], caption: str) -> str:
    """An HTML document that shows a crystal and asks the network for nothing.

    Args:
        cif: CIF file of the crystal.
        symbols: Its elements.
        caption: What stands under it.
    """
    return template(_PACKAGE, "scene.html.jinja").render(
        caption=caption,
        cif=cif,
        elements=radii_of(set(symbols)),
        style=inline(_PACKAGE, "scene.css"),
        scripts=[*drawing_scripts(), inline(_PACKAGE, "scene.js")],
    )


def framed(document: str) -> str:
    """A document in a frame of its own, so that it and the notebook do not meet."""
    return (
        f'<iframe srcdoc="{escape(document)}" sandbox="allow-scripts" '
        f'style="width:100%;height:{_HEIGHT}px;border:0" title="crystal"></iframe>'
    )
