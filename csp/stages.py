"""The stages of a prediction, in the order of the data.

Each reads the store, calls pure functions and writes the store. Together they are
:func:`predict`; a scheduler may call them one by one, on any number of workers.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from csp import __version__
from csp.comparison.reading import read_crystal
from csp.conformers.monomers import ConformerSet, gas_phase_conformers, to_monomers
from csp.conformers.monomers_file import Monomers
from csp.conformers.reading import read_molecule
from csp.crystal import Crystal
from csp.errors import InputError, StoreError
from csp.files import unwritable
from csp.landscape import Landscape, landscape_of
from csp.molecule import Molecule
from csp.packing.placement import molecules_for_site, place
from csp.packing.sampling import as_point, sobol_points
from csp.potentials.atom_types import atom_types
from csp.potentials.exp6 import parameter_set
from csp.potentials.force_field import RigidMolecule, rigid_molecule
from csp.records import CrystalKey, Progress, Relaxation
from csp.relaxation.rigid_body import ForceFieldModel, force_field_model, relax
from csp.report.summary import Background
from csp.report.write import write_outputs
from csp.settings import Settings, differences, load_settings
from csp.spacegroups import Site, SpaceGroup, space_group
from csp.store import Store

RESULTS_VERSION = 1
"""Raised when a change of the code changes stored numbers; see CHANGELOG.md."""

_DRAWS_IN_BATCH = 100
_MOST_BATCHES = 1000


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """What was asked for.

    Attributes:
        settings: Checked settings.
        folder: What paths in the settings are relative to.
        output: Where results go.
        order: Settings file, output folder and overrides, from which any process can
            open the run again.
    """

    settings: Settings
    folder: Path
    output: Path
    order: tuple[str, str, tuple[str, ...]]

    @property
    def store(self) -> Store:
        """Finished work of this run."""
        return Store(self.output / "store")

    @property
    def workers(self) -> int:
        """Threads that relax packings."""
        return self.settings.run.workers or os.cpu_count() or 1


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


def open_run(
    settings_file: Path, output: Path | None = None, overrides: tuple[str, ...] = ()
) -> Run:
    """Check the settings and everything they name, before any work.

    Raises:
        InputError: If the settings or a file they name are wrong, or the output folder
            cannot be written.
        StoreError: If the output folder holds results of other settings.
    """
    settings = load_settings(settings_file, overrides)
    output = output or Path(settings.run.output)
    order = (str(settings_file), str(output), overrides)
    run = Run(settings, settings_file.parent, output, order)
    molecule = read_source(run)
    atom_types(molecule, settings.potential.force_field)
    observed_crystals(run, molecule)
    if settings.molecule.monomers is not None:
        conformers_of(run, _silent)  # refuses a file of another molecule or level
    wanted = _identity(run)
    stored = run.store.manifest()
    changes = differences(stored, wanted) if stored is not None else []
    if changes:
        raise StoreError(
            f"{run.output} holds results of other settings: {'; '.join(changes)}: "
            "set that back, or choose another folder with --output"
        )
    _make_folder(run.output)
    if stored is None:
        run.store.claim(wanted)
    return run


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    if not os.access(folder, os.W_OK):
        raise InputError(
            f"the folder {folder} cannot be written: choose another with --output"
        )


def _identity(run: Run) -> dict[str, Any]:
    """What stored results depend on."""
    wanted = {"results_version": RESULTS_VERSION, **run.settings.identity()}
    molecule = run.settings.molecule
    punch = next(iter(molecule.multipoles), None)
    wanted["molecule"]["monomers_sha256"] = _digest(run, "monomers", molecule.monomers)
    wanted["molecule"]["multipoles_sha256"] = _digest(run, "multipoles", punch)
    return wanted


def _digest(run: Run, key: str, name: str | None) -> str | None:
    """SHA-256 of the file that a setting of the molecule names, if it names one."""
    if name is None:
        return None
    path = run.folder / name
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"the {key} file {path} cannot be read ({error.strerror}): correct "
            f"molecule.{key}, or leave it out to compute what it holds"
        ) from error


def read_source(run: Run) -> Molecule:
    """The molecule of the settings, in one geometry."""
    wanted = run.settings.molecule
    return read_molecule(wanted.source, run.folder, wanted.name, wanted.charge)


def observed_crystals(run: Run, molecule: Molecule) -> dict[str, Crystal]:
    """The observed forms that the settings name.

    Raises:
        InputError: If a file is no crystal of this molecule.
    """
    crystals = {}
    for name, file in run.settings.landscape.observed.items():
        crystal = read_crystal(run.folder / file)
        first = crystal.atomic_numbers[crystal.molecule_of_atom == 0]
        if sorted(first.tolist()) != sorted(molecule.atomic_numbers.tolist()):
            raise InputError(
                f"the observed form {name} ({file}) is not a crystal of "
                f"{molecule.name} alone: its molecules have other atoms; correct "
                "landscape.observed"
            )
        crystals[name] = crystal
    return crystals


def cache_folder() -> Path:
    """Where gas-phase calculations are kept between runs; it may be deleted."""
    return Path(platformdirs.user_cache_dir("csp")) / "gas-phase"


def conformers_of(run: Run, progress: Progress) -> tuple[Molecule, ConformerSet]:
    """The molecule and its gas-phase conformers, computed unless known."""
    molecule = read_source(run)
    settings = run.settings.molecule
    found = gas_phase_conformers(
        molecule, settings, run.folder, cache_folder(), progress
    )
    return molecule, found


def monomers_of(
    settings_file: Path, overrides: tuple[str, ...], command: str, progress: Progress
) -> Monomers:
    """Compute the conformers that a settings file asks for, ready to be written."""
    settings = load_settings(settings_file, overrides)
    computed = settings.molecule.model_copy(update={"monomers": None})
    settings = settings.model_copy(update={"molecule": computed})
    run = Run(settings, settings_file.parent, Path(), (str(settings_file), "", ()))
    _, found = conformers_of(run, progress)
    return to_monomers(found, computed, command)


def prepare(run: Run, progress: Progress) -> Search:
    """Make the molecule ready: conformers, charges, force-field tables."""
    molecule, found = conformers_of(run, progress)
    potential = run.settings.potential
    models = {
        conformer.label: force_field_model(
            rigid_molecule(conformer, potential), potential
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
    """The relaxations of a batch, one draw after the other."""
    settings = search.run.settings
    group = space_group(batch.space_group)
    site = group.site(batch.site)
    molecules = molecules_for_site(group, site, search.molecules)
    stream = f"{batch.space_group}{batch.site}"
    rows = sobol_points(settings.packing.seed, stream, batch.first, batch.count)
    for draw, row in enumerate(rows, start=batch.first):
        key = CrystalKey(batch.space_group, batch.site, draw)
        packing = place(key, as_point(row), group, molecules, settings.packing)
        yield relax(packing, search.models[packing.conformer], settings.relaxation)


def collect(search: Search, progress: Progress) -> Landscape:
    """The distinct minima of all finished batches, observed forms marked."""
    ends = [
        Relaxation.from_row(row)
        for batch in batches(search)
        for row in search.run.store.read(batch.name)
    ]
    molecules = {label: model.molecule for label, model in search.models.items()}
    settings = search.run.settings
    return landscape_of(
        ends,
        molecules,
        search.observed,
        settings.comparison,
        settings.landscape.energy_window_kj_per_mol,
        progress,
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
    work = batches(search)
    done = 0
    progress("packings", done, len(work))
    with ThreadPoolExecutor(run.workers) as pool:
        futures = [pool.submit(relax_batch, search, batch) for batch in work]
        try:
            for future in as_completed(futures):
                future.result()
                done += 1
                progress("packings", done, len(work))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    landscape = collect(search, progress)
    report(search, landscape)
    return search, landscape
