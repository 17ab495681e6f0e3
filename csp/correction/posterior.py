"""What is known of all energies of a pool together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from csp.arrays import Matrix, Scalars, read_only

_NOTHING_LEFT = 1e-12


@dataclass(frozen=True, eq=False, slots=True)
class Posterior:
    """Joint normal distribution of the energies of a pool, kJ/mol per formula unit.

    ``E ~ N(mean, F Fᵀ + diag(own))``: near neighbours err together through F, and every
    crystal that was not computed has a part of its own. That part is a property of the
    crystal, not an error of measurement: computing the crystal would show it.

    Attributes:
        mean: kJ/mol.
        factor: F, kJ/mol.
        own_variance: (kJ/mol)².
    """

    mean: Scalars
    factor: Matrix
    own_variance: Scalars

    def __post_init__(self) -> None:
        for name in ("mean", "factor", "own_variance"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def variance(self) -> Scalars:
        """Of each energy, (kJ/mol)²."""
        return np.asarray(np.sum(self.factor**2, axis=1) + self.own_variance)

    @property
    def standard_deviation(self) -> Scalars:
        """Of each energy, kJ/mol."""
        return np.asarray(np.sqrt(self.variance))

    @property
    def covariance(self) -> Matrix:
        """Of all pairs, (kJ/mol)²."""
        return np.asarray(self.factor @ self.factor.T + np.diag(self.own_variance))

    def sample(self, n: int, generator: np.random.Generator) -> Matrix:
        """Joint samples, one a row, kJ/mol."""
        common = generator.standard_normal((n, self.factor.shape[1])) @ self.factor.T
        own = generator.standard_normal((n, len(self.mean))) * np.sqrt(
            self.own_variance
        )
        return np.asarray(self.mean + common + own)

    def part(self, rows: Sequence[int]) -> "Posterior":
        """The marginal distribution of some crystals."""
        chosen = np.asarray(rows, dtype=int)
        return Posterior(
            self.mean[chosen], self.factor[chosen], self.own_variance[chosen]
        )

    def widened(self, inflation: float) -> "Posterior":
        """All standard deviations times a number."""
        return Posterior(
            self.mean, inflation * self.factor, inflation**2 * self.own_variance
        )

    def after_computing(self, row: int) -> "Posterior":
        """The distribution once a crystal is known exactly, at its present mean."""
        direction = self.factor[row]
        total = float(direction @ direction) + float(self.own_variance[row])
        own = np.array(self.own_variance)
        if total <= _NOTHING_LEFT:
            return self
        length = float(direction @ direction)
        factor = np.array(self.factor)
        if length > _NOTHING_LEFT * total:
            unit = direction / np.sqrt(length)
            shrink = 1.0 - np.sqrt(float(self.own_variance[row]) / total)
            factor -= shrink * np.outer(factor @ unit, unit)
        factor[row] = 0.0
        own[row] = 0.0
        return replace(self, factor=factor, own_variance=own)

    def shifted(self, energies: Scalars) -> "Posterior":
        """The distribution of the energies plus known ones."""
        return replace(self, mean=self.mean + energies)
