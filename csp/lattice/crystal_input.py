"""A crystal that is ready for its energy: what every reader of input gives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses

from csp.arrays import AtomicNumbers, Positions, Scalars, read_only
from csp.comparison.molecules import formula_units
from csp.crystal import Crystal
from csp.potentials.bodies import Body
from csp.potentials.exp6 import Exp6, ParameterSet
from csp.potentials.rigid_crystal import RigidCrystal, Tables, tables_of
from csp.potentials.settings import PotentialSettings


@dataclass(frozen=True, eq=False, slots=True)
class BodyAtoms:
    """The atoms of a body, which its interaction sites need not coincide with.

    Attributes:
        numbers: Atomic numbers.
        positions: In the body's frame, Å.
    """

    numbers: AtomicNumbers
    positions: Positions

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", read_only(self.numbers, int))
        object.__setattr__(self, "positions", read_only(self.positions))

    @property
    def masses(self) -> Scalars:
        """Mass of each atom, dalton."""
        return np.asarray(atomic_masses[self.numbers])


@dataclass(frozen=True, eq=False, slots=True)
class CrystalInput:
    """A crystal of rigid bodies, its force field, and how it came about.

    Attributes:
        name: What to call the crystal.
        crystal: Bodies, cell and symmetry.
        atoms: Of each body.
        parameters: Exp-6 parameters.
        settings: How far the sums go.
        force_field: Name of the force field in print.
        n_formula_units: In the cell.
        smooth: How far the sums of a minimisation go, if not as far; a cutoff that is
            sharp for an energy is too sharp for a gradient.
        unrepelled: Pairs of types that attract or meet without a repulsion of their
            own; a minimum of such a model has no meaning.
        has_doubtful_axes: Whether the multipoles may have other axes than the sites.
        notes: What was assumed or left out, one sentence each.
    """

    name: str
    crystal: RigidCrystal
    atoms: tuple[BodyAtoms, ...]
    parameters: ParameterSet
    settings: PotentialSettings
    force_field: str
    n_formula_units: int
    smooth: PotentialSettings | None = None
    unrepelled: tuple[tuple[str, str], ...] = ()
    has_doubtful_axes: bool = False
    notes: tuple[str, ...] = ()

    @property
    def tables(self) -> Tables:
        """The force field for the bodies."""
        return tables_of(self.crystal.bodies, self.parameters, self.settings)

    @property
    def smooth_tables(self) -> Tables:
        """The same with the sums of a minimisation."""
        settings = self.smooth or self.settings
        return tables_of(self.crystal.bodies, self.parameters, settings)


def atoms_of(
    crystal: RigidCrystal, bodies: Sequence[BodyAtoms], n_units: int
) -> Crystal:
    """All atoms of the cell of a crystal of rigid bodies."""
    images = crystal.images
    numbers, positions, owners = [], [], []
    for molecule, owner in enumerate(images.body):
        centre = images.rotation[molecule] @ crystal.centres[owner]
        centre = (centre + images.translation[molecule]) @ crystal.cell
        turn = images.cartesian[molecule] @ crystal.rotations[owner]
        numbers.append(bodies[owner].numbers)
        positions.append(bodies[owner].positions @ turn.T + centre)
        owners.append(np.full(len(bodies[owner].numbers), molecule))
    return Crystal(
        crystal.cell,
        np.concatenate(numbers),
        np.concatenate(positions),
        np.concatenate(owners),
        n_units,
    )


def atoms_like(
    body: Body, bodies: Sequence[Body], atoms: Sequence[BodyAtoms]
) -> BodyAtoms:
    """Atoms of a body that is one of ``bodies``, or the mirror image of one."""
    for own, own_atoms in zip(bodies, atoms, strict=True):
        if np.array_equal(body.sites, own.sites):
            return own_atoms
        if np.array_equal(body.sites, -own.sites):
            return BodyAtoms(own_atoms.numbers, -own_atoms.positions)
    raise ValueError("the body is none of the crystal's")


def units_of(crystal: RigidCrystal, bodies: Sequence[BodyAtoms]) -> int:
    """Formula units in the cell: the largest number that divides each kind's count.

    A kind is what has the same elements, so that two independent molecules of one
    substance are two formula units.
    """
    return formula_units([bodies[owner].numbers for owner in crystal.images.body])


def unrepelled_pairs(
    types: Sequence[str], pairs: dict[frozenset[str], Exp6]
) -> tuple[tuple[str, str], ...]:
    """Pairs of types between which there is no repulsion at all."""
    kinds = sorted(set(types))
    return tuple(
        (first, second)
        for i, first in enumerate(kinds)
        for second in kinds[i:]
        if pairs[frozenset((first, second))].repulsion <= 0.0
    )
