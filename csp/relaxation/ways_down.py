"""Every way down from a saddle point, and the minima at their ends.

The modes of one negative curvature span a representation of the space group. The moves
in it that are worth a descent are those with a symmetry of their own, which some
operation leaves as they are and leaves no other, and one without any; of moves that
operations turn into one another, one is enough. Each descent keeps the isotropy
subgroup of its move (:func:`csp.relaxation.descent.lowered`), and saddle points on the
way are left in the same manner.

References:
    Stokes & Hatch, Isotropy Subgroups of the 230 Crystallographic Space Groups (1988).
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np

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
MOST_DESCENTS = 24
"""From one saddle point, those of the saddle points below it included."""
_SAME_WAY = 0.05
"""Distance of unit vectors."""
_FIXED = 1e-3
"""Of an eigenvalue from 1."""


def minima_below(
    crystal: RigidCrystal, tables: Tables, settings: RelaxationSettings
) -> Iterator[tuple[Minimisation, Stability]]:
    """The minima below a saddle point of different energies, with their curvatures.

    The lowest saddle point known is left first.

    Args:
        crystal: Relaxed in its space group.
        tables: The force field of its bodies.
        settings: When a minimisation ends.
    """
    order = count()
    points = [(0.0, next(order), crystal, tables, stability(crystal, tables))]
    energies: list[float] = []
    n_descents = 0
    while points:
        _, _, above, own, found = heapq.heappop(points)
        for move in ways_down(above, found):
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
                heapq.heappush(points, (energy, next(order), end.crystal, below, there))


def ways_down(crystal: RigidCrystal, found: Stability) -> list[Displacement]:
    """The moves along which a saddle point is left, steepest first; each 1 Å long.

    Args:
        crystal: The saddle point.
        found: Its curvatures.
    """
    if found.is_minimum:
        return []
    whole, operations = found.crystal, crystal.operations
    cartesian = orthogonal_rotations(operations, crystal.cell)
    sources = [
        carried(whole, *operation) for operation in zip(*operations, strict=True)
    ]
    ways = []
    for modes in found.downhill:
        images = [
            [turned_move(mode, source, matrix) for mode in modes]
            for source, matrix in zip(sources, cartesian, strict=True)
        ]
        matrices = np.array(
            [
                [[overlap_of(mode, image, whole) for image in own] for mode in modes]
                for own in images
            ]
        )
        ways += [combined(modes, factors) for factors in distinct_ways(matrices)]
    return ways


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
