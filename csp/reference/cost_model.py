"""How long a reference calculation will take, learned from those that were done."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import Scalars
from csp.crystal import Crystal
from csp.reference.calculation import Calculation
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import Level
from csp.reference.subjects import Subject

PERIODIC, FRAGMENTS = (2.2, 1.0), (1.0, 0.2)
"""Exponents of the numbers of atoms and k-points before any calculation; fragments are
as large in any cell, only more or fewer."""
PRIOR_EXPONENTS = {"embedding": FRAGMENTS, "fragments": FRAGMENTS}
PRIOR_SPREAD = np.array([2.0, 0.4, 0.4])
"""Standard deviations of the prior: log of the price, and the two exponents."""
NOISE = 0.3
"""Standard deviation of the log of one calculation's time."""
SMALLEST_NOISE = 0.15
REFERENCE_ATOMS = 16.0
FIRST_GUESSES = {
    "quantum-espresso": 15.0,
    "pyscf": 300.0,
    "cp2k": 60.0,
    "tblite": 5.0,
    "embedding": 150.0,
    "fragments": 400.0,
    "ase": 60.0,
}
"""CPU-seconds of 16 atoms and one k-point by each engine, measured on oxalic acid."""


@dataclass(frozen=True, eq=False, slots=True)
class CostModel:
    """log(CPU seconds) = c₀ + c₁ log(atoms / 16) + c₂ log(k-points), Gaussian.

    Attributes:
        mean: Of the coefficients.
        covariance: Of the coefficients.
        noise: Standard deviation of the log of a single time.
        n_calculations: How many it was learned from.
    """

    mean: Scalars
    covariance: np.ndarray
    noise: float
    n_calculations: int

    def cpu_seconds(self, features: Scalars) -> float:
        """The expected time of a calculation, the mean of a log-normal."""
        spread = features @ self.covariance @ features + self.noise**2
        return float(np.exp(features @ self.mean + 0.5 * min(spread, 0.5)))


def features_of(subject: Subject, spacing: float | None) -> Scalars:
    """What the time depends on: a constant, and logs of atoms and k-points.

    The k-points are those left after symmetry and time reversal, estimated from the
    point operations.
    """
    n_kpoints = 1.0
    if spacing is not None and isinstance(subject.system, Crystal):
        mesh = np.prod(kpoint_mesh(subject.system.cell, spacing))
        n_kpoints = max(1.0, float(mesh) / max(subject.n_operations, 2))
    return np.array([1.0, np.log(subject.n_atoms / REFERENCE_ATOMS), np.log(n_kpoints)])


def fitted(
    engine: str, features: Sequence[Scalars], cpu_seconds: Sequence[float]
) -> CostModel:
    """The model after some calculations; without any, the prior.

    Bayesian linear regression in logarithms; the noise is re-estimated once from the
    residuals when there are ten.
    """
    exponents = PRIOR_EXPONENTS.get(engine, PERIODIC)
    mean = np.array([np.log(FIRST_GUESSES.get(engine, 60.0)), *exponents])
    precision = np.diag(PRIOR_SPREAD**-2)
    if not features:
        return CostModel(mean, np.linalg.inv(precision), NOISE, 0)
    X = np.array(features)
    y = np.log(np.maximum(cpu_seconds, 0.1))
    noise = NOISE
    few = 10
    for _ in range(2 if len(y) >= few else 1):
        covariance = np.linalg.inv(precision + X.T @ X / noise**2)
        posterior = covariance @ (precision @ mean + X.T @ y / noise**2)
        residuals = y - X @ posterior
        if len(y) >= few:
            noise = max(SMALLEST_NOISE, float(np.std(residuals)))
    return CostModel(posterior, covariance, noise, len(y))


def learned_from(
    calculations: Sequence[Calculation], level: Level, spacing: float | None
) -> CostModel:
    """The model of the calculations of a level that gave an energy for a crystal."""
    known = [
        (features_of(item.subject, spacing), item.cost.cpu_seconds)
        for item in calculations
        if item.cost is not None and isinstance(item.subject.system, Crystal)
    ]
    return fitted(level.engine, [row for row, _ in known], [time for _, time in known])
