"""The lattice sums of a crystal of rigid bodies: tables, reach, energy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, erfcinv

from csp.arrays import Cell, Matrix, Moments, RotationMatrices, Scalars, Vectors
from csp.errors import InputError
from csp.potentials.bodies import Body
from csp.potentials.exp6 import Anisotropy, ParameterSet
from csp.potentials.kernels.energy import TERMS, energy_and_gradient
from csp.potentials.kernels.tables import Cutoffs, Gradient, Images, Pairs, Sites
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import operators
from csp.potentials.walls import wall_of
from csp.spacegroups import Site, SpaceGroup, cartesian_rotations
from csp.units import COULOMB_CONSTANT, KJ_PER_MOL_PER_GPA_ANGSTROM3


def site_table(bodies: Sequence[Body]) -> Sites:
    """Sites of the bodies of the asymmetric unit, one after the other."""
    counts = [len(body.types) for body in bodies]
    radii = [np.linalg.norm(body.sites, axis=1).max() for body in bodies]
    return Sites(
        offsets=np.concatenate([body.sites for body in bodies]),
        operators=np.concatenate([operators(body.moments) for body in bodies]),
        rank=max(body.rank for body in bodies),
        start=np.cumsum([0, *counts]),
        radius=np.array(radii),
        axes=_axes(bodies),
    )


def _axes(bodies: Sequence[Body]) -> Vectors:
    """The axes of all sites; none if no body has any."""
    if not any(len(body.axes) for body in bodies):
        return np.zeros((0, 3))
    parts = [
        body.axes if len(body.axes) else np.zeros((len(body.types), 3))
        for body in bodies
    ]
    return np.concatenate(parts)


def pair_table(bodies: Sequence[Body], parameters: ParameterSet) -> Pairs:
    """Exp-6 parameters and walls of all pairs of sites."""
    types = [kind for body in bodies for kind in body.types]
    turning = _anisotropy(types, parameters)
    charges = np.concatenate([body.charges for body in bodies])
    n = len(types)
    table = np.zeros((7, n, n))
    for i in range(n):
        for j in range(i + 1):
            exp6 = parameters.pair(types[i], types[j])
            row = (*exp6, *wall_of(exp6, float(charges[i] * charges[j])))
            table[:, i, j] = table[:, j, i] = row
    return Pairs(*table, *turning)


def _anisotropy(types: Sequence[str], parameters: ParameterSet) -> list[Matrix]:
    """Coefficients of cos θ and of P₂(cos θ) of each site towards each; or nothing."""
    rows = parameters.anisotropy
    if not any((one, other) in rows for one in types for other in types):
        return []
    isotropic = Anisotropy(0.0, 0.0)
    table = [[rows.get((one, other), isotropic) for other in types] for one in types]
    return [np.array(part) for part in np.moveaxis(np.array(table), 2, 0)]


def images_of(group: SpaceGroup, sites: Sequence[Site], cell: Cell) -> Images:
    """The molecules of a cell: every body on its site, moved by the operations."""
    cartesian = cartesian_rotations(group, cell)
    return images_from(
        group.rotations, cartesian, group.translations, [site.images for site in sites]
    )


def images_from(
    rotations: np.ndarray,
    cartesian: np.ndarray,
    translations: np.ndarray,
    chosen: Sequence[np.ndarray],
) -> Images:
    """The molecules of a cell, from the operations that make each body's copies.

    Args:
        rotations: Of all operations, for fractional columns.
        cartesian: The same for Cartesian columns.
        translations: Of all operations, fractional.
        chosen: For each body the operations that make its copies; the first is the
            identity.
    """
    counts = np.array([len(own) for own in chosen])
    body = np.repeat(np.arange(len(chosen)), counts)
    all_chosen = np.concatenate(chosen)
    return Images(
        body=body.astype(np.int64),
        rotation=np.ascontiguousarray(rotations[all_chosen]),
        cartesian=np.ascontiguousarray(cartesian[all_chosen]),
        translation=np.ascontiguousarray(translations[all_chosen]),
        first=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64),
        copies=counts.astype(np.int64),
        is_general=(counts == len(rotations)).astype(float),
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
    tail = 0.0
    if settings.tail_correction:
        tail = 0.5 * float(counts @ pairs.dispersion @ counts)
        tail *= _tail_integral(settings.cutoff, settings.switch_width)
    higher, width = settings.multipole_cutoff, settings.multipole_switch_width
    if settings.is_splined:
        higher, width = settings.cutoff, settings.switch_width
    return Cutoffs(
        switch_on=settings.cutoff - settings.switch_width,
        cutoff=settings.cutoff,
        contact=float(pairs.wall.max()),
        higher_on=higher - width,
        higher=higher,
        spline=float(settings.is_splined),
        alpha=alpha if np.any(sites.operators != 0.0) else 0.0,
        ewald=settings.ewald_cutoff,
        reciprocal=2.0 * alpha * float(np.sqrt(-np.log(settings.ewald_accuracy))),
        tail=tail,
        pressure=settings.pressure_gpa * KJ_PER_MOL_PER_GPA_ANGSTROM3,
        constant=_ewald_constants(sites, images, alpha),
    )


def _tail_integral(cutoff: float, width: float) -> float:
    """∫ (1 − w(r)) r⁻⁶ 4π r² dr from the onset of the switch to infinity, Å⁻³."""
    nodes, weights = np.polynomial.legendre.leggauss(32)
    x = 0.5 * (nodes + 1.0)
    r = cutoff - width + width * x
    switched_off = x**3 * (10.0 - 15.0 * x + 6.0 * x**2)
    inner = 0.5 * width * float(weights @ (switched_off * 4.0 * np.pi / r**4))
    return inner + 4.0 * np.pi / (3.0 * cutoff**3)


def _ewald_constants(sites: Sites, images: Images, alpha: float) -> Scalars:
    """Minus the self energies and the pairs within molecules, kJ/mol.

    Self: ``α q²/√π`` and ``2α³μ²/(3√π)``; pairs: charges and dipoles in erf(αr)/r.

    Returns:
        Charge–charge, charge–dipole and dipole–dipole terms of the cell.
    """
    total = np.zeros(3)
    for body, count in enumerate(images.copies):
        own = slice(sites.start[body], sites.start[body + 1])
        charges, dipoles = sites.operators[own, 0], sites.operators[own, 1:4]
        total[0] += count * alpha / np.sqrt(np.pi) * float(charges @ charges)
        squares = float(np.sum(dipoles**2))
        total[2] += count * 2.0 * alpha**3 / (3.0 * np.sqrt(np.pi)) * squares
        total += count * _within(sites.offsets[own], sites.operators[own], alpha)
    return -COULOMB_CONSTANT * total


def _within(offsets: Vectors, moments: Moments, alpha: float) -> Scalars:
    """``(q_i + μ_i·∇)(q_j − μ_j·∇) erf(αr)/r`` over the pairs of sites, by term."""
    i, j = np.triu_indices(len(offsets), k=1)
    away = offsets[i] - offsets[j]
    r = np.linalg.norm(away, axis=1)
    gauss = 2.0 * alpha / np.sqrt(np.pi) * np.exp(-((alpha * r) ** 2))
    e0 = erf(alpha * r) / r
    e1 = (e0 - gauss) / r**2
    e2 = (3.0 * e1 - 2.0 * alpha**2 * gauss) / r**2
    charges, dipoles = moments[:, 0], moments[:, [2, 3, 1]]
    a = np.sum(dipoles[i] * away, axis=1)
    b = np.sum(dipoles[j] * away, axis=1)
    both = np.sum(dipoles[i] * dipoles[j], axis=1)
    return np.array(
        [
            np.sum(charges[i] * charges[j] * e0),
            np.sum((charges[i] * b - charges[j] * a) * e1),
            np.sum(both * e1 - a * b * e2),
        ]
    )


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
