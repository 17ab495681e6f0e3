"""Density matrices of molecules moved to where congruent molecules are."""

from typing import TypeAlias

import numpy as np
from pyscf import gto

from csp.arrays import Indices, Matrix, Positions, RotationMatrix
from csp.geometry import overlay
from csp.units import ANGSTROM_PER_BOHR

Densities: TypeAlias = list[Matrix]
"""Density matrices in one basis, one for each functional."""


def placed(
    densities: Densities,
    system: gto.Mole,
    target: Positions,
    order: Indices | None = None,
) -> Densities:
    """Densities after the isometry that brings the atoms onto others.

    Args:
        densities: Of ``system``.
        system: Atoms and basis.
        target: Where each atom goes, Å.
        order: Place of each atom among the target's own atoms; with none the rows and
            columns stay in the order of ``system``.
    """
    positions = system.atom_coords() * ANGSTROM_PER_BOHR
    fits = [overlay(positions, target, improper=hand) for hand in (False, True)]
    turn = _turn(system, min(fits, key=lambda fit: fit.rmsd).rotation)
    moved = [turn @ density @ turn.T for density in densities]
    if order is None:
        return moved
    slices = system.aoslice_by_atom()[:, 2:]
    functions = np.concatenate([np.arange(*slices[k]) for k in np.argsort(order)])
    return [density[np.ix_(functions, functions)] for density in moved]


def summed(first: Densities, second: Densities) -> Densities:
    """Densities of two molecules together."""
    return [a + b for a, b in zip(first, second, strict=True)]


def _turn(system: gto.Mole, rotation: RotationMatrix) -> Matrix:
    """What a rotation, proper or not, does to the basis functions."""
    hand = float(np.sign(np.linalg.det(rotation)))
    parity = [
        np.full(
            (2 * system.bas_angular(k) + 1) * system.bas_nctr(k),
            hand ** system.bas_angular(k),
        )
        for k in range(system.nbas)
    ]
    proper = system.ao_rotation_matrix(hand * rotation.T)
    return np.asarray(proper * np.concatenate(parity))
