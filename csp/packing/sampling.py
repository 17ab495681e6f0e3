"""Quasi-random points, addressable one by one.

Point ``k`` of (seed, space group, sites) is the k-th of one scrambled Sobol sequence,
whoever asks for it: alone, in a batch, on any machine.

References:
    Sobol', USSR Comput. Math. Math. Phys. 7, 86 (1967); scrambling: Owen (1998).
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import qmc

from csp.arrays import Matrix, Scalars, Vector
from csp.randomness import generator_of


class BodyPoint(NamedTuple):
    """Quasi-random numbers of one molecule."""

    centre: Vector
    orientation: Vector
    conformer: float


class Point(NamedTuple):
    """A point of the unit cube, by what its coordinates are for."""

    volume: float
    aspects: Scalars
    angles: Vector
    bodies: tuple[BodyPoint, ...]


_OF_CELL = 6
_OF_BODY = 7


def sobol_points(
    seed: int, stream: str, first: int, count: int, n_bodies: int = 1
) -> Matrix:
    """Rows ``first`` to ``first + count − 1`` of one scrambled Sobol sequence.

    Args:
        seed: Of the run.
        stream: Names the sequence; each name has a scrambling of its own.
        first: Index of the first row.
        count: Number of rows.
        n_bodies: Independent molecules; there are 7 columns for each and 6 for the
            cell.

    >>> batch = sobol_points(1, "014e", 0, 8)
    >>> alone = sobol_points(1, "014e", 5, 1)
    >>> bool((batch[5] == alone[0]).all())
    True
    """
    dimensions = _OF_CELL + _OF_BODY * n_bodies
    engine = qmc.Sobol(
        dimensions, scramble=True, rng=generator_of("sobol", seed, stream)
    )
    if first > 0:
        engine.fast_forward(first)
    # an odd number of points is what is wanted; powers of two matter for integrals
    rows = [engine.random(1)[0] for _ in range(count)]
    return np.array(rows).reshape(count, dimensions)


def as_point(row: Scalars) -> Point:
    """Name the coordinates of a row."""
    bodies = row[_OF_CELL:].reshape(-1, _OF_BODY)
    return Point(
        volume=float(row[0]),
        aspects=row[1:3],
        angles=row[3:6],
        bodies=tuple(BodyPoint(own[0:3], own[3:6], float(own[6])) for own in bodies),
    )
