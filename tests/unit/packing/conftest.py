"""Molecules of several symmetries, as the force field sees them."""

from pathlib import Path

import numpy as np
import pytest

from csp.conformers.monomers_file import read_monomers
from csp.molecule import Conformer, ElectrostaticPotential, Molecule, Multipoles
from csp.point_groups import molecular_symmetry, symmetrised
from csp.potentials.bodies import RigidMolecule, rigid_molecule
from csp.potentials.settings import PotentialSettings

OXALIC_ACID = Path(__file__).parents[3] / "data" / "oxalic_acid" / "monomers.json"


def rigid(label, numbers, positions):
    """A molecule of given geometry, without charges."""
    n = len(numbers)
    molecule = Molecule(np.array(numbers), positions, np.zeros((0, 2), int), 0, label)
    molecule = molecule.centred()
    molecule, symmetry = symmetrised(molecule, molecular_symmetry(molecule))
    potential = ElectrostaticPotential(np.full((1, 3), 9.0), np.ones(1))
    multipoles = Multipoles(np.zeros((n, 25)), "none")
    return RigidMolecule(
        conformer=Conformer(label, molecule, 0.0, potential, multipoles, "ideal"),
        types=("X",) * n,
        symmetry=symmetry,
        atoms=molecule.positions,
        sites=molecule.positions,
        charges=np.zeros(n),
        charge_fit_error=0.0,
        moments=np.zeros((n, 25)),
    )


def ring(radius, n):
    angles = 2.0 * np.pi * np.arange(n) / n
    return np.column_stack(
        [radius * np.cos(angles), radius * np.sin(angles), 0 * angles]
    )


@pytest.fixture(scope="session")
def molecules():
    """By name: C1, C2v, C2h (computed), D6h and Oh."""
    corners = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    lengths = np.array([0.0, 1.09, 1.38, 1.77, 1.94]) / np.sqrt(3.0)
    hexafluoride = 1.56 * np.vstack([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    oxalic = read_monomers(OXALIC_ACID).conformers[0]
    return {
        "CHFClBr": rigid("CHFClBr", [6, 1, 9, 17, 35], corners * lengths[:, None]),
        "water": rigid(
            "water",
            [8, 1, 1],
            np.array([[0, 0, 0.1], [0, 0.76, -0.49], [0, -0.76, -0.49]]),
        ),
        "oxalic acid": rigid_molecule(oxalic, PotentialSettings()),
        "benzene": rigid(
            "benzene", [6] * 6 + [1] * 6, np.vstack([ring(1.39, 6), ring(2.48, 6)])
        ),
        "SF6": rigid("SF6", [16] + [9] * 6, hexafluoride),
    }
