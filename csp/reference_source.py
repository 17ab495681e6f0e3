"""What reference energies are wanted of: a landscape in a folder, or CIF files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read as read_atoms

from csp.arrays import Scalars
from csp.comparison.molecules import crystal_of_atoms, molecular_bonds
from csp.comparison.reading import read_crystal
from csp.conformers.monomers_file import read_monomers
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.selection import Candidate
from csp.reference.subjects import Subject, crystal_subject, isolated_molecules
from csp.report.folder import read_landscape

CONFORMERS = "conformers*.json"
SAME_SHAPE = 2e-3
"""Largest difference of interatomic distances of one geometry, Å."""


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """Crystals and the isolated molecules that they are made of.

    Attributes:
        folder: Where results go.
        candidates: The crystals; of a landscape the lowest first.
        molecules: Isolated, in each geometry that may be the lowest.
        molecule_energies: Of these at the level of the landscape, kJ/mol; empty if
            they are not known.
        conformers: Files of conformers with multipoles.
        gas_note: Where the molecules come from, as a sentence.
    """

    folder: Path
    candidates: Sequence[Candidate]
    molecules: Sequence[Subject]
    molecule_energies: Sequence[float]
    conformers: Sequence[Path]
    gas_note: str


def open_source(
    sources: Sequence[Path], output: Path | None, gas: Sequence[Path]
) -> Source:
    """Read a landscape's folder or CIF files.

    Args:
        sources: One folder of a finished run, or CIF files.
        output: Where results of CIF files go.
        gas: Geometries of the isolated molecules; if there are none, those of the
            landscape's conformers, or of the molecules in the crystals.

    Raises:
        InputError: If there is nothing to read, or the two kinds are mixed.
    """
    if len(sources) == 1 and sources[0].is_dir():
        return _of_landscape(sources[0], gas)
    if any(path.is_dir() for path in sources):
        raise InputError("give one folder of a finished run, or CIF files, not both")
    candidates = []
    for path in sources:
        subject = crystal_subject(path.stem, read_crystal(path))
        candidates.append(Candidate(subject, 0.0, ""))
    names = [item.subject.id for item in candidates]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two files are called {twice}.cif: rename one of them")
    molecules, note = _given(gas) if gas else _from_crystals(candidates)
    return Source(output or Path("reference_run"), candidates, molecules, (), (), note)


def _of_landscape(folder: Path, gas: Sequence[Path]) -> Source:
    stored = read_landscape(folder)
    candidates = []
    for item in stored:
        crystal = crystal_of_atoms(item.cell, item.atomic_numbers, item.positions)
        candidates.append(
            Candidate(
                crystal_subject(item.row.id, crystal),
                item.row.relative_energy_kj_per_mol,
                item.row.observed_form,
            )
        )
    files = sorted(folder.glob(CONFORMERS))
    energies: list[float] = []
    if gas:
        molecules, note = _given(gas)
    elif files:
        conformers = [
            (path.stem, conformer)
            for path in files
            for conformer in read_monomers(path).conformers
        ]
        molecules = [
            Subject(f"gas-{name}-{conformer.label}", conformer.molecule)
            for name, conformer in conformers
        ]
        energies = [conformer.relative_energy for _, conformer in conformers]
        note = "gas energies: the lowest of the landscape's conformers"
    else:
        molecules, note = _from_crystals(candidates)
    return Source(folder, candidates, molecules, energies, files, note)


def _given(files: Sequence[Path]) -> tuple[list[Subject], str]:
    molecules = []
    for path in files:
        try:
            atoms = read_atoms(path, index=-1, format="extxyz")
        except (OSError, ValueError, IndexError, KeyError) as error:
            raise InputError(
                f"the molecule {path} cannot be read ({error}): give an XYZ file"
            ) from error
        assert isinstance(atoms, Atoms)  # one index, one structure
        numbers, positions = np.array(atoms.numbers), np.array(atoms.positions)
        bonds = molecular_bonds(numbers, positions)
        molecule = Molecule(numbers, positions, bonds, 0, path.stem)
        molecules.append(Subject(f"gas-{path.stem}", molecule.centred()))
    return molecules, "gas energies: of the geometries given"


def _from_crystals(candidates: Sequence[Candidate]) -> tuple[list[Subject], str]:
    """Each geometry of a molecule once, by its sorted interatomic distances."""
    found: list[Subject] = []
    known: list[np.ndarray] = []
    for identity, molecule in _molecules(candidates):
        shape = shape_of(molecule)
        if not any(is_same_shape(shape, other) for other in known):
            known.append(shape)
            found.append(Subject(f"gas-{identity}-{len(found) + 1}", molecule))
    return found, "gas energies: of the molecules as they are in the crystals"


def _molecules(candidates: Sequence[Candidate]) -> Iterator[tuple[str, Molecule]]:
    for item in candidates:
        crystal = item.subject.system
        assert not isinstance(crystal, Molecule)
        for molecule in isolated_molecules(crystal):
            yield item.subject.id, molecule.centred()


def is_same_shape(one: Scalars, other: Scalars) -> bool:
    """Whether two molecules have the same geometry, by :func:`shape_of`."""
    return len(one) == len(other) and bool(np.abs(one - other).max() < SAME_SHAPE)


def shape_of(molecule: Molecule) -> Scalars:
    """Sorted distances with the elements of their ends; equal for mirror images."""
    i, j = np.triu_indices(len(molecule.atomic_numbers), 1)
    lengths = np.linalg.norm(molecule.positions[i] - molecule.positions[j], axis=1)
    weights = molecule.atomic_numbers[i] * molecule.atomic_numbers[j]
    order = np.lexsort((lengths, weights))
    return np.concatenate([weights[order], lengths[order]])
