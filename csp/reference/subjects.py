"""What is computed: crystals in their smallest cell, and isolated molecules."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from csp.arrays import AtomicNumbers, Cell, Positions
from csp.comparison.reduction import niggli_cell
from csp.comparison.standard_setting import primitive_cell
from csp.comparison.symmetry import find_symmetry
from csp.crystal import Crystal
from csp.molecule import Molecule

SYMMETRY_TOLERANCE = 0.01
"""Largest distance of an atom from its symmetric place, Å."""
SAME_PLACE = 0.05
"""Lattice images of one molecule lie closer than this, Å."""
DIGITS = 4
"""Of coordinates in Å, for the name of a calculation."""


@dataclass(frozen=True, eq=False, slots=True)
class Subject:
    """One crystal or molecule whose energy is wanted.

    Attributes:
        id: What the user knows it by.
        system: The crystal, in its primitive Niggli cell, or the molecule.
        n_operations: Point operations of the crystal; fewer calculations are needed
            where there are more.
    """

    id: str
    system: Crystal | Molecule
    n_operations: int = 1

    @property
    def n_atoms(self) -> int:
        """Atoms of the cell or the molecule."""
        return len(self.system.atomic_numbers)

    @property
    def n_formula_units(self) -> int:
        """Formula units in the cell; 1 for a molecule."""
        system = self.system
        return system.n_formula_units if isinstance(system, Crystal) else 1

    @property
    def name(self) -> str:
        """Of its files: the id and a digest of its geometry."""
        text = json.dumps(_rounded(to_document(self.system)), sort_keys=True)
        return f"{self.id}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def crystal_subject(identity: str, crystal: Crystal) -> Subject:
    """The subject of a crystal, reduced to the smallest cell that describes it."""
    symmetry = find_symmetry(crystal, SYMMETRY_TOLERANCE)
    cell = niggli_cell(primitive_cell(symmetry.conventional.cell, symmetry.number))
    if np.linalg.det(cell) < 0.0:
        cell = -cell
    n_points = len({row.tobytes() for row in symmetry.rotations})
    return Subject(identity, in_cell(symmetry.conventional, cell), n_points)


def in_cell(crystal: Crystal, cell: Cell) -> Crystal:
    """The same crystal in another cell of its lattice, or of a finer one.

    Each molecule's centroid lies in the cell.
    """
    inverse = np.linalg.inv(cell)
    kept: list[tuple[AtomicNumbers, Positions]] = []
    for index in range(crystal.n_molecules):
        atoms = crystal.molecule_of_atom == index
        numbers, places = crystal.atomic_numbers[atoms], crystal.positions[atoms]
        shift = np.floor(places.mean(axis=0) @ inverse + 1e-6)
        places = places - shift @ cell
        if not any(_is_image(places, numbers, other, cell) for other in kept):
            kept.append((numbers, places))
    n_units = crystal.n_formula_units * len(kept) / crystal.n_molecules
    return Crystal(
        cell,
        np.concatenate([numbers for numbers, _ in kept]),
        np.concatenate([places for _, places in kept]),
        np.repeat(np.arange(len(kept)), [len(numbers) for numbers, _ in kept]),
        round(n_units),
    )


def _is_image(
    places: Positions,
    numbers: AtomicNumbers,
    other: tuple[AtomicNumbers, Positions],
    cell: Cell,
) -> bool:
    """Whether a molecule is another one moved by a lattice vector."""
    their_numbers, their_places = other
    if sorted(numbers) != sorted(their_numbers):
        return False
    difference = (places.mean(axis=0) - their_places.mean(axis=0)) @ np.linalg.inv(cell)
    shift = np.rint(difference)
    if np.linalg.norm((difference - shift) @ cell) > SAME_PLACE:
        return False
    distances, nearest = cKDTree(their_places).query(places - shift @ cell)
    return bool(distances.max() < SAME_PLACE) and np.array_equal(
        their_numbers[nearest], numbers
    )


def doubled(crystal: Crystal) -> Crystal:
    """The crystal in a cell twice as long along its shortest vector."""
    axis = int(np.argmin(np.linalg.norm(crystal.cell, axis=1)))
    cell = np.array(crystal.cell)
    cell[axis] *= 2.0
    return Crystal(
        cell,
        np.tile(crystal.atomic_numbers, 2),
        np.concatenate([crystal.positions, crystal.positions + crystal.cell[axis]]),
        np.concatenate(
            [crystal.molecule_of_atom, crystal.molecule_of_atom + crystal.n_molecules]
        ),
        2 * crystal.n_formula_units,
    )


def isolated_molecules(crystal: Crystal) -> Sequence[Molecule]:
    """The molecules of a crystal as they are in it."""
    no_bonds = np.zeros((0, 2), dtype=int)
    found = []
    for index in range(crystal.n_molecules):
        atoms = crystal.molecule_of_atom == index
        molecule = Molecule(
            crystal.atomic_numbers[atoms], crystal.positions[atoms], no_bonds, 0, ""
        )
        found.append(replace(molecule, name=f"molecule {index + 1}"))
    return found


def to_document(system: Crystal | Molecule) -> dict[str, Any]:
    """A crystal or molecule as JSON values."""
    document: dict[str, Any] = {
        "atomic_numbers": system.atomic_numbers.tolist(),
        "positions_angstrom": system.positions.tolist(),
    }
    if isinstance(system, Crystal):
        return document | {
            "cell_angstrom": system.cell.tolist(),
            "molecule_of_atom": system.molecule_of_atom.tolist(),
            "n_formula_units": system.n_formula_units,
        }
    return document | {"charge": system.charge, "name": system.name}


def from_document(document: dict[str, Any]) -> Crystal | Molecule:
    """What :func:`to_document` wrote."""
    numbers = np.array(document["atomic_numbers"], dtype=int)
    positions = np.array(document["positions_angstrom"], dtype=float)
    if "cell_angstrom" not in document:
        bonds = np.zeros((0, 2), dtype=int)
        return Molecule(numbers, positions, bonds, document["charge"], document["name"])
    return Crystal(
        np.array(document["cell_angstrom"]),
        numbers,
        positions,
        np.array(document["molecule_of_atom"], dtype=int),
        document["n_formula_units"],
    )


def _rounded(document: dict[str, Any]) -> dict[str, Any]:
    """Coordinates cut to the digits that name a calculation; no negative zeros."""
    return {
        key: (np.round(value, DIGITS) + 0.0).tolist() if "angstrom" in key else value
        for key, value in document.items()
        if key != "name"
    }
