"""The stages of a prediction, in the order of the data.

Each reads the store, calls pure functions and writes the store. Together they are
:func:`predict`; a scheduler may call them one by one, on any number of workers.

The search itself has three steps (:data:`STEPS`): packings are drawn and relaxed with
point charges; their distinct minima are refined with the full force field; the distinct
ones of those are checked to be minima, or left downhill. Each step cuts its work into
pieces that do not depend on one another.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from csp import __version__
from csp.conformers.monomers import ConformerSet
from csp.crystal import Crystal
from csp.landscape import Counts, Landscape, distinct, landscape_of
from csp.packing.placement import molecules_for_site, place
from csp.packing.sampling import as_point, sobol_points
from csp.potentials.bodies import RigidMolecule, rigid_molecule
from csp.potentials.exp6 import parameter_set
from csp.records import CrystalKey, FreePacking, Progress, Relaxation, Status
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
from csp.runs import Run, conformers_of, observed_crystals
from csp.spacegroups import Site, SpaceGroup, space_group

_DRAWS_IN_BATCH = 100
_MOST_BATCHES = 1000
_MINIMA_IN_PART = 50


@dataclass(frozen=True, eq=False, slots=True)
class Search:
    """A run whose molecule is ready.

    Attributes:
        run: What was asked for.
        conformers: With where they came from.
        models: Force-field tables of each conformer, by its label.
        observed: Known crystal forms by name.
    """

    run: Run
    conformers: ConformerSet
    models: dict[str, ForceFieldModel]
    observed: dict[str, Crystal]

    @property
    def molecules(self) -> list[RigidMolecule]:
        """The conformers as the force field sees them, the lowest first."""
        return [model.molecule for model in self.models.values()]


@dataclass(frozen=True, order=True, slots=True)
class Batch:
    """Consecutive draws of one space group and site: one piece of work."""

    space_group: int
    site: str
    first: int
    count: int

    @property
    def name(self) -> str:
        """Its name in the store."""
        draws = f"{self.first:08d}-{self.first + self.count - 1:08d}"
        return f"relaxed/{self.space_group:03d}{self.site}-{draws}"


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


def prepare(run: Run, progress: Progress) -> Search:
    """Make the molecule ready: conformers, charges, force-field tables."""
    molecule, found = conformers_of(run, progress)
    potential = run.settings.potential
    models = {
        conformer.label: force_field_model(
            rigid_molecule(conformer, potential),
            potential,
            run.settings.relaxation,
        )
        for conformer in found.conformers
    }
    return Search(run, found, models, observed_crystals(run, molecule))


def slots(search: Search) -> Iterator[tuple[SpaceGroup, Site, list[RigidMolecule]]]:
    """Where a molecule may sit: space groups, their sites, the conformers that fit."""
    for number in search.run.settings.packing.space_groups:
        group = space_group(number)
        for site in group.sites:
            molecules = molecules_for_site(group, site, search.molecules)
            if molecules:
                yield group, site, molecules


def batches(search: Search) -> list[Batch]:
    """All pieces of work of a search; the settings alone decide how they are cut."""
    packing = search.run.settings.packing
    wanted = [
        (group.number, site.letter, n_draws)
        for group, site, _ in slots(search)
        if (n_draws := packing.n_draws if site.is_general else packing.n_draws_special)
    ]
    total = sum(n_draws for _, _, n_draws in wanted)
    size = max(_DRAWS_IN_BATCH, -(-total // _MOST_BATCHES))
    return [
        Batch(number, letter, first, min(size, n_draws - first))
        for number, letter, n_draws in wanted
        for first in range(0, n_draws, size)
    ]


def relax_batch(search: Search, batch: Batch) -> None:
    """Draw, place and relax the packings of a batch, unless the store has them."""
    store = search.run.store
    if not store.has(batch.name):
        store.write(batch.name, (item.to_row() for item in relaxed(search, batch)))


def relaxed(search: Search, batch: Batch) -> Iterator[Relaxation]:
    """The first relaxations of a batch, one draw after the other."""
    settings = search.run.settings
    group = space_group(batch.space_group)
    site = group.site(batch.site)
    molecules = molecules_for_site(group, site, search.molecules)
    stream = f"{batch.space_group}{batch.site}"
    rows = sobol_points(settings.packing.seed, stream, batch.first, batch.count)
    for draw, row in enumerate(rows, start=batch.first):
        key = CrystalKey(batch.space_group, batch.site, draw)
        packing = place(key, as_point(row), group, molecules, settings.packing)
        yield approach(packing, search.models[packing.conformer], settings.relaxation)


def _read(search: Search, names: Iterable[str]) -> list[Relaxation]:
    store = search.run.store
    return [Relaxation.from_row(row) for name in names for row in store.read(name)]


def _list_of(
    search: Search, kind: str, names: Iterable[str], window: float, progress: Progress
) -> str:
    """Store the distinct minima of finished work, unless that is done.

    Returns:
        The name of the list; it tells apart lists made by other comparison settings.
    """
    settings = search.run.settings
    text = f"{settings.comparison.model_dump_json()} {window}"
    source = f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    if not search.run.store.has(source):
        found = distinct(
            _read(search, names),
            _molecules(search),
            settings.comparison,
            window,
            progress,
        )
        search.run.store.write(source, (item.to_row() for item in found))
    return source


def _of(what: str, progress: Progress) -> Progress:
    """Progress of a stage that comes more than once, told with what it works on."""

    def tell(stage: str, done: int, total: int) -> None:
        progress(f"{stage} {what}", done, total)

    return tell


def _molecules(search: Search) -> dict[str, RigidMolecule]:
    return {label: model.molecule for label, model in search.models.items()}


def _parts(search: Search, source: str, step: str) -> list[Part]:
    total = sum(1 for _ in search.run.store.read(source))
    return [
        Part(source, step, first, min(_MINIMA_IN_PART, total - first))
        for first in range(0, total, _MINIMA_IN_PART)
    ]


def shortlist(search: Search, progress: Progress) -> list[Part]:
    """The distinct minima of the first relaxations, cut into pieces of work."""
    names = [batch.name for batch in batches(search)]
    window = search.run.settings.relaxation.first_window_kj_per_mol
    source = _list_of(search, "shortlist", names, window, _of("packings", progress))
    return _parts(search, source, "refined")


def refine_part(search: Search, part: Part) -> None:
    """Refine minima with the full force field, unless the store has them."""
    _do_part(search, part, refine)


def finalists(search: Search, progress: Progress) -> list[Part]:
    """The distinct refined minima of the landscape, cut into pieces of work."""
    names = [part.name for part in shortlist(search, progress)]
    window = search.run.settings.landscape.energy_window_kj_per_mol
    source = _list_of(search, "finalists", names, window, _of("refined", progress))
    return _parts(search, source, "settled")


def settle_part(search: Search, part: Part) -> None:
    """Check that minima are minima, unless the store knows."""
    _do_part(search, part, settle)


def _do_part(
    search: Search,
    part: Part,
    work: Callable[[Relaxation, ForceFieldModel, RelaxationSettings], Relaxation],
) -> None:
    store = search.run.store
    if store.has(part.name):
        return
    chosen = slice(part.first, part.first + part.count)
    starts = map(Relaxation.from_row, store.read(part.source, chosen))
    settings = search.run.settings.relaxation
    ends = (
        work(start, search.models[start.packing.conformer], settings)
        for start in starts
    )
    store.write(part.name, (end.to_row() for end in ends))


Piece = Batch | Part


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the search: pieces of work that do not depend on one another.

    Attributes:
        name: What progress is reported as.
        pieces: All pieces; what they need of earlier steps must be finished.
        do: Finishes one piece, unless the store has it.
    """

    name: str
    pieces: Callable[[Search, Progress], Sequence[Piece]]
    do: Callable[[Search, Any], None]


STEPS = (
    Step("packings", lambda search, _: batches(search), relax_batch),
    Step("refining", shortlist, refine_part),
    Step("settling", finalists, settle_part),
)


def collect(search: Search, progress: Progress) -> Landscape:
    """The landscape of the finished steps, observed forms marked."""
    settings = search.run.settings
    first = _read(search, [batch.name for batch in batches(search)])
    refining, settling = shortlist(search, progress), finalists(search, progress)
    refined = _read(search, [part.name for part in refining])
    final = _read(search, [part.name for part in settling])
    molecules = _molecules(search)
    minima = distinct(
        final,
        molecules,
        settings.comparison,
        settings.landscape.energy_window_kj_per_mol,
        _of("settled", progress),
    )
    counts = Counts(
        endings=dict(Counter(end.status for end in first)),
        n_first_minima=len(refined),
        n_refined=sum(end.status is Status.CONVERGED for end in refined),
        n_distinct=len(final),
        n_saddles=sum(isinstance(end.packing, FreePacking) for end in final),
        n_unsettled=sum(end.status is not Status.CONVERGED for end in final),
    )
    return landscape_of(
        minima, molecules, search.observed, settings.comparison, counts, progress
    )


def background_of(search: Search) -> Background:
    """What the report says of a search besides its structures."""
    packing = search.run.settings.packing
    parameters = parameter_set(search.run.settings.potential.force_field)
    return Background(
        name=search.run.settings.molecule.name,
        inchi_key=search.conformers.inchi_key,
        molecules=search.molecules,
        conformer_origin=search.conformers.origin,
        failures=search.conformers.failures,
        level=search.conformers.level,
        potential_level=search.conformers.potential_level,
        multipole_level=search.conformers.multipole_level,
        electrostatics=search.run.settings.potential.electrostatics,
        first_window=search.run.settings.relaxation.first_window_kj_per_mol,
        force_field=parameters.title,
        reference=parameters.reference,
        draws=[
            (
                group.symbol,
                site.letter,
                group.z_prime(site),
                packing.n_draws if site.is_general else packing.n_draws_special,
            )
            for group, site, _ in slots(search)
        ],
        version=__version__,
    )


def report(search: Search, landscape: Landscape) -> None:
    """Write the output files of a landscape."""
    write_outputs(search.run.output, landscape, background_of(search))


def predict(run: Run, progress: Progress) -> tuple[Search, Landscape]:
    """The whole prediction in this process, on threads."""
    search = prepare(run, progress)
    for step in STEPS:
        _do_all(step, search, progress)
    landscape = collect(search, progress)
    report(search, landscape)
    return search, landscape


def _do_all(step: Step, search: Search, progress: Progress) -> None:
    """Finish a step on this process's threads."""
    work = step.pieces(search, progress)
    progress(step.name, 0, len(work))
    with ThreadPoolExecutor(search.run.workers) as pool:
        futures = [pool.submit(step.do, search, piece) for piece in work]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(step.name, done, len(work))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
