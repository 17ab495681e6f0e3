"""The stages of a prediction, in the order of the data.

Each reads the store, calls pure functions and writes the store. Together they are
:func:`predict`; a scheduler may call them one by one, on any number of workers.

A search is made in rounds, each of two steps: packings are drawn and relaxed with point
charges; those of their minima that are new are refined with the full force field. When
enough was found, the distinct ones are checked to be minima, or left downhill. Each
step cuts its work into pieces that do not depend on one another.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import count

from csp import __version__
from csp.conformers.monomers import ConformerSet
from csp.crystal import Crystal
from csp.errors import InputError
from csp.landscape import Counts, Landscape, distinct, landscape_of, within_window
from csp.packing.placement import place, places_of
from csp.packing.plan import Slot, Tally, draws_of_round, slots_of
from csp.packing.sampling import as_point, sobol_points
from csp.pool import Pool
from csp.potentials.bodies import Component, FormulaUnit, rigid_molecule
from csp.potentials.exp6 import parameter_set
from csp.records import CrystalKey, Progress, Relaxation, Status
from csp.relaxation.rigid_body import (
    ForceFieldModel,
    approach,
    force_field_model,
    refine,
    settle,
)
from csp.relaxation.settings import RelaxationSettings
from csp.report.summary import Background
from csp.report.write import write_outputs
from csp.runs import Run, conformers_of, observed_crystals, read_kinds

_DRAWS_IN_BATCH = 100
_MOST_BATCHES = 1000
_MINIMA_IN_PART = 50


@dataclass(frozen=True, eq=False, slots=True)
class Search:
    """A run whose molecules are ready.

    Attributes:
        run: What was asked for.
        conformers: Of each kind of molecule, with where they came from.
        model: The force field of the formula unit.
        slots: The occupations, and the number of minima wanted of each.
        observed: Known crystal forms by name.
    """

    run: Run
    conformers: list[ConformerSet]
    model: ForceFieldModel
    slots: list[Slot]
    observed: dict[str, Crystal]

    @property
    def unit(self) -> FormulaUnit:
        """What the crystals are made of."""
        return self.model.unit


@dataclass(frozen=True, order=True, slots=True)
class Batch:
    """Consecutive draws of one occupation: one piece of work.

    Attributes:
        slot: Index of the occupation among the search's slots.
        first: Index of the first draw.
        count: How many.
        name: In the store.
    """

    slot: int
    first: int
    count: int
    name: str


@dataclass(frozen=True, order=True, slots=True)
class Part:
    """Consecutive minima of a stored list: one piece of work.

    Attributes:
        source: Name of the list in the store.
        step: What is done with them, the folder of the results in the store.
        first: Index of the first.
        count: How many.
    """

    source: str
    step: str
    first: int
    count: int

    @property
    def name(self) -> str:
        """Its name in the store."""
        last = self.first + self.count - 1
        return f"{self.step}/{self.source}-{self.first:06d}-{last:06d}"


Piece = Batch | Part


@dataclass(frozen=True, slots=True)
class Step:
    """Pieces of work that do not depend on one another.

    Attributes:
        name: What progress is reported as.
        pieces: All of them; what they need of earlier steps is finished.
    """

    name: str
    pieces: Sequence[Piece]


@dataclass(eq=False, slots=True)
class Course:
    """What the finished rounds of a search have come to.

    Attributes:
        first: Distinct minima with point charges.
        refined: Distinct minima of the full force field.
        tallies: Draws and valid minima of each slot.
        draws: Names of all draws in the order of the rounds.
        endings: How many first relaxations ended with each status.
        n_refined: Minima of the first relaxation that converged with the full model.
        n_rounds: Rounds that are finished.
    """

    first: Pool
    refined: Pool
    tallies: list[Tally]
    draws: list[str] = field(default_factory=list)
    endings: Counter[Status] = field(default_factory=Counter)
    n_refined: int = 0
    n_rounds: int = 0

    def draws_to(self) -> dict[str, tuple[str, ...]]:
        """Of each refined minimum the names of all draws that lead to it, sorted."""
        of_first = self.first.members()
        return {
            name: tuple(sorted(draw for first in own for draw in of_first[first]))
            for name, own in self.refined.members().items()
        }


def prepare(run: Run, progress: Progress) -> Search:
    """Make the molecules ready: conformers, charges, force-field tables."""
    kinds = read_kinds(run)
    found = conformers_of(run, kinds, progress)
    settings = run.settings
    unit = FormulaUnit(
        tuple(
            Component(
                kind.count,
                tuple(
                    rigid_molecule(conformer, settings.potential)
                    for conformer in own.conformers
                ),
                kind.both_hands,
            )
            for kind, own in zip(kinds, found, strict=True)
        )
    )
    model = force_field_model(unit, settings.potential, settings.relaxation)
    slots = slots_of(unit, settings.packing)
    if not slots:
        raise InputError(
            f"{settings.molecule.name} fits into none of the space groups asked for: "
            "add some to packing.space_groups, or raise packing.most_units_in_cell"
        )
    return Search(run, found, model, slots, observed_crystals(run, kinds))


def batches(
    search: Search, draws: Sequence[int], tallies: Sequence[Tally]
) -> list[Batch]:
    """The draws of a round, cut into pieces of work.

    Args:
        search: The search.
        draws: How many of each slot.
        tallies: What was drawn before.
    """
    size = max(_DRAWS_IN_BATCH, -(-sum(draws) // _MOST_BATCHES))
    found = []
    for index, (slot, n_draws, tally) in enumerate(
        zip(search.slots, draws, tallies, strict=True)
    ):
        where = f"{slot.occupation.space_group:03d}-{slot.occupation.sites}"
        for begin in range(0, n_draws, size):
            first, number = tally.n_drawn + begin, min(size, n_draws - begin)
            name = f"relaxed/{where}-{first:08d}-{first + number - 1:08d}"
            found.append(Batch(index, first, number, name))
    return found


def relaxed(search: Search, batch: Batch) -> Iterator[Relaxation]:
    """The first relaxations of a batch, one draw after the other."""
    settings = search.run.settings
    occupation = search.slots[batch.slot].occupation
    number, sites = occupation.space_group, occupation.sites
    places = places_of(occupation, search.unit)
    rows = sobol_points(
        settings.packing.seed,
        f"{number}{sites}",
        batch.first,
        batch.count,
        occupation.n_bodies,
    )
    for draw, row in enumerate(rows, start=batch.first):
        key = CrystalKey(number, sites, draw)
        packing = place(key, as_point(row), places, settings.packing)
        yield approach(packing, search.model, settings.relaxation)


_WORK: dict[
    str, Callable[[Relaxation, ForceFieldModel, RelaxationSettings], Relaxation]
] = {"refined": refine, "settled": settle}


def do(search: Search, piece: Piece) -> None:
    """Finish a piece of work, unless the store has it."""
    store = search.run.store
    if store.has(piece.name):
        return
    if isinstance(piece, Batch):
        store.write(piece.name, (end.to_row() for end in relaxed(search, piece)))
        return
    chosen = slice(piece.first, piece.first + piece.count)
    starts = map(Relaxation.from_row, store.read(piece.source, chosen))
    settings, work = search.run.settings.relaxation, _WORK[piece.step]
    store.write(
        piece.name, (work(start, search.model, settings).to_row() for start in starts)
    )


def steps(search: Search, course: Course, progress: Progress) -> Iterator[Step]:
    """The steps of a search; the pieces of one must be finished before the next.

    Args:
        search: The search.
        course: A new one; at the end it says what was found.
        progress: Told of what is done between the steps.
    """
    settings = search.run.settings
    for index in count():
        draws = draws_of_round(search.slots, course.tallies, index, settings.packing)
        if not any(draws):
            break
        drawn = batches(search, draws, course.tallies)
        yield Step(f"packings, round {index + 1}", drawn)
        source = _add_first(search, course, drawn, index, progress)
        parts = _parts(search, source, "refined")
        yield Step(f"refining, round {index + 1}", parts)
        _add_refined(search, course, parts, index, progress)
        course.n_rounds = index + 1
    yield Step("settling", finalists(search, course))


def new_course(search: Search) -> Course:
    """A search that has not begun."""
    comparison = search.run.settings.comparison
    return Course(
        Pool(search.unit, comparison),
        Pool(search.unit, comparison),
        [Tally() for _ in search.slots],
    )


def finished_course(search: Search, progress: Progress) -> Course:
    """What the rounds of a finished search came to, from the store."""
    course = new_course(search)
    for _ in steps(search, course, progress):
        pass
    return course


def _read(search: Search, names: Iterable[str]) -> list[Relaxation]:
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
    ends = _read(search, [batch.name for batch in drawn])
    course.draws += [end.name for end in ends]
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
    ends = _read(search, [part.name for part in parts])
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
    fresh = pool.add(ends, window, _of(kind.split("/")[0], progress))
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


def _of(what: str, progress: Progress) -> Progress:
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


def collect(search: Search, course: Course, progress: Progress) -> Landscape:
    """The landscape of a finished search, observed forms marked."""
    settings = search.run.settings
    final = _read(search, [part.name for part in finalists(search, course)])
    minima = distinct(
        final,
        search.unit,
        settings.comparison,
        settings.landscape.energy_window_kj_per_mol,
        _of("settled", progress),
    )
    counts = Counts(
        endings=dict(course.endings),
        n_first_minima=len(course.first.founders),
        n_refined=course.n_refined,
        n_distinct=len(final),
        n_saddles=sum(end.packing.has_left_symmetry for end in final),
        n_unsettled=sum(end.status is not Status.CONVERGED for end in final),
    )
    return landscape_of(
        minima, search.unit, search.observed, settings.comparison, counts, progress
    )


def background_of(search: Search, course: Course) -> Background:
    """What the report says of a search besides its structures."""
    settings = search.run.settings
    parameters = parameter_set(settings.potential.force_field)
    first = search.conformers[0]
    return Background(
        name=settings.molecule.name,
        inchi_keys=[found.inchi_key for found in search.conformers],
        unit=search.unit,
        conformer_origins=[found.origin for found in search.conformers],
        failures=[why for found in search.conformers for why in found.failures],
        level=first.level,
        potential_level=first.potential_level,
        multipole_level=first.multipole_level,
        electrostatics=settings.potential.electrostatics,
        first_window=settings.relaxation.first_window_kj_per_mol,
        force_field=parameters.title,
        reference=parameters.reference,
        slots=list(zip(search.slots, course.tallies, strict=True)),
        n_rounds=course.n_rounds,
        version=__version__,
    )


def report(search: Search, course: Course, landscape: Landscape) -> None:
    """Write the output files of a landscape."""
    write_outputs(search.run.output, landscape, background_of(search, course))


def predict(run: Run, progress: Progress) -> tuple[Search, Landscape]:
    """The whole prediction in this process, on threads."""
    search = prepare(run, progress)
    course = new_course(search)
    for step in steps(search, course, progress):
        _do_all(step, search, progress)
    landscape = collect(search, course, progress)
    report(search, course, landscape)
    return search, landscape


def _do_all(step: Step, search: Search, progress: Progress) -> None:
    """Finish a step on this process's threads."""
    progress(step.name, 0, len(step.pieces))
    with ThreadPoolExecutor(search.run.workers) as pool:
        futures = [pool.submit(do, search, piece) for piece in step.pieces]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(step.name, done, len(step.pieces))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
