"""The course of a search: rounds of draws, each built on what the earlier ones found.

A round has two steps: packings are drawn and relaxed with point charges; those of their
minima that are new are refined with the full force field. When enough was found, the
distinct ones are settled. What is between the steps is kept in the store, so that a
search that was stopped comes back to where it was.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from csp.arrays import Indices, Scalars
from csp.landscape import within_window
from csp.packing.accumulation import in_step
from csp.packing.completeness import estimate_completeness
from csp.packing.plan import Tally, draws_of_round
from csp.pool import Pool
from csp.records import CrystalKey, Progress, Relaxation, Status
from csp.search import Batch, Part, Search, Step, batches, step_of

_MINIMA_IN_PART = 50


@dataclass(eq=False, slots=True)
class Course:
    """What the finished rounds of a search have come to.

    Attributes:
        first: Distinct minima with point charges.
        refined: Distinct minima of the full force field.
        tallies: Draws and valid minima of each slot.
        draws: All draws, round by round.
        endings: How many first relaxations ended with each status.
        n_refined: Minima of the first relaxation that converged with the full model.
        n_rounds: Rounds that are finished.
        is_ended_by_rule: Whether the search ended early, by its ``stop_when``.
    """

    first: Pool
    refined: Pool
    tallies: list[Tally]
    draws: list[CrystalKey] = field(default_factory=list)
    endings: Counter[Status] = field(default_factory=Counter)
    n_refined: int = 0
    n_rounds: int = 0
    is_ended_by_rule: bool = False

    def found_by(self) -> tuple[Indices, Scalars]:
        """What each draw led to, as if all occupations had been drawn side by side.

        Returns:
            Index of its refined minimum, −1 for none; and the energies of these,
            kJ/mol per formula unit.
        """
        numbers = {name: index for index, name in enumerate(self.refined.founders)}
        ends = {
            draw: numbers.get(self.refined.founder_of.get(first, ""), -1)
            for draw, first in self.first.founder_of.items()
        }
        energies = [end.lattice_energy for end in self.refined.founders.values()]
        order = in_step(
            [f"{key.space_group}-{key.sites}" for key in self.draws],
            np.array([key.draw for key in self.draws], dtype=int),
        )
        minima = np.array([ends.get(str(key), -1) for key in self.draws], dtype=int)
        return minima[order], np.array(energies, dtype=float)

    def draws_to(self) -> dict[str, tuple[str, ...]]:
        """Of each refined minimum the names of all draws that lead to it, sorted."""
        of_first = self.first.members()
        return {
            name: tuple(sorted(draw for first in own for draw in of_first[first]))
            for name, own in self.refined.members().items()
        }


def steps(search: Search, course: Course, progress: Progress) -> Iterator[Step]:
    """The steps of a search; the pieces of one must be finished before the next.

    Args:
        search: The search.
        course: A new one; at the end it says what was found.
        progress: Told of what is done between the steps.
    """
    settings = search.run.settings
    rule = settings.packing.stop_rule
    for index in count():
        draws = draws_of_round(search.slots, course.tallies, index, settings.packing)
        if not any(draws):
            break
        drawn = batches(search, draws, course.tallies)
        yield step_of(search, f"packings, round {index + 1}", drawn)
        source = _add_first(search, course, drawn, index, progress)
        parts = _parts(search, source, "refined")
        yield step_of(search, f"refining, round {index + 1}", parts)
        _add_refined(search, course, parts, index, progress)
        course.n_rounds = index + 1
        if rule is not None:
            estimates = estimate_completeness(*course.found_by(), (rule.window,))
            if rule.is_met(estimates):
                course.is_ended_by_rule = True
                break
    yield step_of(search, "settling", finalists(search, course))


def new_course(search: Search) -> Course:
    """A search that has not begun."""
    comparison = search.run.settings.comparison
    return Course(
        Pool(search.unit, comparison.of_first),
        Pool(search.unit, comparison),
        [Tally() for _ in search.slots],
    )


def finished_course(search: Search, progress: Progress) -> Course:
    """What the rounds of a finished search came to, from the store."""
    course = new_course(search)
    for _ in steps(search, course, progress):
        pass
    return course


def relaxations_of(search: Search, names: Iterable[str]) -> list[Relaxation]:
    """Stored relaxations, those of one name after the other."""
    store = search.run.store
    return [Relaxation.from_row(row) for name in names for row in store.read(name)]


def _add_first(
    search: Search,
    course: Course,
    drawn: Sequence[Batch],
    index: int,
    progress: Progress,
) -> str:
    """Take up the first relaxations of a round; returns the list of the new minima."""
    ends = relaxations_of(search, [batch.name for batch in drawn])
    course.draws += [end.packing.key for end in ends]
    course.endings.update(end.status for end in ends)
    valid = Counter(
        (end.packing.key.space_group, end.packing.key.sites)
        for end in ends
        if end.status is Status.CONVERGED
    )
    for batch in drawn:
        tally = course.tallies[batch.slot]
        course.tallies[batch.slot] = replace(tally, n_drawn=tally.n_drawn + batch.count)
    for which, slot in enumerate(search.slots):
        tally, occupation = course.tallies[which], slot.occupation
        more = valid[occupation.space_group, occupation.sites]
        course.tallies[which] = replace(tally, n_valid=tally.n_valid + more)
    window = search.run.settings.relaxation.first_window_kj_per_mol
    return _add(search, course.first, ends, (f"first/{index:03d}", window), progress)


def _add_refined(
    search: Search,
    course: Course,
    parts: Sequence[Part],
    index: int,
    progress: Progress,
) -> None:
    """Take up the refined minima of a round."""
    ends = relaxations_of(search, [part.name for part in parts])
    course.n_refined += sum(end.status is Status.CONVERGED for end in ends)
    window = search.run.settings.relaxation.first_window_kj_per_mol
    _add(search, course.refined, ends, (f"full/{index:03d}", window), progress)


def _add(
    search: Search,
    pool: Pool,
    ends: Sequence[Relaxation],
    what: tuple[str, float],
    progress: Progress,
) -> str:
    """Add the minima of a round to a pool, unless the store knows the outcome.

    Returns:
        Name of the list of new minima; it tells apart those made by other settings.
    """
    kind, window = what
    store = search.run.store
    source = f"rounds-{_digest(search)}/{kind}"
    members = f"{source}-members"
    if store.has(source) and store.has(members):
        (joined,) = store.read(members)
        pool.recall(map(Relaxation.from_row, store.read(source)), joined)
        return source
    known = set(pool.founder_of)
    fresh = pool.add(ends, window, told_of(kind.split("/")[0], progress))
    joined = {
        name: founder
        for name, founder in sorted(pool.founder_of.items())
        if name not in known
    }
    store.write(members, [joined])
    store.write(source, (end.to_row() for end in fresh))
    return source


def _digest(search: Search) -> str:
    """Tells apart lists of minima that were made by other comparison settings."""
    settings = search.run.settings
    window = settings.relaxation.first_window_kj_per_mol
    text = f"{settings.comparison.model_dump_json()} {window}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def told_of(what: str, progress: Progress) -> Progress:
    """Progress of a stage that comes more than once, told with what it works on."""

    def tell(stage: str, done: int, total: int) -> None:
        progress(f"{stage} {what} minima", done, total)

    return tell


def _parts(search: Search, source: str, step: str) -> list[Part]:
    total = sum(1 for _ in search.run.store.read(source))
    return [
        Part(source, step, first, min(_MINIMA_IN_PART, total - first))
        for first in range(0, total, _MINIMA_IN_PART)
    ]


def finalists(search: Search, course: Course) -> list[Part]:
    """The distinct refined minima of the landscape, cut into pieces of work."""
    window = search.run.settings.landscape.energy_window_kj_per_mol
    source = f"rounds-{_digest(search)}/finalists-{course.n_rounds}-{window:g}"
    if not search.run.store.has(source):
        draws = course.draws_to()
        ends = within_window(list(course.refined.founders.values()), window)
        rows = sorted(ends, key=lambda end: (end.lattice_energy, end.name))
        search.run.store.write(
            source, (replace(end, draws=draws[end.name]).to_row() for end in rows)
        )
    return _parts(search, source, "settled")
