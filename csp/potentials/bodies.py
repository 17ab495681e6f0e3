"""What the force field needs to know of a molecule: sites and their multipoles."""

from dataclasses import dataclass, field

import numpy as np

from csp.arrays import Moments, Positions, Scalars, Vectors, read_only
from csp.molecule import Conformer, Molecule
from csp.point_groups import MolecularSymmetry, molecular_symmetry, symmetrised
from csp.potentials.atom_types import atom_types, neighbours_of
from csp.potentials.charges import fit_error, fitted_charges
from csp.potentials.exp6 import parameter_set
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import N_MOMENTS, rotated, shifted

_HYDROGEN = 1


@dataclass(frozen=True, eq=False, slots=True)
class Body:
    """A rigid set of interaction sites.

    Attributes:
        types: Force-field type of each site.
        sites: Positions about the centre of mass, Å.
        moments: Multipoles of each site, Stone's order, e Å^l.
        axes: Unit vector that each site's anisotropic repulsion refers to, zero where
            there is none; empty if no site has one.
    """

    types: tuple[str, ...]
    sites: Positions
    moments: Moments
    axes: Vectors = field(default_factory=lambda: np.zeros((0, 3)))

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", read_only(self.axes))
        object.__setattr__(self, "sites", read_only(self.sites))
        object.__setattr__(self, "moments", read_only(self.moments))

    @property
    def charges(self) -> Scalars:
        """Charge of each site, e."""
        return np.asarray(self.moments[:, 0])

    @property
    def rank(self) -> int:
        """Highest rank with a moment that is not zero."""
        present = np.flatnonzero(np.any(self.moments != 0.0, axis=0))
        return int(np.sqrt(present[-1])) if len(present) else 0

    def up_to(self, rank: int) -> "Body":
        """The same sites without the moments above a rank."""
        moments = np.array(self.moments)
        moments[:, (rank + 1) ** 2 :] = 0.0
        return Body(self.types, self.sites, moments, self.axes)


@dataclass(frozen=True, eq=False, slots=True)
class RigidMolecule:
    """A conformer as the force field sees it.

    Attributes:
        conformer: What it was made from.
        types: Force-field type of each site.
        symmetry: Point group; atoms, sites and moments have it to rounding.
        atoms: Positions of the atoms, centre of mass at the origin, Å.
        sites: Positions of the sites (hydrogens foreshortened), same frame, Å.
        charges: Point charges fitted to the electrostatic potential, e.
        charge_fit_error: Relative root mean square error of the charges' potential.
        moments: Distributed multipoles about the sites, e Å^l.
    """

    conformer: Conformer
    types: tuple[str, ...]
    symmetry: MolecularSymmetry
    atoms: Positions
    sites: Positions
    charges: Scalars
    charge_fit_error: float
    moments: Moments

    def with_charges(self) -> Body:
        """The sites with the fitted point charges."""
        moments = np.zeros((len(self.sites), N_MOMENTS))
        moments[:, 0] = self.charges
        return Body(self.types, self.sites, moments)

    def with_multipoles(self) -> Body:
        """The sites with the distributed multipoles."""
        return Body(self.types, self.sites, self.moments)


@dataclass(frozen=True, eq=False, slots=True)
class Component:
    """One kind of molecule of a formula unit.

    Attributes:
        count: How many molecules of it there are in the formula unit.
        molecules: Its conformers, the lowest in the gas phase first.
        both_hands: Whether its crystals may hold mirror images of the conformers.
    """

    count: int
    molecules: tuple[RigidMolecule, ...]
    both_hands: bool = True


@dataclass(frozen=True, eq=False, slots=True)
class FormulaUnit:
    """What a crystal is made of: the kinds of its molecules and their numbers.

    Attributes:
        components: The kinds; labels of conformers are unique among all of them.
    """

    components: tuple[Component, ...]

    @property
    def molecules(self) -> dict[str, RigidMolecule]:
        """All conformers of all kinds, by label."""
        return {
            molecule.conformer.label: molecule
            for component in self.components
            for molecule in component.molecules
        }

    @property
    def n_molecules(self) -> int:
        """Molecules in the formula unit."""
        return sum(component.count for component in self.components)

    @property
    def has_both_hands(self) -> bool:
        """Whether its crystals may have operations that make mirror images."""
        return all(component.both_hands for component in self.components)


def interaction_sites(molecule: Molecule, foreshortening: float) -> Positions:
    """Atomic positions with the hydrogens moved towards the atom they are bonded to.

    Args:
        molecule: Its geometry.
        foreshortening: How far, Å.
    """
    sites = np.array(molecule.positions)
    for atom, bonded in enumerate(neighbours_of(molecule)):
        if molecule.atomic_numbers[atom] == _HYDROGEN and len(bonded) == 1:
            bond = molecule.positions[bonded[0]] - molecule.positions[atom]
            sites[atom] += foreshortening * bond / np.linalg.norm(bond)
    return sites


def rigid_molecule(conformer: Conformer, settings: PotentialSettings) -> RigidMolecule:
    """Type the atoms of a conformer, fit its charges, move its multipoles to the sites.

    Raises:
        InputError: If atoms have no parameters.
    """
    centred = conformer.molecule.centred()
    molecule, symmetry = symmetrised(centred, molecular_symmetry(centred))
    parameters = parameter_set(settings.force_field)
    types = atom_types(molecule, settings.force_field)
    sites = interaction_sites(molecule, parameters.foreshortening)
    charges = fitted_charges(conformer.potential, sites, float(molecule.charge))
    charges = charges[symmetry.permutations].mean(axis=0)
    moments = shifted(conformer.multipoles.moments, molecule.positions - sites)
    return RigidMolecule(
        conformer=conformer,
        types=types,
        symmetry=symmetry,
        atoms=molecule.positions,
        sites=sites,
        charges=charges,
        charge_fit_error=fit_error(conformer.potential, sites, charges),
        moments=symmetric_moments(moments, symmetry, float(molecule.charge)),
    )


def symmetric_moments(
    moments: Moments, symmetry: MolecularSymmetry, total_charge: float
) -> Moments:
    """Moments averaged over the point group, with exactly the total charge.

    What the charges lack to the total, the integration error of the analysis, is spread
    evenly.
    """
    out = np.zeros_like(moments)
    for matrix, permutation in zip(
        symmetry.rotations, symmetry.permutations, strict=True
    ):
        out[permutation] += rotated(moments, matrix)
    out /= len(symmetry.rotations)
    out[:, 0] += (total_charge - out[:, 0].sum()) / len(out)
    return out
