"""What a report and the terminal say of how complete a search is."""

import math
from collections.abc import Sequence

from csp.packing.completeness import Completeness, Interval

LIMITS = (
    "The estimates rest on how often each minimum was found again, and hold for what "
    "such draws can find: not for space groups and sites that were not searched, nor "
    "for more molecules in the asymmetric unit or other conformers. The intervals "
    "(95 %) reach to what ten times the draws may find; minima that are rarer still "
    "leave no trace. Coverage is the chance that one more draw finds nothing new."
)
"""Belongs wherever the sentences are."""


def completeness_sentences(estimates: Sequence[Completeness]) -> list[str]:
    """One sentence a window, without a full stop."""
    return [_sentence(estimate) for estimate in estimates]


def completeness_markdown(estimates: Sequence[Completeness]) -> str:
    """The section of a report, without its title."""
    lines = [
        f"- {text[0].upper()}{text[1:]}.\n"
        for text in completeness_sentences(estimates)
    ]
    return "".join(lines) + f"\n{LIMITS}\n"


def _sentence(estimate: Completeness) -> str:
    where = f"within {estimate.window:g} kJ/mol"
    if estimate.n_seen == 0:
        return f"{where}: no minimum seen in {estimate.n_draws:,} draws"
    missing = estimate.unseen
    minima = "minimum" if estimate.n_seen == 1 else "minima"
    return (
        f"{where}: {estimate.n_seen} {minima} seen, an estimated {missing.value:.0f} "
        f"({missing.low:.0f}–{missing.high:.0f}; Chao's lower bound "
        f"{estimate.least_unseen:.0f}) not, so {_percent(estimate.fraction_seen)} "
        f"seen; coverage {_percent(estimate.coverage)}"
    )


def _percent(interval: Interval) -> str:
    """Rounded down: what is not quite complete is not called 100 %."""
    value, low, high = (
        f"{math.floor(1000.0 * bound + 1e-9) / 10.0:.1f}"
        for bound in (interval.value, interval.low, interval.high)
    )
    return f"{value} % ({low}–{high})"
