"""Gas-phase minima of one molecule (PySCF's gradients, geomeTRIC's steps)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geometric.engine
import geometric.internal
import geometric.molecule
import geometric.optimize
import geometric.params
import numpy as np
from geometric.errors import GeomOptNotConvergedError
from rdkit.Chem import rdMolTransforms

from csp.arrays import Positions, Scalars
from csp.conformers.density_functional import (
    WALK_GRID_LEVEL,
    converged_field,
    quiet_scratch,
    unsolved_field,
)
from csp.conformers.graph import has_same_bonds, rdkit_molecule
from csp.conformers.rotors import rotors
from csp.conformers.settings import Level
from csp.errors import ConvergenceError
from csp.molecule import Molecule
from csp.randomness import generator_of
from csp.units import ANGSTROM_PER_BOHR

MOST_STEPS = 150
CRITERIA = {
    "convergence_energy": 1.0e-6,
    "convergence_grms": 1.0e-4,
    "convergence_gmax": 1.5e-4,
    "convergence_drms": 8.0e-4,
    "convergence_dmax": 1.2e-3,
}
"""Hartree, hartree/bohr and Å: gradients three times tighter than geomeTRIC's."""

TWIST = 10.0
"""Turn of every rotor before an optimisation, degrees."""

NOISE = 0.02
"""Standard deviation of the displacement of every atom before it, Å."""


@dataclass(frozen=True, eq=False, slots=True)
class GasPhaseMinimum:
    """An optimised geometry and its energy.

    Attributes:
        molecule: Centre of mass at the origin.
        energy_hartree: Total energy, dispersion included.
    """

    molecule: Molecule
    energy_hartree: float


def optimised(molecule: Molecule, level: Level) -> GasPhaseMinimum:
    """The gas-phase minimum below a geometry.

    A gradient cannot leave a plane or an axis of symmetry that the start has, so a
    planar start could end on a saddle point. Every start is therefore made
    unsymmetrical first: each rotor turned by 10° to a random side and each atom
    moved by 0.02 Å (seeded by the start itself). No Hessian is computed. The way down
    is taken on a coarser integration grid than the energy at its end.

    Raises:
        InputError: If the level does not exist or the molecule is a radical.
        ConvergenceError: If an energy or the geometry does not converge, or if the
            bonds of the minimum are others than those of the molecule.

    References:
        Wang, Song, J. Chem. Phys. 144, 214108 (2016), for the optimiser.
    """
    with quiet_scratch() as scratch:
        geometry = _walk_down(unsymmetrical(molecule), level, scratch)
        if not has_same_bonds(molecule, geometry):
            raise ConvergenceError(
                f"{molecule.name} changes its bonds on the way to its gas-phase "
                'minimum: set conformers = "as_given" to keep the geometry of a file'
            )
        final = molecule.at(np.round(molecule.at(geometry).centred().positions, 8))
        return GasPhaseMinimum(final, float(converged_field(final, level).e_tot))


def unsymmetrical(molecule: Molecule) -> Molecule:
    """The geometry slightly twisted and displaced, the same way every time."""
    random = generator_of("unsymmetrical", str(molecule.positions.round(3).tolist()))
    noise = random.normal(scale=NOISE, size=molecule.positions.shape)
    perceived = rdkit_molecule(molecule)
    geometry = perceived.GetConformer()
    for rotor in rotors(perceived):
        before = rdMolTransforms.GetDihedralDeg(geometry, *rotor.atoms)
        turn = TWIST * (1.0 if random.random() < 0.5 else -1.0)  # noqa: PLR2004
        rdMolTransforms.SetDihedralDeg(geometry, *rotor.atoms, before + turn)
    return molecule.at(np.array(geometry.GetPositions()) + noise)


class _PySCFEngine(geometric.engine.Engine):  # type: ignore[misc]
    """Energies and gradients for geomeTRIC, each field started from the last."""

    def __init__(self, molecule: Molecule, level: Level) -> None:
        described = geometric.molecule.Molecule()
        described.elem = molecule.symbols
        described.xyzs = [np.array(molecule.positions)]
        described.build_topology()
        super().__init__(described)
        self._molecule = molecule
        self._level = level
        self._density: Any = None

    def calc_new(self, coords: Scalars, dirname: str) -> dict[str, Any]:
        """Energy (hartree) and gradient (hartree/bohr) at ``coords`` (bohr)."""
        del dirname
        positions = coords.reshape(-1, 3) * ANGSTROM_PER_BOHR
        molecule = self._molecule.at(positions)
        field = unsolved_field(molecule, self._level, WALK_GRID_LEVEL)
        field.kernel(dm0=self._density)
        if not field.converged:
            field = converged_field(molecule, self._level)
        self._density = field.make_rdm1()
        gradient = field.nuc_grad_method().kernel()
        return {"energy": float(field.e_tot), "gradient": np.ravel(gradient)}


def _walk_down(start: Molecule, level: Level, scratch: Path) -> Positions:
    """The geometry to which geomeTRIC converges, Å."""
    if len(start.atomic_numbers) == 1:
        return np.array(start.positions)
    engine = _PySCFEngine(start, level)
    coordinates = geometric.internal.DelocalizedInternalCoordinates(
        engine.M, build=True, connect=True, addcart=False
    )
    optimiser = geometric.optimize.Optimizer(
        np.ravel(start.positions) / ANGSTROM_PER_BOHR,
        engine.M,
        coordinates,
        engine,
        str(scratch),
        geometric.params.OptParams(
            maxiter=MOST_STEPS, xyzout=str(scratch / "path.xyz"), **CRITERIA
        ),
        print_info=False,
    )
    try:
        optimiser.optimizeGeometry()
    except GeomOptNotConvergedError as error:
        raise ConvergenceError(
            f"the geometry of {start.name} at {level} does not converge in "
            f"{MOST_STEPS} steps: start from another geometry"
        ) from error
    return np.asarray(optimiser.X.reshape(-1, 3) * ANGSTROM_PER_BOHR)
