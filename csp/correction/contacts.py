"""Contacts between molecules: a global descriptor of a crystal."""

from dataclasses import dataclass

import numpy as np
from ase.neighborlist import primitive_neighbor_list

from csp.arrays import Matrix
from csp.crystal import Crystal


@dataclass(frozen=True, slots=True)
class ContactSettings:
    """Range and resolution.

    Attributes:
        shortest: First centre of the Gaussians, Å.
        cutoff: Contacts further apart do not count, Å.
        width: Standard deviation of the Gaussians, and their distance, Å.
    """

    shortest: float = 1.5
    cutoff: float = 7.0
    width: float = 0.25


def contact_densities(
    crystal: Crystal, elements: tuple[int, ...], settings: ContactSettings
) -> Matrix:
    """Contacts of each pair of elements by distance, per formula unit.

    Row (Z, Z') is Σ w(r_ij) exp(−(r_ij − c)²/2σ²) over the pairs of atoms of different
    molecules, one number for each centre c, with w(r) = (1 − (r/r_c)²)².

    Args:
        crystal: Any cell of it, its molecules unbroken.
        elements: Atomic numbers, ascending; the same for all crystals of a pool.
        settings: Range and resolution.
    """
    first, second, distances, shifts = primitive_neighbor_list(
        "ijdS",
        np.ones(3, dtype=bool),
        np.array(crystal.cell),
        np.array(crystal.positions),
        settings.cutoff,
    )
    owner = crystal.molecule_of_atom
    is_own = (owner[first] == owner[second]) & ~shifts.any(axis=1)
    first, second, distances = first[~is_own], second[~is_own], distances[~is_own]
    centres = np.arange(settings.shortest, settings.cutoff, settings.width)
    weights = (1.0 - (distances / settings.cutoff) ** 2) ** 2
    steps = (distances[:, None] - centres) / settings.width
    parts = weights[:, None] * np.exp(-0.5 * steps**2)
    numbers = crystal.atomic_numbers
    rows = []
    for i, element in enumerate(elements):
        for other in elements[i:]:
            chosen = (numbers[first] == element) & (numbers[second] == other)
            rows.append(parts[chosen].sum(axis=0) / crystal.n_formula_units)
    return np.array(rows)
