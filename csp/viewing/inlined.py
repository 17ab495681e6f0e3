"""Scripts and styles as they stand inside an HTML document."""

from functools import cache
from importlib.resources import files

from markupsafe import Markup

LIBRARY = "vendor/3Dmol-min.js"
"""Of others, as it was published; see the README beside it."""
SCRIPTS = ("base.js", "crystal.js", "viewer.js")
"""In the order in which they build on one another."""


@cache
def text_of(package: str, name: str) -> str:
    """A file among the assets of a package."""
    return (files(package) / "assets" / name).read_text(encoding="utf-8")


def inline(package: str, name: str) -> Markup:
    """The same as it stands inside its script or style element."""
    text = text_of(package, name)
    text = text.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    return Markup(text)
