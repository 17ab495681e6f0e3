"""Density-functional energies of molecules and counterpoised pairs (through PySCF).

Several functionals are solved one after another with the same integrals, each from the
density of the one before: the difference of two of them is what embedding needs, and
there the errors of basis, fit and grid nearly cancel.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyscf
from ase.data import chemical_symbols
from pyscf import dft, gto
from pyscf.gto.basis import BasisNotFoundError

from csp.arrays import Mask
from csp.conformers.density_functional import quiet_scratch
from csp.errors import ConvergenceError, InputError
from csp.reference.densities import Densities, placed, summed
from csp.reference.fragment import Fragment, exchange, mapping
from csp.reference.integrals import Fit, Quadrature
from csp.units import ANGSTROM_PER_BOHR, KJ_PER_MOL_PER_HARTREE

VERSION = "1"
"""Raise when a number of this module changes."""
FITTING_BASIS = "def2-universal-jkfit"
LAST_ALL_ELECTRON = 36
"""Ghost atoms have no core potentials, which heavier elements need."""

_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class Method:
    """How fragments are computed.

    Attributes:
        functionals: In the order in which they are solved.
        basis: Gaussian basis.
        grid_level: Of PySCF's atom-centred grids.
        tolerance_hartree: Largest change of the energy in the last iteration.
    """

    functionals: tuple[str, ...]
    basis: str
    grid_level: int
    tolerance_hartree: float = 1e-8

    def __str__(self) -> str:
        chain = " then ".join(self.functionals)
        return (
            f"{chain} / {self.basis}, grid {self.grid_level}, "
            f"{self.tolerance_hartree:g} Eh, PySCF {pyscf.__version__}, "
            f"version {VERSION}"
        )


class Computed(NamedTuple):
    """Energies of one fragment.

    Attributes:
        energies: One for each functional, kJ/mol: total of a molecule, interaction of
            a pair.
        iterations: Of all self-consistent fields together.
        seconds: CPU time.
    """

    energies: tuple[float, ...]
    iterations: int
    seconds: float

    def content(self, method: Method) -> dict[str, Any]:
        """As JSON values."""
        named = zip(method.functionals, self.energies, strict=True)
        return {
            "energies_kj_per_mol": dict(named),
            "iterations": self.iterations,
            "cpu_seconds": self.seconds,
        }


def computed_from(content: dict[str, Any], method: Method) -> Computed:
    """Energies as they were kept."""
    energies = content["energies_kj_per_mol"]
    return Computed(
        tuple(float(energies[name]) for name in method.functionals),
        int(content["iterations"]),
        float(content["cpu_seconds"]),
    )


class Start(NamedTuple):
    """A molecule whose densities are first guesses for every copy of it.

    Attributes:
        fragment: The molecule.
        system: It and its basis.
        densities: For each functional.
    """

    fragment: Fragment
    system: gto.Mole
    densities: Densities


class _Solved(NamedTuple):
    hartree: tuple[float, ...]
    densities: Densities
    iterations: int


def start_of(molecule: Fragment, method: Method, attempt: int = 0) -> Start:
    """The densities of an isolated molecule; raises as :func:`monomer_energies`."""
    with quiet_scratch():
        shared = _Shared(molecule, method, attempt)
        return Start(molecule, shared.system, shared.solved(None).densities)


def monomer_energies(molecule: Fragment, method: Method, attempt: int = 0) -> Computed:
    """Total energies of an isolated molecule.

    Args:
        molecule: One molecule.
        method: Functionals and basis.
        attempt: Above 0 the field is shifted, and solved to second order in the end.

    Raises:
        ConvergenceError: If a field does not converge.
        InputError: If the molecule is a radical, or has no such basis.
    """
    begin = time.process_time()
    with quiet_scratch():
        solved = _Shared(molecule, method, attempt).solved(None)
    energies = tuple(e * KJ_PER_MOL_PER_HARTREE for e in solved.hartree)
    return Computed(energies, solved.iterations, time.process_time() - begin)


def interaction_energies(
    dimer: Fragment, method: Method, starts: Sequence[Start] = (), attempt: int = 0
) -> Computed:
    """Counterpoised interaction energies of a pair.

    ΔE = E(AB) − E(A in the basis of AB) − E(B in the basis of AB). The three have
    basis, fit and grid in common; if an isometry exchanges the molecules, A and B are
    one calculation.

    Args:
        dimer: The pair.
        method: Functionals and basis.
        starts: Molecules in the same basis; those congruent to one of the pair's
            provide its first guess.
        attempt: As for :func:`monomer_energies`, which also tells what is raised.

    References:
        Boys & Bernardi, Mol. Phys. 19, 553 (1970).
    """
    begin = time.process_time()
    with quiet_scratch():
        shared = _Shared(dimer, method, attempt)
        is_first = np.arange(len(dimer.numbers)) < dimer.sizes[0]
        guesses = shared.guesses(starts)
        first = shared.solved(guesses[0], is_first)
        order = exchange(dimer)
        if order is None:
            second = shared.solved(guesses[1], ~is_first)
            iterations = first.iterations + second.iterations
        else:
            target = dimer.positions[order]
            copy = placed(first.densities, shared.system, target, order)
            second = first._replace(densities=copy)
            iterations = first.iterations
        whole = shared.solved(summed(first.densities, second.densities))
    energies = tuple(
        (ab - a - b) * KJ_PER_MOL_PER_HARTREE
        for ab, a, b in zip(whole.hartree, first.hartree, second.hartree, strict=True)
    )
    seconds = time.process_time() - begin
    return Computed(energies, iterations + whole.iterations, seconds)


class _Shared:
    """What a pair and its molecules in its basis have in common."""

    def __init__(self, fragment: Fragment, method: Method, attempt: int) -> None:
        self.fragment, self.method, self.attempt = fragment, method, attempt
        self.system = self._system(np.ones(len(fragment.numbers), dtype=bool))
        self.fit = Fit(self.system, auxbasis=FITTING_BASIS).build()
        grids = dft.gen_grid.Grids(self.system)
        grids.level = method.grid_level
        self.quadrature, self.grids = Quadrature(self.system, grids), grids

    def guesses(self, starts: Sequence[Start]) -> list[Densities | None]:
        """For each molecule of the fragment its isolated densities, in place."""
        slices = self.system.aoslice_by_atom()[:, 2:]
        result: list[Densities | None] = []
        begin = 0
        for molecule in self.fragment.molecules:
            end = begin + len(molecule.numbers)
            part = slice(slices[begin, 0], slices[end - 1, 1])
            result.append(self._guess(molecule, part, starts))
            begin = end
        return result

    def _guess(
        self, molecule: Fragment, part: slice, starts: Sequence[Start]
    ) -> Densities | None:
        for start in starts:
            order = mapping(start.fragment, molecule)
            if order is None:
                continue
            there = placed(
                start.densities, start.system, molecule.positions[order], order
            )
            whole = np.zeros((len(there), self.system.nao, self.system.nao))
            whole[:, part, part] = there
            return list(whole)
        return None

    def solved(self, guess: Densities | None, is_real: Mask | None = None) -> _Solved:
        """The functionals one after another; atoms that are not real are ghosts.

        All but the first start from the density of the one before plus what the guesses
        differ by between the two.
        """
        system = self.system if is_real is None else self._system(is_real)
        hartree: list[float] = []
        densities: Densities = []
        iterations = 0
        for k, functional in enumerate(self.method.functionals):
            start = None if guess is None else guess[k]
            if k > 0:
                start = densities[-1]
                if guess is not None:
                    start = start + guess[k] - guess[k - 1]
            field = self._field(system, functional)
            field.kernel(start)
            iterations += field.cycles
            if not field.converged and self.attempt > 0:
                field = field.newton()
                field.kernel(field.mo_coeff, field.mo_occ)
            if not field.converged:
                raise ConvergenceError(
                    f"the self-consistent field of {functional} does not converge in "
                    f"{_ITERATIONS} iterations"
                )
            hartree.append(float(field.e_tot))
            densities.append(np.asarray(field.make_rdm1()))
        return _Solved(tuple(hartree), densities, iterations)

    def _field(self, system: gto.Mole, functional: str) -> Any:  # noqa: ANN401
        field = dft.RKS(system, xc=functional).density_fit(auxbasis=FITTING_BASIS)
        field.with_df, field.grids = self.fit, self.grids
        field._numint = self.quadrature
        field.conv_tol = self.method.tolerance_hartree
        field.conv_check = field.direct_scf = False
        field.max_cycle = _ITERATIONS
        if self.attempt > 0:
            field.level_shift = 0.2
        return field

    def _system(self, is_real: Mask) -> gto.Mole:
        numbers = self.fragment.numbers
        if numbers.max() > LAST_ALL_ELECTRON:
            raise InputError(
                "fragments have no core potentials, which elements beyond krypton "
                "need: choose a periodic level"
            )
        if numbers[is_real].sum() % 2:
            raise InputError(
                "a molecule has an odd number of electrons: fragments are neutral "
                "molecules without unpaired electrons; choose a periodic level"
            )
        labels = [
            chemical_symbols[z] if real else f"GHOST-{chemical_symbols[z]}"
            for z, real in zip(numbers, is_real, strict=True)
        ]
        places = (self.fragment.positions / ANGSTROM_PER_BOHR).tolist()
        try:
            return gto.M(
                atom=list(zip(labels, places, strict=True)),
                unit="Bohr",
                basis=self.method.basis,
                verbose=0,
            )
        except (BasisNotFoundError, KeyError) as error:
            raise InputError(
                f"PySCF has no basis {self.method.basis!r} for every element of the "
                "crystal: choose another one, such as 'def2-svp'"
            ) from error
