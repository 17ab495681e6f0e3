"""Self-consistent fields by PySCF within bounds, their bad ends as values."""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from csp.reference.engine import Failure, Reason, Resources

MOST_ITERATIONS = (50, 100, 200)
LEVEL_SHIFTS_HARTREE = (0.0, 0.2, 0.5)
DAMPING = (0.0, 0.3, 0.6)
DIIS_SPACES = (8, 6, 4)
"""Of the first attempt, the second, and all later ones."""


@dataclass(frozen=True, eq=False, slots=True)
class Solution:
    """A converged self-consistent field.

    Attributes:
        energy_hartree: Total, electronic and nuclear.
        n_iterations: Diagonalisations.
        first_error_hartree: Energy of the first guess above the converged one.
        last_change_hartree: Of the energy, in the last iteration.
        state: The PySCF object.
    """

    energy_hartree: float
    n_iterations: int
    first_error_hartree: float
    last_change_hartree: float
    state: Any


@dataclass(slots=True)
class _Watch:
    """Energies of the iterations, and the time."""

    seconds: float | None
    start: float = field(default_factory=time.monotonic)
    energies: list[float] = field(default_factory=list)

    def __call__(self, iteration: dict[str, Any]) -> None:
        if not self.energies:
            self.energies.append(float(iteration["last_hf_e"]))
        self.energies.append(float(iteration["e_tot"]))
        passed = time.monotonic() - self.start
        if self.seconds is not None and passed > self.seconds:
            raise TimeoutError(
                f"stopped after {passed:.0f} s and {len(self.energies) - 1} iterations"
            )


def solved(
    state: Any,  # noqa: ANN401
    guess: np.ndarray | None,
    resources: Resources,
    seconds: float | None,
) -> Solution | Failure:
    """Iterate to self-consistency; slower and safer the more often it failed before.

    Args:
        state: A PySCF mean-field object with its tolerance.
        guess: Density matrices; None for PySCF's own.
        resources: Its ``attempt`` chooses damping, level shift and extrapolation.
        seconds: Wall time left; None for no limit.
    """
    attempt = min(resources.attempt, len(MOST_ITERATIONS) - 1)
    state.chkfile = None
    state.max_cycle = MOST_ITERATIONS[attempt]
    state.level_shift = LEVEL_SHIFTS_HARTREE[attempt]
    state.damp = DAMPING[attempt]
    state.diis_space = DIIS_SPACES[attempt]
    state.callback = watch = _Watch(seconds)
    try:
        energy = float(state.kernel(dm0=guess))
    except TimeoutError as error:
        return Failure(Reason.OUT_OF_TIME, f"PySCF: {error}")
    except MemoryError:
        return Failure(Reason.OUT_OF_MEMORY, "PySCF: memory could not be had")
    except (np.linalg.LinAlgError, ValueError) as error:
        return Failure(Reason.PROGRAM_FAILED, f"PySCF: {error}")
    changes = np.diff(watch.energies)
    last = float(changes[-1]) if len(changes) else 0.0
    if not state.converged:
        return Failure(
            Reason.NOT_CONVERGED,
            f"PySCF: {len(changes)} iterations, the last changed the energy by "
            f"{last:.1e} hartree",
            is_final=resources.attempt >= len(MOST_ITERATIONS) - 1,
        )
    first = watch.energies[0] - energy if watch.energies else 0.0
    return Solution(energy, len(changes), first, last, state)
