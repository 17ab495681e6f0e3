"""Crystals with energies from somebody's file: read, joined with a table, checked."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.io.formats import UnknownFileTypeError
from ase.neighborlist import neighbor_list

from csp.comparison.molecules import crystal_of_atoms
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import volume

CLOSEST_ATOMS = 0.5
"""Atoms closer than this are no structure, Å."""
LOWEST_DENSITY, HIGHEST_DENSITY = 0.05, 25.0
"""g/cm³."""
_ENERGIES = ("energy", "free_energy")
"""What ASE moves from a file's header to a calculator."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where crystals and their numbers come from.

    Attributes:
        file: Any file of periodic structures that ASE reads, as extended XYZ.
        table: A CSV file with further numbers of the structures; None for none.
        key: Names of what joins them: in the file's headers and in the table.
        where: Conditions like ``intact=1`` that structures must fulfil.
    """

    file: Path
    table: Path | None = None
    key: tuple[str, str] | None = None
    where: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One structure of a file.

    Attributes:
        label: What to call it in a sentence.
        name: What it is called.
        atoms: The structure.
        values: Everything that is said of it; the table's word goes first.
    """

    label: str
    name: str
    atoms: Atoms
    values: Row


def read_frames(source: Source) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
    """The structures that fulfil the conditions, and what was left out.

    Raises:
        InputError: If a file cannot be read or joined, or nothing is left.
    """
    structures = _structures(source.file)
    rows, notes = _joined(source, structures)
    frames = []
    for index, (atoms, row) in enumerate(zip(structures, rows, strict=True), 1):
        if row is None:
            continue
        values = {**_said(atoms), **row}
        own = source.key[0] if source.key else "name"
        name = str(values.get(own, index))
        label = f"structure {index} of {source.file}"
        label += f" ({name})" if own in values else ""
        frames.append(Frame(label, name, atoms, values))
    for condition in source.where:
        kept = [frame for frame in frames if _fulfils(frame, condition)]
        notes.append(f"{len(kept)} of {len(frames)} structures have {condition}")
        frames = kept
    if not frames:
        raise InputError(
            f"no structure of {source.file} is left: "
            f"{'; '.join(notes) or 'it is empty'}"
        )
    return tuple(frames), tuple(notes)


def _structures(path: Path) -> list[Atoms]:
    form = "extxyz" if path.suffix.lower() in (".xyz", ".extxyz") else None
    try:
        found = ase.io.read(path, index=":", format=form)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{path} cannot be read ({reason}): give a file of crystals with their "
            "energies, as extended XYZ"
        ) from error
    except (
        ValueError,
        KeyError,
        IndexError,
        RuntimeError,
        AssertionError,
        UnknownFileTypeError,
    ) as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}: {error}): give a file of "
            "crystals with their energies, as extended XYZ"
        ) from error
    structures = found if isinstance(found, list) else [found]
    if not structures:
        raise InputError(
            f"{path} is empty: give a file of crystals with their energies"
        )
    return structures


def _said(atoms: Atoms) -> dict[str, Any]:
    """Header entries of a structure, and the energies that ASE has moved."""
    results = atoms.calc.results if atoms.calc is not None else {}
    moved = {key: results[key] for key in _ENERGIES if key in results}
    return {**moved, **atoms.info}


def _joined(
    source: Source, structures: list[Atoms]
) -> tuple[list[Row | None], list[str]]:
    """The table's row of each structure; None where it has none."""
    if source.table is None or source.key is None:
        return [{} for _ in structures], []
    own, theirs = source.key
    table = _table(source.table, theirs)
    names = [_said(atoms).get(own) for atoms in structures]
    if all(name is None for name in names):
        raise InputError(
            f"no structure of {source.file} has {own!r} in its header: correct --key "
            f"(there are {_listed(_said(structures[0]))})"
        )
    rows = [table.get(str(name)) for name in names]
    n_without = sum(row is None for row in rows)
    if n_without == len(rows):
        raise InputError(
            f"no {own!r} of {source.file} is among the {theirs!r} of {source.table}: "
            f"correct --key (the first are {names[0]!r} and {next(iter(table), '')!r})"
        )
    notes = [f"{n_without} structures are not in {source.table}"] if n_without else []
    return list(rows), notes


def _table(path: Path, key: str) -> dict[str, Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
            columns = list(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"the table {path} cannot be read ({error}): give a CSV file with a header"
        ) from error
    if key not in columns:
        raise InputError(
            f"the table {path} has no column {key!r}: correct --key (there are "
            f"{', '.join(columns) or 'none'})"
        )
    found: dict[str, Row] = {}
    for row in rows:
        name = str(row[key])
        if name in found and found[name] != row:
            raise InputError(
                f"the table {path} has two rows with {key} = {name}: keep one of them"
            )
        found[name] = row
    return found


def _listed(values: Row) -> str:
    return ", ".join(sorted(map(str, values))) or "none"


def _fulfils(frame: Frame, condition: str) -> bool:
    key, equals, wanted = condition.partition("=")
    if not equals or not key:
        raise InputError(
            f"--where takes a condition like intact=1, got {condition!r}: correct it"
        )
    if key not in frame.values:
        raise InputError(
            f"{frame.label} has no {key!r}: correct --where (there are "
            f"{_listed(frame.values)})"
        )
    value = str(frame.values[key])
    try:
        return float(value) == float(wanted)
    except ValueError:
        return value.strip().lower() == wanted.strip().lower()


def number_of(frame: Frame, key: str) -> float | None:
    """A number that is said of a structure; None where it is missing or not finite.

    Raises:
        InputError: If it is something else.
    """
    value = frame.values.get(key)
    if value is None or str(value).strip() in {"", "-", "None", "none"}:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{key} of {frame.label} is no number but {value!r}: name another key"
        ) from error
    return number if math.isfinite(number) else None


def check_key(frames: tuple[Frame, ...], key: str, option: str) -> None:
    """Refuse a key that no structure has.

    Raises:
        InputError: With those that there are.
    """
    if not any(key in frame.values for frame in frames):
        raise InputError(
            f"no structure has {key!r}: correct {option} (there are "
            f"{_listed(frames[0].values)})"
        )


def crystal_of(frame: Frame) -> Crystal | None:
    """A structure as whole molecules; None if its bonds go on for ever.

    Raises:
        InputError: If it is no crystal at all.
    """
    atoms = frame.atoms
    cell = np.array(atoms.cell.array, dtype=float)
    positions = np.array(atoms.positions, dtype=float)
    if not (np.isfinite(cell).all() and np.isfinite(positions).all()):
        raise InputError(
            f"{frame.label} has coordinates that are no numbers: leave it out"
        )
    lengths = np.linalg.norm(cell, axis=1)
    if not atoms.pbc.all() or volume(cell) <= 1e-6 * max(1.0, float(np.prod(lengths))):
        raise InputError(
            f"{frame.label} has no cell of three dimensions: csp learn needs periodic "
            "crystals, so leave it out or give its lattice"
        )
    if len(atoms) == 0:
        raise InputError(f"{frame.label} has no atoms: leave it out")
    closest = closest_atoms(atoms)
    if closest < CLOSEST_ATOMS:
        raise InputError(
            f"{frame.label} has atoms {closest:.2f} Å apart, closer than "
            f"{CLOSEST_ATOMS:g} Å: leave it out or correct its cell"
        )
    try:
        crystal = crystal_of_atoms(cell, np.array(atoms.numbers, dtype=int), positions)
    except InputError:
        return None
    if not LOWEST_DENSITY <= crystal.density <= HIGHEST_DENSITY:
        raise InputError(
            f"{frame.label} has a density of {crystal.density:.3g} g/cm³, not between "
            f"{LOWEST_DENSITY:g} and {HIGHEST_DENSITY:g}: leave it out or correct its "
            "cell"
        )
    return crystal


def closest_atoms(atoms: Atoms) -> float:
    """Shortest distance of two atoms of a crystal, Å; of far ones, infinity."""
    distances = neighbor_list("d", atoms, 2.0 * CLOSEST_ATOMS)
    return float(distances.min(initial=math.inf))
