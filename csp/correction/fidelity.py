"""Levels of theory one above the other, each learned as a correction of the one below.

``E_k(i) = E_{k−1}(i) + δ_k(i)``: the energies of the lowest level (a force field) are
known for all crystals, those of a higher level for some. δ_k is a Gaussian process on
the surroundings of the atoms and, linearly, on the energy of the level below; the
variances of the steps add up.

References:
    Kennedy & O'Hagan, Biometrika 87, 1 (2000); Egorova, Hafizi, Woods & Day, J. Phys.
    Chem. A 124, 8065 (2020).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from csp.arrays import Indices, Mask, Matrix, Scalars, read_only
from csp.correction.domain import near_duplicates
from csp.correction.gaussian_process import Inputs, Labels, Problem, Weights
from csp.correction.hyperparameters import Priors
from csp.correction.posterior import Posterior
from csp.correction.prediction import predicted
from csp.correction.validation import LeaveOneOut, inflation, leave_one_out
from csp.errors import InputError

_FEWEST_FOR_INFLATION = 5


@dataclass(frozen=True, eq=False, slots=True)
class LevelData:
    """Energies that were computed at one level.

    Attributes:
        rows: Which crystals, by their rows in the pool.
        energies: kJ/mol per formula unit, relative to anything that is the same for
            all crystals of the level.
        errors: Their known standard errors, kJ/mol.
        known_change: Part of the difference to the level below that is known of all
            crystals beforehand, like that of their isolated molecules, kJ/mol; None
            if nothing is.
    """

    rows: Indices
    energies: Scalars
    errors: Scalars
    known_change: Scalars | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", read_only(self.rows, int))
        object.__setattr__(self, "energies", read_only(self.energies))
        object.__setattr__(self, "errors", read_only(self.errors))


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """One level, learned from the one below.

    Attributes:
        name: Of the level.
        labels: Differences to the level below.
        posterior: What they say of the differences of all crystals.
        weights: And of the weights of the inputs.
        left_out: Each label predicted from the others.
        inflation: By how much standard deviations are widened so that the errors of
            the labels left out are as large as expected.
    """

    name: str
    labels: Labels
    posterior: Posterior
    weights: Weights
    left_out: LeaveOneOut
    inflation: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not to be trusted, one sentence each."""
        found = []
        if self.weights.log_bayes_factor <= 0.0:
            found.append(
                f"the {len(self.labels.rows)} energies at {self.name} do not support "
                "the model: a constant correction explains them as well "
                f"(ln of the Bayes factor {self.weights.log_bayes_factor:.1f}); "
                "compute more before its corrections are trusted"
            )
        return tuple(found)


@dataclass(frozen=True, eq=False, slots=True)
class Correction:
    """The energies of a whole pool at the highest level, with their uncertainty.

    Attributes:
        posterior: At the highest level.
        steps: How it came about, the lowest level first.
    """

    posterior: Posterior
    steps: tuple[Step, ...]

    @classmethod
    def fit(
        cls,
        features: Matrix,
        baseline: Scalars,
        levels: Mapping[str, LevelData],
        *,
        linear: Matrix | None = None,
        flat: Matrix | None = None,
        priors: Priors | None = None,
    ) -> "Correction":
        """Learn the levels from the lowest up.

        Args:
            features: Φ of the pool, from a kernel.
            baseline: Energies of all crystals at the level below the first, kJ/mol per
                formula unit.
            levels: What was computed, the lowest level first.
            linear: Further inputs that corrections may be linear in, like the density.
            flat: Inputs with free weights, like the composition.
            priors: Of the hyperparameters.

        Raises:
            InputError: If there are no levels or no labels, or numbers are missing.
        """
        if not levels:
            raise InputError("there is no level to learn: give energies of one")
        known = Posterior(
            baseline, np.zeros((len(baseline), 0)), np.zeros(len(baseline))
        )
        steps = []
        for name, data in levels.items():
            if data.known_change is not None:
                known = known.shifted(data.known_change)
            inputs = inputs_above(features, known.mean, linear, flat)
            known, step = _raised(known, inputs, name, data, priors or Priors())
            steps.append(step)
        return cls(known, tuple(steps))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not to be trusted, one sentence each."""
        return tuple(text for step in self.steps for text in step.warnings)


def inputs_above(
    features: Matrix, below: Scalars, linear: Matrix | None, flat: Matrix | None
) -> Inputs:
    """Inputs of a step: linear in the energy of the level below."""
    more = np.empty((len(features), 0)) if linear is None else linear
    return Inputs.of(features, np.column_stack([below, more]), flat)


def _raised(
    below: Posterior, inputs: Inputs, name: str, data: LevelData, priors: Priors
) -> tuple[Posterior, Step]:
    """One level up."""
    uncertain = below.variance[data.rows]
    differences = data.energies - below.mean[data.rows]
    errors = np.sqrt(data.errors**2 + uncertain)
    is_first = _first_of_a_kind(inputs.features[data.rows])
    labels = Labels(data.rows[is_first], differences[is_first], errors[is_first])
    problem = Problem(inputs, labels, priors)
    step, weights = predicted(problem)
    left_out = leave_one_out(problem)
    is_enough = len(labels.rows) >= _FEWEST_FOR_INFLATION
    wider = inflation(left_out.scores) if is_enough else 1.0
    step = _as_computed(
        step.widened(wider), replace(data, energies=differences), ~is_first
    )
    raised = Posterior(
        below.mean + step.mean,
        np.hstack([below.factor, step.factor]),
        below.own_variance + step.own_variance,
    )
    raised = _as_computed(raised, data, uncertain > 0.0)
    return raised, Step(name, labels, step, weights, left_out, wider)


def _first_of_a_kind(features: Matrix) -> Mask:
    """Which crystals are the first of their near-duplicates.

    Others teach nothing new. That they agree would pass for agreement everywhere: what
    features cannot tell is the same in near-duplicates, but not in the model.
    """
    groups = near_duplicates(features)
    first = np.zeros(len(groups), dtype=bool)
    first[np.unique(groups, return_index=True)[1]] = True
    return first


def _as_computed(raised: Posterior, data: LevelData, chosen: np.ndarray) -> Posterior:
    """Crystals that taught nothing of the step are known by their label alone."""
    rows = data.rows[chosen]
    mean, factor = np.array(raised.mean), np.array(raised.factor)
    own = np.array(raised.own_variance)
    mean[rows] = data.energies[chosen]
    factor[rows] = 0.0
    own[rows] = data.errors[chosen] ** 2
    return Posterior(mean, factor, own)
