"""An engine that looks first whether somebody computed it before."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from csp.crystal import Crystal
from csp.molecule import Molecule
from csp.reference.calculation import Calculation, Cost, origin
from csp.reference.claims import claimed
from csp.reference.engine import Failure, Outcome, ReferenceEngine, Resources
from csp.reference.records import Results
from csp.reference.subjects import Subject

SECONDS_A_LOOK = 2.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """The engine of a level that another level builds on.

    Its results are kept as if they had been asked for, and those that are there are
    taken; while another worker computes one, this one waits for it.

    Attributes:
        engine: That computes.
        results: Of its level.
        identity: Name of the crystal or molecule in question.
        n_operations: Point operations of the crystal.
    """

    engine: ReferenceEngine
    results: Results
    identity: str
    n_operations: int

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, kJ/mol of cells."""
        return self._recalled(
            crystal, resources, lambda: self.engine.of_crystal(crystal, resources)
        )

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of an isolated molecule, kJ/mol."""
        return self._recalled(
            molecule, resources, lambda: self.engine.of_molecule(molecule, resources)
        )

    def _recalled(
        self,
        system: Crystal | Molecule,
        resources: Resources,
        compute: Callable[[], Outcome],
    ) -> Outcome:
        subject = Subject(self.identity, system, self.n_operations)
        while True:
            known = self.results.find(subject)
            if known is not None:
                return known.outcome
            with claimed(self.results.claim(subject)) as is_ours:
                if is_ours:
                    return self._computed(subject, resources, compute)
            time.sleep(SECONDS_A_LOOK)

    def _computed(
        self, subject: Subject, resources: Resources, compute: Callable[[], Outcome]
    ) -> Outcome:
        """Compute and record; failures are recorded by those who asked."""
        began = time.monotonic()
        before = cpu_seconds()
        outcome = compute()
        if isinstance(outcome, Failure):
            return outcome
        cost = Cost(
            cpu_seconds=round(cpu_seconds() - before, 2),
            wall_seconds=round(time.monotonic() - began, 2),
            cores=resources.cores,
            peak_memory=0.0,
        )
        self.results.write(
            Calculation(
                subject,
                self.results.level,
                self.results.digest,
                outcome,
                (),
                cost,
                origin(),
            )
        )
        return outcome


def cpu_seconds() -> float:
    """Of this process and of its children that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
