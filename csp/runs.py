"""A run: what was asked for, checked before any work, and its molecule."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from csp import __version__
from csp.arrays import AtomicNumbers
from csp.comparison.reading import read_crystal
from csp.conformers.graph import inchi_key
from csp.conformers.monomers import ConformerSet, gas_phase_conformers, to_monomers
from csp.conformers.monomers_file import Monomers
from csp.conformers.reading import names_hand, read_molecule
from csp.conformers.rows import from_row, to_row
from csp.conformers.settings import MoleculeSettings
from csp.crystal import Crystal
from csp.errors import InputError, StoreError
from csp.files import unwritable
from csp.molecule import Molecule
from csp.potentials.atom_types import atom_types
from csp.records import Progress
from csp.reference.levels import built_in_levels, level_named
from csp.reference.sharing import read_records
from csp.settings import Settings, differences, load_settings
from csp.store import Store

RESULTS_VERSION = 3
"""Raised when a change of the code changes stored numbers; see CHANGELOG.md."""

_CONFORMERS = "conformers"
"""Name in the store of conformers that were computed."""


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
        """Pieces of work at a time."""
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
    kinds = read_kinds(run)
    for kind in kinds:
        atom_types(kind.molecule, settings.potential.force_field)
    observed_crystals(run, kinds)
    _check_correction(run)
    if settings.molecule.monomers is not None:
        conformers_of(run, kinds, _silent)  # refuses a file of another molecule
    wanted = _identity(run)
    stored = run.store.manifest()
    _check_version(run.output, stored)
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


def _check_version(folder: Path, stored: Mapping[str, Any] | None) -> None:
    version = (stored or {}).get("results_version", RESULTS_VERSION)
    if version > RESULTS_VERSION:
        raise StoreError(
            f"{folder} was written by a newer csp (results version {version}, this is "
            f"csp {__version__} with {RESULTS_VERSION}): update csp, or choose another "
            "folder with --output"
        )


def _check_correction(run: Run) -> None:
    """Refuse a correction by energies or a level that do not exist."""
    wanted = run.settings.correction
    if wanted.energies is not None:
        level_named(wanted.level, built_in_levels())
        read_records(run.folder / wanted.energies)


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
    kinds = [kind for kind, _ in run.settings.molecule.kinds]
    wanted["molecule"]["monomers_sha256"] = [
        _digest(run, "monomers", kind.monomers) for kind in kinds
    ]
    wanted["molecule"]["multipoles_sha256"] = [
        _digest(run, "multipoles", next(iter(kind.multipoles), None)) for kind in kinds
    ]
    return wanted


def _digest(run: Run, key: str, name: object) -> str | None:
    """SHA-256 of the file that a setting of the molecule names, if it names one."""
    if name is None:
        return None
    path = run.folder / str(name)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"the {key} file {path} cannot be read ({error.strerror}): correct "
            f"molecule.{key}, or leave it out to compute what it holds"
        ) from error


@dataclass(frozen=True, eq=False, slots=True)
class Kind:
    """One kind of molecule of the formula unit.

    Attributes:
        molecule: In one geometry.
        settings: Its own.
        count: How many of them a formula unit holds.
        both_hands: Whether its crystals may hold mirror images of it.
    """

    molecule: Molecule
    settings: MoleculeSettings
    count: int
    both_hands: bool


def read_kinds(run: Run) -> list[Kind]:
    """The kinds of molecules of the settings.

    Raises:
        InputError: If a source is no complete molecule, one molecule is written in two
            ways, or the charges do not add up to nothing.
    """
    wanted = run.settings.molecule
    kinds = []
    for own, count in wanted.kinds:
        source = str(own.source)
        name = wanted.name if isinstance(wanted.source, str) else source
        molecule = read_molecule(source, run.folder, name, _charge_of(own))
        both = wanted.hands == "both" or (
            wanted.hands == "auto" and not names_hand(source)
        )
        kinds.append(Kind(molecule, own, count, both))
    keys = [inchi_key(kind.molecule) for kind in kinds]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            first = kinds[keys.index(key)].settings.source
            raise InputError(
                f"molecule.source names one molecule in two ways, {first!r} and "
                f"{kinds[index].settings.source!r}: write both alike"
            )
    total = sum(kind.count * kind.molecule.charge for kind in kinds)
    if total != 0:
        raise InputError(
            f"the formula unit has charge {total:+d}, a crystal has none: add the "
            "counter-ions to molecule.source"
        )
    return kinds


def _charge_of(settings: MoleculeSettings) -> int | None:
    charge = settings.charge
    return charge[0] if isinstance(charge, tuple) else charge


def observed_crystals(run: Run, kinds: Sequence[Kind]) -> dict[str, Crystal]:
    """The observed forms that the settings name.

    Raises:
        InputError: If a file is no crystal of these molecules.
    """
    wanted: Counter[tuple[int, ...]] = Counter()
    for kind in kinds:
        wanted[_composition(kind.molecule.atomic_numbers)] += kind.count
    crystals = {}
    for name, file in run.settings.landscape.observed.items():
        crystal = read_crystal(run.folder / file)
        found = Counter(
            _composition(crystal.atomic_numbers[crystal.molecule_of_atom == m])
            for m in range(crystal.n_molecules)
        )
        units = crystal.n_molecules // sum(wanted.values())
        if found != Counter({key: units * count for key, count in wanted.items()}):
            raise InputError(
                f"the observed form {name} ({file}) is not a crystal of "
                f"{run.settings.molecule.name} alone: its molecules have other atoms "
                "or other numbers; correct landscape.observed"
            )
        crystals[name] = replace(crystal, n_formula_units=units)
    return crystals


def _composition(atomic_numbers: AtomicNumbers) -> tuple[int, ...]:
    return tuple(sorted(atomic_numbers.tolist()))


def cache_folder() -> Path:
    """Where gas-phase calculations are kept between runs; it may be deleted."""
    return Path(platformdirs.user_cache_dir("csp")) / "gas-phase"


def conformers_of(
    run: Run, kinds: Sequence[Kind], progress: Progress
) -> list[ConformerSet]:
    """The gas-phase conformers of each kind of molecule, computed unless known.

    Computed ones are kept in the store, where every process of the run finds them. Of
    several kinds, labels begin with a letter for the kind: A1, A2, B1.
    """
    is_computed = any(kind.settings.monomers is None for kind in kinds)
    if is_computed and run.store.has(_CONFORMERS):
        found = [from_row(row) for row in run.store.read(_CONFORMERS)]
    else:
        found = [
            gas_phase_conformers(
                kind.molecule, kind.settings, run.folder, cache_folder(), progress
            )
            for kind in kinds
        ]
        if is_computed:
            run.store.write(_CONFORMERS, map(to_row, found))
    if len(found) == 1:
        return found
    return [
        replace(
            own,
            conformers=tuple(
                replace(item, label=f"{chr(ord('A') + index)}{item.label}")
                for item in own.conformers
            ),
        )
        for index, own in enumerate(found)
    ]


def monomers_of(
    settings_file: Path, overrides: tuple[str, ...], command: str, progress: Progress
) -> list[Monomers]:
    """Compute the conformers of each kind of molecule, ready to be written."""
    settings = load_settings(settings_file, overrides)
    computed = settings.molecule.model_copy(update={"monomers": None})
    settings = settings.model_copy(update={"molecule": computed})
    run = Run(settings, settings_file.parent, Path(), (str(settings_file), "", ()))
    return [
        to_monomers(
            gas_phase_conformers(
                kind.molecule, kind.settings, run.folder, cache_folder(), progress
            ),
            kind.settings,
            command,
        )
        for kind in read_kinds(run)
    ]
