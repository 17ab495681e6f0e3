"""How the minima of a search came in: what was known after how many draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import Indices, Scalars, read_only
from csp.packing.completeness import (
    WINDOWS,
    Completeness,
    check_draws,
    completeness_of,
    in_window,
)
from csp.packing.counts import rarefied

_FIRST = 10
"""Draws at the first point of a curve."""


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
        InputError: As in :func:`csp.packing.completeness.estimate_completeness`.
    """
    check_draws(minima, energies, windows)
    ends = _milestones(len(minima), n_points)
    hits = np.bincount(minima[minima >= 0], minlength=len(energies))
    curves = []
    for window in windows:
        is_in = in_window(hits, energies, window)
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


def _prefix(inside: Indices, window: float) -> Completeness:
    """Of the first draws; those outside the window have −1."""
    counts = np.bincount(inside[inside >= 0])
    return completeness_of(counts[counts > 0], window, len(inside))
