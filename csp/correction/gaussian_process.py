"""A Gaussian process over the crystals of a pool, its hyperparameters integrated over.

The energy of crystal i is ``y_i = w · φ_i + η_i``. φ_i are the features of its
surroundings, a few linear inputs and a constant; the weights w have normal priors; η_i
is what features cannot tell, a number of its own for each crystal. A label is y_i with
a known error. This is the weight-space view of a process with the kernel
``k(i, j) = Σ_f v_f φ_if φ_jf + s² δ_ij``: exact, and of a low rank however large the
pool. Likelihoods and posteriors of the weights are gpytorch's, in float64 and always by
Cholesky factors.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from csp.arrays import Indices, Matrix, Scalars, read_only
from csp.correction.hyperparameters import (
    Hyperparameters,
    Priors,
    grid,
    noises_alone,
    single,
)
from csp.correction.processes import LinearProcess
from csp.errors import InputError

_SMALLEST_SCALE = 1e-6
"""kJ/mol; labels that are all equal still have a scale."""
_FORGOTTEN = 1e-4
"""Hyperparameters with a smaller part of the evidence are left out."""
_LARGEST_BATCH = 2e7
"""Numbers in the matrices of one batch of hyperparameters."""


@dataclass(frozen=True, eq=False, slots=True)
class Inputs:
    """What is known of all crystals of a pool before any label.

    Attributes:
        features: Φ, one row a crystal; centred, of unit mean square length.
        linear: Further inputs, one a column, that the energy may be linear in; centred,
            of unit variance. There may be none.
        flat: Inputs with weights that nothing is known of, like a composition.
        unseen: Features that are zero for every crystal with a label.
    """

    features: Matrix
    linear: Matrix
    flat: Matrix
    unseen: Matrix

    @classmethod
    def of(
        cls, features: Matrix, linear: Matrix | None = None, flat: Matrix | None = None
    ) -> "Inputs":
        """Inputs of a pool, the linear and the flat ones standardised.

        Raises:
            InputError: If they differ in the number of crystals or are not finite.
        """
        n = len(features)
        empty = np.empty((n, 0))
        parts = (
            features,
            standardised(empty if linear is None else linear),
            standardised(empty if flat is None else flat),
        )
        for part in parts:
            if len(part) != n or not np.isfinite(part).all():
                raise InputError(
                    f"the inputs of a pool of {n} crystals must be {n} rows of finite "
                    f"numbers, got {len(part)}: leave out what has none"
                )
        return cls(*parts, empty)

    @property
    def n_crystals(self) -> int:
        """In the pool."""
        return len(self.features)

    @property
    def columns(self) -> Matrix:
        """φ: features, linear inputs, flat inputs and the constant."""
        constant = np.ones((self.n_crystals, 1))
        return np.hstack([self.features, self.linear, self.flat, constant])

    def prior_variances(self, amplitudes: Scalars, priors: Priors) -> Matrix:
        """v, one row for each amplitude, relative to the variance of the labels."""
        square = amplitudes[:, None] ** 2
        counts = [self.features.shape[1], self.linear.shape[1], self.flat.shape[1] + 1]
        free = np.full_like(square, priors.flat**2)
        blocks = (square, priors.linear_share * square, free)
        return np.hstack(
            [np.repeat(b, n, axis=1) for b, n in zip(blocks, counts, strict=True)]
        )


def standardised(columns: Matrix) -> Matrix:
    """Columns with zero mean and unit variance; constant ones are left out."""
    spread = columns.std(axis=0)
    varies = spread > 1e-9 * np.maximum(np.abs(columns).max(axis=0, initial=0.0), 1e-12)
    return np.asarray(
        (columns[:, varies] - columns[:, varies].mean(axis=0)) / spread[varies]
    )


@dataclass(frozen=True, eq=False, slots=True)
class Labels:
    """Energies that were computed for some crystals of a pool.

    Attributes:
        rows: Which crystals, by their rows in the pool; each once.
        values: kJ/mol per formula unit.
        errors: Their known standard errors, kJ/mol.
    """

    rows: Indices
    values: Scalars
    errors: Scalars

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", read_only(self.rows, int))
        object.__setattr__(self, "values", read_only(self.values))
        object.__setattr__(self, "errors", read_only(self.errors))
        if not len(self.rows) == len(self.values) == len(self.errors) >= 1:
            raise InputError(
                "labels need as many values and errors as crystals, at least one, got "
                f"{len(self.rows)}, {len(self.values)} and {len(self.errors)}"
            )
        if len(np.unique(self.rows)) != len(self.rows):
            raise InputError("a crystal has two labels: keep one of them")
        if not np.isfinite(self.values).all() or not np.all(self.errors >= 0.0):
            raise InputError(
                "labels must be finite energies with errors of at least 0 kJ/mol: "
                "leave out what did not converge"
            )

    @property
    def centre(self) -> float:
        """Their mean, kJ/mol."""
        return float(self.values.mean())

    @property
    def scale(self) -> float:
        """Their standard deviation, kJ/mol; of a single one, 1."""
        if len(self.values) == 1:
            return 1.0
        return max(float(self.values.std(ddof=1)), _SMALLEST_SCALE)


@dataclass(frozen=True, eq=False, slots=True)
class Weights:
    """What labels say of the weights, hyperparameters integrated over.

    Attributes:
        mean: kJ/mol.
        covariance: (kJ/mol)².
        own_variance: s², of what features cannot tell, (kJ/mol)².
        unseen_variance: Of the weights of features that no label has, (kJ/mol)².
        mixture: The hyperparameters that count, with their parts of the evidence.
        log_evidence: ln p(labels).
        log_evidence_constant: The same of a constant with noise.
    """

    mean: Scalars
    covariance: Matrix
    own_variance: float
    unseen_variance: float
    mixture: Hyperparameters
    log_evidence: float
    log_evidence_constant: float

    @property
    def log_bayes_factor(self) -> float:
        """By how much the labels prefer the features to a constant, ln."""
        return self.log_evidence - self.log_evidence_constant


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """Labels and inputs, and the unit in which the priors hold.

    Attributes:
        inputs: Of the whole pool.
        labels: Of some of its crystals.
        priors: Of the hyperparameters.
        unit: Centre and scale that labels are brought to zero and one by, kJ/mol; mean
            and standard deviation of the labels if left out.
    """

    inputs: Inputs
    labels: Labels
    priors: Priors = field(default_factory=Priors)
    unit: tuple[float, float] | None = None

    @property
    def centre(self) -> float:
        """What counts as zero, kJ/mol."""
        return self.labels.centre if self.unit is None else self.unit[0]

    @property
    def scale(self) -> float:
        """What counts as one, kJ/mol."""
        return self.labels.scale if self.unit is None else self.unit[1]

    @property
    def rows(self) -> Matrix:
        """φ of the crystals that have labels."""
        return np.asarray(self.inputs.columns[self.labels.rows])

    @property
    def targets(self) -> Scalars:
        """Labels in the unit."""
        return np.asarray((self.labels.values - self.centre) / self.scale)

    def variances(self, chosen: Hyperparameters) -> tuple[Matrix, Matrix]:
        """Prior variances of the weights, and of label and own noise together."""
        known = (self.labels.errors / self.scale) ** 2
        return (
            self.inputs.prior_variances(chosen.amplitudes, self.priors),
            known + chosen.noises[:, None] ** 2,
        )

    def process(self, chosen: Hyperparameters) -> LinearProcess:
        """The processes of some hyperparameters, as one batch."""
        weights, noises = self.variances(chosen)
        return LinearProcess(self.rows, self.targets, weights, noises)

    def batches(self, chosen: Hyperparameters, n_columns: int) -> Iterator[slice]:
        """Parts of many hyperparameters whose matrices fit into memory."""
        size = (len(self.labels.rows) + n_columns) ** 2
        step = max(1, int(_LARGEST_BATCH / size))
        for first in range(0, len(chosen.noises), step):
            yield slice(first, first + step)

    def log_likelihoods(self, chosen: Hyperparameters) -> Scalars:
        """Logarithms of p(labels | hyperparameters)."""
        parts = [
            self.process(chosen[part]).log_likelihoods()
            for part in self.batches(chosen, 0)
        ]
        return np.concatenate(parts)

    def mixture(self) -> tuple[Hyperparameters, float]:
        """Hyperparameters with their posterior weights, and ln of the evidence."""
        start = grid(self.priors)
        found, evidence = start.updated(self.log_likelihoods(start))
        return (self._best() if self.priors.n_grid == 1 else found), evidence

    def _best(self) -> Hyperparameters:
        """The most probable amplitude and noise."""

        def cost(place: Scalars) -> float:
            here = single(float(place[0]), float(place[1]), self.priors)
            prior = -0.5 * float(place @ place)
            return -prior - float(self.log_likelihoods(here)[0])

        end = minimize(cost, np.zeros(2), method="Nelder-Mead")
        return single(float(end.x[0]), float(end.x[1]), self.priors)

    def weights(self) -> Weights:
        """Posterior of the weights; its moments are those of the whole mixture."""
        mixture, evidence = self.mixture()
        mixture = mixture.without_small(_FORGOTTEN)
        constant = noises_alone(self.priors)
        _, evidence_constant = constant.updated(self.log_likelihoods(constant))
        n = self.inputs.columns.shape[1]
        mean, second = np.zeros(n), np.zeros((n, n))
        for part in self.batches(mixture, n):
            means, covariances = self.process(mixture[part]).weights()
            share = mixture.weights[part]
            mean += share @ means
            second += np.tensordot(share, covariances, axes=1)
            second += (means * share[:, None]).T @ means
        scale = self.scale
        covariance = scale**2 * (second - np.outer(mean, mean))
        mean *= scale
        mean[-1] += self.centre
        return Weights(
            read_only(mean),
            read_only(0.5 * (covariance + covariance.T)),
            scale**2 * float(mixture.weights @ mixture.noises**2),
            scale**2 * float(mixture.weights @ mixture.amplitudes**2),
            mixture,
            evidence,
            evidence_constant,
        )
