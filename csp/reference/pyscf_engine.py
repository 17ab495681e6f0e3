"""PBE and PBE0 of crystals and molecules by PySCF, which pip installs."""

import time
from dataclasses import dataclass
from typing import Any

import pyscf
from pyscf import dft

from csp.arrays import AtomicNumbers, Cell, Positions
from csp.crystal import Crystal
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.counterpoise import counterpoised
from csp.reference.dispersion import dispersion_energy
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.kpoints import kpoint_mesh
from csp.reference.levels import PySCFLevel
from csp.reference.pyscf_crystals import (
    CrystalField,
    is_hybrid_functional,
    out_of_memory,
    solved_crystal,
)
from csp.reference.pyscf_solver import Solution, solved
from csp.reference.pyscf_systems import bounded, cell_of, molecule_of
from csp.units import KJ_PER_MOL_PER_HARTREE


@dataclass(frozen=True, slots=True)
class PySCFEngine:
    """Energies at one level.

    Crystals: density and potentials on several uniform grids, all k-points with time
    reversal (:class:`csp.reference.pyscf_integrator.MultigridIntegrator`), exact
    exchange by density fitting. Molecules: atom-centred grids and exact integrals. The
    two differ by what the uniform grids leave out, which ``cutoff_hartree`` decides.
    """

    level: PySCFLevel

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """Energy of a crystal, per cell as given."""
        return counterpoised(
            lambda: self._uncorrected(crystal, resources),
            crystal,
            self.level,
            resources,
        )

    def _uncorrected(self, crystal: Crystal, resources: Resources) -> Outcome:
        start = time.monotonic()
        mesh = kpoint_mesh(crystal.cell, self.level.k_spacing)
        try:
            with bounded(resources):
                cell = cell_of(crystal, self.level, resources)
                field = out_of_memory(
                    cell, mesh, self.level, resources
                ) or solved_crystal(crystal, cell, mesh, self.level, resources)
        except InputError as error:
            return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
        if not isinstance(field, CrystalField):
            return field
        solution, notes = field
        notes |= {
            "k_mesh": list(mesh),
            "n_irreducible_k_points": len(solution.state.kpts.kpts_ibz),
            "n_functions": int(cell.nao),
            "grid": [int(n) for n in cell.mesh],
            "wall_seconds": round(time.monotonic() - start, 1),
        }
        if is_hybrid_functional(self.level.functional):
            notes["exchange"] = self.level.exchange
            notes["n_auxiliary"] = int(solution.state.with_df.get_naoaux())
        atoms = (crystal.atomic_numbers, crystal.positions)
        return self._energy(solution, notes, atoms, crystal.cell)

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        """Energy of an isolated molecule in the geometry given."""
        start = time.monotonic()
        atoms = (molecule.atomic_numbers, molecule.positions)
        try:
            is_hybrid_functional(self.level.functional)
            with bounded(resources):
                system = molecule_of(
                    atoms, self.level.gaussians, resources, molecule.charge
                )
                state = dft.RKS(system, xc=self.level.functional)
                state.grids.level = self.level.molecular_grid
                state.conv_tol = self.level.energy_tolerance_hartree
                if resources.attempt:
                    state = state.newton()
                solution = solved(state, None, resources, resources.seconds)
        except InputError as error:
            return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
        if isinstance(solution, Failure):
            return solution
        notes = {
            "guess": "atoms",
            "grid_level": self.level.molecular_grid,
            "n_functions": int(system.nao),
            "wall_seconds": round(time.monotonic() - start, 1),
        }
        return self._energy(solution, notes, atoms, None, molecule.charge)

    def _energy(
        self,
        solution: Solution,
        notes: dict[str, Any],
        atoms: tuple[AtomicNumbers, Positions],
        cell: Cell | None,
        charge: int = 0,
    ) -> Energy:
        level = self.level
        electronic = solution.energy_hartree * KJ_PER_MOL_PER_HARTREE
        dispersion = dispersion_energy(
            level.dispersion, level.functional, atoms, cell, charge
        )
        first_error = solution.first_error_hartree * KJ_PER_MOL_PER_HARTREE
        last_change = solution.last_change_hartree * KJ_PER_MOL_PER_HARTREE
        return Energy(
            electronic + dispersion,
            {"electronic": electronic, "dispersion": dispersion},
            {
                "program": f"PySCF {pyscf.__version__}",
                "basis": level.basis,
                "pseudopotential": level.pseudopotential,
                "n_iterations": solution.n_iterations,
                "first_error_kj_per_mol": first_error,
                "last_change_kj_per_mol": last_change,
                **notes,
            },
        )
