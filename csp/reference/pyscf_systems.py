"""Crystals and molecules in the words of PySCF."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ase.data import chemical_symbols
from pyscf import gto, lib
from pyscf.gto.basis import BasisNotFoundError
from pyscf.pbc import gto as periodic_gto
from threadpoolctl import threadpool_limits

from csp.arrays import AtomicNumbers, Mask, Positions
from csp.crystal import Crystal
from csp.errors import InputError
from csp.reference.engine import Resources
from csp.reference.levels import Gaussians, PySCFLevel
from csp.units import ANGSTROM_PER_BOHR

MEGABYTES_PER_GIGABYTE = 1000.0


def cell_of(crystal: Crystal, level: PySCFLevel, resources: Resources) -> Any:  # noqa: ANN401
    """A PySCF cell of the crystal.

    Raises:
        InputError: If an element has no basis or pseudopotential, or a shell is open.
    """
    cell = periodic_gto.Cell()
    cell.a = crystal.cell / ANGSTROM_PER_BOHR
    cell.ke_cutoff = level.cutoff_hartree
    cell.precision = level.precision
    return _built(
        cell,
        (crystal.atomic_numbers, crystal.positions),
        level.gaussians,
        resources.memory,
    )


def molecule_of(
    atoms: tuple[AtomicNumbers, Positions],
    gaussians: Gaussians,
    resources: Resources,
    charge: int = 0,
    is_real: Mask | None = None,
) -> Any:  # noqa: ANN401
    """A PySCF molecule in the same basis.

    Args:
        atoms: Atomic numbers and positions, Å.
        gaussians: Basis and pseudopotential.
        resources: What it may use.
        charge: Total, e.
        is_real: Atoms that are not have functions, but neither nuclei nor electrons;
            None if all are.

    Raises:
        InputError: If an element has no basis or pseudopotential, or a shell is open.
    """
    molecule = gto.Mole()
    molecule.charge = charge
    return _built(molecule, atoms, gaussians, resources.memory, is_real)


def _built(
    system: Any,  # noqa: ANN401
    atoms: tuple[AtomicNumbers, Positions],
    gaussians: Gaussians,
    memory: float,
    is_real: Mask | None = None,
) -> Any:  # noqa: ANN401
    numbers, positions = atoms
    symbols = [chemical_symbols[z] for z in numbers]
    labels = symbols
    if is_real is not None:
        labels = [
            symbol if real else f"GHOST-{symbol}"
            for symbol, real in zip(symbols, is_real, strict=True)
        ]
    coordinates = (positions / ANGSTROM_PER_BOHR).tolist()
    system.atom = list(zip(labels, coordinates, strict=True))
    system.unit = "Bohr"
    system.basis = gaussians.basis
    system.pseudo = dict.fromkeys(set(labels) & set(symbols), gaussians.pseudopotential)
    system.spin = None
    system.verbose = 0
    system.max_memory = memory * MEGABYTES_PER_GIGABYTE
    try:
        system.build()
    except (BasisNotFoundError, KeyError, RuntimeError) as error:
        raise InputError(
            f"PySCF has no basis {gaussians.basis!r} with the pseudopotential "
            f"{gaussians.pseudopotential!r} for every one of "
            f"{', '.join(sorted(set(symbols)))}: choose a level with another basis"
        ) from error
    if system.spin or system.nelectron % 2:
        raise InputError(
            f"{system.nelectron} valence electrons cannot be paired: only closed "
            "shells are computed, check charges and hydrogen atoms"
        )
    return system


@contextmanager
def bounded(resources: Resources) -> Iterator[None]:
    """PySCF within its threads and its folder, without a word."""
    resources.scratch.mkdir(parents=True, exist_ok=True)
    with (
        lib.temporary_env(lib.param, TMPDIR=str(resources.scratch)),
        lib.with_omp_threads(resources.cores),
        threadpool_limits(resources.cores, user_api="blas"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
