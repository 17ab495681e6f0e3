"""Distributed multipoles of a molecule: PySCF's density, occpy's analysis.

Bohr exists only inside; moments leave in e Å^l.
"""

from pathlib import Path
from typing import Any

import numpy as np
import occpy
from pyscf import lib
from pyscf.tools import molden

from csp.arrays import Moments
from csp.conformers.density_functional import converged_field, quiet_scratch
from csp.conformers.settings import MultipoleLevel
from csp.errors import InputError
from csp.molecule import Molecule, Multipoles
from csp.potentials.solid_harmonics import MAX_RANK, N_MOMENTS, powers_of
from csp.units import ANGSTROM_PER_BOHR

LARGEST_CHARGE_ERROR = 1.0e-4
"""Between the sum of the atomic charges and the charge of the molecule, e.

Integration leaves less than 1e-5 e in oxalic acid, water and hydrogen iodide; a density
that was not understood shows at once.
"""

_PURE_BY_PYSCF = "[5d]\n[7f]\n[9g]\n"


def distributed_multipoles(molecule: Molecule, level: MultipoleLevel) -> Multipoles:
    """Multipoles on the nuclei whose far field is that of the molecule's density.

    Products of sharp Gaussians go to the nearest atom; those of diffuse ones are
    divided in space and integrated on a grid. All atoms have moments up to rank 4,
    in the frame of the molecule's positions.

    On Merz–Kollman points the potential errs by 1 % of its root mean square (oxalic
    acid), which is penetration for the most part. The same input gives the same moments
    to 1e-12 e Å^l; another orientation, to 2e-5 e Å^l, because of the grids.

    The density is PySCF's: occpy 0.9.5 leaves out the exact exchange of hybrids that it
    puts together itself, so that its PBE0 is PBE.

    Raises:
        InputError: If the level does not exist, the molecule is a radical, or the
            analysis loses electrons in this basis, as it does where no shell is higher
            than p.
        ConvergenceError: If the self-consistent field does not converge.

    References:
        Stone, J. Chem. Theory Comput. 1, 1128 (2005).
    """
    occpy.set_num_threads(lib.num_threads())
    with quiet_scratch() as scratch:
        density = _density(converged_field(molecule, level.density), scratch)
    found = occpy.DMADriver(_analysis(level)).run(density)
    moments_bohr = np.array([site.q[:N_MOMENTS] for site in found.result.multipoles])
    _check_charge(moments_bohr, molecule, level)
    return Multipoles(moments_bohr * powers_of(ANGSTROM_PER_BOHR), str(level))


def _density(field: Any, scratch: Path) -> occpy.Wavefunction:  # noqa: ANN401
    """PySCF's density as occpy reads it: 0.9.3 knows its keywords in capitals only."""
    file = scratch / "density.molden"
    molden.from_scf(field, str(file))
    text = file.read_text().replace(_PURE_BY_PYSCF, _PURE_BY_PYSCF.upper())
    file.write_text(text)
    return occpy.Wavefunction.from_molden(str(file))


def _analysis(level: MultipoleLevel) -> occpy.DMAConfig:
    """The analysis in the frame of the molecule; nothing is written."""
    settings = occpy.DMASettings()
    settings.max_rank = MAX_RANK
    settings.big_exponent = level.switch_exponent
    config = occpy.DMAConfig()
    config.settings = settings
    config.atom_radii = {"H": level.hydrogen_radius}
    config.atom_limits = {"H": MAX_RANK}  # occpy's default is a dipole
    config.axis_method = "none"
    config.write_punch = False
    return config


def _check_charge(
    moments_bohr: Moments, molecule: Molecule, level: MultipoleLevel
) -> None:
    total = float(moments_bohr[:, 0].sum())
    if abs(total - molecule.charge) > LARGEST_CHARGE_ERROR:
        raise InputError(
            f"the distributed charges of {molecule.name} at {level} add up to "
            f"{total:.4f} e instead of {molecule.charge} e, so the analysis does not "
            "understand this basis: choose another multipole_basis, such as "
            "'6-311g(d,p)'"
        )
