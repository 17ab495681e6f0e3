"""When a search may end: a sentence of the settings, asked after each round."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from csp.errors import InputError
from csp.packing.completeness import Completeness

EXAMPLE = "95 % of minima within 10 kJ/mol seen"

_NUMBER = r"(\d+(?:\.\d+)?)"
_RULE = re.compile(rf"{_NUMBER} ?% of minima within {_NUMBER} kJ/mol seen")


@dataclass(frozen=True, slots=True)
class StopRule:
    """A share of the minima of a window that has to be found.

    Attributes:
        percent: Of the minima within the window that such draws can find.
        window: Above the lowest minimum, kJ/mol.
    """

    percent: float
    window: float

    def __str__(self) -> str:
        return f"{self.percent:g} % of minima within {self.window:g} kJ/mol seen"

    def is_met(self, estimates: Sequence[Completeness]) -> bool:
        """Whether the search may end.

        Held against the rule are the lower ends of the intervals, of the fraction of
        minima seen and of the coverage: the estimates themselves claim too much where
        a few minima are much harder to find than the rest
        (``benchmarks/completeness.py``). A window should hold some ten minima: of four,
        three that are found often say nothing of a fourth that is not.

        Args:
            estimates: Of the draws so far; one of them for this window.

        Raises:
            InputError: If none is for this window.
        """
        for estimate in estimates:
            if estimate.window == self.window:
                seen, known = estimate.fraction_seen.low, estimate.coverage.low
                return bool(100.0 * min(seen, known) >= self.percent)
        raise InputError(
            f"no estimate for a window of {self.window:g} kJ/mol, which "
            f"stop_when = {str(self)!r} asks for"
        )


def parse_stop_rule(text: str) -> StopRule:
    """Read a rule like :data:`EXAMPLE`.

    >>> parse_stop_rule("95 % of minima within 10 kJ/mol seen")
    StopRule(percent=95.0, window=10.0)

    Raises:
        InputError: If it is written differently, or can never be met.
    """
    match = _RULE.fullmatch(" ".join(text.split()))
    if match is None:
        raise InputError(
            f"stop_when must be a sentence like {EXAMPLE!r}, got {text!r}: change only "
            "its two numbers"
        )
    percent, window = float(match[1]), float(match[2])
    if not 0.0 < percent < 100.0:  # noqa: PLR2004
        raise InputError(
            f"stop_when asks for {percent:g} % of the minima: it must be above 0 and "
            "below 100, for no search is ever known to be complete"
        )
    if window == 0.0:
        raise InputError(
            "stop_when asks for minima within 0 kJ/mol: the window must be above 0"
        )
    return StopRule(percent, window)
