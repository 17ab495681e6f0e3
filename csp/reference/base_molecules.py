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
from csp.reference.engine import Energy, Failure, ReferenceEngine, Resources
from csp.reference.fragment import Fragment
from csp.reference.fragment_store import FragmentStore

_SCRATCH = "molecule"


@dataclass(frozen=True, slots=True)
class BaseMolecules:
    """Electronic energies of isolated molecules at a periodic level.

    Attributes:
        engine: Of the level.
        digest: Of the level.
        store: Where those computed before are.
    """

    engine: ReferenceEngine
    digest: str
    store: FragmentStore

    def electronic(self, molecule: Fragment, resources: Resources) -> float | Failure:
        """Energy without dispersion, kJ/mol; computed of one of congruent molecules.

        Args:
            molecule: Neutral, without surroundings.
            resources: A folder within the scratch one is used, and deleted.
        """

        def compute() -> dict[str, Any]:
            scratch = resources.scratch / _SCRATCH
            scratch.mkdir(parents=True, exist_ok=True)
            try:
                outcome = self.engine.of_molecule(
                    _molecule(molecule), replace(resources, scratch=scratch)
                )
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            if isinstance(outcome, Failure):
                raise _FailedError(outcome)
            return {
                "electronic_kj_per_mol": without_dispersion(outcome),
                "provenance": dict(outcome.provenance),
            }

        try:
            found = self.store.recall(molecule, f"base {self.digest}", compute)
        except _FailedError as error:
            return error.failure
        return float(found.content["electronic_kj_per_mol"])


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
