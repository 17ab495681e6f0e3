"""First guesses of a crystal's density: the orbitals of its molecules in their places.

At every k-point the occupied orbitals C of the molecules are made orthonormal::

    D(k) = 2 C (C† S(k) C)⁻¹ C†

which is the density of molecules that repel but do not polarise each other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pyscf import dft
from pyscf.symm import sph

from csp.arrays import Indices, Matrix, RotationMatrix
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import overlay
from csp.randomness import generator_of
from csp.reference.engine import Resources
from csp.reference.levels import PySCFLevel
from csp.reference.pyscf_systems import molecule_of

SAME_GEOMETRY = 1e-3
"""Root-mean-square deviation of molecules that share their orbitals, Å."""

FITTING_BASIS = "def2-universal-jfit"
GUESS_GRID = 1
GUESS_TOLERANCE_HARTREE = 1e-5


@dataclass(frozen=True, eq=False, slots=True)
class PlacedOrbitals:
    """Occupied orbitals of all molecules of a cell, in the basis of the cell.

    Attributes:
        coefficients: One orbital a column.
        n_computed: Molecules that were computed; the others are turned copies.
    """

    coefficients: Matrix
    n_computed: int

    def density_matrices(self, overlaps: np.ndarray) -> np.ndarray:
        """D(k) of orthonormalised orbitals, for the overlap matrices S(k)."""
        C = self.coefficients
        inner = np.einsum("ai,kab,bj->kij", C, overlaps, C, optimize=True)
        inverse = np.linalg.inv(inner)
        density = 2.0 * np.einsum("ai,kij,bj->kab", C, inverse, C, optimize=True)
        return np.ascontiguousarray(density)


def molecular_orbitals(
    crystal: Crystal,
    cell: Any,  # noqa: ANN401
    level: PySCFLevel,
    resources: Resources,
) -> PlacedOrbitals | None:
    """Orbitals of every molecule by PBE, computed once for each distinct shape.

    Returns:
        None if a molecule is an ion or does not converge: there is no such guess.
    """
    ranges = cell.aoslice_by_atom()[:, 2:]
    computed: list[tuple[Indices, Any, Matrix]] = []
    columns = []
    for m in range(crystal.n_molecules):
        atoms = np.flatnonzero(crystal.molecule_of_atom == m)
        own = _turned_copy(crystal, atoms, computed)
        if own is None:
            solved = _solved(crystal, atoms, level, resources)
            if solved is None:
                return None
            computed.append((atoms, *solved))
            own = solved[1]
        rows = np.concatenate([np.arange(*ranges[a]) for a in atoms])
        block = np.zeros((cell.nao, own.shape[1]))
        block[rows] = own
        columns.append(block)
    return PlacedOrbitals(np.hstack(columns), len(computed))


def _solved(
    crystal: Crystal, atoms: Indices, level: PySCFLevel, resources: Resources
) -> tuple[Any, Matrix] | None:
    try:
        molecule = molecule_of(
            (crystal.atomic_numbers[atoms], crystal.positions[atoms]),
            level.gaussians,
            resources,
        )
    except InputError:
        return None
    field = dft.RKS(molecule, xc="pbe").density_fit(auxbasis=FITTING_BASIS)
    field.with_df.build()
    field.chkfile = None
    field.grids.level = GUESS_GRID
    field.conv_tol = GUESS_TOLERANCE_HARTREE
    field.kernel()
    if not field.converged:
        return None
    return molecule, np.array(field.mo_coeff[:, field.mo_occ > 0])


def _turned_copy(
    crystal: Crystal, atoms: Indices, computed: list[tuple[Indices, Any, Matrix]]
) -> Matrix | None:
    """Orbitals of a molecule that has the shape of one computed before."""
    for others, molecule, orbitals in computed:
        if not np.array_equal(
            crystal.atomic_numbers[atoms], crystal.atomic_numbers[others]
        ):
            continue
        for improper in (False, True):
            fit = overlay(
                crystal.positions[others], crystal.positions[atoms], improper=improper
            )
            if fit.rmsd < SAME_GEOMETRY:
                return turned(orbitals, molecule, fit.rotation)
    return None


def turned(orbitals: Matrix, molecule: Any, rotation: RotationMatrix) -> Matrix:  # noqa: ANN401
    """Coefficients of the orbitals turned together with the molecule.

    Args:
        orbitals: One a column, in the basis of the molecule.
        molecule: A PySCF molecule with spherical functions.
        rotation: Proper or improper.
    """
    blocks = _rotations_of_harmonics(
        rotation, max(molecule.bas_angular(b) for b in range(molecule.nbas))
    )
    result = np.array(orbitals)
    start = 0
    for shell in range(molecule.nbas):
        block = blocks[molecule.bas_angular(shell)]
        for _ in range(molecule.bas_nctr(shell)):
            rows = slice(start, start + len(block))
            result[rows] = block @ orbitals[rows]
            start += len(block)
    return result


def _rotations_of_harmonics(rotation: RotationMatrix, highest: int) -> list[Matrix]:
    """M_l with Y_l(R⁻¹ r) = Y_l(r) M_l, from their values at some points."""
    points = generator_of("points of harmonics").normal(size=(8 * (highest + 1), 3))
    points /= np.linalg.norm(points, axis=1)[:, None]
    before = sph.real_sph_vec(points, highest, reorder_p=True)
    after = sph.real_sph_vec(points @ rotation, highest, reorder_p=True)
    return [
        np.linalg.lstsq(b.T, a.T, rcond=None)[0]
        for b, a in zip(before, after, strict=True)
    ]
