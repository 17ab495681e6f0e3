"""Hybrid-functional molecules and close pairs in place of the force field's.

E = E_ff(periodic) + Σ_molecules E + Σ_pairs (ΔE − ΔE_ff): the close pairs are those of
the density functional, with its dispersion; distant ones and the lattice sum are those
of the force field. There is no polarisation of a molecule by more than one neighbour.

References:
    Beran & Nanda, J. Phys. Chem. Lett. 1, 3480 (2010); McDonagh, Skylaris & Day,
    J. Chem. Theory Comput. 15, 2743 (2019).
"""

from dataclasses import dataclass
from typing import Any

from csp.crystal import Crystal
from csp.errors import CspError
from csp.molecule import Molecule
from csp.reference.dimers import Fragments, Repeated, fragments_of
from csp.reference.dispersion import dispersion_energy
from csp.reference.embedding import charged
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.force_field_fragments import MULTIPOLES, RigidForceField
from csp.reference.fragment import Fragment, fragment_of
from csp.reference.fragment_energies import Method
from csp.reference.fragment_store import FragmentStore
from csp.reference.fragment_sums import Evaluated, Methods, evaluated, threads
from csp.reference.levels import FragmentLevel


@dataclass(frozen=True, slots=True)
class FragmentSum:
    """The engine of a :class:`FragmentLevel`.

    Attributes:
        level: What is to be computed.
        force_field: For the whole and for each pair.
        store: Fragments computed before.
    """

    level: FragmentLevel
    force_field: RigidForceField
    store: FragmentStore

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, kJ/mol of cells."""
        fragments = fragments_of(crystal, self.level.dimer_cutoff_angstrom)
        found = evaluated(fragments, self._methods(), self.store, resources)
        if isinstance(found, Failure):
            return found
        try:
            with threads(resources.cores):
                rest = self.force_field.of_crystal(crystal) - sum(
                    pair.count * self.force_field.of_dimer(pair.fragment)
                    for pair in fragments.dimers
                )
        except CspError as error:
            return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
        return self._energy(found, {"force_field": rest})

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of an isolated molecule."""
        if molecule.charge:
            return charged(molecule)
        alone = fragment_of([(molecule.atomic_numbers, molecule.positions)])
        fragments = Fragments((Repeated(alone, 1),), ())
        found = evaluated(fragments, self._methods(), self.store, resources)
        return found if isinstance(found, Failure) else self._energy(found, {})

    def _energy(self, found: Evaluated, parts: dict[str, float]) -> Energy:
        copies = [
            (summand.repeated.count, summand.repeated.fragment)
            for summand in (*found.monomers, *found.dimers)
        ]
        parts = {
            **parts,
            "monomers": sum(s.repeated.count * s.energies[0] for s in found.monomers),
            "dimers": sum(s.repeated.count * s.energies[0] for s in found.dimers),
            "dispersion": sum(n * self._dispersion(part) for n, part in copies),
        }
        provenance: dict[str, Any] = {
            "dimer_cutoff_angstrom": self.level.dimer_cutoff_angstrom,
            "force_field": self.level.force_field,
            "multipoles": str(MULTIPOLES),
            **found.provenance,
        }
        return Energy(sum(parts.values()), parts, provenance)

    def _dispersion(self, fragment: Fragment) -> float:
        """Dispersion energy of a molecule, or that between the two of a pair."""
        own = dispersion_energy(
            self.level.dispersion,
            self.level.functional,
            (fragment.numbers, fragment.positions),
        )
        if not fragment.is_dimer:
            return own
        return own - sum(self._dispersion(molecule) for molecule in fragment.molecules)

    def _methods(self) -> Methods:
        level = self.level
        chain, tolerance = (level.functional,), level.energy_tolerance_hartree
        return Methods(
            Method(chain, level.monomer_basis, level.monomer_grid, tolerance),
            Method(chain, level.dimer_basis, level.dimer_grid, tolerance),
        )
