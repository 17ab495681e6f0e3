"""Which crystals of a pool are near-duplicates, and which unlike all known ones."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from csp.arrays import Indices, Mask, Matrix, Scalars

NEAR_DUPLICATES = 0.1
"""Distance of features, in units of their root-mean-square length; two crystals of urea
this close differ by 0.3 kJ/mol at most in nine of ten cases, and by less than 0.1 Å in
average minimum distances."""
_UNLIKE = 1.5
"""Times the usual distance of a known crystal from its nearest."""
_USUAL = 0.95
_CHUNK = 1000
_FEWEST_KNOWN = 3


def near_duplicates(features: Matrix, distance: float = NEAR_DUPLICATES) -> Indices:
    """Number of the group that each crystal belongs to.

    Crystals closer than a distance are in one group, and so are those that a chain of
    such crystals joins.
    """
    n = len(features)
    first, second = [], []
    for start in range(0, n, _CHUNK):
        squares = _squared_distances(features[start : start + _CHUNK], features)
        rows, columns = np.nonzero(squares < distance**2)
        first.append(rows + start)
        second.append(columns)
    rows, columns = np.concatenate(first), np.concatenate(second)
    links = coo_matrix((np.ones(len(rows), dtype=bool), (rows, columns)), (n, n))
    _, groups = connected_components(links, directed=False)
    return np.asarray(groups, dtype=int)


def nearest_distances(features: Matrix, known: Indices) -> Scalars:
    """Distance of each crystal from the nearest known one, of those from another."""
    squares = _squared_distances(features, features[known])
    squares[known, np.arange(len(known))] = np.inf
    return np.asarray(np.sqrt(squares.min(axis=1)))


def unlike_all(features: Matrix, known: Indices) -> Mask:
    """Crystals unlike all known ones: their correction is an extrapolation.

    They are further from the nearest known crystal than half as much again as 95 % of
    the known ones are from theirs.

    Args:
        features: Φ of the pool.
        known: Rows of the crystals that have labels.
    """
    if len(known) < _FEWEST_KNOWN:
        return np.ones(len(features), dtype=bool)
    distances = nearest_distances(features, known)
    usual = float(np.quantile(distances[known], _USUAL))
    found = distances > _UNLIKE * usual
    found[known] = False
    return np.asarray(found)


def _squared_distances(some: Matrix, others: Matrix) -> Matrix:
    lengths = np.sum(some**2, axis=1)[:, None] + np.sum(others**2, axis=1)
    return np.asarray(np.maximum(lengths - 2.0 * some @ others.T, 0.0))
