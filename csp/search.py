"""The pieces of work of a search, each finished alone and kept in the store.

Packings are drawn and relaxed with point charges; minima are refined with the full
force field; refined minima are checked to be minima, or left downhill. Pieces do not
depend on one another, and any process that has opened the run can do one.
"""

import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from csp.conformers.monomers import ConformerSet
from csp.crystal import Crystal
from csp.errors import InputError
from csp.packing.placement import place, places_of
from csp.packing.plan import Slot, Tally, slots_of
from csp.packing.sampling import as_point, sobol_points
from csp.potentials.bodies import Component, FormulaUnit, rigid_molecule
from csp.records import CrystalKey, Progress, Relaxation, Status
from csp.relaxation.rigid_body import (
    ForceFieldModel,
    approach,
    force_field_model,
    refine,
    settle,
    settle_all_ways,
)
from csp.relaxation.settings import STEEPEST, RelaxationSettings
from csp.runs import Run, conformers_of, observed_crystals, read_kinds

_DRAWS_IN_BATCH = 100
_MOST_BATCHES = 1000


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
        left: Those that the store does not have.
    """

    name: str
    pieces: Sequence[Piece]
    left: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a piece of work.

    Attributes:
        name: Of the piece.
        seconds: Wall time it took.
        worker: Who did it, host/process.
        endings: How many relaxations ended with each status.
        failures: Names of the draws that came to no minimum, under the status.
    """

    name: str
    seconds: float
    worker: str
    endings: dict[str, int]
    failures: dict[str, list[str]]


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


def _refined(
    start: Relaxation, model: ForceFieldModel, settings: RelaxationSettings
) -> list[Relaxation]:
    return [refine(start, model, settings)]


def _settled(
    start: Relaxation, model: ForceFieldModel, settings: RelaxationSettings
) -> list[Relaxation]:
    if settings.ways_down == STEEPEST:
        return [settle(start, model, settings)]
    return settle_all_ways(start, model, settings)


_WORK: dict[
    str, Callable[[Relaxation, ForceFieldModel, RelaxationSettings], list[Relaxation]]
] = {"refined": _refined, "settled": _settled}
"""What each step makes of a minimum."""


def step_of(search: Search, name: str, pieces: Sequence[Piece]) -> Step:
    """A step, with what is left of it to do."""
    store = search.run.store
    return Step(name, pieces, [item for item in pieces if not store.has(item.name)])


def do(search: Search, piece: Piece) -> Finished:
    """Finish a piece of work; if the store has it already, it is only read."""
    began = time.monotonic()
    store = search.run.store
    if store.has(piece.name):
        ends = [Relaxation.from_row(row) for row in store.read(piece.name)]
    else:
        ends = list(_ends(search, piece))
        store.write(piece.name, (end.to_row() for end in ends))
    return _finished(piece.name, time.monotonic() - began, ends)


def _ends(search: Search, piece: Piece) -> Iterator[Relaxation]:
    """The relaxations of a piece of work."""
    if isinstance(piece, Batch):
        yield from relaxed(search, piece)
        return
    chosen = slice(piece.first, piece.first + piece.count)
    settings, work = search.run.settings.relaxation, _WORK[piece.step]
    for row in search.run.store.read(piece.source, chosen):
        yield from work(Relaxation.from_row(row), search.model, settings)


def _finished(name: str, seconds: float, ends: Sequence[Relaxation]) -> Finished:
    failures: dict[str, list[str]] = {}
    for end in ends:
        if end.status is not Status.CONVERGED:
            failures.setdefault(end.status.value, []).append(end.name)
    endings = Counter(end.status.value for end in ends)
    worker = f"{socket.gethostname()}/{os.getpid()}"
    return Finished(name, seconds, worker, dict(endings), failures)
