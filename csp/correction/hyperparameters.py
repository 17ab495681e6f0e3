"""Amplitude and noise of a Gaussian process: priors, a grid, and what counts of it."""

from dataclasses import dataclass

import numpy as np

from csp.arrays import Mask, Scalars, read_only
from csp.errors import InputError


@dataclass(frozen=True, slots=True)
class Priors:
    """What is expected before any label, relative to the spread of the labels.

    Amplitude and own noise are log-normal; the evidence is summed over a grid of both.

    Attributes:
        log_amplitude: Mean and standard deviation of ln(amplitude).
        log_noise: Mean and standard deviation of ln(noise).
        linear_share: Variance of a linear input, as a part of that of the features.
        flat: Standard deviation of the constant and of other flat inputs.
        n_grid: Points of the grid in either direction; 1 for the best values alone
            (maximum a posteriori).
        reach: Extent of the grid either way, standard deviations.
    """

    log_amplitude: tuple[float, float] = (0.0, 1.0)
    log_noise: tuple[float, float] = (-2.0, 1.0)
    linear_share: float = 0.3
    flat: float = 10.0
    n_grid: int = 13
    reach: float = 2.5

    def __post_init__(self) -> None:
        if self.n_grid < 1 or not self.reach > 0.0:
            raise InputError(
                "the grid of hyperparameters needs at least 1 point either way and a "
                f"reach above 0, got {self.n_grid} and {self.reach:g}"
            )
        if not (self.linear_share >= 0.0 and self.flat > 0.0):
            raise InputError(
                "linear_share must be at least 0 and flat above 0, got "
                f"{self.linear_share:g} and {self.flat:g}"
            )


@dataclass(frozen=True, eq=False, slots=True)
class Hyperparameters:
    """Values of amplitude and noise, each with a weight.

    Attributes:
        amplitudes: Standard deviation of the features' part, relative to the labels'.
        noises: Standard deviation of what features cannot tell, likewise.
        log_weights: ln of prior or posterior probabilities that sum to one.
    """

    amplitudes: Scalars
    noises: Scalars
    log_weights: Scalars

    def __post_init__(self) -> None:
        for name in ("amplitudes", "noises", "log_weights"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __getitem__(self, chosen: slice | Mask) -> "Hyperparameters":
        """Some of them, their weights as they are."""
        return Hyperparameters(
            self.amplitudes[chosen],
            self.noises[chosen],
            self.log_weights[chosen],
        )

    @property
    def weights(self) -> Scalars:
        """Probabilities."""
        return np.asarray(np.exp(self.log_weights))

    def updated(self, log_likelihoods: Scalars) -> tuple["Hyperparameters", float]:
        """Posterior by Bayes' rule, and ln of the evidence."""
        joint = self.log_weights + log_likelihoods
        evidence = log_sum(joint)
        found = Hyperparameters(self.amplitudes, self.noises, joint - evidence)
        return found, evidence

    def without_small(self, part: float) -> "Hyperparameters":
        """Those with more than a part of the largest weight, summing to one again."""
        kept = self.log_weights > self.log_weights.max() + np.log(part)
        found = self[kept]
        weights = found.log_weights - log_sum(found.log_weights)
        return Hyperparameters(found.amplitudes, found.noises, weights)


def log_sum(logarithms: Scalars) -> float:
    """The logarithm of Σ exp, without overflow."""
    largest = float(logarithms.max())
    return largest + float(np.log(np.exp(logarithms - largest).sum()))


def grid(priors: Priors) -> Hyperparameters:
    """Every pair of an amplitude and a noise of the prior's grid."""
    steps = np.linspace(-priors.reach, priors.reach, max(priors.n_grid, 5))
    first, second = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    return _at(first, second, priors)


def noises_alone(priors: Priors) -> Hyperparameters:
    """The grid of a model of nothing but a constant and noise.

    Its noise is of the size of the labels' spread, whatever the prior of the other's.
    """
    steps = np.linspace(-priors.reach, priors.reach, max(priors.n_grid, 5))
    weights = -0.5 * steps**2
    noises = np.exp(priors.log_noise[1] * steps)
    return Hyperparameters(np.zeros(len(steps)), noises, weights - log_sum(weights))


def single(first: float, second: float, priors: Priors) -> Hyperparameters:
    """One pair, its distances from the priors' means in standard deviations."""
    return _at(np.array([first]), np.array([second]), priors)


def _at(first: Scalars, second: Scalars, priors: Priors) -> Hyperparameters:
    weights = -0.5 * (first**2 + second**2)
    return Hyperparameters(
        np.exp(priors.log_amplitude[0] + priors.log_amplitude[1] * first),
        np.exp(priors.log_noise[0] + priors.log_noise[1] * second),
        weights - log_sum(weights),
    )
