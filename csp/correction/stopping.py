"""When to stop computing: a rule that asks three times before it believes itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import Indices, Matrix

CLOSE = 1.0
"""kJ/mol; a lower crystal by less than this is called a tie in print."""


@dataclass(frozen=True, slots=True)
class Check:
    """How sure the best computed crystal is to be the global minimum.

    Attributes:
        n_computed: Crystals that were computed.
        n_open: Crystals that were not.
        probability_lower: That any of these lies below the best computed one.
        probability_clearly_lower: That any lies more than 1 kJ/mol below it.
    """

    n_computed: int
    n_open: int
    probability_lower: float
    probability_clearly_lower: float


@dataclass(frozen=True, slots=True)
class StopRule:
    """Stop when nothing that was not computed is likely to be lower, for some time.

    Attributes:
        probability: Largest probability that an uncomputed crystal is the lowest.
        hold: Checks in a row that must agree.
        fewest: Crystals that must be computed before.
    """

    probability: float = 0.05
    hold: int = 3
    fewest: int = 25

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            "stops when at least "
            f"{self.fewest} crystals are computed and the probability that any other "
            f"lies below the best of them was less than {100.0 * self.probability:g} % "
            f"{self.hold} times in a row"
        )


def check(samples: Matrix, computed: Indices) -> Check:
    """One check of the rule.

    Args:
        samples: kJ/mol; one joint sample a row, one crystal a column.
        computed: Crystals that were computed; at least one.
    """
    is_open = np.ones(samples.shape[1], dtype=bool)
    is_open[computed] = False
    if not is_open.any():
        return Check(len(computed), 0, 0.0, 0.0)
    gap = samples[:, is_open].min(axis=1) - samples[:, computed].min(axis=1)
    return Check(
        len(computed),
        int(is_open.sum()),
        float(np.mean(gap < 0.0)),
        float(np.mean(gap < -CLOSE)),
    )


def should_stop(history: Sequence[Check], rule: StopRule | None = None) -> bool:
    """Whether to stop, given all checks so far, the newest last."""
    rule = rule or StopRule()
    if not history:
        return False
    if history[-1].n_open == 0:
        return True
    recent = history[-rule.hold :]
    return (
        len(recent) == rule.hold
        and history[-1].n_computed >= rule.fewest
        and all(one.probability_lower < rule.probability for one in recent)
    )
