"""One whole molecule out of the periodic crystal of a CIF file."""

import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifFile, CifParser

from csp.arrays import Positions
from csp.conformers.graph import (
    BOND_TOLERANCE,
    bonds_from_distances,
    formula_of,
    is_same_graph,
)
from csp.errors import InputError
from csp.molecule import Molecule

_NO_VALUE = {"", ".", "?"}
_CIF_ERRORS = (ValueError, KeyError, IndexError, TypeError, AttributeError)
"""What pymatgen raises for a file that is no CIF or an incomplete one."""


def molecule_from_cif(path: Path, name: str, charge: int) -> Molecule:
    """One molecule of the crystal, made whole by following its bonds.

    Of several symmetry-independent molecules of one kind the first is taken.

    Raises:
        InputError: If the file is no CIF, the crystal is disordered, its bonds have
            no end, or it holds several kinds of molecules.
    """
    _check_order(path)
    molecules = [
        Molecule(
            numbers, positions, bonds_from_distances(numbers, positions), charge, name
        )
        for numbers, positions in _fragments(_structure(path), path)
    ]
    first = molecules[0]
    if not all(is_same_graph(first, other) for other in molecules):
        formulas = sorted(
            {formula_of(molecule.atomic_numbers) for molecule in molecules}
        )
        raise InputError(
            f"{path.name} holds more than one kind of molecule "
            f"({', '.join(formulas)}): give each kind a file of its own, and list them "
            "as source"
        )
    return first.centred()


def _check_order(path: Path) -> None:
    """Refuse partial occupancy and disorder groups, naming the site."""
    try:
        blocks = CifFile.from_str(path.read_text(encoding="utf-8")).data.values()
    except _CIF_ERRORS as error:
        raise _unreadable(path) from error
    for block in blocks:
        labels = _column(block, "_atom_site_label")
        occupancies = _column(block, "_atom_site_occupancy") or ["1"] * len(labels)
        groups = _column(block, "_atom_site_disorder_group") or ["."] * len(labels)
        for label, occupancy, group in zip(labels, occupancies, groups, strict=False):
            is_partial = occupancy not in _NO_VALUE and not occupancy.startswith("1")
            if is_partial or group not in _NO_VALUE:
                raise InputError(
                    f"{path.name} is disordered at {label} (occupancy {occupancy}, "
                    f"group {group}): keep one ordered component"
                )


def _column(block: Any, key: str) -> list[str]:  # noqa: ANN401
    column = block.data.get(key, [])
    return [str(value).strip() for value in column] if isinstance(column, list) else []


def _structure(path: Path) -> Structure:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            structures = CifParser(path).parse_structures(primitive=False)
        except _CIF_ERRORS as error:
            raise _unreadable(path) from error
    if len(structures) != 1:
        raise InputError(
            f"{path.name} holds {len(structures)} crystals: keep one data block"
        )
    return structures[0]


def _unreadable(path: Path) -> InputError:
    return InputError(
        f"{path.name} is not a readable CIF file with cell, symmetry and atoms: "
        "export it again"
    )


def _fragments(structure: Structure, path: Path) -> list[tuple[np.ndarray, Positions]]:
    """Atomic numbers and unwrapped positions of every molecule of the cell."""
    cell = np.asarray(structure.lattice.matrix, dtype=float)
    numbers = np.array([site.specie.Z for site in structure], dtype=int)
    crystal = Atoms(numbers, cell=cell, pbc=True)
    crystal.set_scaled_positions(np.asarray(structure.frac_coords))
    neighbours = _periodic_bonds(crystal)
    fragments = []
    seen: set[int] = set()
    for seed in range(len(numbers)):
        if seed in seen:
            continue
        shift_of = _followed(seed, neighbours, path)
        seen.update(shift_of)
        members = sorted(shift_of)
        shifts = np.array([shift_of[atom] for atom in members])
        fragments.append((numbers[members], crystal.positions[members] + shifts @ cell))
    return fragments


def _periodic_bonds(crystal: Atoms) -> dict[int, list[tuple[int, np.ndarray]]]:
    """For each atom its bonded neighbours and the cells they lie in."""
    reach = BOND_TOLERANCE * covalent_radii[crystal.numbers]
    bonds = neighbor_list("ijS", crystal, reach)
    neighbours: dict[int, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for atom, other, shift in zip(*bonds, strict=True):
        neighbours[int(atom)].append((int(other), shift))
    return neighbours


def _followed(
    seed: int, neighbours: dict[int, list[tuple[int, np.ndarray]]], path: Path
) -> dict[int, np.ndarray]:
    """The atoms that bonds join to ``seed``, and the cell each of them lies in."""
    shift_of = {seed: np.zeros(3, dtype=int)}
    members = [seed]
    for atom in members:
        for other, step in neighbours[atom]:
            shift = shift_of[atom] + step
            if other not in shift_of:
                shift_of[other] = shift
                members.append(other)
            elif not np.array_equal(shift_of[other], shift):
                raise InputError(
                    f"the bonds of {path.name} have no end: give a crystal of molecules"
                )
    return shift_of
