"""Is the model to be believed: errors of labels it did not see, and calibration."""

from dataclasses import dataclass

import numpy as np
from scipy.special import erfinv
from scipy.stats import spearmanr

from csp.arrays import Indices, Matrix, Scalars, read_only
from csp.correction.gaussian_process import Labels, Problem
from csp.correction.hyperparameters import Hyperparameters
from csp.correction.prediction import predicted
from csp.errors import InputError

_PRIOR_COUNT = 20.0
"""Labels that the model's own claim of its errors counts for."""


@dataclass(frozen=True, eq=False, slots=True)
class LeaveOneOut:
    """Every label as it is predicted from all others.

    Attributes:
        values: The labels, kJ/mol.
        means: Their predictions, kJ/mol.
        standard_deviations: Of label minus prediction, kJ/mol.
    """

    values: Scalars
    means: Scalars
    standard_deviations: Scalars

    def __post_init__(self) -> None:
        for name in ("values", "means", "standard_deviations"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def errors(self) -> Scalars:
        """Prediction minus label, kJ/mol."""
        return np.asarray(self.means - self.values)

    @property
    def scores(self) -> Scalars:
        """Errors in units of their expected size."""
        return np.asarray(self.errors / self.standard_deviations)


@dataclass(frozen=True, slots=True)
class Quality:
    """How good some predictions are.

    Attributes:
        mae: Mean absolute error, kJ/mol.
        rmse: Root-mean-square error, kJ/mol.
        spearman: Rank correlation of predictions and truth; None if undefined.
        coverage: Part of the truths within the 50, 68 and 95 % intervals.
        nll: Mean negative logarithm of the predictive density, kJ/mol as unit.
    """

    mae: float
    rmse: float
    spearman: float | None
    coverage: dict[int, float]
    nll: float


LEVELS = (50, 68, 95)
"""Per cent."""


def quality_of(truth: Scalars, means: Scalars, deviations: Scalars) -> Quality:
    """Errors and calibration of predictions with standard deviations, kJ/mol."""
    errors = means - truth
    scores = errors / deviations
    nll = 0.5 * np.log(2.0 * np.pi * deviations**2) + 0.5 * scores**2
    return Quality(
        mae=float(np.abs(errors).mean()),
        rmse=float(np.sqrt(np.mean(errors**2))),
        spearman=rank_correlation(truth, means),
        coverage={level: coverage(scores, level) for level in LEVELS},
        nll=float(nll.mean()),
    )


def rank_correlation(truth: Scalars, means: Scalars) -> float | None:
    """Spearman's coefficient; None where either is constant or there are too few."""
    if len(truth) < 3 or np.ptp(truth) == 0.0 or np.ptp(means) == 0.0:  # noqa: PLR2004
        return None
    return float(spearmanr(truth, means).statistic)


def coverage(scores: Scalars, per_cent: int) -> float:
    """Part of the scores within the central interval of a normal distribution.

    >>> coverage(np.array([0.0, 0.9, 1.1, -3.0]), 68)
    0.5
    """
    bound = np.sqrt(2.0) * erfinv(per_cent / 100.0)
    return float(np.mean(np.abs(scores) <= bound))


def leave_one_out(problem: Problem) -> LeaveOneOut:
    """Predictions of every label from all others, in closed form.

    For one set of hyperparameters the error is α_i / (K⁻¹)_ii with α = K⁻¹ y, and its
    variance 1 / (K⁻¹)_ii; hyperparameters are weighted anew for every label left out.

    References:
        Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), eq. 5.12.
    """
    mixture, _ = problem.mixture()
    errors, variances = _single_errors(problem, mixture)
    own = -0.5 * np.log(2.0 * np.pi * variances) - 0.5 * errors**2 / variances
    logs = mixture.log_weights[:, None] - own
    weights = np.exp(logs - logs.max(axis=0))
    weights /= weights.sum(axis=0)
    mean = np.sum(weights * errors, axis=0)
    second = np.sum(weights * (variances + errors**2), axis=0)
    values = problem.labels.values
    return LeaveOneOut(
        values,
        values - problem.scale * mean,
        problem.scale * np.sqrt(second - mean**2),
    )


def _single_errors(problem: Problem, chosen: Hyperparameters) -> tuple[Matrix, Matrix]:
    """Label minus prediction and its variance, for all hyperparameters and labels."""
    x, y = problem.rows, problem.targets
    errors, variances = [], []
    for part in problem.batches(chosen, 0):
        weights, noises = problem.variances(chosen[part])
        kernels = np.einsum("if,hf,jf->hij", x, weights, x, optimize=True)
        diagonal = np.arange(len(y))
        kernels[:, diagonal, diagonal] += noises
        inverse = np.linalg.inv(kernels)
        of_each = inverse[:, diagonal, diagonal]
        errors.append((inverse @ y) / of_each)
        variances.append(1.0 / of_each)
    return np.concatenate(errors), np.concatenate(variances)


def grouped_cross_validation(
    problem: Problem, groups: Indices, n_folds: int, generator: np.random.Generator
) -> LeaveOneOut:
    """Predictions of every label by models that know none of its group.

    Leaving out single labels flatters where near-duplicates remain; here whole groups
    are left out together.

    Args:
        problem: The labels and inputs.
        groups: Number of the group of each label.
        n_folds: Parts that are left out in turn; at most as many as there are groups.
        generator: Of the parts.

    Raises:
        InputError: If there are fewer than two groups or parts.
    """
    kinds = np.unique(groups)
    n_folds = min(n_folds, len(kinds))
    if n_folds < 2:  # noqa: PLR2004
        raise InputError(
            "cross-validation needs at least two groups and two parts, got "
            f"{len(kinds)} and {n_folds}"
        )
    fold_of_kind = generator.permutation(len(kinds)) % n_folds
    fold = fold_of_kind[np.searchsorted(kinds, groups)]
    labels = problem.labels
    means, deviations = np.empty(len(groups)), np.empty(len(groups))
    for k in range(n_folds):
        kept, left = fold != k, fold == k
        known = Labels(labels.rows[kept], labels.values[kept], labels.errors[kept])
        found, _ = predicted(Problem(problem.inputs, known, problem.priors))
        means[left] = found.mean[labels.rows[left]]
        total = found.variance[labels.rows[left]] + labels.errors[left] ** 2
        deviations[left] = np.sqrt(total)
    return LeaveOneOut(labels.values, means, deviations)


def inflation(scores: Scalars) -> float:
    """By how much to widen standard deviations, at least 1.

    √((N a² + 20) / (N + 20)), a the root-mean-square score of labels left out: twenty
    labels' worth of trust in the model itself.
    """
    n = len(scores)
    square = (float(scores @ scores) + _PRIOR_COUNT) / (n + _PRIOR_COUNT)
    return max(1.0, float(np.sqrt(square)))
