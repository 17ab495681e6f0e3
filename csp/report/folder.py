"""A finished landscape read back from its folder."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase.db import connect

from csp.arrays import AtomicNumbers, Cell, Positions
from csp.comparison.reading import read_crystal
from csp.errors import InputError
from csp.report.tables import LandscapeRow, read_csv


class StoredStructure(NamedTuple):
    """One structure of a landscape: its row in the table and its atoms.

    Attributes:
        row: As in ``landscape.csv``.
        cell: Lattice vectors as rows, Å.
        atomic_numbers: Of each atom of the cell.
        positions: Å; molecules may be wrapped into the cell.
    """

    row: LandscapeRow
    cell: Cell
    atomic_numbers: AtomicNumbers
    positions: Positions


def read_landscape(folder: Path) -> list[StoredStructure]:
    """The structures of ``landscape.csv`` with their atoms.

    These are taken from ``landscape.db`` or, where there is none, from the CIF files.

    Raises:
        InputError: If there is no landscape, or its files do not belong together.
    """
    rows = read_csv(folder / "landscape.csv")
    if not (folder / "landscape.db").exists():
        return [_from_cif(folder / "structures", row) for row in rows]
    stored = _database(folder / "landscape.db")
    missing = [row.id for row in rows if row.id not in stored]
    if missing:
        raise _unusable(
            folder / "landscape.db",
            f"it lacks {missing[0]}, which is in landscape.csv",
        )
    return [StoredStructure(row, *stored[row.id]) for row in rows]


def _database(path: Path) -> dict[str, tuple[Cell, AtomicNumbers, Positions]]:
    """Atoms of the structures by their id."""
    try:
        return {
            atoms.csp_id: (np.array(atoms.cell), atoms.numbers, atoms.positions)
            for atoms in connect(path).select(sort="id")
        }
    except (sqlite3.DatabaseError, AttributeError) as error:
        raise _unusable(path, str(error)) from error


def _from_cif(folder: Path, row: LandscapeRow) -> StoredStructure:
    path = folder / f"{row.rank:04d}_{row.id}.cif"
    crystal = read_crystal(path, needs_hydrogens=False)
    return StoredStructure(row, crystal.cell, crystal.atomic_numbers, crystal.positions)


def _unusable(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} cannot be used ({why}): the same csp run command makes it again"
    )
