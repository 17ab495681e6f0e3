"""A crystal of ours as input of the program OCC, an independent implementation.

OCC takes every molecule of the cell by itself, spherical multipoles in atomic units and
positions in Å. Its interactions above dipole–dipole, and the real-space part of its
Ewald sum, end for whole molecules at a distance of their centres of mass, abruptly.

References:
    Spackman, OCC, https://github.com/peterspackman/occ.
"""

from collections.abc import Sequence

import numpy as np
import occpy
from scipy.spatial.transform import Rotation

from csp.geometry import parameters_from_cell
from csp.potentials.bodies import Body
from csp.potentials.exp6 import Exp6, ParameterSet
from csp.potentials.rigid_crystal import RigidCrystal
from csp.potentials.solid_harmonics import MAX_RANK
from csp.units import ANGSTROM_PER_BOHR, KJ_PER_MOL_PER_EV

_RANKS = np.repeat(np.arange(MAX_RANK + 1), 2 * np.arange(MAX_RANK + 1) + 1)
_SILENT = Exp6(0.0, 1.0, 0.0)


def about_centre_of_mass(body: Body) -> Body:
    """The same body about the centre of mass of its sites, where OCC puts the origin.

    Ours is that of the atoms; hydrogen sites are not where their atoms are, and OCC has
    masses of its own.
    """
    masses = np.array([occpy.Element(_element(kind)).mass for kind in body.types])
    centre = masses @ body.sites / masses.sum()
    return Body(body.types, body.sites - centre, body.moments)


def occ_setup(
    crystal: RigidCrystal,
    cutoff: float,
    accuracy: float = 1e-8,
    parameters: ParameterSet | None = None,
) -> occpy.CrystalEnergySetup:
    """Everything OCC must know to compute the energy of a crystal.

    Args:
        crystal: Without symmetry; bodies about their centres of mass, cell in the
            standard orientation.
        cutoff: Of exp-6 between sites, of multipoles between centres of mass, Å.
        accuracy: Of the Ewald sum, as OCC understands it.
        parameters: Exp-6; none without.
    """
    lengths_and_angles = parameters_from_cell(crystal.cell)
    cell = occpy.CrystalData()
    cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma = lengths_and_angles
    cell.space_group = "P1"
    cell.molecules = [
        _molecule(str(index), centre, rotation)
        for index, (centre, rotation) in enumerate(
            zip(crystal.centres, crystal.rotations, strict=True)
        )
    ]
    basis = occpy.Basis()
    basis.molecule_types = [
        _molecule_type(str(index), body) for index, body in enumerate(crystal.bodies)
    ]
    basis.potentials = _potentials(crystal.bodies, cutoff, parameters)
    settings = occpy.Settings()
    settings.ewald_accuracy, settings.max_interaction_order = accuracy, MAX_RANK
    basis.settings = settings
    structure = occpy.StructureInput()
    structure.basis, structure.crystal = basis, cell
    return occpy.from_structure_input(structure)


def _molecule(
    kind: str, centre: np.ndarray, rotation: np.ndarray
) -> occpy.IndependentMolecule:
    molecule = occpy.IndependentMolecule()
    molecule.type, molecule.translation = kind, centre.tolist()
    molecule.orientation = Rotation.from_matrix(rotation).as_rotvec().tolist()
    return molecule


def _molecule_type(name: str, body: Body) -> occpy.MoleculeType:
    kind = occpy.MoleculeType()
    kind.name = name
    sites = []
    for index, label in enumerate(body.types):
        site = occpy.MoleculeSite()
        site.label, site.element, site.type = f"{label}{index}", _element(label), label
        site.position = body.sites[index].tolist()
        in_atomic_units = body.moments[index] / ANGSTROM_PER_BOHR**_RANKS
        site.multipoles = occpy.SiteMultipoles.from_flat(in_atomic_units.tolist())
        sites.append(site)
    kind.sites = sites
    return kind


def _potentials(
    bodies: Sequence[Body], cutoff: float, parameters: ParameterSet | None
) -> occpy.Potentials:
    kinds = sorted({kind for body in bodies for kind in body.types})
    pairs = []
    for number, first in enumerate(kinds):
        for second in kinds[: number + 1]:
            exp6 = parameters.pair(first, second) if parameters else _SILENT
            pair = occpy.BuckinghamPair()
            pair.types = [first, second]
            pair.elements = [_element(first), _element(second)]
            pair.A = exp6.repulsion / KJ_PER_MOL_PER_EV
            pair.rho = 1.0 / exp6.exponent
            pair.C6 = exp6.dispersion / KJ_PER_MOL_PER_EV
            pairs.append(pair)
    potentials = occpy.Potentials()
    potentials.cutoff, potentials.buckingham = cutoff, pairs
    return potentials


def _element(kind: str) -> str:
    """Of a force-field type like O_W1."""
    return kind.split("_")[0]
