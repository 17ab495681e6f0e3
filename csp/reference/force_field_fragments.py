"""What the force field says of a crystal and of its fragments, as they stand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses

from csp.arrays import Vectors
from csp.comparison.molecules import molecular_bonds
from csp.conformers.multipole_analysis import distributed_multipoles
from csp.conformers.settings import MoleculeSettings, MultipoleLevel
from csp.crystal import Crystal
from csp.geometry import centre_of, overlay
from csp.lattice.force_fields import force_field_of
from csp.molecule import Conformer, Molecule
from csp.potentials.bodies import Body, interaction_sites
from csp.potentials.exp6 import Exp6, ParameterSet
from csp.potentials.isolated import P1, isolated_energy
from csp.potentials.rigid_crystal import crystal_energy, rigid_crystal, tables_of
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import rotated, shifted
from csp.reference.fragment import Fragment, fragment_of, mapping
from csp.reference.fragment_store import FragmentStore

MULTIPOLES: MultipoleLevel = MoleculeSettings(source="-", name="-").multipole_level
"""The default of a search."""
ELECTROSTATICS = "electrostatics"
"""Name of the force field that is the multipoles alone."""
_SETTINGS = PotentialSettings()
_SITE = "site"
_BARE = ParameterSet("electrostatics", "", 0.0, {_SITE: Exp6(0.0, 1.0, 0.0)}, {})


@dataclass(frozen=True, slots=True)
class RigidForceField:
    """The multipole force field for molecules that are given by their atoms.

    Attributes:
        name: An exp-6 set, the path of a table, or ``electrostatics``.
        store: Where the multipoles of molecules are; congruent ones share them.
        conformers: Molecules whose multipoles are known already.
        level: Of the multipoles of other molecules.
    """

    name: str
    store: FragmentStore
    conformers: tuple[Conformer, ...] = ()
    level: MultipoleLevel = MULTIPOLES

    def of_crystal(self, crystal: Crystal) -> float:
        """Lattice energy of the rigid molecules, kJ/mol of cells."""
        cell = crystal.cell * np.sign(np.linalg.det(crystal.cell))
        bodies, centres = self._placed(
            [
                fragment_of([(crystal.atomic_numbers[own], crystal.positions[own])])
                for own in (
                    crystal.molecule_of_atom == k for k in range(crystal.n_molecules)
                )
            ]
        )
        turns = np.tile(np.eye(3), (len(bodies), 1, 1))
        fractional = centres @ np.linalg.inv(cell)
        packed = rigid_crystal(bodies, cell, fractional, turns, P1)
        tables = tables_of(bodies, self._parameters(), _SETTINGS)
        return crystal_energy(packed, tables).energy

    def of_dimer(self, dimer: Fragment) -> float:
        """Interaction energy of two molecules in empty space, kJ/mol.

        The same sums as in the crystal, so that it is this pair's part of its energy.
        """
        bodies, centres = self._placed(dimer.molecules)
        return isolated_energy(bodies, centres, self._parameters(), _SETTINGS)

    def _parameters(self) -> ParameterSet:
        if self.name == ELECTROSTATICS:
            return _BARE
        return force_field_of(self.name).parameters

    def _types(self, molecule: Molecule) -> tuple[str, ...]:
        if self.name == ELECTROSTATICS:
            return (_SITE,) * len(molecule.atomic_numbers)
        return force_field_of(self.name).types_of(molecule)

    def _placed(self, molecules: Sequence[Fragment]) -> tuple[list[Body], Vectors]:
        """Bodies in the orientation that they have, and their centres of mass."""
        bodies, centres = [], []
        foreshortening = self._parameters().foreshortening
        for molecule in molecules:
            centre = centre_of(molecule.positions, atomic_masses[molecule.numbers])
            centred = _molecule(molecule)
            sites = interaction_sites(centred, foreshortening)
            moments = shifted(self._moments(molecule), centred.positions - sites)
            moments[:, 0] -= moments[:, 0].mean()
            bodies.append(Body(self._types(centred), sites, moments))
            centres.append(centre)
        return bodies, np.array(centres)

    def _moments(self, molecule: Fragment) -> np.ndarray:
        """Multipoles on the nuclei, in the molecule's orientation."""
        for conformer in self.conformers:
            geometry = conformer.molecule
            known = fragment_of([(geometry.atomic_numbers, geometry.positions)])
            order = mapping(known, molecule)
            if order is not None:
                return _moved(conformer.multipoles.moments, known, molecule, order)
        found = self.store.recall(
            molecule,
            f"multipoles {self.level}",
            lambda: {"moments_e_angstrom_to_l": _computed(molecule, self.level)},
        )
        moments = np.array(found.content["moments_e_angstrom_to_l"])
        return _moved(moments, found.fragment, molecule, found.order)


def _computed(molecule: Fragment, level: MultipoleLevel) -> list[list[float]]:
    found = distributed_multipoles(_molecule(molecule), level)
    moments: list[list[float]] = found.moments.tolist()
    return moments


def _molecule(fragment: Fragment) -> Molecule:
    """The molecule with its centre of mass at the origin."""
    bonds = molecular_bonds(fragment.numbers, fragment.positions)
    return Molecule(
        fragment.numbers, fragment.positions, bonds, 0, "a molecule of the crystal"
    ).centred()


def _moved(
    moments: np.ndarray, known: Fragment, molecule: Fragment, order: np.ndarray
) -> np.ndarray:
    """Moments of a congruent molecule, turned and in the order of this one's atoms."""
    target = molecule.positions[order]
    fits = [overlay(known.positions, target, improper=hand) for hand in (False, True)]
    turned = rotated(moments, min(fits, key=lambda fit: fit.rmsd).rotation)
    return turned[np.argsort(order)]
