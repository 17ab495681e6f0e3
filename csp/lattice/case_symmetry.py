"""The symmetry of a DMACRYS case: what its operations and Z make of its molecules."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from csp.arrays import Cell
from csp.comparison.molecules import images
from csp.errors import InputError
from csp.lattice.case_file import CaseFile
from csp.lattice.crystal_input import BodyAtoms, atoms_of, units_of
from csp.lattice.operations import (
    Centring,
    centrings_of,
    in_basis,
    operations_from_text,
)
from csp.potentials.bodies import Body
from csp.potentials.rigid_crystal import RigidCrystal, rigid_crystal
from csp.spacegroups import Operations

_CLOSEST = 1.0
"""Å; molecules of a crystal are not closer."""
_FARTHEST = 4.0
"""Å; molecules of a crystal are not all farther apart."""

Part = tuple[Body, BodyAtoms, np.ndarray, np.ndarray]
"""A body, its atoms, its fractional centre and its rotation."""


def packed(
    case: CaseFile, parts: Sequence[Part], cell: Cell
) -> tuple[RigidCrystal, int, list[str]]:
    """The crystal in its primitive cell, its formula units as Z has them, and notes.

    Raises:
        InputError: If operations, atoms and Z contradict one another.
    """
    operations, centring = _symmetry(case, parts, cell)
    crystal = _assembled(parts, cell, operations, centring.basis)
    n_units = units_of(crystal, [atoms for _, atoms, *_ in parts])
    notes = []
    if centring.letter != "P":
        notes.append(
            f"Z = {case.crystal.n_units} asks for the centring {centring.letter}: "
            "energies and cell are those of the primitive cell"
        )
    wanted = case.crystal.n_units
    if centring.letter == "P" and wanted and wanted < n_units:
        notes.append(
            f"Z = {wanted} makes {n_units // wanted} molecules of one kind one formula "
            "unit"
        )
        n_units = wanted
    return crystal, n_units, notes


def _symmetry(
    case: CaseFile, parts: Sequence[Part], cell: Cell
) -> tuple[Operations, Centring]:
    """The operations, and the centring that their list leaves unsaid.

    Z counts the formula units of the conventional cell. Where the listed operations
    make fewer, the lattice is centred: by the centring with which they are a group and
    that keeps molecules furthest apart.
    """
    operations = operations_from_text(case.crystal.symmetry_operations)
    primitive = centrings_of(1, operations)
    crystal = _assembled(parts, cell, operations)
    n_units = units_of(crystal, [part[1] for part in parts])
    n_points, rest = divmod(case.crystal.n_units or n_units, n_units)
    if n_points <= 1 and (n_points == 1 or n_units % (case.crystal.n_units or 1) == 0):
        n_points, rest = 1, 0
    candidates = primitive if n_points == 1 else centrings_of(n_points, operations)
    if rest or not candidates:
        raise InputError(
            f"{case.title}: {len(operations.rotations)} operations make {n_units} "
            f"formula units a cell, but Z is {case.crystal.n_units}, and no centring "
            "completes them to a group: correct crystal.Z or "
            "crystal.symmetry_operations (without the identity, without centring)"
        )
    spacings = [_closest(parts, cell, operations, item) for item in candidates]
    best = int(np.argmax(spacings))
    if spacings[best] < _CLOSEST:
        raise InputError(
            f"{case.title}: symmetry puts two molecules {spacings[best]:.2f} Å apart, "
            f"less than {_CLOSEST} Å: correct the atoms, "
            "crystal.symmetry_operations or crystal.Z"
        )
    return operations, candidates[best]


def _assembled(
    parts: Sequence[Part],
    cell: Cell,
    operations: Operations,
    basis: np.ndarray | None = None,
) -> RigidCrystal:
    """The crystal in the primitive cell of a basis."""
    basis = np.eye(3) if basis is None else basis
    new = in_basis(operations, basis)
    return rigid_crystal(
        [body for body, *_ in parts],
        basis @ cell,
        np.array([centre @ np.linalg.inv(basis) for _, _, centre, _ in parts]),
        np.array([turn for *_, turn in parts]),
        Operations(np.rint(new.rotations), new.translations),
    )


def _closest(
    parts: Sequence[Part], cell: Cell, operations: Operations, centring: Centring
) -> float:
    """Smallest distance between atoms of different molecules, at most ``_FARTHEST``."""
    crystal = _assembled(parts, cell, operations, centring.basis)
    whole = atoms_of(crystal, [atoms for _, atoms, *_ in parts], 1)
    fractional = whole.positions @ np.linalg.inv(whole.cell)
    moved = np.floor(fractional)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(whole.cell), axis=0)
    shifts, atoms = images(fractional - moved, _FARTHEST / heights)
    tree = cKDTree((fractional[atoms] - moved[atoms] + shifts) @ whole.cell)
    centres = cKDTree((fractional - moved) @ whole.cell)
    pairs = centres.sparse_distance_matrix(tree, _FARTHEST, output_type="coo_matrix")
    first, second = pairs.row, atoms[pairs.col]
    molecule = whole.molecule_of_atom
    step = shifts[pairs.col] - moved[second] + moved[first]
    is_other = (molecule[first] != molecule[second]) | np.any(step != 0, axis=1)
    return float(pairs.data[is_other].min(initial=_FARTHEST))
