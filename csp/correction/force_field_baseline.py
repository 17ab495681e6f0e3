"""The energy of our force field for every crystal of a pool, molecules as they are.

The multipoles of one molecule serve all molecules of its kind: where all of them have
its shape, turned into place, otherwise its fitted charges, atom by atom. So one quantum
chemical calculation a kind is enough. What molecules lose or gain by changes of their
shape is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import Indices, Moments, RotationMatrix, Scalars
from csp.comparison.graphs import isomorphisms, molecular_graph
from csp.comparison.molecules import molecular_bonds
from csp.conformers.calculations import Calculations
from csp.conformers.settings import MoleculeSettings
from csp.crystal import Crystal
from csp.geometry import overlay
from csp.lattice.charges import charged_molecules
from csp.lattice.force_fields import ForceField, force_field_of
from csp.molecule import Molecule
from csp.potentials.bodies import Body, interaction_sites
from csp.potentials.charges import fitted_charges
from csp.potentials.exp6 import ForceFieldName
from csp.potentials.rigid_crystal import crystal_energy, rigid_crystal, tables_of
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import N_MOMENTS, rotated, shifted
from csp.records import Progress
from csp.spacegroups import Operations

SAME_SHAPE = 0.25
"""Å, root mean square; molecules closer than this share multipoles."""
_LEVELS = MoleculeSettings(source="-", name="-")
_SETTINGS = PotentialSettings()
_ALONE = Operations(np.eye(3)[None], np.zeros((1, 3)))


@dataclass(frozen=True, eq=False, slots=True)
class _Place:
    """A molecule of a crystal, and how the one of its kind that is computed fits it.

    Attributes:
        molecule: In its place.
        kind: Number of its kind.
        order: Atom of the computed one that each of its atoms corresponds to.
        turn: Rotation of the computed one into place, maybe improper.
        rmsd: How well it then fits, Å.
    """

    molecule: Molecule
    kind: int
    order: Indices
    turn: RotationMatrix
    rmsd: float


def force_field_energies(
    crystals: Sequence[Crystal], calculations: Calculations, progress: Progress
) -> tuple[Scalars, tuple[str, ...]]:
    """Lattice energies, kJ/mol per formula unit, and what was assumed.

    Raises:
        InputError: If an atom has no parameters or a molecule no sensible charge.
    """
    force_field = force_field_of(ForceFieldName.REVISED_W99.value)
    kinds: list[Molecule] = []
    places = [_places(crystal, kinds) for crystal in crystals]
    misfits = [place.rmsd for own in places for place in own]
    is_rigid = max(misfits) <= SAME_SHAPE
    moments = []
    for done, kind in enumerate(kinds):
        progress("electron densities", done, len(kinds))
        moments.append(_moments(kind, calculations, is_rigid=is_rigid))
    progress("electron densities", len(kinds), len(kinds))
    energies = []
    for done, (crystal, own) in enumerate(zip(crystals, places, strict=True), 1):
        energies.append(_energy(crystal, own, moments, force_field))
        progress("force field", done, len(crystals))
    electrostatics = (
        f"multipoles of {_LEVELS.multipole_level} to rank 4 of one molecule"
        if is_rigid
        else f"charges fitted at {_LEVELS.potential_level} of one molecule (others "
        f"differ by up to {max(misfits):.2f} Å in shape; what that costs is left out)"
    )
    note = (
        f"force field {force_field.parameters.title}, with {electrostatics}, single "
        "points of the molecules as they are"
    )
    return np.array(energies), (note,)


def _places(crystal: Crystal, kinds: list[Molecule]) -> list[_Place]:
    """All molecules of a cell; new kinds are added to those known."""
    found = []
    for k in range(crystal.n_molecules):
        atoms = crystal.molecule_of_atom == k
        numbers, positions = crystal.atomic_numbers[atoms], crystal.positions[atoms]
        bonds = molecular_bonds(numbers, positions)
        found.append(Molecule(numbers, positions, bonds, 0, f"molecule {k + 1}"))
    charged = charged_molecules(found, [1] * len(found), {})
    return [_placed(molecule, kinds) for molecule in charged]


def _placed(molecule: Molecule, kinds: list[Molecule]) -> _Place:
    graph = molecular_graph(molecule.atomic_numbers, molecule.bonds)
    for number, kind in enumerate(kinds):
        if kind.charge != molecule.charge:
            continue
        other = molecular_graph(kind.atomic_numbers, kind.bonds)
        fits = [
            (fit.rmsd, number, order, fit.rotation)
            for order in isomorphisms(graph, other)
            for improper in (False, True)
            for fit in [
                overlay(kind.positions[order], molecule.positions, improper=improper)
            ]
        ]
        if fits:
            rmsd, _, order, turn = min(fits, key=lambda fit: fit[0])
            return _Place(molecule, number, order, turn, rmsd)
    kinds.append(molecule)
    everyone = np.arange(len(molecule.atomic_numbers))
    return _Place(molecule, len(kinds) - 1, everyone, np.eye(3), 0.0)


def _moments(kind: Molecule, calculations: Calculations, *, is_rigid: bool) -> Moments:
    """Multipoles or charges about the nuclei of a molecule, e Å^l."""
    n_atoms = len(kind.atomic_numbers)
    found = np.zeros((n_atoms, N_MOMENTS))
    if n_atoms == 1:
        found[0, 0] = kind.charge
    elif is_rigid:
        centred = kind.centred()
        found += calculations.multipoles(centred, _LEVELS.multipole_level).moments
        found[:, 0] += (kind.charge - found[:, 0].sum()) / n_atoms
    else:
        centred = kind.centred()
        potential = calculations.potential(centred, _LEVELS.potential_level)
        charge = float(kind.charge)
        found[:, 0] = fitted_charges(potential, centred.positions, charge)
    return found


def _energy(
    crystal: Crystal,
    places: Sequence[_Place],
    moments: Sequence[Moments],
    force_field: ForceField,
) -> float:
    """kJ/mol per formula unit."""
    bodies, centres = [], []
    for place in places:
        molecule = place.molecule
        centred = molecule.centred()
        sites = interaction_sites(centred, force_field.parameters.foreshortening)
        turned = rotated(moments[place.kind][place.order], place.turn)
        on_sites = shifted(turned, centred.positions - sites)
        bodies.append(Body(force_field.types_of(molecule), sites, on_sites))
        centres.append(molecule.positions[0] - centred.positions[0])
    # the sums want a right-handed cell
    cell = crystal.cell if np.linalg.det(crystal.cell) > 0.0 else -crystal.cell
    packed = rigid_crystal(
        bodies,
        cell,
        np.array(centres) @ np.linalg.inv(cell),
        np.tile(np.eye(3), (len(bodies), 1, 1)),
        _ALONE,
    )
    tables = tables_of(bodies, force_field.parameters, _SETTINGS)
    energy = crystal_energy(packed, tables)
    return energy.energy / crystal.n_formula_units
