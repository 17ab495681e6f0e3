"""Better molecules and pairs, by a hybrid functional as a rule, in a periodic whole.

E = E_low(periodic) + Σ_molecules (E_high − E_low) + Σ_pairs (ΔE_high − ΔE_low), and
the dispersion of the high functional for the periodic whole. What distant pairs lack is
electrostatic: the two functionals give molecules slightly different multipoles.
E_low of a molecule is the base's own, or made as E_high is (``low_monomers``).

References:
    Loboda, Dolgonos & Boese, J. Chem. Phys. 149, 124104 (2018).
"""

from dataclasses import dataclass
from typing import Any

from csp.conformers.settings import Level, MultipoleLevel
from csp.crystal import Crystal
from csp.errors import ConvergenceError, CspError, InputError
from csp.molecule import Molecule
from csp.reference.base_molecules import BaseMolecules
from csp.reference.dimers import Fragments, Repeated, fragments_of
from csp.reference.engine import (
    Energy,
    Failure,
    Outcome,
    Reason,
    ReferenceEngine,
    Resources,
)
from csp.reference.force_field_fragments import (
    ELECTROSTATICS,
    MULTIPOLES,
    RigidForceField,
)
from csp.reference.fragment import fragment_of
from csp.reference.fragment_energies import Method
from csp.reference.fragment_store import FragmentStore
from csp.reference.fragment_sums import (
    Evaluated,
    Methods,
    Summand,
    evaluated,
    threads,
)
from csp.reference.level_dispersion import level_dispersion, volumes_of
from csp.reference.levels import EmbeddingLevel


@dataclass(frozen=True, slots=True)
class Embedding:
    """The engine of an :class:`EmbeddingLevel`.

    Attributes:
        level: What is to be computed.
        base: The periodic engine; its parts name its ``electronic`` energy.
        low: The functional of the base.
        store: Fragments computed before.
        molecules: Those of crystals, by the base's engine; needed where the level's
            low monomers are the base's.
    """

    level: EmbeddingLevel
    base: ReferenceEngine
    low: str
    store: FragmentStore
    molecules: BaseMolecules | None = None

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, kJ/mol of cells."""
        correction = self.correction_of(crystal, resources)
        if isinstance(correction, Failure):
            return correction
        dispersion = self._dispersion(crystal, resources)
        if isinstance(dispersion, Failure):
            return dispersion
        base = self.base.of_crystal(crystal, resources)
        return _combined(base, correction, dispersion)

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of an isolated molecule, with the same corrections as in a crystal."""
        if molecule.charge:
            return charged(molecule)
        atoms = (molecule.atomic_numbers, molecule.positions)
        alone = Fragments((Repeated(fragment_of([atoms]), 1),), ())
        dispersion = self._dispersion(molecule, resources)
        if isinstance(dispersion, Failure):
            return dispersion
        if self.molecules is not None:
            return self._exchanged(alone, resources, dispersion)
        correction = self._correction(alone, resources)
        if isinstance(correction, Failure):
            return correction
        return _combined(
            self.base.of_molecule(molecule, resources), correction, dispersion
        )

    def _dispersion(self, system: Crystal | Molecule, resources: Resources) -> Outcome:
        try:
            with threads(resources.cores):
                energy = level_dispersion(self.level, system)
        except ConvergenceError as error:
            return Failure(Reason.NOT_CONVERGED, str(error), is_final=True)
        except InputError as error:
            return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
        return Energy(energy, {"dispersion": energy}, volumes_of(self.level))

    def _exchanged(
        self, alone: Fragments, resources: Resources, dispersion: Energy
    ) -> Outcome:
        """An isolated molecule that keeps nothing of the base."""
        found = evaluated(alone, self._methods(), self.store, resources)
        if isinstance(found, Failure):
            return found
        monomers = sum(_high(summand) for summand in found.monomers)
        parts = {"monomers": monomers, **dispersion.parts}
        provenance = {**found.provenance, **dispersion.provenance}
        return Energy(sum(parts.values()), parts, provenance)

    def correction_of(self, crystal: Crystal, resources: Resources) -> Outcome:
        """What the fragments add to the base, kJ/mol of cells, without dispersion."""
        fragments = fragments_of(crystal, self.level.dimer_cutoff_angstrom)
        close = self._correction(fragments, resources)
        if isinstance(close, Failure) or self.level.distant_pairs == "none":
            return close
        try:
            with threads(resources.cores):
                distant = self._distant(crystal, fragments)
        except CspError as error:
            return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
        return Energy(
            close.energy + distant,
            {**close.parts, "distant": distant},
            {**close.provenance, "multipole_basis": MULTIPOLES.density.basis},
        )

    def _distant(self, crystal: Crystal, fragments: Fragments) -> float:
        """High minus low electrostatics of all pairs that are no fragments."""
        total = 0.0
        for sign, functional in ((1.0, self.level.functional), (-1.0, self.low)):
            density = Level(functional, "none", MULTIPOLES.density.basis)
            multipoles = RigidForceField(
                ELECTROSTATICS, self.store, level=MultipoleLevel(density)
            )
            total += sign * multipoles.of_crystal(crystal)
            total -= sign * sum(
                pair.count * multipoles.of_dimer(pair.fragment)
                for pair in fragments.dimers
            )
        return total

    def _correction(self, fragments: Fragments, resources: Resources) -> Outcome:
        found = evaluated(fragments, self._methods(), self.store, resources)
        if isinstance(found, Failure):
            return found
        monomers = self._monomers(found, resources)
        if isinstance(monomers, Failure):
            return monomers
        parts = {"monomers": monomers, "dimers": sum(map(_difference, found.dimers))}
        provenance: dict[str, Any] = {
            "dimer_cutoff_angstrom": self.level.dimer_cutoff_angstrom,
            "low_monomers": self.level.low_monomers,
            **found.provenance,
        }
        return Energy(sum(parts.values()), parts, provenance)

    def _monomers(self, found: Evaluated, resources: Resources) -> float | Failure:
        """High minus low of all molecules of a crystal, kJ/mol of cells."""
        if self.molecules is None:
            return sum(map(_difference, found.monomers))
        total = 0.0
        for summand in found.monomers:
            # of the very geometry that the high energy was computed of
            low = self.molecules.electronic(summand.computed_of, resources)
            if isinstance(low, Failure):
                return low
            total += _high(summand) - summand.repeated.count * low
        return total

    def _methods(self) -> Methods:
        level = self.level
        chain = (self.low, level.functional)
        alone = chain if self.molecules is None else (level.functional,)
        tolerance = level.energy_tolerance_hartree
        return Methods(
            Method(alone, level.monomer_basis, level.monomer_grid, tolerance),
            None
            if level.dimer_basis is None
            else Method(chain, level.dimer_basis, level.dimer_grid, tolerance),
        )


def _difference(summand: Summand) -> float:
    """High minus low functional of all copies of a fragment."""
    low, high = summand.energies
    return summand.repeated.count * (high - low)


def _high(summand: Summand) -> float:
    """High functional of all copies of a fragment."""
    return summand.repeated.count * summand.energies[-1]


def _combined(base: Outcome, correction: Energy, dispersion: Energy) -> Outcome:
    if isinstance(base, Failure):
        return base
    if "electronic" not in base.parts:
        return Failure(
            Reason.UNSUPPORTED,
            "the energy of the base was imported as a whole, and its dispersion is not "
            "known: import it again, without dispersion and with --add-dispersion",
            is_final=True,
        )
    parts = {
        **{name: part for name, part in base.parts.items() if name != "dispersion"},
        **correction.parts,
        **dispersion.parts,
    }
    provenance = {
        **correction.provenance,
        **dispersion.provenance,
        "base": dict(base.provenance),
    }
    return Energy(sum(parts.values()), parts, provenance)


def charged(molecule: Molecule) -> Failure:
    """Why an ion has no fragment energy."""
    return Failure(
        Reason.UNSUPPORTED,
        f"{molecule.name} is charged: fragments are neutral molecules",
        is_final=True,
    )
