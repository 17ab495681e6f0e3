"""The crystal of a CIF file as rigid bodies, with computed multipoles."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from csp.arrays import Indices
from csp.comparison.molecules import molecular_bonds
from csp.comparison.reading import read_crystal
from csp.conformers.calculations import Calculations
from csp.conformers.completeness import check_complete
from csp.conformers.settings import MoleculeSettings, MultipoleLevel
from csp.geometry import overlay
from csp.lattice.charges import charged_molecules
from csp.lattice.crystal_input import BodyAtoms, CrystalInput, units_of
from csp.lattice.equivalence import SymmetricCrystal, symmetric_crystal
from csp.lattice.force_fields import ForceField
from csp.molecule import Molecule
from csp.point_groups import MolecularSymmetry
from csp.potentials.bodies import Body, interaction_sites, symmetric_moments
from csp.potentials.rigid_crystal import rigid_crystal
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import N_MOMENTS, rotated, shifted
from csp.records import Progress

LEVEL: MultipoleLevel = MoleculeSettings(source="-", name="-").multipole_level
"""Of the multipoles: the default of a search."""
_SAME_GEOMETRY = 1e-3
"""Å, root mean square; molecules closer than this share their multipoles."""


def read_cif(
    path: Path,
    force_field: ForceField,
    settings: PotentialSettings,
    charges: dict[str, int],
    source: tuple[Calculations, Progress],
) -> CrystalInput:
    """Read a CIF file and compute what its force field needs.

    Args:
        path: A CIF file of one ordered crystal with hydrogens.
        force_field: Exp-6 parameters and types.
        settings: How far the sums go.
        charges: Of molecules by formula, where the user gives them.
        source: Where computed multipoles are kept, and who hears of progress.

    Raises:
        InputError: If the file is no such crystal, or a molecule has no parameters.
    """
    crystal = read_crystal(path, needs_hydrogens=False)
    given = symmetric_crystal(crystal)
    molecules = _molecules(given, crystal.atomic_numbers, charges, path)
    types = [force_field.types_of(molecule) for molecule in molecules]
    moments = _moments(molecules, source)
    foreshortening = force_field.parameters.foreshortening
    bodies, atoms = [], []
    for k, molecule in enumerate(molecules):
        centred = molecule.centred()
        sites = interaction_sites(centred, foreshortening)
        on_sites = shifted(moments[k], centred.positions - sites)
        site_symmetry = _site_symmetry(given, k)
        bodies.append(
            Body(
                types[k],
                sites,
                symmetric_moments(on_sites, site_symmetry, float(molecule.charge)),
            )
        )
        atoms.append(BodyAtoms(molecule.atomic_numbers, centred.positions))
    centres = [
        molecule.positions[0] - molecule.centred().positions[0]
        for molecule in molecules
    ]
    packed = rigid_crystal(
        bodies,
        given.cell,
        np.array(centres) @ np.linalg.inv(given.cell),
        np.tile(np.eye(3), (len(bodies), 1, 1)),
        given.operations,
    )
    return CrystalInput(
        name=path.stem,
        crystal=packed,
        atoms=tuple(atoms),
        parameters=force_field.parameters,
        settings=settings,
        force_field=force_field.parameters.title,
        n_formula_units=units_of(packed, atoms),
        notes=tuple(_notes(given, molecules, foreshortening)),
    )


def _molecules(
    given: SymmetricCrystal,
    numbers: Indices,
    charges: dict[str, int],
    path: Path,
) -> list[Molecule]:
    """One molecule of each orbit, in place, charged and complete."""
    found, copies = [], []
    for atoms, permutation in zip(given.molecules, given.permutations, strict=True):
        positions = given.fractional[atoms] @ given.cell
        bonds = molecular_bonds(numbers[atoms], positions)
        found.append(Molecule(numbers[atoms], positions, bonds, 0, path.stem))
        images = {tuple(sorted(row)) for row in permutation.tolist()}
        copies.append(len(images))
    molecules = charged_molecules(found, copies, charges)
    for molecule in molecules:
        if len(molecule.atomic_numbers) > 1:
            check_complete(molecule, f"{molecule.name} in {path.name}")
    return molecules


def _site_symmetry(given: SymmetricCrystal, molecule: int) -> MolecularSymmetry:
    """The operations that carry a molecule to itself (or a translate of itself)."""
    atoms = given.molecules[molecule]
    place = {int(atom): k for k, atom in enumerate(atoms)}
    rotations, permutations = [], []
    for turn, row in zip(
        given.operations.rotations, given.permutations[molecule], strict=True
    ):
        if set(row.tolist()) != place.keys():
            continue
        cartesian = given.cell.T @ turn @ np.linalg.inv(given.cell.T)
        rotations.append(cartesian)
        permutations.append([place[int(atom)] for atom in row])
    return MolecularSymmetry("", np.array(rotations), np.array(permutations))


def _moments(
    molecules: Sequence[Molecule], source: tuple[Calculations, Progress]
) -> list[np.ndarray]:
    """Multipoles on the nuclei of each molecule; equal and mirrored ones share them."""
    calculations, progress = source
    found: list[np.ndarray] = []
    for k, molecule in enumerate(molecules):
        progress("distributed multipoles", k, len(molecules))
        shared = _shared(molecule, molecules[:k], found)
        if shared is None and len(molecule.atomic_numbers) == 1:
            shared = np.zeros((1, N_MOMENTS))
            shared[0, 0] = molecule.charge
        if shared is None:
            shared = calculations.multipoles(molecule.centred(), LEVEL).moments
        found.append(shared)
    progress("distributed multipoles", len(molecules), len(molecules))
    return found


def _shared(
    molecule: Molecule, earlier: Sequence[Molecule], moments: Sequence[np.ndarray]
) -> np.ndarray | None:
    """The multipoles of an earlier molecule of the same or the mirrored geometry."""
    for other, known in zip(earlier, moments, strict=True):
        if not np.array_equal(other.atomic_numbers, molecule.atomic_numbers):
            continue
        if other.charge != molecule.charge:
            continue
        for improper in (False, True):
            fit = overlay(other.positions, molecule.positions, improper=improper)
            if fit.rmsd < _SAME_GEOMETRY:
                return rotated(known, fit.rotation)
    return None


def _notes(
    given: SymmetricCrystal, molecules: Sequence[Molecule], foreshortening: float
) -> list[str]:
    notes = [
        f"space group {given.symbol}, molecules rigid as in the file",
        f"multipoles of {LEVEL} to rank 4",
    ]
    if foreshortening:
        notes.append(
            f"hydrogen sites lie {foreshortening:g} Å nearer to their neighbours than "
            "the nuclei"
        )
    ions = [f"{m.name} {m.charge:+d}" for m in molecules if m.charge]
    if ions:
        notes.append(f"charges: {', '.join(dict.fromkeys(ions))}")
    return notes
