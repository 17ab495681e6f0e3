"""Direct sums: exp-6, walls and the real-space part of the Ewald sum."""

import math

import numpy as np
from numba import njit

from csp.potentials.kernels.placing import collect
from csp.potentials.kernels.tables import (
    Array,
    Cutoffs,
    Gradient,
    Images,
    Integers,
    Pairs,
    Placed,
    Tables,
)
from csp.units import COULOMB_CONSTANT

_TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
_SHORTEST = 1e-12
"""Å²; sites that lie on one another count as this far apart."""


@njit(cache=True, nogil=True, inline="always")
def _exp6(
    r: float, i: int, j: int, pairs: Pairs, cutoffs: Cutoffs
) -> tuple[float, float, float]:
    """Repulsion, dispersion (switched), and the slope of their sum over r."""
    r2 = r * r
    repulsion = pairs.repulsion[i, j] * math.exp(-pairs.exponent[i, j] * r)
    dispersion = -pairs.dispersion[i, j] / (r2 * r2 * r2)
    slope = -pairs.exponent[i, j] * repulsion / r - 6.0 * dispersion / r2
    if r > cutoffs.switch_on:
        width = cutoffs.cutoff - cutoffs.switch_on
        x = (r - cutoffs.switch_on) / width
        w = 1.0 - x * x * x * (10.0 - 15.0 * x + 6.0 * x * x)
        dw = -30.0 * x * x * (1.0 - x) * (1.0 - x) / width
        slope = w * slope + dw * (repulsion + dispersion) / r
        repulsion *= w
        dispersion *= w
    return repulsion, dispersion, slope


@njit(cache=True, nogil=True, inline="always")
def _screened(r: float, qq: float, alpha: float) -> tuple[float, float]:
    """``qq erfc(αr)/r`` and its slope over r."""
    energy = qq * math.erfc(alpha * r) / r
    gauss = qq * _TWO_OVER_SQRT_PI * alpha * math.exp(-alpha * alpha * r * r)
    return energy, -(energy + gauss) / (r * r)


@njit(cache=True, nogil=True, inline="always")
def _wall(
    r: float, i: int, j: int, qq: float, pairs: Pairs, alpha: float
) -> tuple[float, float]:
    """Continued pair energy less what the reciprocal sum has, and its slope over r."""
    x = pairs.wall[i, j] - r
    force, cubic = pairs.wall_force[i, j], pairs.wall_cubic[i, j]
    energy = pairs.wall_energy[i, j] + x * (force + cubic * x * x)
    slope = -(force + 3.0 * cubic * x * x) / r
    if alpha > 0.0:
        smooth = qq * math.erf(alpha * r) / r
        gauss = qq * _TWO_OVER_SQRT_PI * alpha * math.exp(-alpha * alpha * r * r)
        energy -= smooth
        slope -= (gauss - smooth) / (r * r)
    return energy, slope


@njit(cache=True, nogil=True)
def _molecule_pair(
    separation: Array,
    one: tuple[Array, int],
    other: tuple[Array, int],
    tables: Tables,
    slopes: Array,
    terms: Array,
) -> None:
    """Add the interaction of molecule A with B, ``separation`` away.

    Args:
        separation: From the centre of A to that of B, Å.
        one: Site offsets of A, and the index of its first site in the tables.
        other: The same of B.
        tables: Sites, pairs, cutoffs.
        slopes: Gets dE/dx of each site of A.
        terms: Gets repulsion, dispersion, charges and walls.
    """
    sites, pairs, cutoffs = tables
    exp6_reach, ewald_reach = cutoffs.cutoff**2, cutoffs.ewald**2
    xa, first_a = one
    xb, first_b = other
    for i in range(xa.shape[0]):
        for j in range(xb.shape[0]):
            dx = separation[0] + xb[j, 0] - xa[i, 0]
            dy = separation[1] + xb[j, 1] - xa[i, 1]
            dz = separation[2] + xb[j, 2] - xa[i, 2]
            r2 = max(dx * dx + dy * dy + dz * dz, _SHORTEST)
            if r2 >= exp6_reach and r2 >= ewald_reach:
                continue
            r = math.sqrt(r2)
            a, b = first_a + i, first_b + j
            qq = COULOMB_CONSTANT * sites.charges[a] * sites.charges[b]
            slope = 0.0
            if r < pairs.wall[a, b]:
                energy, slope = _wall(r, a, b, qq, pairs, cutoffs.alpha)
                terms[3] += energy
            else:
                if r2 < exp6_reach:
                    repulsion, dispersion, slope = _exp6(r, a, b, pairs, cutoffs)
                    terms[0] += repulsion
                    terms[1] += dispersion
                if cutoffs.alpha > 0.0 and r2 < ewald_reach:
                    energy, bend = _screened(r, qq, cutoffs.alpha)
                    terms[2] += energy
                    slope += bend
            slopes[i, 0] -= slope * dx
            slopes[i, 1] -= slope * dy
            slopes[i, 2] -= slope * dz


@njit(cache=True, nogil=True)
def _bounds(delta: Array, limit: float, inverse: Array) -> tuple[Integers, Integers]:
    """Lattice translations that may bring an image within ``limit``, each axis."""
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for k in range(3):
        reach = limit * math.sqrt(
            inverse[0, k] ** 2 + inverse[1, k] ** 2 + inverse[2, k] ** 2
        )
        low[k] = math.ceil(-reach - delta[k])
        high[k] = math.floor(reach - delta[k])
    return low, high


@njit(cache=True, nogil=True)
def _image_sum(
    body: int,
    m: int,
    crystal: Placed,
    images: Images,
    tables: Tables,
    sums: tuple[Array, Array, Array],
) -> None:
    """Add a body's interaction with one image and all its lattice translations.

    ``sums`` are dE/dx of the body's sites, ``Σ R ⊗ dE/dR`` and the terms.
    """
    sites, _, cutoffs = tables
    slopes, virial, terms = sums
    first, other = images.first[body], images.body[m]
    xa = crystal.offsets[crystal.start[first] : crystal.start[first + 1]]
    xb = crystal.offsets[crystal.start[m] : crystal.start[m + 1]]
    limit = max(cutoffs.cutoff, cutoffs.ewald)
    limit += sites.radius[body] + sites.radius[other]
    delta = crystal.centres[m] - crystal.centres[first]
    low, high = _bounds(delta, limit, crystal.inverse)
    separation = np.empty(3)
    own = np.empty((xa.shape[0], 3))
    for n0 in range(low[0], high[0] + 1):
        for n1 in range(low[1], high[1] + 1):
            for n2 in range(low[2], high[2] + 1):
                if m == first and n0 == 0 and n1 == 0 and n2 == 0:
                    continue
                d2 = 0.0
                for k in range(3):
                    separation[k] = (
                        (delta[0] + n0) * crystal.cell[0, k]
                        + (delta[1] + n1) * crystal.cell[1, k]
                        + (delta[2] + n2) * crystal.cell[2, k]
                    )
                    d2 += separation[k] * separation[k]
                if d2 >= limit * limit:
                    continue
                own[:] = 0.0
                _molecule_pair(
                    separation,
                    (xa, sites.start[body]),
                    (xb, sites.start[other]),
                    tables,
                    own,
                    terms,
                )
                for k in range(3):
                    total = 0.0
                    for i in range(xa.shape[0]):
                        total += own[i, k]
                        slopes[i, k] += own[i, k]
                    for a in range(3):  # dE/dR_AB = −dE/dx_A
                        virial[a, k] -= separation[a] * total


@njit(cache=True, nogil=True)
def add_direct(
    crystal: Placed,
    images: Images,
    tables: Tables,
    gradient: Gradient,
    terms: Array,
) -> None:
    """Add the direct sums over the neighbours of each body of the asymmetric unit."""
    sites = tables[0]
    for b in range(sites.start.shape[0] - 1):
        slopes = np.zeros((sites.start[b + 1] - sites.start[b], 3))
        virial = np.zeros((3, 3))
        part = np.zeros(4)
        for m in range(images.body.shape[0]):
            _image_sum(b, m, crystal, images, tables, (slopes, virial, part))
        first = crystal.start[images.first[b]]
        offsets = crystal.offsets[first : first + slopes.shape[0]]
        collect(slopes, offsets, gradient, b)
        weight = 0.5 * images.copies[b]
        for i in range(3):
            for j in range(3):
                gradient.strain[i, j] += weight * virial[i, j]
        for t in range(4):
            terms[t] += weight * part[t]
