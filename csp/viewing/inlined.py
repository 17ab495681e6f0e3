"""HTML documents with their scripts and styles inside."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

_PACKAGE = "csp.viewing"
_DRAWING = ("vendor/3Dmol-min.js", "base.js", "crystal.js", "viewer.js")
"""In the order in which they build on one another; the first is a library of others."""


def drawing_scripts() -> list[Markup]:
    """The scripts with which documents draw crystals."""
    return [inline(_PACKAGE, name) for name in _DRAWING]


def template(package: str, name: str) -> Template:
    """A template among the assets of a package; it escapes what it is given."""
    return Environment(
        loader=FunctionLoader(lambda name: _text_of(package, name)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


@cache
def _text_of(package: str, name: str) -> str:
    """A file among the assets of a package."""
    return (files(package) / "assets" / name).read_text(encoding="utf-8")


def inline(package: str, name: str) -> Markup:
    """A script or style among them, as it stands inside its element."""
    text = _text_of(package, name)
    text = text.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    return Markup(text)
