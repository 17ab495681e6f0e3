"""PBE and PBE0 of crystals and molecules by PySCF, which pip installs."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyscf
from pyscf import dft
from pyscf.pbc import dft as periodic_dft

from csp.arrays import Cell
from csp.crystal import Crystal
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.dispersion import dispersion_energy
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import PySCFLevel
from csp.reference.pyscf_guess import molecular_orbitals
from csp.reference.pyscf_integrator import MultigridIntegrator
from csp.reference.pyscf_solver import Solution, solved
from csp.reference.pyscf_systems import bounded, cell_of, molecule_of
from csp.units import KJ_PER_MOL_PER_HARTREE

BYTES_PER_GIGABYTE = 1e9
LOOSE_TOLERANCE_HARTREE = 1e-5
"""Of the PBE field that a hybrid starts from."""


@dataclass(frozen=True, slots=True)
class PySCFEngine:
    """Energies at one level, in kJ/mol.

    Crystals: density and potentials on several uniform grids, all k-points with time
    reversal (:class:`MultigridIntegrator`), exact exchange by density fitting.
    Molecules: atom-centred grids and exact integrals.
    """

    level: PySCFLevel

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, per cell as given."""
        start = time.monotonic()
        mesh = kpoint_mesh(crystal.cell, self.level.k_spacing)
        with bounded(resources):
            try:
                cell = cell_of(crystal, self.level, resources)
            except InputError as error:
                return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
            needed = _memory_of(cell, mesh, self.level)
            if needed > resources.memory:
                return Failure(
                    Reason.OUT_OF_MEMORY,
                    f"{cell.natm} atoms with {cell.nao} functions at "
                    f"{int(np.prod(mesh))} k-points need about {needed:.1f} GB, but "
                    f"{resources.memory:g} GB are allowed: give more memory",
                    is_final=True,
                )
            found = self._solve(crystal, cell, mesh, resources)
        if isinstance(found, Failure):
            return found
        solution, notes = found
        notes |= {
            "k_mesh": list(mesh),
            "n_irreducible_k_points": len(solution.state.kpts.kpts_ibz),
            "n_functions": int(cell.nao),
            "grid": [int(n) for n in cell.mesh],
            "wall_seconds": round(time.monotonic() - start, 1),
        }
        atoms = (crystal.atomic_numbers, crystal.positions)
        return self._energy(solution, notes, atoms, crystal.cell)

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of an isolated molecule in the geometry given."""
        start = time.monotonic()
        atoms = (molecule.atomic_numbers, molecule.positions)
        with bounded(resources):
            try:
                system = molecule_of(atoms, self.level, resources, molecule.charge)
            except InputError as error:
                return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
            state = dft.RKS(system, xc=self.level.functional)
            state.grids.level = self.level.molecular_grid
            state.conv_tol = self.level.energy_tolerance_hartree
            if resources.attempt:
                state = state.newton()
            solution = solved(state, None, resources, resources.seconds)
        if isinstance(solution, Failure):
            return solution
        notes = {
            "grid_level": self.level.molecular_grid,
            "guess": "minao",
            "wall_seconds": round(time.monotonic() - start, 1),
        }
        return self._energy(solution, notes, atoms, None, molecule.charge)

    def _solve(
        self,
        crystal: Crystal,
        cell: Any,  # noqa: ANN401
        mesh: tuple[int, int, int],
        resources: Resources,
    ) -> tuple[Solution, dict[str, Any]] | Failure:
        """The field of a crystal: PBE from its molecules, hybrids from PBE."""
        start = time.monotonic()
        kpts = cell.make_kpts(mesh, time_reversal_symmetry=True)
        state = periodic_dft.KRKS(cell, kpts, xc=self.level.functional)
        state._numint = MultigridIntegrator(cell, mesh)
        state.conv_tol = self.level.energy_tolerance_hartree
        core, overlaps = state.get_hcore(), state.get_ovlp()
        state.get_hcore = lambda *_: core
        state.get_ovlp = lambda *_: overlaps
        orbitals = molecular_orbitals(crystal, cell, self.level, resources)
        guess = None
        notes: dict[str, Any] = {"guess": "minao"}
        if orbitals is not None:
            guess = orbitals.density_matrices(overlaps)
            notes = {"guess": "molecules", "n_molecules": orbitals.n_computed}
        if resources.seconds is not None:
            left = resources.seconds - (time.monotonic() - start)
        else:
            left = None
        solution = solved(state, guess, resources, left)
        if isinstance(solution, Failure):
            return solution
        return solution, notes

    def _energy(
        self,
        solution: Solution,
        notes: dict[str, Any],
        atoms: tuple[np.ndarray, np.ndarray],
        cell: Cell | None,
        charge: int = 0,
    ) -> Energy:
        level = self.level
        electronic = solution.energy_hartree * KJ_PER_MOL_PER_HARTREE
        dispersion = dispersion_energy(
            level.dispersion, level.functional, atoms, cell, charge
        )
        return Energy(
            electronic + dispersion,
            {"electronic": electronic, "dispersion": dispersion},
            {
                "program": f"PySCF {pyscf.__version__}",
                "basis": level.basis,
                "pseudopotential": level.pseudopotential,
                "n_iterations": solution.n_iterations,
                "first_error": solution.first_error_hartree * KJ_PER_MOL_PER_HARTREE,
                "last_change": solution.last_change_hartree * KJ_PER_MOL_PER_HARTREE,
                **notes,
            },
        )


def _memory_of(cell: Any, mesh: tuple[int, int, int], level: PySCFLevel) -> float:  # noqa: ANN401
    """Estimated peak memory, gigabytes."""
    del level
    n_k = int(np.prod(mesh))
    n_irreducible = n_k // 2 + 4
    matrices = cell.nao**2 * (16 * (30 * n_irreducible + 2 * n_k) + 8 * 3 * 27)
    grids = 16 * 12 * float(np.prod(cell.mesh))
    return float(matrices + grids) / BYTES_PER_GIGABYTE + 0.3
