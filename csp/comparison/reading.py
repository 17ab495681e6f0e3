"""Crystals read from CIF files, as whole molecules."""

import io
import re
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers as numbers_of_symbols
from ase.io.cif import CIFBlock, parse_cif_ase
from ase.spacegroup import Spacegroup
from ase.spacegroup.spacegroup import SpacegroupError, parse_sitesym
from scipy.spatial import cKDTree

from csp.arrays import AtomicNumbers, Cell, FractionalPositions, Indices, Vectors
from csp.comparison.molecules import HYDROGEN, crystal_of_atoms, images
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import cell_from_parameters

SAME_SITE = 0.1
"""Symmetry images of one atom closer than this are one atom, Å."""
CLOSEST_ATOMS = 0.6
"""Atoms closer than this are a sign of disorder or of a wrong cell, Å."""
FULL_OCCUPANCY = 0.999

_CELL_TAGS = tuple(
    f"_cell_{kind}"
    for kind in (
        "length_a",
        "length_b",
        "length_c",
        "angle_alpha",
        "angle_beta",
        "angle_gamma",
    )
)
_OPERATION_TAGS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_NUMBER_TAGS = ("_space_group_it_number", "_symmetry_int_tables_number")


def read_crystal(path: Path, *, needs_hydrogens: bool = True) -> Crystal:
    """The crystal of a CIF file: its full cell, all molecules unbroken.

    Deuterium is read as hydrogen.

    Args:
        path: A CIF file with one structure.
        needs_hydrogens: Whether a structure without any hydrogen is a mistake, as it
            is for all but a few molecules.

    Raises:
        InputError: If the file is missing or is not a CIF file of one ordered crystal
            of separate molecules.
    """
    block = _structure_block(path)
    _check_order(block, path)
    cell = _cell(block, path)
    asymmetric, sites = _sites(block, path)
    atomic_numbers, fractional = _full_cell(
        cell, asymmetric, sites, _operations(block, path)
    )
    if needs_hydrogens and HYDROGEN not in atomic_numbers:
        raise InputError(
            f"{path} has no hydrogen atoms: add them, with normal bond lengths, before "
            "it is compared"
        )
    _check_contacts(cell, fractional, path)
    try:
        return crystal_of_atoms(cell, atomic_numbers, fractional @ cell)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _structure_block(path: Path) -> CIFBlock:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): give the path of a CIF file"
        ) from error
    try:
        blocks = list(parse_cif_ase(io.BytesIO(raw)))
    except (ValueError, RuntimeError, IndexError, AssertionError) as error:
        raise _unreadable(path, "it does not follow the CIF syntax") from error
    structures = [block for block in blocks if "_atom_site_fract_x" in block]
    if len(structures) != 1:
        raise _unreadable(
            path, f"it holds {len(structures)} structures with fractional coordinates"
        )
    return structures[0]


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} cannot be used: {reason}; give a CIF file of one crystal structure"
    )


def _column(block: CIFBlock, tag: str) -> list[object]:
    value = block.get(tag, [])
    return list(value) if isinstance(value, list) else [value]


def _check_order(block: CIFBlock, path: Path) -> None:
    occupancies = _column(block, "_atom_site_occupancy")
    groups = _column(block, "_atom_site_disorder_group")
    labels = _column(block, "_atom_site_label")
    partial = [
        index
        for index, value in enumerate(occupancies)
        if isinstance(value, int | float) and value < FULL_OCCUPANCY
    ]
    partial += [i for i, value in enumerate(groups) if value not in (".", "?", "")]
    if partial:
        label = labels[partial[0]] if labels else f"number {partial[0] + 1}"
        raise InputError(
            f"{path} is disordered: site {label} is one of several alternatives; keep "
            "one of them with occupancy 1 and delete the others"
        )


def _cell(block: CIFBlock, path: Path) -> Cell:
    try:
        cell = cell_from_parameters(
            np.array([float(str(block[tag])) for tag in _CELL_TAGS])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, "its cell lengths and angles are missing") from error
    if not np.isfinite(cell).all() or np.linalg.det(cell) <= 0.0:
        raise _unreadable(path, "its cell lengths and angles make no cell")
    return cell


def _sites(block: CIFBlock, path: Path) -> tuple[AtomicNumbers, FractionalPositions]:
    labels = _column(block, "_atom_site_type_symbol") or _column(
        block, "_atom_site_label"
    )
    columns = [_column(block, f"_atom_site_fract_{axis}") for axis in "xyz"]
    try:
        numbers = np.array([_atomic_number(str(label)) for label in labels], dtype=int)
        sites = np.array(columns, dtype=float).T
    except (KeyError, ValueError) as error:
        raise _unreadable(
            path, "an atom has no element or no numerical coordinates"
        ) from error
    if len(numbers) == 0 or sites.shape != (len(numbers), 3):
        raise _unreadable(path, "its atoms and coordinates are not equally many")
    return numbers, sites


def _atomic_number(label: str) -> int:
    letters = re.match("[A-Za-z]{1,2}", label)
    symbol = letters[0].capitalize() if letters else ""
    if symbol not in numbers_of_symbols:
        symbol = symbol[:1]
    return int(numbers_of_symbols["H" if symbol == "D" else symbol])


def _operations(block: CIFBlock, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and translations, fractional."""
    try:
        for tag in _OPERATION_TAGS:
            if tag in block:
                texts = [str(text).strip("'\" ") for text in _column(block, tag)]
                rotations, translations = parse_sitesym(texts)
                if np.any(np.abs(np.linalg.det(rotations)) != 1.0):
                    raise _unreadable(path, "a symmetry operation makes no sense")
                return rotations, translations
        for tag in _NUMBER_TAGS:
            if tag in block:
                rotations, translations = Spacegroup(int(str(block[tag]))).get_op()
                return rotations, translations
    except (ValueError, SpacegroupError, IndexError) as error:
        raise _unreadable(path, "a symmetry operation makes no sense") from error
    raise _unreadable(path, "it has no symmetry operations")


def _full_cell(
    cell: Cell,
    asymmetric: AtomicNumbers,
    sites: FractionalPositions,
    operations: tuple[np.ndarray, np.ndarray],
) -> tuple[Indices, Vectors]:
    """All atoms of the cell; images on a special position are averaged to one atom."""
    rotations, translations = operations
    numbers, positions = [], []
    for number, site in zip(asymmetric, sites, strict=True):
        points = rotations @ site + translations
        while len(points):
            difference = points - points[0]
            difference -= np.rint(difference)
            is_same = np.linalg.norm(difference @ cell, axis=1) < SAME_SITE
            numbers.append(number)
            positions.append(points[0] + difference[is_same].mean(axis=0))
            points = points[~is_same]
    return np.array(numbers), np.array(positions)


def _check_contacts(cell: Cell, fractional: FractionalPositions, path: Path) -> None:
    wrapped = fractional - np.floor(fractional)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    shifts, atoms = images(wrapped, CLOSEST_ATOMS / heights)
    distances, _ = cKDTree((wrapped[atoms] + shifts) @ cell).query(wrapped @ cell, k=2)
    closest = float(distances[:, 1].min())
    if closest < CLOSEST_ATOMS:
        raise InputError(
            f"{path} has two atoms {closest:.2f} Å apart, less than {CLOSEST_ATOMS} Å: "
            "remove disorder and check its space group setting"
        )
