"""One or two molecules in place, and whether two such fragments are congruent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.distance import cdist

from csp.arrays import (
    AtomicNumbers,
    Indices,
    Matrix,
    Positions,
    Scalars,
    Vectors,
    read_only,
)

SAME_DISTANCE = 1e-3
"""Two fragments are congruent if no interatomic distance differs by more, Å."""

_LABEL = 1000.0
"""Å; keeps the distances of different kinds of pairs apart in one sorted row."""
_ELEMENTS = 128


AtomsInPlace = tuple[Indices, Vectors]
"""Atomic numbers and positions, Å, of one of several molecules."""


@dataclass(frozen=True, eq=False, slots=True)
class Fragment:
    """Whole molecules without surroundings.

    Attributes:
        numbers: Atomic numbers, molecule by molecule.
        positions: Å.
        sizes: Atoms of each molecule.
        labelled: Matrix of interatomic distances, Å, each raised by a constant that
            tells the two elements and whether the atoms are of one molecule. Isometries
            (mirror images too) leave it alone, but for the order of atoms.
    """

    numbers: AtomicNumbers
    positions: Positions
    sizes: tuple[int, ...]
    labelled: Matrix

    @property
    def is_dimer(self) -> bool:
        """Whether there are two molecules."""
        return len(self.sizes) > 1

    @property
    def molecules(self) -> tuple["Fragment", ...]:
        """Each molecule for itself."""
        ends = np.cumsum(self.sizes)
        return tuple(
            fragment_of([(self.numbers[k - n : k], self.positions[k - n : k])])
            for k, n in zip(ends, self.sizes, strict=True)
        )

    @property
    def profile(self) -> Scalars:
        """All labelled distances in ascending order: the same for congruent ones."""
        rows, columns = np.triu_indices(len(self.numbers))
        return np.sort(self.labelled[rows, columns])

    @property
    def contact(self) -> float:
        """Distance of the closest atoms of the two molecules, Å."""
        n = self.sizes[0]
        return float(cdist(self.positions[:n], self.positions[n:]).min())


def fragment_of(molecules: Sequence[AtomsInPlace]) -> Fragment:
    """The fragment of some molecules, each by its atoms and their places."""
    numbers = np.concatenate([atoms for atoms, _ in molecules])
    positions = np.concatenate([places for _, places in molecules])
    sizes = tuple(len(atoms) for atoms, _ in molecules)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    larger = np.maximum.outer(numbers, numbers)
    smaller = np.minimum.outer(numbers, numbers)
    kind = 2 * (larger * _ELEMENTS + smaller) + np.equal.outer(owner, owner)
    labelled = cdist(positions, positions) + _LABEL * kind
    return Fragment(
        read_only(numbers, int), read_only(positions), sizes, read_only(labelled)
    )


def mapping(
    first: Fragment, second: Fragment, tolerance: float = SAME_DISTANCE
) -> Indices | None:
    """Which atom of ``second`` each atom of ``first`` corresponds to.

    Congruent fragments have equal matrices of distances up to the order of atoms; such
    an order is searched atom by atom among those with equal sorted rows.

    Args:
        first: A fragment.
        second: Another, or a mirror image, in any order of atoms and molecules.
        tolerance: Largest difference of two distances, Å.

    Returns:
        One of the orders, or None if the fragments are not congruent.
    """
    if sorted(first.sizes) != sorted(second.sizes):
        return None
    if np.abs(first.profile - second.profile).max() > tolerance:
        return None
    rows = np.sort(first.labelled, axis=1)
    other_rows = np.sort(second.labelled, axis=1)
    fits = cdist(rows, other_rows, "chebyshev") <= tolerance
    order = np.argsort(fits.sum(axis=1), kind="stable")
    found = _completed(
        (first.labelled, second.labelled), fits, order, [], tolerance=tolerance
    )
    if found is None:
        return None
    result = np.empty(len(order), dtype=int)
    result[order] = found
    return result


def exchange(dimer: Fragment) -> Indices | None:
    """The order of atoms by which an isometry exchanges the molecules of a pair.

    Returns:
        As :func:`mapping` of the pair to itself; None if there is no such isometry.
    """
    first, second = np.zeros((2, len(dimer.numbers)))
    first[: dimer.sizes[0]] = second[dimer.sizes[0] :] = 0.5 * _LABEL
    return mapping(_marked(dimer, first), _marked(dimer, second))


def _marked(fragment: Fragment, marks: Scalars) -> Fragment:
    """The fragment with some atoms that correspond to each other only."""
    return replace(fragment, labelled=read_only(fragment.labelled + np.diag(marks)))


def _completed(
    matrices: tuple[Matrix, Matrix],
    fits: np.ndarray,
    order: Indices,
    chosen: list[int],
    *,
    tolerance: float,
) -> list[int] | None:
    """A choice for all atoms in ``order`` that begins with ``chosen``, if any."""
    depth = len(chosen)
    if depth == len(order):
        return chosen
    atom, earlier = order[depth], order[:depth]
    for candidate in np.flatnonzero(fits[atom]).tolist():
        if candidate in chosen:
            continue
        apart = matrices[0][atom, earlier] - matrices[1][candidate, chosen]
        if np.abs(apart).max(initial=0.0) > tolerance:
            continue
        found = _completed(
            matrices, fits, order, [*chosen, candidate], tolerance=tolerance
        )
        if found is not None:
            return found
    return None
