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
from csp.potentials.kernels.energy import (
    TERMS,
    energy_and_gradient,
    gradient_of_body,
)
from csp.potentials.kernels.tables import Gradient
from csp.potentials.rigid_crystal import (
    RigidCrystal,
    Tables,
    expanded,
)
from csp.relaxation.minimisation import Sums, state_of
from csp.relaxation.moves import Displacement, carried, radii_of
from csp.spacegroups import symmetric_strains
from csp.units import KJ_PER_MOL_PER_GPA_ANGSTROM3

_STEP = 2e-3
"""Å; central differences are then right to some 1e-6 of a force constant."""
_ZERO = 0.05
"""kJ/mol/Å² per molecule; a curvature above minus this is not taken for a saddle."""
_SOFTEST = 1e-6
"""Of the stiffest; softer motions are none: turns of atoms, shifts of the whole."""
_N_STRAINS = 6


@dataclass(frozen=True, eq=False, slots=True)
class Stability:
    """Second derivatives at a stationary point.

    Attributes:
        curvatures: Eigenvalues of the Hessian over molecules and cell, smallest first,
            without the three translations of the whole; kJ/mol/Å² per molecule.
        downhill: The move of lowest curvature, 1 Å long.
        hessian: By shifts, turns and strains, kJ/mol/Å² per cell.
        crystal: Where it was taken; all molecules are bodies.
    """

    curvatures: Scalars
    downhill: Displacement
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
    return Stability(
        curvatures=values / n,
        downhill=_displacement(kept @ vectors[:, 0], _lengths(whole)),
        hessian=hessian,
        crystal=whole,
    )


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


def _gradient(crystal: RigidCrystal, sums: Sums, body: int | None) -> Scalars:
    """dE/d(shifts, turns, strains) per cell, kJ/mol.

    Args:
        crystal: All its molecules are bodies.
        sums: Its tables.
        body: Only the part of the energy in which this one has a share; None: all.
    """
    n = crystal.n_molecules
    gradient = Gradient(np.zeros((3, 3)), np.zeros((n, 3)), np.zeros((n, 3)))
    state = state_of(crystal)
    if body is None:
        terms = np.zeros(len(TERMS))
        energy_and_gradient(state, crystal.images, sums, gradient, terms)
    else:
        gradient_of_body(state, body, crystal.images, sums, gradient)
    strains = np.einsum("kij,ij->k", symmetric_strains(), gradient.strain)
    return np.concatenate([gradient.centre.ravel(), gradient.rotation.ravel(), strains])


def _hessian(crystal: RigidCrystal, whole: RigidCrystal, sums: Sums) -> np.ndarray:
    """Second derivatives by all coordinates of the cell, kJ/mol/Å²."""
    n = whole.n_molecules
    lengths = _lengths(whole)
    hessian = np.zeros((len(lengths), len(lengths)))

    def row(coordinate: int, body: int | None) -> Scalars:
        vector = np.zeros(len(lengths))
        vector[coordinate] = 1.0
        move = _displacement(vector, lengths)
        up, down = (
            _gradient(move.applied(whole, sign * _STEP), sums, body)
            for sign in (1.0, -1.0)
        )
        return np.asarray((up - down) / (2.0 * _STEP * lengths))

    images = crystal.images
    for k in range(_N_STRAINS):
        hessian[6 * n + k] = row(6 * n + k, None)
    for body, first in enumerate(images.first.tolist()):
        own = [3 * first + k for k in range(3)]
        own += [3 * n + index for index in own]
        rows = np.array([row(index, first) for index in own])
        for image in np.flatnonzero(images.body == body):
            moved = carried(whole, images.rotation[image], images.translation[image])
            turn = _turn(images.cartesian[image], n)
            there = [3 * image + k for k in range(3)]
            there += [3 * n + index for index in there]
            hessian[there] = (
                turn[np.ix_(there, there)] @ _permuted(rows, moved, n) @ turn.T
            )
    hessian[:, 6 * n :] = hessian[6 * n :].T
    return 0.5 * (hessian + hessian.T)


def _turn(matrix: Matrix, n: int) -> np.ndarray:
    """How an operation turns the coordinates of n molecules and the strains."""
    axial = np.linalg.det(matrix) * matrix
    units = symmetric_strains()
    strains = np.einsum(
        "aij,ik,bkl,jl->ab", units, matrix, units, matrix, optimize=True
    )
    return np.asarray(block_diag(*[matrix] * n, *[axial] * n, strains))


def _permuted(rows: np.ndarray, source: np.ndarray, n: int) -> np.ndarray:
    """Rows of the Hessian with the molecules' columns in the order of ``source``."""
    shifts = rows[:, : 3 * n].reshape(-1, n, 3)[:, source].reshape(len(rows), -1)
    turns = rows[:, 3 * n : 6 * n].reshape(-1, n, 3)[:, source]
    return np.concatenate(
        [shifts, turns.reshape(len(rows), -1), rows[:, 6 * n :]], axis=1
    )


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
