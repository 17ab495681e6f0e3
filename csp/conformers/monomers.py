"""The gas-phase conformers of a molecule: from a file, from the cache, or computed."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from csp.conformers.calculations import Calculations
from csp.conformers.completeness import check_closed_shell
from csp.conformers.gas_phase import GasPhaseMinimum
from csp.conformers.generation import starting_geometries
from csp.conformers.graph import (
    automorphisms,
    inchi_key,
    is_same_graph,
    smiles_of,
)
from csp.conformers.monomers_file import Monomers, Provenance, read_monomers
from csp.conformers.punch import multipoles_on, punch_level, read_punch
from csp.conformers.reading import is_file_name
from csp.conformers.settings import MoleculeSettings
from csp.conformers.similarity import distinct
from csp.errors import ConvergenceError, InputError
from csp.molecule import Conformer, Molecule, Multipoles
from csp.records import Progress
from csp.units import KJ_PER_MOL_PER_HARTREE

AS_GIVEN = "geometry as given"
"""Level of a conformer that was not optimised."""

CLOSEST_CONFORMERS = 0.1
"""Separation below which two minima of one energy are one conformer, Å."""

ENERGY_NOISE = 0.05
"""Two optimisations that reach one minimum differ by less, kJ/mol."""

PROGRAMS = ("pyscf", "pyscf-dispersion", "geometric", "rdkit", "occpy")


@dataclass(frozen=True, eq=False, slots=True)
class ConformerSet:
    """The conformers a molecule may have in its crystals.

    Attributes:
        conformers: In the order of their energy, the lowest first.
        inchi_key: Of the molecule.
        level: Of geometries and relative energies.
        potential_level: Of the electrostatic potentials.
        multipole_level: Of the distributed multipoles.
        origin: ``computed``, ``cache`` or the path of a monomers file.
        failures: Why starting geometries led to no conformer, one sentence each.
    """

    conformers: tuple[Conformer, ...]
    inchi_key: str
    level: str
    potential_level: str
    multipole_level: str
    origin: str
    failures: tuple[str, ...]


def gas_phase_conformers(
    molecule: Molecule,
    settings: MoleculeSettings,
    folder: Path,
    cache_folder: Path,
    progress: Progress,
) -> ConformerSet:
    """The conformers that the settings ask for.

    Args:
        molecule: One geometry of the molecule.
        settings: Level, window, and where conformers computed earlier are.
        folder: What the path of a monomers or punch file is relative to.
        cache_folder: Where single calculations are kept; a run that was stopped
            continues with them.
        progress: Told before each calculation.

    Raises:
        InputError: If the molecule is a radical, the level does not exist, the
            monomers file is of another molecule, level or window, a geometry as given
            is asked of a SMILES string, or a punch file is of another geometry.
        ConvergenceError: If no starting geometry leads to a conformer.
    """
    check_closed_shell(molecule)
    if settings.monomers is not None:
        return _from_file(molecule, settings, folder)
    calculations = Calculations(cache_folder)
    if settings.conformers == "as_given":
        given = _read_multipoles(molecule, settings, folder)
        return _as_given(molecule, given, settings, calculations, progress)
    return _searched(molecule, settings, calculations, progress)


def to_monomers(
    found: ConformerSet, settings: MoleculeSettings, command: str
) -> Monomers:
    """What a ``monomers.json`` keeps of a search.

    Args:
        found: The conformers.
        settings: By which they were found.
        command: What was typed.
    """
    provenance = Provenance(
        inchi_key=found.inchi_key,
        smiles=smiles_of(found.conformers[0].molecule),
        source=str(settings.source),
        level=found.level,
        potential_level=found.potential_level,
        multipole_level=found.multipole_level,
        window_kj_per_mol=settings.conformer_window_kj_per_mol,
        programs={name: version(name) for name in PROGRAMS},
        command=command,
    )
    return Monomers(provenance, found.conformers)


def level_text(settings: MoleculeSettings) -> str:
    """Level of geometries and energies as reports name it."""
    is_given = settings.conformers == "as_given"
    return AS_GIVEN if is_given else str(settings.level)


def multipole_text(settings: MoleculeSettings) -> str:
    """Level of the distributed multipoles as reports name it."""
    if settings.multipoles:
        return punch_level(settings.multipoles[0])
    return str(settings.multipole_level)


def _from_file(
    molecule: Molecule, settings: MoleculeSettings, folder: Path
) -> ConformerSet:
    path = folder / str(settings.monomers)
    monomers = read_monomers(path)
    made, key = monomers.provenance, inchi_key(molecule)
    differences = [
        f"{what} {there}, the settings ask for {here}"
        for what, there, here in (
            ("InChIKey", made.inchi_key, key),
            ("level", made.level, level_text(settings)),
            ("potential", made.potential_level, str(settings.potential_level)),
            ("multipoles", made.multipole_level, multipole_text(settings)),
        )
        if there != here
    ]
    if not differences and not is_same_graph(molecule, monomers.conformers[0].molecule):
        differences = ["another tautomer"]
    if made.window_kj_per_mol < settings.conformer_window_kj_per_mol:
        differences.append(
            f"conformers up to {made.window_kj_per_mol:g} kJ/mol, the settings ask for "
            f"{settings.conformer_window_kj_per_mol:g} kJ/mol"
        )
    if differences:
        raise InputError(
            f"the monomers file {path.name} has {'; '.join(differences)}: correct the "
            "settings, or leave monomers out to compute the conformers"
        )
    within = [
        item
        for item in monomers.conformers
        if item.relative_energy <= settings.conformer_window_kj_per_mol
    ]
    return ConformerSet(
        conformers=tuple(within),
        inchi_key=key,
        level=made.level,
        potential_level=made.potential_level,
        multipole_level=made.multipole_level,
        origin=str(path),
        failures=(),
    )


def _read_multipoles(
    molecule: Molecule, settings: MoleculeSettings, folder: Path
) -> Multipoles | None:
    """The multipoles in the punch file that the settings name, if they name one."""
    if not settings.multipoles:
        return None
    (name,) = settings.multipoles
    return multipoles_on(molecule, read_punch(folder / name), name)


def _as_given(
    molecule: Molecule,
    multipoles: Multipoles | None,
    settings: MoleculeSettings,
    calculations: Calculations,
    progress: Progress,
) -> ConformerSet:
    if not is_file_name(str(settings.source)):
        raise InputError(
            f"the source {settings.source!r} is a SMILES string and gives no geometry: "
            'set conformers = "generate" or give a file'
        )
    given = molecule.centred()
    is_known = _is_charted(given, settings, calculations)
    (conformer,) = _conformers(
        [(given, 0.0)], settings, calculations, progress, multipoles
    )
    return _set([conformer], settings, is_known=is_known, failures=())


def _searched(
    molecule: Molecule,
    settings: MoleculeSettings,
    calculations: Calculations,
    progress: Progress,
) -> ConformerSet:
    starts = starting_geometries(
        molecule,
        n_embeddings=settings.n_embeddings,
        window=settings.start_window_kj_per_mol,
    )
    minima_known = all(calculations.has_minimum(s, settings.level) for s in starts)
    minima, failures = _minima(starts, settings, calculations, progress)
    kept = [
        (minimum.molecule, relative_energy)
        for minimum, relative_energy in _kept(
            minima, settings.conformer_window_kj_per_mol
        )
    ]
    is_known = minima_known and all(
        _is_charted(geometry, settings, calculations) for geometry, _ in kept
    )
    conformers = _conformers(kept, settings, calculations, progress)
    return _set(conformers, settings, is_known=is_known, failures=tuple(failures))


def _is_charted(
    geometry: Molecule, settings: MoleculeSettings, calculations: Calculations
) -> bool:
    """Whether the charge distribution of a geometry needs no calculation."""
    return calculations.has_potential(geometry, settings.potential_level) and (
        bool(settings.multipoles)
        or calculations.has_multipoles(geometry, settings.multipole_level)
    )


def _conformers(
    geometries: list[tuple[Molecule, float]],
    settings: MoleculeSettings,
    calculations: Calculations,
    progress: Progress,
    known_multipoles: Multipoles | None = None,
) -> list[Conformer]:
    """Geometries and their relative energies, with their charge distributions."""
    n = len(geometries)
    potentials = []
    for i, (geometry, _) in enumerate(geometries):
        progress("electrostatic potential", i, n)
        potentials.append(calculations.potential(geometry, settings.potential_level))
    progress("electrostatic potential", n, n)
    conformers = []
    for i, (geometry, relative_energy) in enumerate(geometries):
        progress("distributed multipoles", i, n)
        conformers.append(
            Conformer(
                label=str(i + 1),
                molecule=geometry,
                relative_energy=relative_energy,
                potential=potentials[i],
                multipoles=known_multipoles
                or calculations.multipoles(geometry, settings.multipole_level),
                level=level_text(settings),
            )
        )
    progress("distributed multipoles", n, n)
    return conformers


def _minima(
    starts: list[Molecule],
    settings: MoleculeSettings,
    calculations: Calculations,
    progress: Progress,
) -> tuple[list[GasPhaseMinimum], list[str]]:
    """The minima below the starting geometries, and why some have none."""
    minima: list[GasPhaseMinimum] = []
    failures: list[str] = []
    for i, start in enumerate(starts):
        progress("gas-phase optimisation", i, len(starts))
        try:
            minima.append(calculations.minimum(start, settings.level))
        except ConvergenceError as error:
            failures.append(str(error))
    progress("gas-phase optimisation", len(starts), len(starts))
    if not minima:
        raise ConvergenceError(
            f"none of {len(starts)} starting geometries leads to a conformer; the "
            f"first: {failures[0]}"
        )
    return minima, failures


def _kept(
    minima: list[GasPhaseMinimum], window: float
) -> list[tuple[GasPhaseMinimum, float]]:
    """The different minima within the window and their relative energies, kJ/mol."""
    lowest = min(minimum.energy_hartree for minimum in minima)
    energies = [
        (minimum.energy_hartree - lowest) * KJ_PER_MOL_PER_HARTREE for minimum in minima
    ]
    kept = distinct(
        [minimum.molecule.positions for minimum in minima],
        energies,
        automorphisms(minima[0].molecule),
        closest=CLOSEST_CONFORMERS,
        energy_difference=ENERGY_NOISE,
    )
    return [(minima[i], energies[i]) for i in kept if energies[i] <= window]


def _set(
    conformers: list[Conformer],
    settings: MoleculeSettings,
    *,
    is_known: bool,
    failures: tuple[str, ...],
) -> ConformerSet:
    return ConformerSet(
        conformers=tuple(conformers),
        inchi_key=inchi_key(conformers[0].molecule),
        level=level_text(settings),
        potential_level=str(settings.potential_level),
        multipole_level=multipole_text(settings),
        origin="cache" if is_known else "computed",
        failures=failures,
    )
