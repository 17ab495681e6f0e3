"""The electrostatic potential around a molecule, from its electron density."""

import numpy as np
from ase.data import vdw_radii

from csp.arrays import Scalars, Vectors
from csp.conformers.density_functional import converged_field, quiet_scratch
from csp.conformers.settings import Level
from csp.errors import InputError
from csp.molecule import ElectrostaticPotential, Molecule
from csp.units import ANGSTROM_PER_BOHR, KJ_PER_MOL_PER_HARTREE

SHELLS = (1.4, 1.6, 1.8, 2.0)
"""Radii of the spheres around the atoms, in van der Waals radii."""

POINTS_PER_SQUARE_ANGSTROM = 1.0
GOLDEN_ANGLE_RAD = np.pi * (3.0 - np.sqrt(5.0))
BLOCK_BYTES = 64_000_000


def electrostatic_potential(molecule: Molecule, level: Level) -> ElectrostaticPotential:
    """V(r) = Σ_A Z_A / |r − R_A| − ∫ ρ(r′) / |r − r′| dr′ on Merz–Kollman shells.

    Raises:
        InputError: If an element has no van der Waals radius or the level does not
            exist.
        ConvergenceError: If the self-consistent field does not converge.
    """
    points = merz_kollman_points(molecule)
    return ElectrostaticPotential(points, potential_at(points, molecule, level))


def potential_at(points: Vectors, molecule: Molecule, level: Level) -> Scalars:
    """The electrostatic potential of the molecule at ``points``, kJ/mol/e."""
    points_bohr = points / ANGSTROM_PER_BOHR
    with quiet_scratch():
        field = converged_field(molecule, level)
        density = field.make_rdm1()
        n_block = max(1, int(BLOCK_BYTES / (8 * density.size)))
        blocks = [
            np.einsum(
                "pij,ij->p",
                field.mol.intor("int1e_grids", grids=points_bohr[i : i + n_block]),
                density,
            )
            for i in range(0, len(points), n_block)
        ]
    nuclei = field.mol.atom_coords(unit="Bohr")
    distances = np.linalg.norm(points_bohr[:, None] - nuclei, axis=-1)
    nuclear = (field.mol.atom_charges() / distances).sum(axis=1)
    return np.asarray((nuclear - np.concatenate(blocks)) * KJ_PER_MOL_PER_HARTREE)


def merz_kollman_points(molecule: Molecule) -> Vectors:
    """Points on the outer surface of 1.4, 1.6, 1.8 and 2.0 van der Waals spheres.

    One point per Å² in a golden spiral on the sphere of each atom; those inside the
    sphere of another atom are left out. Rounded to 0.001 Å.

    Raises:
        InputError: If an element has no van der Waals radius.

    References:
        Singh, Kollman, J. Comput. Chem. 5, 129 (1984);
        Besler, Merz, Kollman, J. Comput. Chem. 11, 431 (1990);
        radii: Bondi, J. Phys. Chem. 68, 441 (1964).
    """
    for symbol, number in zip(molecule.symbols, molecule.atomic_numbers, strict=True):
        if np.isnan(vdw_radii[number]):
            raise InputError(
                f"no van der Waals radius is known for {symbol}, so the electrostatic "
                f"potential of {molecule.name} cannot be sampled"
            )
    shells = [_shell(molecule, scale) for scale in SHELLS]
    return np.round(np.concatenate(shells), 3)


def _shell(molecule: Molecule, scale: float) -> Vectors:
    """The outer surface of the scaled spheres around the atoms."""
    centres, radii = molecule.positions, scale * vdw_radii[molecule.atomic_numbers]
    exposed = []
    for index, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        points = centre + radius * unit_sphere(_n_points(float(radius)))
        distances = np.linalg.norm(points[:, None] - centres, axis=-1)
        distances[:, index] = np.inf
        exposed.append(points[(distances > radii).all(axis=1)])
    return np.concatenate(exposed)


def _n_points(radius: float) -> int:
    return max(1, round(4.0 * np.pi * radius**2 * POINTS_PER_SQUARE_ANGSTROM))


def unit_sphere(n: int) -> Vectors:
    """``n`` nearly evenly spaced points on the unit sphere (golden spiral)."""
    z = 1.0 - (2.0 * np.arange(n) + 1.0) / n
    angle_rad = GOLDEN_ANGLE_RAD * np.arange(n)
    r = np.sqrt(1.0 - z**2)
    return np.stack([r * np.cos(angle_rad), r * np.sin(angle_rad), z], axis=1)
