"""Structures and tables in the formats of other programs."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ase import Atoms
from ase.io import write as write_atoms
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from csp import __version__
from csp.errors import InputError
from csp.exports.selection import EnergyLevel, Exported
from csp.exports.shelx import shelx_text

_WIDTH = 16
_RANKING_PREFIX = "corrected_"
_SHARED = ("id", "observed_form", "forcefield_rank")
_REPEATED = ("forcefield_relative_energy_kj_per_mol",)


def cif(items: Sequence[Exported]) -> str:
    """All structures in one CIF file, a data block each, with their symmetry.

    Raises:
        InputError: If a structure's file is missing.
    """
    return "\n".join(_text(item) for item in items)


def res(item: Exported) -> str:
    """A SHELX file: asymmetric unit and symmetry.

    Several structures make several files: the format holds one.
    """
    row = item.stored.row
    title = f"{row.id} {row.space_group} {row.lattice_energy_kj_per_mol:.2f} kJ/mol"
    return shelx_text(_text(item), title)


def extxyz(items: Sequence[Exported]) -> str:
    """Extended XYZ, one frame a structure, its numbers in the comment line."""
    stream = io.StringIO()
    write_atoms(stream, [atoms_of(item) for item in items], format="extxyz")
    return stream.getvalue()


def atoms_of(item: Exported) -> Atoms:
    """A structure as ASE atoms, with what the tables say of it."""
    stored = item.stored
    atoms = Atoms(
        stored.atomic_numbers, positions=stored.positions, cell=stored.cell, pbc=True
    )
    atoms.info = {
        key: value
        for key, value in columns(item).items()
        if value not in ("", None) and key != "cell"
    }
    return atoms


def columns(item: Exported) -> dict[str, Any]:
    """All that is known of a structure, the names with their units."""
    known: dict[str, Any] = asdict(item.stored.row)
    if item.ranking is not None:
        ranking = asdict(item.ranking)
        for key in (*_SHARED, *_REPEATED):
            ranking.pop(key)
        known |= {_RANKING_PREFIX + key: value for key, value in ranking.items()}
    return known


def table(items: Sequence[Exported]) -> str:
    """CSV with a header."""
    stream = io.StringIO()
    rows = [columns(item) for item in items]
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def workbook(
    items: Sequence[Exported], level: EnergyLevel, about: Mapping[str, str]
) -> bytes:
    """An Excel workbook: the table, and a sheet that says what it is."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # a new workbook has one
    sheet.title = "structures"
    rows = [columns(item) for item in items]
    sheet.append([_heading(name) for name in rows[0]])
    for row in rows:
        sheet.append(list(row.values()))
    for index, cell in enumerate(sheet[1], start=1):
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(index)].width = _WIDTH
    sheet.freeze_panes = "C2"
    sheet.auto_filter.ref = sheet.dimensions
    notes = book.create_sheet("about")
    for pair in (("written by", f"csp {__version__}"), ("ordered by", level)):
        notes.append(pair)
    for name, value in about.items():
        notes.append((name, value))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


WRITERS: Mapping[str, Callable[[Sequence[Exported]], str]] = {
    "cif": cif,
    "extxyz": extxyz,
    "csv": table,
}
"""The formats that are one text."""


def _heading(name: str) -> str:
    return name.replace("_per_", "/").replace("_", " ")


def _text(item: Exported) -> str:
    try:
        return item.cif.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{item.cif} cannot be read ({error.strerror}): the same csp run command "
            "makes it again"
        ) from error
