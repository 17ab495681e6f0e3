"""Ranks of crystals whose energies are uncertain, from joint samples."""

from dataclasses import dataclass

import numpy as np

from csp.arrays import Matrix, Scalars, read_only
from csp.errors import InputError

NEAR_MINIMUM = 2.0
"""kJ/mol; a crystal this close to the global minimum may well be observed."""
INTERVAL = (5.0, 95.0)
"""Per cent; the ends of the interval of a rank."""


@dataclass(frozen=True, eq=False, slots=True)
class Ranking:
    """What can be said of the order of crystals.

    Attributes:
        global_minimum: Probability of each crystal to be the lowest of all.
        near_minimum: Probability to lie within a window above the lowest.
        window: That window, kJ/mol.
        expected_rank: Mean rank; the lowest has rank 1.
        lowest_rank: Lower end of the 90 % interval of the rank.
        highest_rank: Upper end.
    """

    global_minimum: Scalars
    near_minimum: Scalars
    window: float
    expected_rank: Scalars
    lowest_rank: Scalars
    highest_rank: Scalars

    def __post_init__(self) -> None:
        for name in (
            "global_minimum",
            "near_minimum",
            "expected_rank",
            "lowest_rank",
            "highest_rank",
        ):
            object.__setattr__(self, name, read_only(getattr(self, name)))


def rank(samples: Matrix, window: float = NEAR_MINIMUM) -> Ranking:
    """Probabilities of rank from joint samples of all energies.

    Crystals that are alike err together, so that energies must be sampled together; the
    mean of a correction cancels.

    Args:
        samples: kJ/mol; one joint sample a row, one crystal a column.
        window: What counts as near the global minimum, kJ/mol.

    Raises:
        InputError: If there is no sample or the window is negative.
    """
    if samples.size == 0 or not window >= 0.0:
        raise InputError(
            f"a ranking needs samples and a window of at least 0 kJ/mol, got "
            f"{samples.shape[0]} samples of {samples.shape[1]} crystals and {window:g}"
        )
    n_samples, n_crystals = samples.shape
    lowest = np.argmin(samples, axis=1)
    counts = np.bincount(lowest, minlength=n_crystals)
    ranks = np.argsort(np.argsort(samples, axis=1, kind="stable"), axis=1) + 1
    low, high = np.percentile(ranks, INTERVAL, axis=0, method="nearest")
    return Ranking(
        global_minimum=counts / n_samples,
        near_minimum=within(samples, window),
        window=window,
        expected_rank=ranks.mean(axis=0),
        lowest_rank=low.astype(float),
        highest_rank=high.astype(float),
    )


def within(samples: Matrix, window: float) -> Scalars:
    """Probability of each crystal to lie within a window above the lowest."""
    above = samples - samples.min(axis=1, keepdims=True)
    return np.asarray(np.mean(above <= window, axis=0))
