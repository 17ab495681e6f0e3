"""A force field for one molecule: sites, pair tables and how far sums go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.special import erf, erfcinv

from csp.arrays import Cell, Matrix, Positions, RotationMatrices, Scalars, Vectors
from csp.errors import InputError
from csp.molecule import Conformer, Molecule
from csp.point_groups import MolecularSymmetry, molecular_symmetry, symmetrised
from csp.potentials.atom_types import atom_types, neighbours_of
from csp.potentials.charges import fit_error, fitted_charges
from csp.potentials.exp6 import ParameterSet, parameter_set
from csp.potentials.kernels.energy import TERMS, energy_and_gradient
from csp.potentials.kernels.tables import Cutoffs, Gradient, Images, Pairs, Sites
from csp.potentials.settings import PotentialSettings
from csp.potentials.walls import wall_of
from csp.spacegroups import Site, SpaceGroup, cartesian_rotations
from csp.units import COULOMB_CONSTANT

_HYDROGEN = 1


@dataclass(frozen=True, eq=False, slots=True)
class RigidMolecule:
    """A conformer as the force field sees it.

    Attributes:
        conformer: What it was made from.
        types: Force-field type of each site.
        symmetry: Point group; atoms, sites and charges have it to rounding.
        atoms: Positions of the atoms, centre of mass at the origin, Å.
        sites: Positions of the sites (hydrogens foreshortened), same frame, Å.
        charges: e.
        charge_fit_error: Relative root mean square error of the charges' potential.
    """

    conformer: Conformer
    types: tuple[str, ...]
    symmetry: MolecularSymmetry
    atoms: Positions
    sites: Positions
    charges: Scalars
    charge_fit_error: float


def interaction_sites(molecule: Molecule, foreshortening: float) -> Positions:
    """Atomic positions with the hydrogens moved towards the atom they are bonded to.

    Args:
        molecule: Its geometry.
        foreshortening: How far, Å.
    """
    sites = np.array(molecule.positions)
    for atom, bonded in enumerate(neighbours_of(molecule)):
        if molecule.atomic_numbers[atom] == _HYDROGEN and len(bonded) == 1:
            bond = molecule.positions[bonded[0]] - molecule.positions[atom]
            sites[atom] += foreshortening * bond / np.linalg.norm(bond)
    return sites


def rigid_molecule(conformer: Conformer, settings: PotentialSettings) -> RigidMolecule:
    """Type the atoms of a conformer and fit its charges.

    Raises:
        InputError: If atoms have no parameters.
    """
    centred = conformer.molecule.centred()
    molecule, symmetry = symmetrised(centred, molecular_symmetry(centred))
    parameters = parameter_set(settings.force_field)
    types = atom_types(molecule, settings.force_field)
    sites = interaction_sites(molecule, parameters.foreshortening)
    charges = fitted_charges(conformer.potential, sites, float(molecule.charge))
    charges = charges[symmetry.permutations].mean(axis=0)
    return RigidMolecule(
        conformer=conformer,
        types=types,
        symmetry=symmetry,
        atoms=molecule.positions,
        sites=sites,
        charges=charges,
        charge_fit_error=fit_error(conformer.potential, sites, charges),
    )


@runtime_checkable
class SiteModel(Protocol):
    """What the sums need to know of a body: sites, their types and their charges."""

    @property
    def types(self) -> tuple[str, ...]:
        """Force-field type of each site."""
        ...

    @property
    def sites(self) -> Positions:
        """Positions of the sites about the centre of mass, Å."""
        ...

    @property
    def charges(self) -> Scalars:
        """Charge of each site, e."""
        ...


def site_table(bodies: Sequence[SiteModel]) -> Sites:
    """Sites of the bodies of the asymmetric unit, one after the other."""
    counts = [len(body.charges) for body in bodies]
    radii = [np.linalg.norm(body.sites, axis=1).max() for body in bodies]
    return Sites(
        offsets=np.concatenate([np.asarray(body.sites) for body in bodies]),
        charges=np.concatenate([np.asarray(body.charges) for body in bodies]),
        start=np.cumsum([0, *counts]),
        radius=np.array(radii),
    )


def pair_table(bodies: Sequence[SiteModel], parameters: ParameterSet) -> Pairs:
    """Exp-6 parameters and walls of all pairs of sites."""
    types = [kind for body in bodies for kind in body.types]
    charges = np.concatenate([np.asarray(body.charges) for body in bodies])
    n = len(types)
    table = np.zeros((7, n, n))
    for i in range(n):
        for j in range(i + 1):
            exp6 = parameters.pair(types[i], types[j])
            row = (*exp6, *wall_of(exp6, float(charges[i] * charges[j])))
            table[:, i, j] = table[:, j, i] = row
    return Pairs(*table)


def images_of(group: SpaceGroup, sites: Sequence[Site], cell: Cell) -> Images:
    """The molecules of a cell: every body on its site, moved by the operations."""
    cartesian = cartesian_rotations(group, cell)
    chosen = np.concatenate([site.images for site in sites])
    body = np.repeat(np.arange(len(sites)), [len(site.images) for site in sites])
    counts = np.array([len(site.images) for site in sites])
    return Images(
        body=body.astype(np.int64),
        rotation=np.ascontiguousarray(group.rotations[chosen]),
        cartesian=np.ascontiguousarray(cartesian[chosen]),
        translation=np.ascontiguousarray(group.translations[chosen]),
        first=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64),
        copies=counts.astype(np.int64),
    )


def cutoffs_for(
    sites: Sites, pairs: Pairs, images: Images, settings: PotentialSettings
) -> Cutoffs:
    """How far the sums go, and their constant parts for this cell content.

    The Ewald parameter puts erfc(α r_c) at the wanted accuracy; the reciprocal sum
    ends where exp(−G²/4α²) has fallen to the same.
    """
    alpha = float(erfcinv(settings.ewald_accuracy)) / settings.ewald_cutoff
    counts = np.repeat(images.copies, np.diff(sites.start)).astype(float)
    return Cutoffs(
        switch_on=settings.cutoff - settings.switch_width,
        cutoff=settings.cutoff,
        alpha=alpha if np.any(sites.charges != 0.0) else 0.0,
        ewald=settings.ewald_cutoff,
        reciprocal=2.0 * alpha * float(np.sqrt(-np.log(settings.ewald_accuracy))),
        tail=0.5
        * float(counts @ pairs.dispersion @ counts)
        * _tail_integral(settings.cutoff, settings.switch_width),
        pressure=0.0,
        constant=_ewald_constant(sites, images, alpha),
    )


def _tail_integral(cutoff: float, width: float) -> float:
    """∫ (1 − w(r)) r⁻⁶ 4π r² dr from the onset of the switch to infinity, Å⁻³."""
    nodes, weights = np.polynomial.legendre.leggauss(32)
    x = 0.5 * (nodes + 1.0)
    r = cutoff - width + width * x
    switched_off = x**3 * (10.0 - 15.0 * x + 6.0 * x**2)
    inner = 0.5 * width * float(weights @ (switched_off * 4.0 * np.pi / r**4))
    return inner + 4.0 * np.pi / (3.0 * cutoff**3)


def _ewald_constant(sites: Sites, images: Images, alpha: float) -> float:
    """Minus the self energy of the charges and the pairs within molecules, kJ/mol."""
    total = 0.0
    for body, count in enumerate(images.copies):
        own = slice(sites.start[body], sites.start[body + 1])
        charges, offsets = sites.charges[own], sites.offsets[own]
        total += count * alpha / np.sqrt(np.pi) * float(charges @ charges)
        i, j = np.triu_indices(len(charges), k=1)
        distances = np.linalg.norm(offsets[i] - offsets[j], axis=1)
        pairs = charges[i] * charges[j] * erf(alpha * distances) / distances
        total += count * float(pairs.sum())
    return -COULOMB_CONSTANT * total


@dataclass(frozen=True, eq=False, slots=True)
class CellEnergy:
    """Energy of one cell and its derivatives.

    Attributes:
        energy: kJ/mol per cell.
        terms: Its parts, by the names of ``TERMS``.
        strain: ``dE/dε``, kJ/mol, for ``h' = h (1 + ε)`` at fixed fractional centres.
        centres: ``dE/d(centre)`` of one copy of each body, kJ/mol/Å.
        rotations: ``dE/d(rotation vector)`` of one copy of each body, kJ/mol/rad.
    """

    energy: float
    terms: dict[str, float]
    strain: Matrix
    centres: Vectors
    rotations: Vectors


def cell_energy(
    cell: Cell,
    centres: Vectors,
    rotations: RotationMatrices,
    images: Images,
    tables: tuple[Sites, Pairs, Cutoffs],
) -> CellEnergy:
    """Energy and gradient of one crystal of rigid molecules.

    Raises:
        InputError: If the cell is left-handed.
    """
    if np.linalg.det(cell) <= 0.0:
        raise InputError(
            "cell vectors must be right-handed, "
            f"got volume {np.linalg.det(cell):.3f} Å³: swap two of them"
        )
    n = len(centres)
    gradient = Gradient(np.zeros((3, 3)), np.zeros((n, 3)), np.zeros((n, 3)))
    terms = np.zeros(len(TERMS))
    state = (np.array(cell), np.array(centres), np.array(rotations))
    energy = energy_and_gradient(state, images, tables, gradient, terms)
    parts = dict(zip(TERMS, terms.tolist(), strict=True))
    return CellEnergy(float(energy), parts, *gradient)
