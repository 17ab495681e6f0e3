"""The self-consistent field of a crystal: PBE from its molecules, hybrids from PBE."""

import time
from typing import Any, NamedTuple

import numpy as np
from pyscf import dft
from pyscf.pbc import dft as periodic_dft

from csp.crystal import Crystal
from csp.errors import InputError
from csp.reference.engine import Failure, Reason, Resources
from csp.reference.levels import PySCFLevel
from csp.reference.pyscf_guess import molecular_orbitals
from csp.reference.pyscf_integrator import MultigridIntegrator
from csp.reference.pyscf_solver import Solution, solved

BASE_FUNCTIONAL = "pbe"
LOOSE_TOLERANCE_HARTREE = 1e-5
"""Of the PBE field that a hybrid starts from."""

BYTES_PER_GIGABYTE = 1e9
PROGRAM_GIGABYTES = 0.3
MATRICES = 30
"""Complex matrices kept at every irreducible k-point, the extrapolation included."""

AUXILIARY_RATIO = 8
"""Auxiliary functions a basis function, in even-tempered sets."""


class CrystalField(NamedTuple):
    """A converged crystal and what is worth knowing of the way."""

    solution: Solution
    notes: dict[str, Any]


def solved_crystal(
    crystal: Crystal,
    cell: Any,  # noqa: ANN401
    mesh: tuple[int, int, int],
    level: PySCFLevel,
    resources: Resources,
    *,
    from_molecules: bool = True,
) -> CrystalField | Failure:
    """Iterate a crystal to self-consistency.

    Args:
        crystal: With its molecules, whose orbitals are the first guess.
        cell: The same for PySCF.
        mesh: k-points, Γ-centred.
        level: Functional and tolerance.
        resources: Within these.
        from_molecules: False for PySCF's own guess, from atoms, to compare with.
    """
    end = None if resources.seconds is None else time.monotonic() + resources.seconds
    kpts = cell.make_kpts(mesh, time_reversal_symmetry=True)
    state = periodic_dft.KRKS(cell, kpts, xc=BASE_FUNCTIONAL)
    state._numint = MultigridIntegrator(cell, mesh)
    core, overlaps = state.get_hcore(), state.get_ovlp()
    state.get_hcore = lambda *_: core
    state.get_ovlp = lambda *_: overlaps
    orbitals = None
    if from_molecules:
        orbitals = molecular_orbitals(crystal, cell, level, resources)
    guess = None
    notes: dict[str, Any] = {"guess": "atoms"}
    if orbitals is not None:
        guess = orbitals.density_matrices(overlaps)
        notes = {"guess": "molecules", "n_molecules_computed": orbitals.n_computed}
    is_hybrid = is_hybrid_functional(level.functional)
    if is_hybrid:
        state.conv_tol = LOOSE_TOLERANCE_HARTREE
        base = solved(state, guess, resources, _left(end))
        if isinstance(base, Failure):
            return base
        guess = base.state.make_rdm1()
        notes |= {"n_base_iterations": base.n_iterations, "guess": BASE_FUNCTIONAL}
        state = _with_exact_exchange(state, level)
    state.xc = level.functional
    state.conv_tol = level.energy_tolerance_hartree
    solution = solved(state, guess, resources, _left(end))
    if isinstance(solution, Failure):
        return solution
    return CrystalField(solution, notes)


def _with_exact_exchange(state: Any, level: PySCFLevel) -> Any:  # noqa: ANN401
    """The same field with density fitting for exchange alone."""
    core, overlaps, integrator = state.get_hcore, state.get_ovlp, state._numint
    fitted = periodic_dft.KRKS(state.cell, state.kpts, xc=level.functional)
    fitted = fitted.density_fit(auxbasis=level.auxiliary_basis)
    fitted.exxdiv = level.exchange
    fitted._numint = integrator
    fitted.get_hcore, fitted.get_ovlp = core, overlaps
    return fitted


def is_hybrid_functional(functional: str) -> bool:
    """Whether a functional has exact exchange.

    Raises:
        InputError: If the grids cannot do it: beyond gradients, or unknown.
    """
    try:
        kind = dft.libxc.xc_type(functional)
        is_hybrid = bool(dft.libxc.is_hybrid_xc(functional))
    except (KeyError, ValueError) as error:
        raise InputError(
            f"PySCF has no functional {functional!r}: choose another one, such as 'pbe'"
        ) from error
    if kind not in ("LDA", "GGA"):
        raise InputError(
            f"the functional {functional!r} needs more than the density and its "
            "gradient: choose 'pbe', 'pbe0' or another of their kind"
        )
    return is_hybrid


def _left(end: float | None) -> float | None:
    return None if end is None else end - time.monotonic()


def out_of_memory(
    cell: Any,  # noqa: ANN401
    mesh: tuple[int, int, int],
    level: PySCFLevel,
    resources: Resources,
) -> Failure | None:
    """The failure of a crystal that would need more memory than it may have."""
    needed = memory_of(cell, mesh, with_exchange=is_hybrid_functional(level.functional))
    if needed <= resources.memory:
        return None
    return Failure(
        Reason.OUT_OF_MEMORY,
        f"{cell.natm} atoms with {cell.nao} functions at {int(np.prod(mesh))} k-points "
        f"need about {needed:.1f} GB, but {resources.memory:g} GB are allowed: allow "
        "more memory",
        is_final=True,
    )


def memory_of(
    cell: Any,  # noqa: ANN401
    mesh: tuple[int, int, int],
    *,
    with_exchange: bool,
) -> float:
    """Estimated peak memory, gigabytes; fitted integrals are kept on disk."""
    n_k = int(np.prod(mesh))
    n_irreducible = n_k // 2 + 4
    images = int(np.prod([max(n, 3) for n in mesh]))
    numbers = cell.nao**2 * (2 * MATRICES * n_irreducible + 4 * n_k + 3 * images)
    numbers += 24 * int(np.prod(cell.mesh))
    if with_exchange:
        numbers += 4 * AUXILIARY_RATIO * cell.nao**3 // 4 + 4 * n_k * cell.nao**2
    return PROGRAM_GIGABYTES + 8.0 * float(numbers) / BYTES_PER_GIGABYTE
