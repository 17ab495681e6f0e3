"""Axes of multipoles that a DMACRYS case does not give, found by its energies.

Multipoles may stand in axes of the molecule that DMACRYS was told of: X along the line
from one atom to another, Y in the plane with a third one and away from it, Z = X × Y.
Where the file has lost them, the frames along bonds are tried: one of them gives the
charge–dipole and dipole–dipole energies that the file has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from csp.arrays import AtomicNumbers, Matrix, Moments, Positions
from csp.comparison.molecules import molecular_bonds
from csp.lattice.crystal_input import BodyAtoms
from csp.potentials.bodies import Body
from csp.potentials.exp6 import ParameterSet
from csp.potentials.rigid_crystal import RigidCrystal, crystal_energy, tables_of
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import rotated

_NEAR = 0.05
"""kJ/mol per formula unit; energies of the right axes are so near."""
_FAR = 0.1
"""kJ/mol per formula unit; those of all others are farther."""
_SAME_AXES = 2e-3
"""Largest difference between elements of matrices that are one frame."""
_FLAT = 0.05
"""Å; three atoms are in a line if the third is nearer to it than that."""
_DIPOLE = [2, 3, 1]
"""Components of x, y and z."""
_SUMS = PotentialSettings(
    cutoff=6.0, switch_width=0.5, tail_correction=False, ewald_accuracy=1e-6
)


class Axes(NamedTuple):
    """A frame of a molecule.

    Attributes:
        atoms: X goes from the first to the second, Y away from the third.
        matrix: Its columns are X, Y and Z in the body's frame.
    """

    atoms: tuple[int, int, int]
    matrix: Matrix


class Wanted(NamedTuple):
    """What the right axes give, kJ/mol per formula unit, and formula units a cell."""

    charge_dipole: float
    dipole_dipole: float
    n_units: int


def axes_along_bonds(numbers: AtomicNumbers, points: Positions) -> list[Axes]:
    """All frames of a bond and an atom that is bonded to one of its ends."""
    neighbours: list[set[int]] = [set() for _ in numbers]
    for first, second in molecular_bonds(numbers, points).tolist():
        neighbours[first].add(second)
        neighbours[second].add(first)
    found = []
    for first, bonded in enumerate(neighbours):
        for second in sorted(bonded):
            for third in sorted((bonded | neighbours[second]) - {first, second}):
                axes = _axes(points, (first, second, third))
                if axes is not None:
                    found.append(axes)
    return found


def _axes(points: Positions, atoms: tuple[int, int, int]) -> Axes | None:
    first, second, third = points[list(atoms)]
    x = (second - first) / np.linalg.norm(second - first)
    y = first - third
    y -= (y @ x) * x
    length = np.linalg.norm(y)
    if length < _FLAT:
        return None
    y /= length
    return Axes(atoms, np.stack([x, y, np.cross(x, y)], axis=1))


def with_axes_found(
    crystal: RigidCrystal,
    local: Mapping[int, Moments],
    atoms: Sequence[BodyAtoms],
    parameters: ParameterSet,
    wanted: Wanted,
) -> tuple[RigidCrystal, dict[int, Axes], float] | None:
    """The crystal with the multipoles of some bodies in the axes that are right.

    Args:
        crystal: With any moments of these bodies.
        local: Their moments in their unknown axes.
        atoms: Of each body, in the order of its sites.
        parameters: Exp-6; not used for the energies compared.
        wanted: The energies.

    Returns:
        The crystal, the axes, and how far the energies are from those wanted; or None
        if no frame has them, or more than one.
    """
    choices = [
        axes_along_bonds(atoms[body].numbers, crystal.bodies[body].sites)
        for body in local
    ]
    bare = _with_dipoles(crystal, local, [np.zeros((3, 3))] * len(local))
    constant = _terms(bare, parameters)[0] / wanted.n_units
    slopes = _slopes(crystal, local, parameters) / wanted.n_units
    near: list[tuple[float, tuple[Axes, ...]]] = []
    for chosen in product(*choices):
        parts = np.sum((slopes - constant) * [axes.matrix for axes in chosen])
        if abs(constant + parts - wanted.charge_dipole) > _FAR:
            continue
        placed = _with_dipoles(crystal, local, [axes.matrix for axes in chosen])
        error = _error(placed, parameters, wanted)
        if error < _FAR:
            near.append((error, chosen))
    if not near:
        return None
    error, best = min(near, key=lambda item: item[0])
    if error > _NEAR or not all(_is_same(best, other) for _, other in near):
        return None
    bodies = list(crystal.bodies)
    for axes, (body, moments) in zip(best, local.items(), strict=True):
        bodies[body] = replace(bodies[body], moments=rotated(moments, axes.matrix))
    found = dict(zip(local, best, strict=True))
    return replace(crystal, bodies=tuple(bodies)), found, error


def _error(crystal: RigidCrystal, parameters: ParameterSet, wanted: Wanted) -> float:
    mixed, dipoles = _terms(crystal, parameters)
    return max(
        abs(mixed / wanted.n_units - wanted.charge_dipole),
        abs(dipoles / wanted.n_units - wanted.dipole_dipole),
    )


def _is_same(first: tuple[Axes, ...], second: tuple[Axes, ...]) -> bool:
    return all(
        np.abs(one.matrix - other.matrix).max() < _SAME_AXES
        for one, other in zip(first, second, strict=True)
    )


def _slopes(
    crystal: RigidCrystal, local: Mapping[int, Moments], parameters: ParameterSet
) -> np.ndarray:
    """Charge–dipole energy with one element of one body's matrix being 1, all others 0.

    The energy is linear in the matrices, so that these say it for all.
    """
    out = np.empty((len(local), 3, 3))
    for at in np.ndindex(out.shape):
        matrices = np.zeros_like(out)
        matrices[at] = 1.0
        out[at] = _terms(_with_dipoles(crystal, local, matrices), parameters)[0]
    return out


def _with_dipoles(
    crystal: RigidCrystal,
    local: Mapping[int, Moments],
    matrices: Sequence[Matrix] | np.ndarray,
) -> RigidCrystal:
    """The crystal up to dipoles, those of the bodies in question turned by matrices."""
    bodies = [body.up_to(1) for body in crystal.bodies]
    for (body, moments), matrix in zip(local.items(), matrices, strict=True):
        turned = np.zeros_like(moments)
        turned[:, 0] = moments[:, 0]
        turned[:, _DIPOLE] = moments[:, _DIPOLE] @ matrix.T
        bodies[body] = Body(bodies[body].types, bodies[body].sites, turned)
    return replace(crystal, bodies=tuple(bodies))


def _terms(crystal: RigidCrystal, parameters: ParameterSet) -> tuple[float, float]:
    """Charge–dipole and dipole–dipole energies, kJ/mol per cell."""
    tables = tables_of(crystal.bodies, parameters, _SUMS)
    terms = crystal_energy(crystal, tables).terms
    return terms["charge_dipole"], terms["dipole_dipole"]
