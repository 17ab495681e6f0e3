"""csp: crystal structure prediction for organic molecular crystals.

>>> import csp
>>> landscape = csp.predict("OC(=O)C(=O)O", "oxalic", preset="quick")  # doctest: +SKIP
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csp.comparison.reading import read_crystal as read_crystal
    from csp.comparison.sameness import compare_crystals as compare_crystals
    from csp.notebook import Results as Results
    from csp.notebook import load as load
    from csp.notebook import predict as predict

__version__ = version("csp")

_PUBLIC = {
    "predict": "csp.notebook",
    "load": "csp.notebook",
    "Results": "csp.notebook",
    "read_crystal": "csp.comparison.reading",
    "compare_crystals": "csp.comparison.sameness",
}
"""What ``import csp`` offers, imported when it is first used."""


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
