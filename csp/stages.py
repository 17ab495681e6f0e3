"""The stages of a prediction, in the order of the data.

The molecules are made ready (:mod:`csp.search`), the search is made in rounds
(:mod:`csp.course`), and its minima become a landscape and a report. Together they are
:func:`predict`; a scheduler may call them one by one, on any number of workers.
"""

import os
import shlex
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager

from threadpoolctl import threadpool_limits

from csp import __version__
from csp.conformers.monomers import to_monomers
from csp.conformers.monomers_file import monomers_paths, write_monomers
from csp.corrected.knowledge import chain_of
from csp.corrected.loop import improved
from csp.corrected.outputs import write_no_ranking, write_ranking
from csp.course import (
    Course,
    finalists,
    new_course,
    relaxations_of,
    steps,
    told_of,
)
from csp.errors import InputError
from csp.journal import Journal, follow
from csp.landscape import Counts, Landscape, distinct, landscape_of
from csp.page.write import write_observed, write_page
from csp.potentials.exp6 import parameter_set
from csp.records import Progress, Status
from csp.reference.campaign import Campaign, Limits, machine_memory
from csp.reference.levels import built_in_levels, level_named
from csp.reference.sharing import read_records, take_over
from csp.reference_source import open_source
from csp.report.summary import Background
from csp.report.write import write_outputs
from csp.runs import Run
from csp.search import Finished, Search, Step, do, prepare


def collect(search: Search, course: Course, progress: Progress) -> Landscape:
    """The landscape of a finished search, observed forms marked."""
    settings = search.run.settings
    final = relaxations_of(search, [part.name for part in finalists(search, course)])
    minima = distinct(
        final,
        search.unit,
        settings.comparison,
        settings.landscape.energy_window_kj_per_mol,
        told_of("settled", progress),
    )
    counts = Counts(
        endings=dict(course.endings),
        n_first_minima=len(course.first.founders),
        n_refined=course.n_refined,
        n_distinct=len({end.packing.key.of_draw for end in final}),
        n_saddles=len(
            {end.packing.key.of_draw for end in final if end.packing.has_left_symmetry}
        ),
        n_unsettled=sum(end.status is not Status.CONVERGED for end in final),
    )
    return landscape_of(
        minima,
        search.unit,
        search.observed,
        settings.comparison,
        (counts, *course.found_by()),
        progress,
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
        ways_down=settings.relaxation.ways_down,
        force_field=parameters.title,
        reference=parameters.reference,
        slots=list(zip(search.slots, course.tallies, strict=True)),
        n_rounds=course.n_rounds,
        stop_rule=str(settings.packing.stop_rule) if course.is_ended_by_rule else "",
        version=__version__,
    )


def report(search: Search, course: Course, landscape: Landscape) -> None:
    """Write the output files of a landscape, and the conformers it is made of."""
    folder = search.run.output
    write_outputs(folder, landscape, background_of(search, course))
    kinds = [kind for kind, _ in search.run.settings.molecule.kinds]
    command = shlex.join(["csp", "run", search.run.order[0]])
    paths = monomers_paths(folder / "conformers.json", len(kinds))
    for path, found, kind in zip(paths, search.conformers, kinds, strict=True):
        write_monomers(path, to_monomers(found, kind, command))


def correct(run: Run, progress: Progress) -> None:
    """Correct the landscape of a run by the energies that its settings name, if any.

    Nothing is computed. Writes the ranking, or why there is none.
    """
    wanted = run.settings.correction
    if wanted.energies is None:
        return
    levels = built_in_levels()
    source = open_source([run.output], None, [])
    path = run.folder / wanted.energies
    chain = [
        Campaign(run.output, level, levels, source.conformers)
        for level in chain_of(level_named(wanted.level, levels), levels)
    ]
    results = {campaign.level.name: campaign.results for campaign in chain}
    subjects = [*source.molecules, *(item.subject for item in source.candidates)]
    take_over(read_records(path), results, subjects, path.name)
    try:
        limits = Limits(1, 1, machine_memory(), budget_seconds=0.0)
        write_ranking(run.output, improved(source, chain, limits, progress), progress)
    except InputError as error:
        write_no_ranking(run.output, str(error))


def page(search: Search, progress: Progress) -> None:
    """Write the page that shows all of a finished run, and keep its observed forms."""
    write_observed(search.run.output, search.observed)
    write_page(search.run.output, [], progress)


def predict(run: Run, progress: Progress) -> tuple[Search, Landscape]:
    """The whole prediction in this process, on threads."""
    journal = Journal(run.output)
    journal.write("start", **start_facts(run))
    search = prepare(run, progress)
    course = new_course(search)
    with one_thread_a_crystal():
        for step in steps(search, course, progress):
            follow(step, _done(step, search), journal, progress)
        landscape = collect(search, course, progress)
        report(search, course, landscape)
        correct(run, progress)
        page(search, progress)
    journal.write("end", structures=len(landscape.minima))
    return search, landscape


def one_thread_a_crystal() -> AbstractContextManager[object]:
    """Linear algebra without threads of its own: crystals are done side by side."""
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def start_facts(run: Run) -> dict[str, object]:
    """What the journal says of the process that starts a run."""
    return {
        "csp": __version__,
        "molecule": run.settings.molecule.name,
        "settings": run.order[0],
        "overrides": list(run.order[2]),
        "host": socket.gethostname(),
        "process": os.getpid(),
        "runner": run.settings.run.runner,
        "workers": run.workers,
    }


def _done(step: Step, search: Search) -> Iterator[Finished]:
    """Do what is left of a step on this process's threads."""
    with ThreadPoolExecutor(search.run.workers) as pool:
        futures = [pool.submit(do, search, piece) for piece in step.left]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
