"""How complete a search is: which draws ended where, and what that says of the rest.

:mod:`csp.packing.counts` has the estimators. They assume that draws are independent,
and that more draws would be shared out among space groups and sites as these were. They
do not assume that these streams are alike. A draw of stream ``s`` ends in minimum ``i``
with a chance ``p_is`` of its own; the times ``i`` was found are a sum over all draws,
which for small chances has a Poisson distribution of mean ``Σ_s n_s p_is``, as if all
draws had come from one mixture. The arguments of Good and Chao need no more: so the
draws of all streams are counted together.

The intervals hold what chance does in 95 % of searches; that of the minima not seen
ends no lower than what ten times the draws may find. Minima in basins still smaller
leave no trace in the counts. And outside of any estimate is what no draw of the search
can reach: space groups and sites that were not searched, more molecules in the
asymmetric unit, other conformers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import Indices, Mask, Scalars
from csp.errors import InputError
from csp.packing.counts import bootstrap, coverage, least_unseen, unseen

WINDOWS = (2.0, 5.0, 10.0)
"""Above the lowest minimum, kJ/mol."""

_TAIL = 0.025
_DEVIATIONS = 1.96
"""Of a normal distribution, to the same tail."""
_N_SAMPLES = 400
_LONGER = 10.0
"""The search whose further minima are bounded from above is as many times longer."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Completeness:
    """How complete a search is within a window of energy.

    Attributes:
        window: Above the lowest minimum found, kJ/mol.
        n_draws: Draws of the search, wherever they ended.
        n_hits: Of these, the ones that ended in the window.
        n_seen: Minima found there.
        coverage: Chance that a further draw that ends in the window finds nothing new.
        unseen: Minima not found yet that such draws can find.
        least_unseen: A lower bound of these, without an interval (Chao).
    """

    window: float
    n_draws: int
    n_hits: int
    n_seen: int
    coverage: Interval
    unseen: Interval
    least_unseen: float

    @property
    def fraction_seen(self) -> Interval:
        """Minima found, as a fraction of all that such draws can find."""
        if self.n_seen == 0:
            return Interval(0.0, 0.0, 1.0)
        fractions = [
            self.n_seen / (self.n_seen + missing)
            for missing in (self.unseen.value, self.unseen.high, self.unseen.low)
        ]
        return Interval(*fractions)


def estimate_completeness(
    minima: Indices, energies: Scalars, windows: Sequence[float] = WINDOWS
) -> tuple[Completeness, ...]:
    """How complete a search is by its draws so far, window by window.

    Neither the order of the draws nor the numbering of the minima matters.

    Args:
        minima: Of each draw, the index of the distinct minimum it ended in; −1 if it
            ended in none.
        energies: Of each minimum, kJ/mol, from any zero; windows begin at the lowest
            minimum that was found.
        windows: Widths, kJ/mol.

    Raises:
        InputError: If a draw ends in a minimum without energy, or a window is not
            positive.
    """
    check_draws(minima, energies, windows)
    hits = np.bincount(minima[minima >= 0], minlength=len(energies))
    result = []
    for window in windows:
        counts = hits[in_window(hits, energies, window)]
        result.append(completeness_of(counts, window, len(minima)))
    return tuple(result)


def in_window(hits: Indices, energies: Scalars, window: float) -> Mask:
    """Which minima were found and lie near the lowest of these."""
    found = hits > 0
    lowest = energies[found].min(initial=np.inf)
    return np.asarray(found & (energies <= lowest + window))


def completeness_of(counts: Indices, window: float, n_draws: int) -> Completeness:
    """From how often each minimum of a window was found, all above zero."""
    n_hits = int(counts.sum())
    if n_hits == 0:
        nothing, anything = Interval(0.0, 0.0, 1.0), Interval(0.0, 0.0, np.inf)
        return Completeness(window, n_draws, 0, 0, nothing, anything, 0.0)
    row, samples = counts[None], bootstrap(counts, _N_SAMPLES)
    known = _pivotal(float(coverage(row)[0]), samples.coverage, 1.0)
    # what none of n draws did (find a new minimum, or a known one) may be this likely
    limit = min(1.0, -np.log(_TAIL) / n_hits)
    missing = _pivotal(float(unseen(row)[0]), samples.unseen, np.inf)
    least = float(least_unseen(row)[0])
    most = (
        missing.high,
        _log_normal(missing.value, samples.unseen),
        float(np.log(_LONGER) * np.quantile(samples.once, 1.0 - _TAIL)),
    )
    return Completeness(
        window=window,
        n_draws=n_draws,
        n_hits=n_hits,
        n_seen=len(counts),
        coverage=Interval(
            known.value, min(known.low, 1.0 - limit), max(known.high, limit)
        ),
        unseen=Interval(missing.value, min(missing.low, least), max(most)),
        least_unseen=least,
    )


def _pivotal(value: float, deviations: Scalars, largest: float) -> Interval:
    """An estimate less the quantiles of its errors, within 0 and a bound."""
    high, low = np.quantile(deviations, [_TAIL, 1.0 - _TAIL])
    return Interval(
        value,
        float(np.clip(value - low, 0.0, value)),
        float(np.clip(value - high, value, largest)),
    )


def _log_normal(value: float, deviations: Scalars) -> float:
    """Upper end of an interval in the logarithm (Chao, Biometrics 43, 783 (1987))."""
    spread = float(deviations.std())
    if value == 0.0:
        return _DEVIATIONS * spread
    width = np.sqrt(np.log1p((spread / value) ** 2))
    return float(value * np.exp(_DEVIATIONS * width))


def check_draws(minima: Indices, energies: Scalars, windows: Sequence[float]) -> None:
    """Refuse draws, energies or windows that make no sense.

    Raises:
        InputError: If a draw ends in a minimum without energy, or a window is not
            positive.
    """
    if len(minima) and not -1 <= minima.min() <= minima.max() < len(energies):
        raise InputError(
            f"draws end in minima {minima.min()} to {minima.max()}, but there are "
            f"energies of {len(energies)}: number them from 0, −1 for none"
        )
    if not np.isfinite(energies).all():
        raise InputError(
            "the energy of a minimum is not a finite number: leave that minimum out"
        )
    for window in windows:
        if not 0.0 < window < np.inf:
            raise InputError(f"a window must be above 0 kJ/mol, got {window:g}")
