"""Anisotropic repulsion of a DMACRYS case: its parameters and its axes."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from csp.arrays import AtomicNumbers, Positions, Vector, Vectors
from csp.comparison.molecules import molecular_bonds
from csp.errors import InputError
from csp.lattice.case_file import AnisotropicPair, CaseSite
from csp.lattice.pair_rows import NOTHING, Pairs
from csp.potentials.exp6 import Anisotropy, Exp6
from csp.units import KJ_PER_MOL_PER_EV

_ALONG = 0.99
"""Cosine; a given axis nearer to the bond than that is right."""

Turning = dict[tuple[str, str], Anisotropy]


def with_anisotropy(
    pairs: Pairs, rows: Sequence[AnisotropicPair]
) -> tuple[Pairs, Turning]:
    """Parameters with the rows' isotropic part, and the anisotropic part.

    The repulsion of such a pair is ``A e^{−(r − ρ)/ρ₀}`` with A of the exp-6 row, or
    1 eV if that is zero, and ``ρ = ρ_00 + ρ_10 cos θ + ρ_20 P₂(cos θ)`` of the first
    site, ``ρ_01`` and ``ρ_02`` of the second.
    """
    found = dict(pairs)
    turning: Turning = {}
    for row in rows:
        key = frozenset((row.type1, row.type2))
        exp6 = found.get(key, NOTHING)
        steepness = 1.0 / row.alpha_inv
        prefactor = (exp6.repulsion or KJ_PER_MOL_PER_EV) * np.exp(
            steepness * row.rho_00
        )
        found[key] = Exp6(float(prefactor), steepness, exp6.dispersion)
        turning[row.type1, row.type2] = Anisotropy(row.rho_10, row.rho_20)
        turning[row.type2, row.type1] = Anisotropy(row.rho_01, row.rho_02)
    return found, turning


def turning_types(turning: Mapping[tuple[str, str], Anisotropy]) -> frozenset[str]:
    """Types of sites that need an axis."""
    return frozenset(kind for (kind, _), row in turning.items() if any(row))


def axes_of(
    sites: Sequence[CaseSite],
    numbers: AtomicNumbers,
    points: Positions,
    kinds: Collection[str],
    name: str,
) -> tuple[Vectors, tuple[str, ...]]:
    """Axes of a molecule's sites in its frame, and the sites whose own was wrong.

    The axis of an atom with one neighbour points away from it, that of any other atom
    to its one neighbour that has no further ones. Axes that the file gives are taken
    where they are along these bonds, or where there is no such bond.

    Args:
        sites: Of the case.
        numbers: Atomic number of each site's atom.
        points: Where the sites are, Å.
        kinds: Types that need axes.
        name: What to call the molecule in the message.

    Raises:
        InputError: If a site needs an axis and has none.
    """
    axes = np.zeros((len(sites), 3))
    wrong = []
    neighbours = _neighbours(numbers, points)
    for k, site in enumerate(sites):
        if site.type_name not in kinds:
            continue
        bond = _along_bond(k, neighbours, points)
        given = _unit(site.aniso_axis_body)
        if bond is None and given is None:
            raise InputError(
                f"{name}: the anisotropic repulsion of {site.type_name} needs an axis, "
                f"and {site.label} has neither one of its own nor one bond to an atom "
                "at the end of a chain: give its aniso_axis_body"
            )
        is_right = given is not None and (bond is None or abs(given @ bond) > _ALONG)
        axes[k] = given if is_right else bond
        if given is not None and not is_right:
            wrong.append(f"{site.label} ({k + 1})")
    return axes, tuple(wrong)


def _unit(axis: tuple[float, float, float] | None) -> Vector | None:
    length = 0.0 if axis is None else float(np.linalg.norm(axis))
    return np.array(axis) / length if length > 0.0 else None


def _neighbours(numbers: AtomicNumbers, points: Positions) -> list[list[int]]:
    neighbours: list[list[int]] = [[] for _ in numbers]
    for first, second in molecular_bonds(numbers, points).tolist():
        neighbours[first].append(second)
        neighbours[second].append(first)
    return neighbours


def _along_bond(
    k: int, neighbours: list[list[int]], points: Positions
) -> Vector | None:
    own = neighbours[k]
    if len(own) == 1:
        away = points[k] - points[own[0]]
    else:
        ends = [other for other in own if len(neighbours[other]) == 1]
        if len(ends) != 1:
            return None
        away = points[ends[0]] - points[k]
    return np.asarray(away / np.linalg.norm(away))
