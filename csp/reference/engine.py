"""What every reference engine takes and gives.

An engine computes the energy of one crystal or one molecule at one level. Total
energies have no meaning across levels; the difference
``cell energy / formula units − gas energy`` at one level is the lattice energy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from csp.crystal import Crystal
from csp.molecule import Molecule


class Reason(StrEnum):
    """Why a reference calculation gave no energy."""

    NOT_CONVERGED = "not converged"
    OUT_OF_MEMORY = "out of memory"
    OUT_OF_TIME = "out of time"
    PROGRAM_FAILED = "program failed"
    UNSUPPORTED = "not supported"


@dataclass(frozen=True, slots=True)
class Failure:
    """A calculation that gave no energy.

    Attributes:
        reason: Its name.
        message: One sentence: what happened, and the last words of the program.
        is_final: Whether safer settings cannot help.
    """

    reason: Reason
    message: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Energy:
    """A converged energy and where it came from.

    Attributes:
        energy: Total, of all atoms given, kJ/mol of cells or of molecules.
        parts: Named contributions that sum to it, kJ/mol; at least ``dispersion``
            where there is one.
        provenance: JSON values: programs and versions, k-points, iterations, first
            guess, and what else is needed to make it again.
    """

    energy: float
    parts: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


Outcome = Energy | Failure


@dataclass(frozen=True, slots=True)
class Resources:
    """What one calculation may use.

    Attributes:
        cores: Threads.
        memory: Gigabytes.
        scratch: A folder for its files, empty at the start and deleted afterwards.
        attempt: How often the same calculation failed before; engines answer with
            safer settings of the self-consistent field, never with another level.
        seconds: Wall time after which it is to stop; None for no limit.
    """

    cores: int
    memory: float
    scratch: Path
    attempt: int = 0
    seconds: float | None = None


@runtime_checkable
class ReferenceEngine(Protocol):
    """Energies at one level of theory, total, in kJ/mol."""

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a periodic crystal, per cell as given.

        The cell is primitive and Niggli-reduced; its molecules are unbroken.
        """
        ...

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of an isolated molecule in the geometry given."""
        ...
