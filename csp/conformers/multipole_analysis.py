"""Distributed multipoles of a molecule: PySCF's density, occpy's analysis.

Bohr exists only inside; moments leave in e Å^l.
"""

import numpy as np
import occpy
from pyscf import lib
from pyscf.tools import molden

from csp.arrays import Moments, Scalars
from csp.conformers.density_functional import converged_field, quiet_scratch
from csp.conformers.settings import MultipoleLevel
from csp.errors import InputError
from csp.molecule import Molecule, Multipoles
from csp.units import ANGSTROM_PER_BOHR

MAX_RANK = 4
"""Hexadecapole."""
N_MOMENTS = (MAX_RANK + 1) ** 2

LARGEST_CHARGE_ERROR = 1.0e-3
"""Between the sum of the atomic charges and the charge of the molecule, e.

Oxalic acid and water stay below 1e-5 e; a core potential that the analysis takes for
missing electrons shows as an error of 2 e or more.
"""


def distributed_multipoles(molecule: Molecule, level: MultipoleLevel) -> Multipoles:
    """Multipoles on the nuclei whose far field is that of the molecule's density.

    Products of sharp Gaussians go to the nearest atom, diffuse ones are divided in
    space and integrated on a grid (Stone 2005). Turned molecules have turned moments,
    apart from that grid; see ``tests/physics/test_multipole_analysis.py``.

    The density is PySCF's, since that of occpy 0.9.5 is of PBE when asked for PBE0
    (it drops the exact exchange of functionals that it composes itself).

    Raises:
        InputError: If the level does not exist, the molecule is a radical, or the
            basis of an element has a core potential.
        ConvergenceError: If the self-consistent field does not converge.

    References:
        Stone, J. Chem. Theory Comput. 1, 1128 (2005).
    """
    occpy.set_num_threads(lib.num_threads())
    with quiet_scratch() as scratch:
        file = str(scratch / "density.molden")
        molden.from_scf(converged_field(molecule, level.density), file)
        density = occpy.Wavefunction.from_molden(file)
    found = occpy.DMADriver(_analysis(level)).run(density)
    moments_bohr = np.array([site.q[:N_MOMENTS] for site in found.result.multipoles])
    _check_charge(moments_bohr, molecule, level)
    return Multipoles(moments_bohr * angstrom_powers(), str(level))


def angstrom_powers() -> Scalars:
    """What turns e bohr^l into e Å^l, moment by moment."""
    ranks = [rank for rank in range(MAX_RANK + 1) for _ in range(2 * rank + 1)]
    return np.asarray(ANGSTROM_PER_BOHR ** np.array(ranks, dtype=float))


def _analysis(level: MultipoleLevel) -> occpy.DMAConfig:
    """The analysis in the frame of the molecule; nothing is written."""
    settings = occpy.DMASettings()
    settings.max_rank = MAX_RANK
    settings.big_exponent = level.switch_exponent
    config = occpy.DMAConfig()
    config.settings = settings
    config.atom_radii = {"H": level.hydrogen_radius}
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
            f"{total:.3f} e instead of {molecule.charge} e, as they do if the basis "
            "replaces core electrons: choose an all-electron multipole_basis"
        )
