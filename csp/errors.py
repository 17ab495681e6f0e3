"""The errors a caller can tell apart.

A mistake of the caller raises; an expected outcome for one crystal (overlap, step
limit) is a status in the result; a bug crashes.
"""


class CspError(Exception):
    """Any failure that csp foresees and explains."""


class InputError(CspError, ValueError):
    """A value that does not describe what it names: value, bound and remedy."""


class ConvergenceError(CspError, RuntimeError):
    """An inner iteration failed without which the result has no meaning."""


class ProgramError(CspError, RuntimeError):
    """An external program failed: command, exit code, last lines."""


class StoreError(CspError, RuntimeError):
    """A stored record is missing or does not belong to this run."""


class MissingDependencyError(CspError, ImportError):
    """A package is needed that is not installed."""
