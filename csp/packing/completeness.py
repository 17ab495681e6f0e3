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

from csp.arrays import Indices, Mask, Scalars, read_only
from csp.errors import InputError
from csp.packing.counts import bootstrap, coverage, least_unseen, rarefied, unseen

WINDOWS = (2.0, 5.0, 10.0)
"""Above the lowest minimum, kJ/mol."""

_TAIL = 0.025
_DEVIATIONS = 1.96
"""Of a normal distribution, to the same tail."""
_N_SAMPLES = 400
_FIRST = 10
"""Draws at the first point of a curve."""
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


@dataclass(frozen=True, eq=False, slots=True)
class Accumulation:
    """How the minima of a window came in.

    Attributes:
        window: Above the lowest minimum that all draws found, kJ/mol.
        n_draws: After how many draws.
        n_seen: Minima found by then.
        expected: Minima that as many of the draws, chosen at random, would have found.
        total: Minima seen then and estimated not to be.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    window: float
    n_draws: Indices
    n_seen: Indices
    expected: Scalars
    total: Scalars
    low: Scalars
    high: Scalars

    def __post_init__(self) -> None:
        for name in ("n_draws", "n_seen"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int64))
        for name in ("expected", "total", "low", "high"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


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
    _check(minima, energies, windows)
    hits = np.bincount(minima[minima >= 0], minlength=len(energies))
    result = []
    for window in windows:
        counts = hits[_in_window(hits, energies, window)]
        result.append(_completeness(counts, window, len(minima)))
    return tuple(result)


def accumulate(
    minima: Indices,
    energies: Scalars,
    windows: Sequence[float] = WINDOWS,
    n_points: int = 40,
) -> tuple[Accumulation, ...]:
    """How minima seen, and the estimate of all, grew with the draws.

    Args:
        minima: Of each draw, in the order in which they were made, the index of its
            minimum or −1. For draws of several streams see :func:`in_step`.
        energies: Of each minimum, kJ/mol.
        windows: Widths, kJ/mol.
        n_points: How many points the curves have at most, evenly in the logarithm.

    Raises:
        InputError: As in :func:`estimate_completeness`.
    """
    _check(minima, energies, windows)
    ends = _milestones(len(minima), n_points)
    hits = np.bincount(minima[minima >= 0], minlength=len(energies))
    curves = []
    for window in windows:
        is_in = _in_window(hits, energies, window)
        # the last entry is for −1
        inside = np.where(np.append(is_in, False)[minima], minima, -1)
        rows = [_prefix(inside[:end], window) for end in ends.tolist()]
        share = int(hits[is_in].sum()) / max(len(minima), 1)
        seen = np.array([row.n_seen for row in rows], dtype=int)
        unseen_bounds = np.array(
            [[row.unseen.value, row.unseen.low, row.unseen.high] for row in rows]
        ).reshape(-1, 3)
        total, low, high = (seen[:, None] + unseen_bounds).T
        expected = rarefied(hits[is_in], np.rint(ends * share).astype(int))
        curves.append(Accumulation(window, ends, seen, expected, total, low, high))
    return tuple(curves)


def in_step(streams: Sequence[str], draws: Indices) -> Indices:
    """The order in which draws come if all streams go forward together.

    The first tenth is then a search of a tenth of the draws in every stream.

    Args:
        streams: Of each draw, the name of its space group and site.
        draws: Its index in the stream.

    Returns:
        Indices that sort them.
    """
    names, numbers = np.unique(np.asarray(streams), return_inverse=True)
    sizes = np.bincount(numbers, minlength=len(names))
    order = np.lexsort((draws, numbers))
    ranks = np.empty(len(draws), dtype=int)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
    ranks[order] = np.arange(len(draws)) - starts[numbers[order]]
    return np.lexsort((numbers, (ranks + 0.5) / sizes[numbers]))


def _milestones(n_draws: int, n_points: int) -> Indices:
    """Numbers of draws at which a search is looked at, from ten to all."""
    if n_draws <= _FIRST:
        return np.array([n_draws])
    return np.unique(np.rint(np.geomspace(_FIRST, n_draws, n_points)).astype(int))


def _in_window(hits: Indices, energies: Scalars, window: float) -> Mask:
    found = hits > 0
    lowest = energies[found].min(initial=np.inf)
    return np.asarray(found & (energies <= lowest + window))


def _prefix(inside: Indices, window: float) -> Completeness:
    """Of the first draws; those outside the window have −1."""
    counts = np.bincount(inside[inside >= 0])
    return _completeness(counts[counts > 0], window, len(inside))


def _completeness(counts: Indices, window: float, n_draws: int) -> Completeness:
    """From how often each minimum of the window was found."""
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


def _check(minima: Indices, energies: Scalars, windows: Sequence[float]) -> None:
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
