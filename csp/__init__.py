"""csp: crystal structure prediction for organic molecular crystals."""

from importlib.metadata import version

__version__ = version("csp")
