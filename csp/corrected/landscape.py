"""The corrected landscape: energies with errors, and probabilities of rank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from csp.arrays import Indices, Mask, Matrix, Scalars
from csp.corrected.knowledge import LevelKnowledge
from csp.correction.domain import unlike_all
from csp.correction.feature_store import FeatureStore
from csp.correction.fidelity import Correction
from csp.correction.kernels import ElementKernel
from csp.crystal import Crystal
from csp.errors import InputError
from csp.randomness import generator_of
from csp.ranking import Ranking, rank
from csp.records import Progress
from csp.reference.selection import Candidate

N_SAMPLES = 4000
FEWEST_LABELS = 3


@dataclass(frozen=True, eq=False, slots=True)
class Pool:
    """A landscape as the model sees it.

    Attributes:
        candidates: Its structures, the lowest at the cheap level first.
        baseline: Their energies at that level, kJ/mol per formula unit above the
            lowest.
        features: Φ, one row a structure.
        linear: Further inputs that a correction may be linear in: the density.
    """

    candidates: Sequence[Candidate]
    baseline: Scalars
    features: Matrix
    linear: Matrix


@dataclass(frozen=True, eq=False, slots=True)
class CorrectedLandscape:
    """A landscape after its correction.

    Attributes:
        pool: What was corrected.
        knowledge: What was learned from, the lowest level first.
        correction: The model and what it says.
        ranking: Probabilities of rank.
        is_unlike: Structures unlike all computed ones.
    """

    pool: Pool
    knowledge: tuple[LevelKnowledge, ...]
    correction: Correction
    ranking: Ranking
    is_unlike: Mask

    @property
    def level(self) -> str:
        """The highest level: that of all energies."""
        return self.knowledge[-1].level

    @property
    def energies(self) -> Scalars:
        """kJ/mol per formula unit; lattice energies if gas energies are known."""
        return self.correction.posterior.mean

    @property
    def errors(self) -> Scalars:
        """Standard deviations, kJ/mol."""
        return self.correction.posterior.standard_deviation

    @property
    def order(self) -> Indices:
        """Rows from the lowest corrected energy up."""
        return np.argsort(self.energies, kind="stable")

    @property
    def computed_at(self) -> Sequence[str]:
        """For each structure the highest level at which it was computed, or ""."""
        found = [""] * len(self.pool.candidates)
        for item in self.knowledge:
            for row in item.data.rows.tolist():
                found[row] = item.level
        return found


def pool_of(
    candidates: Sequence[Candidate], cache: Path | None, progress: Progress
) -> Pool:
    """Describe the structures of a landscape; descriptors are kept in a folder."""
    crystals = [crystal_of(item) for item in candidates]
    features = ElementKernel().features(crystals, FeatureStore(cache), progress)
    return Pool(
        candidates,
        np.array([item.relative_energy for item in candidates]),
        features,
        np.array([[crystal.density] for crystal in crystals]),
    )


def crystal_of(candidate: Candidate) -> Crystal:
    """The crystal of a candidate."""
    system = candidate.subject.system
    assert isinstance(system, Crystal)  # candidates of a landscape are crystals
    return system


def corrected(pool: Pool, knowledge: Sequence[LevelKnowledge]) -> CorrectedLandscape:
    """Learn the levels, correct every structure, and rank.

    Raises:
        InputError: If there are fewer than three energies at the highest level.
    """
    if not knowledge or len(knowledge[-1].data.rows) < FEWEST_LABELS:
        n = len(knowledge[-1].data.rows) if knowledge else 0
        raise InputError(
            f"{n} reference energies are too few to learn from, at least "
            f"{FEWEST_LABELS} are needed: compute more with csp correct DIR --budget 1h"
        )
    correction = Correction.fit(
        pool.features,
        pool.baseline,
        {item.level: item.data for item in knowledge},
        linear=pool.linear,
    )
    generator = generator_of("ranking", str(len(pool.candidates)))
    samples = correction.posterior.sample(N_SAMPLES, generator)
    return CorrectedLandscape(
        pool,
        tuple(knowledge),
        correction,
        rank(samples),
        unlike_all(pool.features, knowledge[-1].data.rows),
    )


def levels_of(knowledge: Sequence[LevelKnowledge]) -> Mapping[str, int]:
    """How many structures were computed at each level."""
    return {item.level: len(item.data.rows) for item in knowledge}
