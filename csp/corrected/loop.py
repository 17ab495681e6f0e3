"""Learn, choose, compute, learn: until the ranking is sure or the budget is spent."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csp.arrays import Indices, Scalars
from csp.corrected.knowledge import LevelKnowledge, knowledge_of
from csp.corrected.landscape import (
    FEWEST_LABELS,
    CorrectedLandscape,
    DescribedLandscape,
    corrected,
    described,
)
from csp.correction.acquisition import choose, first_choice
from csp.correction.stopping import Check, StopRule, should_stop
from csp.randomness import generator_of
from csp.records import Progress
from csp.reference.campaign import Campaign, Limits, Tally
from csp.reference.engine import Failure
from csp.reference.subjects import Subject
from csp.reference_source import Source

N_FIRST = 8
"""Structures that are computed before anything is learned."""
N_AT_ONCE = 4
"""Structures of a batch, or as many as are computed side by side."""
NO_BUDGET = "without a budget nothing was computed"
DESCRIPTORS = "descriptors"
"""Folder of the descriptors beside the reference energies."""


@dataclass(frozen=True, eq=False, slots=True)
class Improved:
    """What a loop came to.

    Attributes:
        landscape: After the last correction.
        history: The checks of the stopping rule.
        ending: Why it ended, as a sentence.
    """

    landscape: CorrectedLandscape
    history: Sequence[Check]
    ending: str


Compute = Callable[[Campaign, Sequence[Subject], Limits, Progress], Tally]
"""Computes what is missing of some subjects, like :meth:`Campaign.run`."""


def improved(
    source: Source,
    chain: Sequence[Campaign],
    limits: Limits,
    progress: Progress,
    compute: Compute = Campaign.run,
) -> Improved:
    """Compute what serves the ranking most, and correct the landscape.

    The first structures are cheap, unlike one another, and the lowest of the landscape;
    the others are chosen by what they say of the ranking per predicted cost. Without
    time nothing is computed, and what is known is learned from.

    Args:
        source: The landscape.
        chain: The levels, the lowest first; what is chosen is computed at the highest.
        limits: Cores, memory, and the time of the whole loop.
        progress: Told how far it is.
        compute: How the structures of a batch are computed.

    Raises:
        InputError: If too little is known in the end, or energies depend on the cell.
    """
    began = time.monotonic()
    landscape = described(source.candidates, source.folder / DESCRIPTORS, progress)
    history: list[Check] = []
    while True:
        knowledge = known_levels(source, chain)
        n_known = len(knowledge[-1].data.rows) if knowledge else 0
        found: CorrectedLandscape | None = None
        if n_known >= FEWEST_LABELS and knowledge[-1].level == chain[-1].level.name:
            found = corrected(landscape, knowledge)
            history.append(found.check)
        left = _left(limits, began)
        if found is not None and should_stop(history):
            return Improved(found, history, f"ended: it {StopRule().sentence}")
        if left <= 0.0:
            reason = "the budget was spent" if limits.budget_seconds else NO_BUDGET
            return _ended(landscape, knowledge, history, reason)
        rows = _next(landscape, found, source, chain[-1], limits)
        if len(rows) == 0:
            return _ended(landscape, knowledge, history, "nothing is left to compute")
        subjects = [source.candidates[row].subject for row in rows]
        within = replace(limits, budget_seconds=None if np.isinf(left) else left)
        tally = compute(chain[-1], subjects, within, progress)
        if not tally.computed and tally.n_left:
            reason = "what is left of the budget is too short for another calculation"
            return _ended(landscape, knowledge, history, reason)


def known_levels(source: Source, chain: Sequence[Campaign]) -> list[LevelKnowledge]:
    """What is known of each level, those of which nothing is known left out."""
    found = [knowledge_of(campaign, source) for campaign in chain]
    return [item for item in found if item is not None]


def _ended(
    landscape: DescribedLandscape,
    knowledge: Sequence[LevelKnowledge],
    history: Sequence[Check],
    reason: str,
) -> Improved:
    """The last correction; without enough labels, the error that says so."""
    return Improved(corrected(landscape, knowledge), history, f"ended: {reason}")


def _left(limits: Limits, began: float) -> float:
    if limits.budget_seconds is None:
        return float("inf")
    return limits.budget_seconds - (time.monotonic() - began)


def _next(
    landscape: DescribedLandscape,
    found: CorrectedLandscape | None,
    source: Source,
    campaign: Campaign,
    limits: Limits,
) -> Indices:
    """Rows to compute next; none if everything is computed or set aside."""
    costs, is_known = _costs(source, campaign)
    n = max(N_AT_ONCE, limits.n_workers)
    n_known = int(is_known.sum())
    if found is None or n_known < N_FIRST:
        wanted = first_choice(landscape.features, landscape.baseline, costs, len(costs))
        is_fresh = ~is_known[wanted] & np.isfinite(costs[wanted])
        return np.asarray(wanted[is_fresh][: max(1, N_FIRST - n_known)])
    computed = found.knowledge[-1].data.rows
    generator = generator_of("choice", str(n_known))
    return choose(found.correction.posterior, costs, computed, n, generator)


def _costs(source: Source, campaign: Campaign) -> tuple[Scalars, np.ndarray]:
    """Expected CPU seconds, infinite for what was set aside; and what is computed."""
    model = campaign.cost_model()
    costs = np.empty(len(source.candidates))
    is_known = np.zeros(len(costs), dtype=bool)
    for row, item in enumerate(source.candidates):
        result = campaign.results.find(item.subject)
        costs[row] = campaign.expected_cpu_seconds(item.subject, model)
        if result is not None:
            is_failure = isinstance(result.outcome, Failure)
            costs[row] = np.inf if is_failure else costs[row]
            is_known[row] = not is_failure
    return costs, is_known
