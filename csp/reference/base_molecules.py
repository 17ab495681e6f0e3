"""The molecules of a crystal by the engine of the crystal itself, each kind once.

What a periodic level says of an isolated molecule in the geometry that it has in the
crystal is what an embedding takes out of the crystal's energy, to put a better molecule
in: of basis and pseudopotentials only what acts between molecules is left.

References:
    Greenwell & Beran, Cryst. Growth Des. 20, 4875 (2020), for energies of molecules as
    what periodic functionals get wrong.
"""

import shutil
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from csp.molecule import Molecule
from csp.reference.engine import (
    Energy,
    Failure,
    Outcome,
    ReferenceEngine,
    Resources,
)
from csp.reference.fragment import Fragment, fragment_of, mapping
from csp.reference.fragment_store import FragmentStore
from csp.reference.records import Results

_SCRATCH = "molecule"


@dataclass(frozen=True, slots=True)
class BaseMolecules:
    """Electronic energies of isolated molecules at a periodic level.

    Rigid molecules are conformers that may have been computed, or imported, at the
    level already: those are taken.

    Attributes:
        engine: Of the level.
        results: Of the level.
        store: Where those computed before are.
    """

    engine: ReferenceEngine
    results: Results
    store: FragmentStore

    def electronic(self, molecule: Fragment, resources: Resources) -> float | Failure:
        """Energy without dispersion, kJ/mol; computed of one of congruent molecules.

        Args:
            molecule: Neutral, without surroundings.
            resources: A folder within the scratch one is used, and deleted.
        """

        def compute() -> dict[str, Any]:
            outcome = self._known(molecule) or self._computed(molecule, resources)
            if isinstance(outcome, Failure):
                raise _FailedError(outcome)
            return {
                "electronic_kj_per_mol": without_dispersion(outcome),
                "provenance": dict(outcome.provenance),
            }

        try:
            found = self.store.recall(molecule, f"base {self.results.digest}", compute)
        except _FailedError as error:
            return error.failure
        return float(found.content["electronic_kj_per_mol"])

    def _known(self, molecule: Fragment) -> Energy | None:
        """Of a congruent isolated molecule, if its dispersion can be told apart."""
        for item in self.results.all():
            system, outcome = item.subject.system, item.outcome
            if not isinstance(system, Molecule) or isinstance(outcome, Failure):
                continue
            alone = fragment_of([(system.atomic_numbers, system.positions)])
            is_congruent = system.charge == 0 and mapping(alone, molecule) is not None
            if is_congruent and "electronic" in outcome.parts:
                return outcome
        return None

    def _computed(self, molecule: Fragment, resources: Resources) -> Outcome:
        scratch = resources.scratch / _SCRATCH
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            return self.engine.of_molecule(
                _molecule(molecule), replace(resources, scratch=scratch)
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


class _FailedError(Exception):
    """A calculation gave no energy, so that there is nothing to keep."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def without_dispersion(energy: Energy) -> float:
    """All parts of an energy but its dispersion, kJ/mol."""
    return sum(part for name, part in energy.parts.items() if name != "dispersion")


def _molecule(fragment: Fragment) -> Molecule:
    """Engines look at atoms alone: bonds are left out."""
    no_bonds = np.empty((0, 2), dtype=int)
    return Molecule(fragment.numbers, fragment.positions, no_bonds, 0, "molecule")
