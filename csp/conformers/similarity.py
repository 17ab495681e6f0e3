"""When two geometries of a molecule are one conformer."""

from collections.abc import Sequence

from csp.arrays import Indices, Positions
from csp.geometry import overlay


def separation(
    first: Positions, second: Positions, numberings: Sequence[Indices]
) -> float:
    """Root-mean-square distance of heavy atoms and polar hydrogens, Å.

    The smallest over every renumbering that keeps the bonds and over both mirror
    images: two enantiomers have one gas-phase energy and count as one conformer; the
    other hand is made by the symmetry of the crystal or when molecules are placed.

    Args:
        first: Geometry of the molecule.
        second: Another geometry of it.
        numberings: From :func:`csp.conformers.graph.automorphisms`.
    """
    moved = first[numberings[0]]
    return min(
        overlay(moved, second[row], improper=improper).rmsd
        for row in numberings
        for improper in (False, True)
    )


def distinct(
    geometries: Sequence[Positions],
    energies: Sequence[float],
    numberings: Sequence[Indices],
    *,
    closest: float,
    energy_difference: float,
) -> list[int]:
    """Which geometries stand for all, the lowest of each conformer, by energy.

    Args:
        geometries: Of one molecule.
        energies: Of each, kJ/mol.
        numberings: From :func:`csp.conformers.graph.automorphisms`.
        closest: Separation below which two geometries are one conformer, Å.
        energy_difference: Two geometries further apart in energy are never one
            conformer, kJ/mol.
    """
    kept: list[int] = []
    for index in sorted(range(len(energies)), key=energies.__getitem__):
        is_known = any(
            energies[index] - energies[other] <= energy_difference
            and separation(geometries[index], geometries[other], numberings) < closest
            for other in kept
        )
        if not is_known:
            kept.append(index)
    return kept
