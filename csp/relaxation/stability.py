"""The Hessian of a crystal of rigid bodies: is a minimum true, and how stiff is it?

All molecules of the cell move, whatever the symmetry (wave vector Γ), and so does the
cell. Second derivatives come from central differences of analytic gradients.

The elastic constants are those of the relaxed crystal: under a strain its molecules
move to their new equilibrium, ``C = (H_εε − H_εq H_qq⁻¹ H_qε)/V``.

References:
    Born & Huang, Dynamical Theory of Crystal Lattices (1954), § 11;
    Day, Price & Leslie, Cryst. Growth Des. 1, 13 (2001), for rigid molecules.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag, helmert

from csp.arrays import Matrix, Scalars, read_only
from csp.geometry import volume
from csp.potentials.rigid_crystal import (
    RigidCrystal,
    Tables,
    expanded,
)
from csp.relaxation.hessian_kernels import hessian_rows
from csp.relaxation.kernels import Freedom
from csp.relaxation.minimisation import Sums, state_of
from csp.relaxation.moves import Displacement, carried, radii_of
from csp.spacegroups import symmetric_strains
from csp.units import KJ_PER_MOL_PER_GPA_ANGSTROM3

_STEP = 2e-3
"""Å; central differences are then right to some 1e-6 of a force constant."""
_ZERO = 0.05
"""kJ/mol/Å² per molecule; a curvature above minus this is not taken for a saddle."""
_ONE_CURVATURE = 0.01
"""Relative, and kJ/mol/Å² per molecule: nearer ones are of one irreducible
representation."""
_SOFTEST = 1e-6
"""Of the stiffest; softer motions are none: turns of atoms, shifts of the whole."""
_N_STRAINS = 6


@dataclass(frozen=True, eq=False, slots=True)
class Stability:
    """Second derivatives at a stationary point.

    Attributes:
        curvatures: Eigenvalues of the Hessian over molecules and cell, smallest first,
            without the three translations of the whole; kJ/mol/Å² per molecule.
        downhill: The moves of negative curvature, each 1 Å long; those of one
            curvature, which symmetry may turn into one another, together. Of a minimum
            the move of lowest curvature alone.
        hessian: By shifts, turns and strains, kJ/mol/Å² per cell.
        crystal: Where it was taken; all molecules are bodies.
    """

    curvatures: Scalars
    downhill: tuple[tuple[Displacement, ...], ...]
    hessian: np.ndarray
    crystal: RigidCrystal

    def __post_init__(self) -> None:
        object.__setattr__(self, "curvatures", read_only(self.curvatures))

    @property
    def is_minimum(self) -> bool:
        """Whether no displacement of the molecules or the cell lowers the energy."""
        return bool(self.curvatures[0] > -_ZERO)

    def elastic_constants(self) -> np.ndarray:
        """Stiffness of the crystal with its molecules relaxed, Voigt's notation, GPa.

        Shape (6, 6); the Cartesian axes are those of the cell.
        """
        return _elastic_constants(self.hessian, self.crystal)


def stability(crystal: RigidCrystal, tables: Tables) -> Stability:
    """Curvatures at a minimum found within a symmetry.

    Only the bodies of the asymmetric unit are displaced; the operations carry their
    rows of the Hessian to the other molecules.

    Args:
        crystal: Relaxed.
        tables: The force field of its bodies.
    """
    whole, sums = without_symmetry(crystal, tables)
    n = whole.n_molecules
    hessian = _hessian(crystal, whole, sums)
    kept = _complement_of_translations(n)
    values, vectors = np.linalg.eigh(kept.T @ hessian @ kept)
    curvatures, lengths = values / n, _lengths(whole)
    return Stability(
        curvatures=curvatures,
        downhill=tuple(
            tuple(_displacement(kept @ vectors[:, k], lengths) for k in together)
            for together in _downhill(curvatures)
        ),
        hessian=hessian,
        crystal=whole,
    )


def _downhill(curvatures: Scalars) -> list[list[int]]:
    """Indices of the negative curvatures, equal ones together; at least the first."""
    together = [[0]]
    for index in np.flatnonzero(curvatures <= -_ZERO)[1:].tolist():
        before = curvatures[index - 1]
        near = _ONE_CURVATURE * max(1.0, abs(before))
        if curvatures[index] - before < near:
            together[-1].append(index)
        else:
            together.append([index])
    return together


def without_symmetry(
    crystal: RigidCrystal, tables: Tables
) -> tuple[RigidCrystal, Sums]:
    """The crystal with every molecule of the cell a body, and its tables."""
    whole = expanded(crystal)
    copies = tables.of_copies(whole.bodies, crystal.images.body)
    return whole, copies.with_reach(whole.images)


def _lengths(crystal: RigidCrystal) -> Scalars:
    """What a unit of each coordinate (shifts, turns, strains) is worth, Å."""
    return np.concatenate(
        [
            np.ones(3 * crystal.n_molecules),
            np.repeat(radii_of(crystal), 3),
            np.full(_N_STRAINS, np.cbrt(volume(crystal.cell))),
        ]
    )


def _displacement(vector: Scalars, lengths: Scalars) -> Displacement:
    """Coordinates, all in Å, as a move of the molecules."""
    moves = (vector / lengths)[:-_N_STRAINS].reshape(2, -1, 3)
    strain = (vector / lengths)[-_N_STRAINS:]
    return Displacement(
        moves[0], moves[1], np.tensordot(strain, symmetric_strains(), axes=1)
    )


def _all_moves(whole: RigidCrystal) -> Freedom:
    """Every molecule in every direction and about every axis, and all strains."""
    n = whole.n_molecules
    axes = np.tile(np.eye(3), (n, 1))
    owners = np.repeat(np.arange(n), 3)
    return Freedom(
        strains=symmetric_strains(),
        size=float(np.cbrt(volume(whole.cell))),
        translations=axes,
        translation_owner=owners,
        rotations=axes,
        rotation_owner=owners,
        radius=radii_of(whole),
    )


def _hessian(crystal: RigidCrystal, whole: RigidCrystal, sums: Sums) -> np.ndarray:
    """Second derivatives by all coordinates of the cell, kJ/mol/Å²."""
    n = whole.n_molecules
    problem = (whole.images, sums, _all_moves(whole))
    state = state_of(whole)
    size = 6 * n + _N_STRAINS

    def rows_of(coordinates: np.ndarray) -> np.ndarray:
        # the minimiser counts strains first
        chosen = (coordinates + _N_STRAINS) % size
        rows = n * hessian_rows(chosen, state, problem, _STEP)
        return np.roll(rows, -_N_STRAINS, axis=1)

    hessian = np.zeros((size, size))
    hessian[6 * n :] = rows_of(np.arange(6 * n, size))
    images = crystal.images
    for body, first in enumerate(images.first.tolist()):
        shifts = 3 * first + np.arange(3)
        rows = rows_of(np.concatenate([shifts, 3 * n + shifts]))
        for image in np.flatnonzero(images.body == body):
            moved = carried(whole, images.rotation[image], images.translation[image])
            turned = _turned_columns(rows, images.cartesian[image], moved, n)
            there = 3 * image + np.arange(3)
            hessian[np.concatenate([there, 3 * n + there])] = turned
    hessian[:, 6 * n :] = hessian[6 * n :].T
    return 0.5 * (hessian + hessian.T)


def _turned_columns(
    rows: np.ndarray, matrix: Matrix, source: np.ndarray, n: int
) -> np.ndarray:
    """The rows of a molecule's shifts and turns, carried over by an operation.

    Args:
        rows: Of the molecule; shape (6, 6 n + 6).
        matrix: Of the operation, Cartesian.
        source: For each molecule the one that is carried to its place.
        n: Molecules in the cell.
    """
    axial = np.linalg.det(matrix) * matrix
    own = block_diag(matrix, axial)
    shifts = rows[:, : 3 * n].reshape(6, n, 3)[:, source] @ matrix.T
    turns = rows[:, 3 * n : 6 * n].reshape(6, n, 3)[:, source] @ axial.T
    units = symmetric_strains()
    strains = np.einsum("aij,bij->ab", units, matrix @ units @ matrix.T)
    columns = [
        shifts.reshape(6, -1),
        turns.reshape(6, -1),
        rows[:, 6 * n :] @ strains.T,
    ]
    return np.asarray(own @ np.concatenate(columns, axis=1))


def _complement_of_translations(n: int) -> np.ndarray:
    """Orthonormal columns that span all moves but those of the whole crystal."""
    relative = helmert(n).T if n > 1 else np.zeros((1, 0))
    return np.asarray(
        block_diag(np.kron(relative, np.eye(3)), np.eye(3 * n + _N_STRAINS))
    )


def _elastic_constants(hessian: np.ndarray, crystal: RigidCrystal) -> np.ndarray:
    """``C = (H_εε − H_εq H_qq⁻¹ H_qε)/V``, GPa."""
    inner = 6 * crystal.n_molecules
    softest = _SOFTEST * np.abs(hessian[:inner, :inner]).max()
    values, vectors = np.linalg.eigh(hessian[:inner, :inner])
    inverse = np.where(np.abs(values) > softest, 1.0 / values, 0.0)
    coupling = vectors.T @ hessian[:inner, inner:]
    stiffness = hessian[inner:, inner:] - coupling.T @ (inverse[:, None] * coupling)
    size = np.cbrt(volume(crystal.cell))
    shear = np.array([1.0] * 3 + [np.sqrt(0.5)] * 3)  # engineering strains
    scale = size**2 / volume(crystal.cell) / KJ_PER_MOL_PER_GPA_ANGSTROM3
    return np.asarray(scale * stiffness * np.outer(shear, shear))
