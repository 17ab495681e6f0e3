"""Learn, choose, compute, learn: until the ranking is sure or the budget is spent."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csp.arrays import Indices, Matrix
from csp.corrected.isolated import (
    isolated_change,
    molecule_counts,
    molecule_energies,
)
from csp.corrected.knowledge import LevelKnowledge, knowledge_of
from csp.corrected.landscape import (
    FEWEST_LABELS,
    CorrectedLandscape,
    DescribedLandscape,
    corrected,
    described,
)
from csp.correction.acquisition import Choice, Ladder, choose, first_choice
from csp.correction.stopping import Check, StopRule, should_stop
from csp.randomness import generator_of
from csp.records import Progress
from csp.reference.campaign import Campaign, Limits, Tally
from csp.reference.engine import Failure
from csp.reference.subjects import Subject
from csp.reference_source import Source

N_FIRST = 8
"""Structures that are computed before anything is learned."""
N_FIRST_HIGH = 4
"""Of these, how many are computed at the highest of several levels."""
N_AT_ONCE = 4
"""Structures of a batch, or as many as are computed side by side."""
NO_BUDGET = "without a budget nothing was computed"
ALL_COMPUTED = "nothing is left to compute"
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
        chain: The levels, the lowest first; what is chosen is computed at any of them.
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
            reason = f"it {StopRule().sentence}" if found.check.n_open else ALL_COMPUTED
            return Improved(found, history, f"ended: {reason}")
        if left <= 0.0:
            reason = "the budget was spent" if limits.budget_seconds else NO_BUDGET
            return _ended(landscape, knowledge, history, reason)
        choices = _next(landscape, found, source, chain, limits)
        if not choices:
            return _ended(landscape, knowledge, history, ALL_COMPUTED)
        tallies = []
        for campaign, subjects in _by_level(choices, source, chain):
            left = _left(limits, began)
            within = replace(limits, budget_seconds=None if np.isinf(left) else left)
            tallies.append(compute(campaign, subjects, within, progress))
        n_left = sum(tally.n_left for tally in tallies)
        if n_left and not any(tally.computed for tally in tallies):
            reason = "what is left of the budget is too short for another calculation"
            return _ended(landscape, knowledge, history, reason)


def known_levels(source: Source, chain: Sequence[Campaign]) -> list[LevelKnowledge]:
    """What is known of each level, those of which nothing is known left out."""
    found = []
    counts = molecule_counts(source)
    below = np.array(source.molecule_energies)
    for campaign in chain:
        item = knowledge_of(campaign, source)
        if item is None:
            continue
        here = molecule_energies(source.molecules, campaign.results)
        if counts is not None and len(below):
            change = isolated_change(counts, below, here)
            item = replace(item, data=replace(item.data, known_change=change))
        found.append(item)
        below = here
    return found


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
    chain: Sequence[Campaign],
    limits: Limits,
) -> list[Choice]:
    """What to compute next; nothing if everything is computed or set aside."""
    costs, heights = _costs(source, chain)
    counts = [int((heights > level).sum()) for level in range(len(chain))]
    n_wanted = N_FIRST - counts[0], N_FIRST_HIGH - counts[-1]
    first = _first(landscape, costs, heights, n_wanted)
    if first or found is None:
        return first
    names = [item.level for item in found.knowledge]
    known = [k for k, campaign in enumerate(chain) if campaign.level.name in names]
    ladder = Ladder(
        found.correction.posterior.mean,
        tuple(step.posterior for step in found.correction.steps),
        np.add.reduceat(costs, [0, *(k + 1 for k in known[:-1])], axis=0),
        np.searchsorted(known, heights),
    )
    n = max(N_AT_ONCE, limits.n_workers)
    choices = choose(ladder, n, generator_of("choice", str(sum(counts))))
    return [Choice(item.row, known[item.height - 1] + 1) for item in choices]


def _first(
    landscape: DescribedLandscape,
    costs: Matrix,
    heights: Indices,
    n_wanted: tuple[int, int],
) -> list[Choice]:
    """The first structures, so many in all, so many of them at the highest level."""
    n_low, n_high = n_wanted
    if max(n_wanted) <= 0:
        return []
    total, highest = costs.sum(axis=0), len(costs)
    n = min(len(total), 2 * N_FIRST + int(np.count_nonzero(heights)))
    order = first_choice(landscape.features, landscape.baseline, total, n)
    choices = []
    for row in order[np.isfinite(total[order])].tolist():
        if n_high > 0 and heights[row] < highest:
            choices.append(Choice(row, highest))
            n_high -= 1
        elif n_low > 0 and heights[row] == 0:
            choices.append(Choice(row, 1))
        else:
            continue
        n_low -= heights[row] == 0
    return choices


def _by_level(
    choices: Sequence[Choice], source: Source, chain: Sequence[Campaign]
) -> Iterator[tuple[Campaign, list[Subject]]]:
    """What is computed at each level, those at the lowest first."""
    for height, campaign in enumerate(chain, 1):
        rows = [item.row for item in choices if item.height == height]
        if rows:
            yield campaign, [source.candidates[row].subject for row in rows]


def _costs(source: Source, chain: Sequence[Campaign]) -> tuple[Matrix, Indices]:
    """Expected CPU seconds of every step, and at how many levels crystals are known.

    Infinite for what was set aside.
    """
    costs = np.empty((len(chain), len(source.candidates)))
    heights = np.zeros(costs.shape[1], dtype=int)
    for level, campaign in enumerate(chain):
        model = campaign.cost_model()
        for row, item in enumerate(source.candidates):
            result = campaign.results.find(item.subject)
            costs[level, row] = campaign.expected_cpu_seconds(item.subject, model)
            if result is not None and isinstance(result.outcome, Failure):
                costs[level, row] = np.inf
            elif result is not None:
                heights[row] = level + 1
    return costs, heights
