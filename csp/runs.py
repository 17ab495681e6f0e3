"""A run: what was asked for, checked before any work, and its molecule."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from csp.comparison.reading import read_crystal
from csp.conformers.monomers import ConformerSet, gas_phase_conformers, to_monomers
from csp.conformers.monomers_file import Monomers
from csp.conformers.reading import read_molecule
from csp.crystal import Crystal
from csp.errors import InputError, StoreError
from csp.files import unwritable
from csp.molecule import Molecule
from csp.potentials.atom_types import atom_types
from csp.records import Progress
from csp.settings import Settings, differences, load_settings
from csp.store import Store

RESULTS_VERSION = 2
"""Raised when a change of the code changes stored numbers; see CHANGELOG.md."""


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
