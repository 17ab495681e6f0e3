"""Every way down from a saddle point, and the minima at their ends.

The modes of one negative curvature span a representation of the space group. The moves
in it that are worth a descent are those with a symmetry of their own, which some
operation leaves as they are and leaves no other, and one without any. Two such moves of
different curvatures together have less symmetry than either, and may lead elsewhere. Of
moves that operations turn into one another, one is enough. Each descent keeps the
isotropy subgroup of its move (:func:`csp.relaxation.descent.lowered`), and saddle
points on the way are left in the same manner.

References:
    Stokes & Hatch, Isotropy Subgroups of the 230 Crystallographic Space Groups (1988).
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, count, product

import numpy as np
from scipy.linalg import block_diag

from csp.arrays import Scalars
from csp.potentials.rigid_crystal import RigidCrystal, Tables, orthogonal_rotations
from csp.records import Status
from csp.relaxation.descent import lowered
from csp.relaxation.minimisation import Minimisation, minimised
from csp.relaxation.moves import (
    Displacement,
    carried,
    combined,
    overlap_of,
    turned_move,
)
from csp.relaxation.settings import RelaxationSettings
from csp.relaxation.stability import Stability, stability

SAME_ENERGY = 1e-3
"""kJ/mol per molecule; stationary points below one saddle that are closer are one."""
MOST_DESCENTS = 48
"""From one saddle point, those of the saddle points below it included."""
_MOST_CURVATURES = 2
"""Of the moves whose sum a way is."""
_SAME_WAY = 0.05
"""Distance of unit vectors."""
_FIXED = 1e-3
"""Of an eigenvalue from 1."""


def minima_below(
    crystal: RigidCrystal, tables: Tables, settings: RelaxationSettings
) -> Iterator[tuple[Minimisation, Stability]]:
    """The minima below a saddle point of different energies, with their curvatures.

    The lowest saddle point known is left first; along sums of two ways once all are
    left along single ones.

    Args:
        crystal: Relaxed in its space group.
        tables: The force field of its bodies.
        settings: When a minimisation ends.
    """
    order = count()
    energies: list[float] = []
    n_descents = 0
    points = [(1, 0.0, next(order), crystal, tables, stability(crystal, tables))]
    while points:
        n_curvatures, height, _, above, own, found = heapq.heappop(points)
        if n_curvatures < _MOST_CURVATURES:
            later = (n_curvatures + 1, height, next(order), above, own, found)
            heapq.heappush(points, later)
        for move in ways_down(above, found, n_curvatures):
            if n_descents == MOST_DESCENTS:
                return
            n_descents += 1
            start, below = lowered(above, own, move)
            end = minimised(start, below, settings, below)
            energy = end.energy / end.crystal.n_molecules
            known = any(abs(energy - other) < SAME_ENERGY for other in energies)
            if end.status is not Status.CONVERGED or known:
                continue
            energies.append(energy)
            there = stability(end.crystal, below)
            if there.is_minimum:
                yield end, there
            else:
                point = (1, energy, next(order), end.crystal, below, there)
                heapq.heappush(points, point)


def ways_down(
    crystal: RigidCrystal, found: Stability, n_curvatures: int = 1
) -> Iterator[Displacement]:
    """The moves along which a saddle point is left, steepest first; each 1 Å long.

    Args:
        crystal: The saddle point.
        found: Its curvatures.
        n_curvatures: 1 for moves of one curvature, 2 for sums of two.
    """
    if found.is_minimum:
        return
    modes = [mode for together in found.downhill for mode in together]
    matrices = _representations(crystal, found)
    ways = [
        _embedded(distinct_ways(own), number, matrices)
        for number, own in enumerate(matrices)
    ]
    wanted = chain(*ways) if n_curvatures == 1 else _sums(ways, matrices)
    for factors in wanted:
        yield combined(modes, factors)


def _representations(crystal: RigidCrystal, found: Stability) -> list[np.ndarray]:
    """What the operations make of the modes of each curvature.

    Returns:
        For each curvature a matrix an operation; shape (operations, d, d).
    """
    whole, operations = found.crystal, crystal.operations
    cartesian = orthogonal_rotations(operations, crystal.cell)
    sources = [
        carried(whole, *operation) for operation in zip(*operations, strict=True)
    ]
    return [
        np.array(
            [
                [
                    [
                        overlap_of(mode, turned_move(other, source, matrix), whole)
                        for other in modes
                    ]
                    for mode in modes
                ]
                for source, matrix in zip(sources, cartesian, strict=True)
            ]
        )
        for modes in found.downhill
    ]


def _sums(
    ways: Sequence[Sequence[Scalars]], matrices: Sequence[np.ndarray]
) -> Iterator[Scalars]:
    """Sums of two ways of different curvatures, one of an orbit.

    Args:
        ways: Of each curvature, as factors of the modes of all.
        matrices: Of the operations, for each curvature.
    """
    whole = np.array([block_diag(*own) for own in zip(*matrices, strict=True)])
    known: list[Scalars] = []
    for one, other in combinations(ways, 2):
        for first, second, sign, turn in product(one, other, (1.0, -1.0), (1.0, -1.0)):
            way = (sign * first + turn * second) / np.sqrt(2.0)
            if not _is_among(way, known):
                known.extend(whole @ way)
                yield way


def _embedded(
    ways: Sequence[Scalars], number: int, matrices: Sequence[np.ndarray]
) -> list[Scalars]:
    """Ways of one curvature as factors of the modes of all."""
    sizes = [own.shape[1] for own in matrices]
    before, after = sum(sizes[:number]), sum(sizes[number + 1 :])
    return [np.pad(way, (before, after)) for way in ways]


def distinct_ways(matrices: np.ndarray) -> list[Scalars]:
    """Unit vectors of a representation that have a symmetry, one of an orbit.

    Args:
        matrices: Of the operations; shape (operations, d, d).
    """
    size = matrices.shape[1]
    # any vector that no symmetry fixes, the same each time
    without = np.cos(np.arange(1.0, size + 1.0))
    axes = [axis for matrix in matrices for axis in _fixed(matrix)]
    ways: list[Scalars] = []
    for axis in (*axes, without / np.linalg.norm(without)):
        for way in (axis, -axis):
            images = np.concatenate([matrices @ other for other in ways] or [[]])
            if not _is_among(way, images.reshape(-1, size)):
                ways.append(way)
    return ways


def _fixed(matrix: np.ndarray) -> list[Scalars]:
    """The one direction that a matrix leaves as it is, if there is just one."""
    # orthogonal: fixed by it is what its symmetric part leaves as it is
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    (kept,) = np.nonzero(np.abs(values - 1.0) < _FIXED)
    return [vectors[:, kept[0]]] if len(kept) == 1 else []


def _is_among(way: Scalars, others: Sequence[Scalars] | np.ndarray) -> bool:
    return any(np.linalg.norm(way - other) < _SAME_WAY for other in others)
