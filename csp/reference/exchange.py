"""Energies computed elsewhere: read from extended XYZ, and checked before use."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.formula import Formula
from ase.io.extxyz import XYZError

from csp.arrays import AtomicNumbers, Cell, Indices, Matrix, Positions, Vectors
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import overlay, parameters_from_cell
from csp.molecule import Molecule
from csp.reference.counterpoise import counterpoised
from csp.reference.engine import Energy, Failure, Resources
from csp.reference.level_dispersion import level_dispersion
from csp.reference.levels import Cp2kLevel, Level, PySCFLevel
from csp.units import KJ_PER_MOL_PER_EV

System = Crystal | Molecule

ATOM_TOLERANCE = 0.02
"""Largest distance of an atom from its place, Å; some programs write three digits."""
CELL_TOLERANCE = 0.02
"""Largest difference of a lattice vector's component, Å."""
ANGLE_TOLERANCE = 0.1
"""Of a cell that was turned, degrees."""
COUNTERPOISE_GIGABYTES = 4.0
ID = "id"


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file held.

    Attributes:
        energies: By id; of the cells and molecules asked for, kJ/mol.
        refusals: Why other frames were not used, one sentence each.
    """

    energies: Mapping[str, Energy]
    refusals: tuple[str, ...]


def read_energies(
    path: Path,
    systems: Mapping[str, System],
    key: str = "energy",
    completed_by: Level | None = None,
) -> Imported:
    """Energies of crystals and molecules that another program computed.

    Every frame names its crystal by ``id=`` and has its energy, in eV for all its
    atoms, under ``key``. Its atoms may be in any order, wrapped in any way, and its
    cell may be a multiple of the crystal's.

    Args:
        path: An extended XYZ file.
        systems: What energies are wanted of, by id.
        key: Name of the energy in the comment lines.
        completed_by: The level whose dispersion and counterpoise correction are added,
            for energies without them.

    Raises:
        InputError: If the file is missing or is not extended XYZ.
    """
    energies: dict[str, Energy] = {}
    refusals = []
    for number, frame in enumerate(_frames(path), start=1):
        try:
            identity, energy = _checked(frame, systems, key, frozenset(energies))
            provenance = {"file": path.name, "frame": number, "key": key}
            energies[identity] = _completed(
                energy, systems[identity], completed_by, provenance
            )
        except InputError as refusal:
            refusals.append(f"frame {number} of {path.name} is not used: {refusal}")
    return Imported(energies, tuple(refusals))


def _frames(path: Path) -> list[Atoms]:
    try:
        frames = ase.io.read(path, index=":", format="extxyz")
    except (XYZError, ValueError, KeyError, IndexError, RuntimeError) as error:
        raise InputError(
            f"{path} is not an extended XYZ file ({error}): write one with "
            "ase.io.write(..., format='extxyz')"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): give the path of an extended "
            "XYZ file"
        ) from error
    if not frames:
        raise InputError(f"{path} holds no structure: give an extended XYZ file")
    return list(frames)


def _checked(
    frame: Atoms, systems: Mapping[str, System], key: str, known: frozenset[str]
) -> tuple[str, float]:
    """The id of a frame and its energy, kJ/mol of the cells that were asked for."""
    identity = str(frame.info.get(ID, ""))
    if identity not in systems:
        raise InputError(
            f"its id {identity!r} is none of the {len(systems)} structures chosen"
            if identity
            else "it has no id=, which says whose energy it is"
        )
    if identity in known:
        raise InputError(f"the id {identity!r} was there before")
    system = systems[identity]
    n_copies = _n_copies(frame, system, identity)
    energy_ev = _energy_ev(frame, key, identity)
    if isinstance(system, Crystal):
        _check_crystal(frame, system, identity)
    else:
        _check_molecule(frame, system, identity)
    return identity, energy_ev * KJ_PER_MOL_PER_EV / n_copies


def _energy_ev(frame: Atoms, key: str, identity: str) -> float:
    found: dict[str, Any] = dict(frame.info)
    if frame.calc is not None:
        found |= frame.calc.results
    if key not in found:
        others = sorted(set(found) - {ID})
        raise InputError(
            f"{identity} has no {key!r}; it has {', '.join(others) or 'nothing'}: "
            "name the key of the energy"
        )
    try:
        energy_ev = float(found[key])
    except (TypeError, ValueError):
        energy_ev = math.nan
    if not math.isfinite(energy_ev):
        raise InputError(f"the {key!r} of {identity} is no number: {found[key]}")
    return energy_ev


def _n_copies(frame: Atoms, system: System, identity: str) -> int:
    """Cells of the crystal in the frame's cell, by its atoms."""
    theirs = Counter(frame.numbers.tolist())
    ours = Counter(system.atomic_numbers.tolist())
    n_copies, rest = divmod(len(frame), len(system.atomic_numbers))
    is_multiple = isinstance(system, Crystal) or n_copies == 1
    if (
        rest
        or not is_multiple
        or theirs
        != Counter({element: n_copies * count for element, count in ours.items()})
    ):
        raise InputError(
            f"{identity} is {_formula(system.atomic_numbers)}, but the frame holds "
            f"{_formula(frame.numbers)}"
        )
    return n_copies


def _formula(numbers: AtomicNumbers) -> str:
    return f"{Formula(Atoms(numbers).get_chemical_formula()):hill}"


def _check_crystal(frame: Atoms, crystal: Crystal, identity: str) -> None:
    if not frame.pbc.all():
        raise InputError(f"{identity} is a crystal, but the frame is not periodic")
    positions = _in_the_crystals_frame(frame, crystal, identity)
    _check_places(
        (frame.numbers, positions),
        (crystal.atomic_numbers, crystal.positions),
        crystal.cell,
        identity,
    )


def _in_the_crystals_frame(frame: Atoms, crystal: Crystal, identity: str) -> Positions:
    """The frame's positions, turned to where the crystal's lattice is."""
    cell = np.asarray(frame.cell)
    multiples = cell @ np.linalg.inv(crystal.cell)
    whole = np.rint(multiples)
    n_copies = len(frame) / len(crystal.atomic_numbers)
    off = float(np.abs(cell - whole @ crystal.cell).max())
    if off <= CELL_TOLERANCE and abs(np.linalg.det(whole)) == n_copies:
        return np.asarray(frame.positions)
    if n_copies == 1 and _has_same_parameters(cell, crystal.cell):
        return np.asarray(frame.positions @ np.linalg.inv(cell) @ crystal.cell)
    raise InputError(
        f"the cell of the frame ({_parameters(cell)}) is neither that of {identity} "
        f"({_parameters(crystal.cell)}) nor a multiple of it, within {CELL_TOLERANCE} "
        f"Å and {ANGLE_TOLERANCE}°"
    )


def _has_same_parameters(cell: Cell, other: Cell) -> bool:
    difference = np.abs(parameters_from_cell(cell) - parameters_from_cell(other))
    is_same_hand = np.linalg.det(cell) * np.linalg.det(other) > 0.0
    return bool(
        is_same_hand
        and difference[:3].max() <= CELL_TOLERANCE
        and difference[3:].max() <= ANGLE_TOLERANCE
    )


def _parameters(cell: Cell) -> str:
    values = parameters_from_cell(cell)
    lengths = " ".join(f"{value:.3f}" for value in values[:3])
    return f"{lengths} Å, " + " ".join(f"{value:.2f}°" for value in values[3:])


def _check_molecule(frame: Atoms, molecule: Molecule, identity: str) -> None:
    """The same geometry, wherever it lies; turned only if in the same order."""
    theirs, ours = np.asarray(frame.positions), molecule.positions
    if np.array_equal(frame.numbers, molecule.atomic_numbers):
        turn = overlay(theirs, ours, improper=False)
        there = theirs @ turn.rotation.T + turn.translation
    else:
        there = theirs - theirs.mean(axis=0) + ours.mean(axis=0)
    _check_places(
        (frame.numbers, there), (molecule.atomic_numbers, ours), None, identity
    )


def _check_places(
    theirs: tuple[Indices, Vectors],
    ours: tuple[Indices, Vectors],
    cell: Cell | None,
    identity: str,
) -> None:
    """Every atom lies on one of its element; each of ours is met equally often."""
    distances = _distances(theirs[1], ours[1], cell)
    distances[theirs[0][:, None] != ours[0][None, :]] = np.inf
    nearest = distances.argmin(axis=1)
    farthest = int(distances.min(axis=1).argmax())
    largest = float(distances[farthest, nearest[farthest]])
    met = np.bincount(nearest, minlength=len(ours[0]))
    if largest > ATOM_TOLERANCE or len(set(met.tolist())) > 1:
        symbol = chemical_symbols[theirs[0][farthest]]
        raise InputError(
            f"atom {farthest + 1} ({symbol}) of the frame lies {largest:.3f} Å from "
            f"its place in {identity}, more than {ATOM_TOLERANCE} Å: the energy is of "
            "another geometry"
        )


def _distances(theirs: Vectors, ours: Vectors, cell: Cell | None) -> Matrix:
    """Of every atom from every place, or from its nearest lattice image, Å."""
    apart = theirs[:, None, :] - ours[None, :, :]
    if cell is not None:
        fractional = apart @ np.linalg.inv(cell)
        apart = (fractional - np.rint(fractional)) @ cell
    return np.asarray(np.linalg.norm(apart, axis=-1))


def _completed(
    electronic: float,
    system: System,
    level: Level | None,
    provenance: Mapping[str, Any],
) -> Energy:
    if level is None:
        return Energy(electronic, {"total": electronic}, provenance)
    dispersion = level_dispersion(level, system)
    parts = {"electronic": electronic, "dispersion": dispersion}
    energy = Energy(electronic + dispersion, parts, provenance)
    if not isinstance(system, Crystal) or not isinstance(level, PySCFLevel | Cp2kLevel):
        return energy
    with TemporaryDirectory(prefix="csp-counterpoise-") as folder:
        resources = Resources(1, COUNTERPOISE_GIGABYTES, Path(folder))
        outcome = counterpoised(lambda: energy, system, level, resources)
    if isinstance(outcome, Failure):
        raise InputError(outcome.message)
    return outcome
