"""A known crystal rebuilt from the rigid molecules of a search, and its minimum.

So an observed crystal, or one of another program, gets an energy that may be compared
with those of a search: the same molecules in the same shape under the same force field.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from csp.arrays import AtomicNumbers, Positions, RotationMatrix, Vector
from csp.comparison.graphs import isomorphisms, molecular_graph
from csp.comparison.molecules import molecular_bonds
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import overlay
from csp.lattice.crystal_input import BodyAtoms, atoms_like, atoms_of
from csp.lattice.equivalence import SymmetricCrystal, symmetric_crystal
from csp.potentials.bodies import Body, RigidMolecule
from csp.potentials.exp6 import parameter_set
from csp.potentials.rigid_crystal import (
    RigidCrystal,
    inverted,
    rigid_crystal,
    tables_of,
)
from csp.potentials.settings import PotentialSettings
from csp.records import Status
from csp.relaxation.descent import settled
from csp.relaxation.minimisation import Minimisation, minimised
from csp.relaxation.settings import RelaxationSettings
from csp.spacegroups import Operations

_EVALUATIONS = 4000
"""A start far from its minimum, one by one, may take more than one of a search."""
_MIRRORED_IS_BETTER = 1e-3
"""Å; a mirror image is taken where it fits better than the molecule by this much."""


@dataclass(frozen=True, eq=False, slots=True)
class FittedCrystal:
    """A crystal whose molecules were replaced by those of a search.

    Attributes:
        crystal: As the sums see it.
        atoms: Of each body.
        n_formula_units: In the cell.
        conformer_energy: What the conformers cost, kJ/mol per formula unit.
        largest_misfit: Root-mean-square distance of the atoms of the molecule that fits
            worst from where they were, Å.
        potential: Force field and sums.
    """

    crystal: RigidCrystal
    atoms: tuple[BodyAtoms, ...]
    n_formula_units: int
    conformer_energy: float
    largest_misfit: float
    potential: PotentialSettings


@dataclass(frozen=True, eq=False, slots=True)
class RelaxedCrystal:
    """The minimum below a fitted crystal.

    Attributes:
        crystal: All atoms of its cell.
        lattice_energy: kJ/mol per formula unit, the conformers' included.
        status: How the last minimisation ended.
        lowest_curvature: Of the Hessian, kJ/mol/Å² per molecule; None where it was not
            computed.
        has_lost_symmetry: Whether the space group's own minimum is a saddle point,
            which was left downhill.
        symmetric_energy: Of the space group's own minimum, kJ/mol per formula unit.
    """

    crystal: Crystal
    lattice_energy: float
    status: Status
    lowest_curvature: float | None
    has_lost_symmetry: bool
    symmetric_energy: float


class _Fit(NamedTuple):
    """A molecule of the search in the place of one of the crystal."""

    molecule: RigidMolecule
    is_mirrored: bool
    rotation: RotationMatrix
    centre: Vector
    rmsd: float


def fitted(
    crystal: Crystal, molecules: Sequence[RigidMolecule], potential: PotentialSettings
) -> FittedCrystal:
    """Put the molecules of a search in the places of those of a crystal.

    Of several conformers the one that fits best is taken, or its mirror image. The
    symmetry of the crystal is kept if the molecules allow it.

    Args:
        crystal: Any cell of it.
        molecules: Of the search, all conformers.
        potential: Force field and sums.

    Raises:
        InputError: If the crystal holds a molecule that the search does not, or has no
            consistent symmetry.
    """
    if np.linalg.det(crystal.cell) < 0.0:  # the sums want a right-handed cell
        crystal = replace(crystal, cell=-crystal.cell)
    given = symmetric_crystal(crystal)
    fits = [_best_fit(given, crystal, atoms, molecules) for atoms in given.molecules]
    with_multipoles = potential.electrostatics == "multipoles"
    packed = _packed(fits, given, given.operations, with_multipoles=with_multipoles)
    if packed.n_molecules != crystal.n_molecules:  # the sites ask for more symmetry
        owner = crystal.molecule_of_atom
        all_atoms = [np.flatnonzero(owner == k) for k in range(crystal.n_molecules)]
        fits = [_best_fit(given, crystal, atoms, molecules) for atoms in all_atoms]
        alone = Operations(np.eye(3)[None], np.zeros((1, 3)))
        packed = _packed(fits, given, alone, with_multipoles=with_multipoles)
    energies = [fit.molecule.conformer.relative_energy for fit in fits]
    cost = sum(energies[owner] for owner in packed.images.body)
    return FittedCrystal(
        crystal=packed,
        atoms=tuple(map(_atoms, fits)),
        n_formula_units=crystal.n_formula_units,
        conformer_energy=cost / crystal.n_formula_units,
        largest_misfit=max(fit.rmsd for fit in fits),
        potential=potential,
    )


def relaxed(
    given: FittedCrystal, settings: RelaxationSettings, *, settles: bool = True
) -> RelaxedCrystal:
    """The minimum in every direction below a fitted crystal.

    Args:
        given: The crystal.
        settings: When a minimisation ends.
        settles: Whether a saddle point is looked for and left downhill; else the end is
            the minimum of the space group.
    """
    patient = settings.model_copy(
        update={"n_evaluations": max(settings.n_evaluations, _EVALUATIONS)}
    )
    bodies = given.crystal.bodies
    parameters = parameter_set(given.potential.force_field)
    tables = tables_of(bodies, parameters, given.potential)
    charges = [body.up_to(0) for body in bodies]
    guide = tables_of(charges, parameters, patient.shortened(given.potential))
    first = minimised(given.crystal, tables, patient, guide)
    end, curvature = first, None
    if settles and first.status is Status.CONVERGED:
        below, found = settled(first.crystal, tables, patient)
        end, curvature = below or first, float(found.curvatures[0])
    atoms = [atoms_like(body, bodies, given.atoms) for body in end.crystal.bodies]
    return RelaxedCrystal(
        crystal=atoms_of(end.crystal, atoms, given.n_formula_units),
        lattice_energy=_per_unit(end, given),
        status=end.status,
        lowest_curvature=curvature,
        has_lost_symmetry=end is not first,
        symmetric_energy=_per_unit(first, given),
    )


def _per_unit(end: Minimisation, given: FittedCrystal) -> float:
    return end.energy / given.n_formula_units + given.conformer_energy


def _best_fit(
    given: SymmetricCrystal,
    crystal: Crystal,
    atoms: np.ndarray,
    molecules: Sequence[RigidMolecule],
) -> _Fit:
    """The molecule of a search that fits some atoms of a crystal best."""
    numbers = crystal.atomic_numbers[atoms]
    target = given.fractional[atoms] @ given.cell
    fits = [fit for own in molecules for fit in _fits(own, numbers, target)]
    if not fits:
        raise InputError(
            "the crystal holds a molecule that is none of the search's: compare "
            "crystals of the same compound, with hydrogen atoms"
        )
    best = min(fits, key=lambda fit: fit.rmsd)
    proper = [fit for fit in fits if not fit.is_mirrored]
    best_proper = min(proper, key=lambda fit: fit.rmsd)
    near = best_proper.rmsd - best.rmsd < _MIRRORED_IS_BETTER
    return best_proper if near else best


def _fits(
    molecule: RigidMolecule, numbers: AtomicNumbers, target: Positions
) -> list[_Fit]:
    """All ways to lay a molecule on atoms, as it is and mirrored."""
    own = molecule.conformer.molecule
    there = molecular_graph(numbers, molecular_bonds(numbers, target))
    here = molecular_graph(own.atomic_numbers, own.bonds)
    fits = []
    for mapping in isomorphisms(here, there):
        for is_mirrored in (False, True):
            atoms = -molecule.atoms if is_mirrored else molecule.atoms
            fit = overlay(atoms, target[mapping], improper=False)
            fits.append(
                _Fit(molecule, is_mirrored, fit.rotation, fit.translation, fit.rmsd)
            )
    return fits


def _packed(
    fits: Sequence[_Fit],
    given: SymmetricCrystal,
    operations: Operations,
    *,
    with_multipoles: bool,
) -> RigidCrystal:
    """Molecules in their places, and what symmetry makes of them."""
    bodies = [_body(fit, with_multipoles=with_multipoles) for fit in fits]
    centres = np.array([fit.centre for fit in fits]) @ np.linalg.inv(given.cell)
    rotations = np.array([fit.rotation for fit in fits])
    return rigid_crystal(bodies, given.cell, centres, rotations, operations)


def _body(fit: _Fit, *, with_multipoles: bool) -> Body:
    molecule = fit.molecule
    body = molecule.with_multipoles() if with_multipoles else molecule.with_charges()
    return inverted(body) if fit.is_mirrored else body


def _atoms(fit: _Fit) -> BodyAtoms:
    atoms = -fit.molecule.atoms if fit.is_mirrored else fit.molecule.atoms
    return BodyAtoms(fit.molecule.conformer.molecule.atomic_numbers, atoms)
