"""Compiled lattice sums: energy and gradient of a crystal of rigid molecules.

Only interactions of the asymmetric unit are summed. Body ``b`` has its centre of
mass at ``s_b h`` (rows of ``h`` are the lattice vectors) and its sites at
``x_i = s_b h + Q_b d_i``; its images are ``(R s_b + t) h`` with orientations
``R_cart Q_b``. Energies are kJ/mol per cell, distances Å, charges e.

E = ½ Σ_A Σ_{B≠A} Σ_ij [w(r) u_exp6(r) + q_i q_j erfc(αr)/r]
    + (2π/V) Σ_{G≠0} e^{−G²/4α²} G⁻² |S(G)|² − self − intramolecular − tail

All functions release the GIL and do the same operations in the same order whatever
the number of threads.

References:
    Ewald sums of rigid molecules: Smith, Daresbury Lab. Info. Quart. 4, 13 (1982);
    Willock, Price, Leslie & Catlow, J. Comput. Chem. 16, 628 (1995).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from csp.units import COULOMB_CONSTANT

_K = COULOMB_CONSTANT
_TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)


class Sites(NamedTuple):
    """Interaction sites of the bodies, one body after the other.

    offsets: from the centre of mass in the body's frame, Å; charges: e; start: index
    of each body's first site, and the total; radius: largest offset of each body, Å.
    """

    offsets: np.ndarray
    charges: np.ndarray
    start: np.ndarray
    radius: np.ndarray


class Pairs(NamedTuple):
    """Parameters of ``A e^{−Br} − C r⁻⁶`` for each pair of sites, and of its wall.

    Below ``wall`` the whole pair energy, charges included, is continued as
    ``wall_energy + wall_force x + wall_cubic x³`` with ``x = wall − r``.
    Units: kJ/mol, Å.
    """

    repulsion: np.ndarray
    exponent: np.ndarray
    dispersion: np.ndarray
    wall: np.ndarray
    wall_energy: np.ndarray
    wall_force: np.ndarray
    wall_cubic: np.ndarray


class Images(NamedTuple):
    """The molecules of one cell: image ``m`` is body ``body[m]`` moved by an operation.

    ``first[b]`` is the image that is body ``b`` itself; ``count[b]`` its number of
    images in the cell.
    """

    body: np.ndarray
    rotation: np.ndarray
    cartesian: np.ndarray
    translation: np.ndarray
    first: np.ndarray
    count: np.ndarray


class Cutoffs(NamedTuple):
    """Where the sums end.

    switch_on, cutoff: exp-6 is switched to zero between them, Å; alpha: Ewald
    parameter, 1/Å (0: no charges); ewald: real-space cutoff of the charges, Å;
    reciprocal: largest |G|, 1/Å; tail: ``Σ C`` integral beyond the switch, per pair of
    cell contents, kJ/mol Å³; pressure: kJ/mol/Å³; constant: self and intramolecular
    charge terms, kJ/mol per cell.
    """

    switch_on: float
    cutoff: float
    alpha: float
    ewald: float
    reciprocal: float
    tail: float
    pressure: float
    constant: float


class Gradient(NamedTuple):
    """Derivatives of the cell energy, filled by :func:`energy_and_gradient`.

    strain: ``dE/dε`` for ``h' = h (1 + ε)`` at fixed fractional centres and fixed
    orientations; force: ``dE/d(centre)`` of one copy of each body (the name keeps the
    sign of the *gradient*), kJ/mol/Å; torque: ``dE/d(rotation vector)`` of one copy.
    """

    strain: np.ndarray
    centre: np.ndarray
    rotation: np.ndarray


@njit(cache=True, nogil=True, inline="always")
def _matvec(m, v, out):
    for i in range(3):
        out[i] = m[i, 0] * v[0] + m[i, 1] * v[1] + m[i, 2] * v[2]


@njit(cache=True, nogil=True)
def inverse3(m):
    """Inverse and determinant of a 3×3 matrix."""
    out = np.empty((3, 3))
    for i in range(3):
        i1, i2 = (i + 1) % 3, (i + 2) % 3
        for j in range(3):
            j1, j2 = (j + 1) % 3, (j + 2) % 3
            out[j, i] = m[i1, j1] * m[i2, j2] - m[i1, j2] * m[i2, j1]
    det = m[0, 0] * out[0, 0] + m[0, 1] * out[1, 0] + m[0, 2] * out[2, 0]
    return out / det, det


@njit(cache=True, nogil=True)
def _oriented_offsets(rotations, sites, images):
    """Site offsets of every image in the crystal's frame, one image after the other."""
    n_images = images.body.shape[0]
    start = np.empty(n_images + 1, np.int64)
    start[0] = 0
    for m in range(n_images):
        b = images.body[m]
        start[m + 1] = start[m] + sites.start[b + 1] - sites.start[b]
    offsets = np.empty((start[n_images], 3))
    for m in range(n_images):
        b = images.body[m]
        q = np.zeros((3, 3))
        for i in range(3):
            for j in range(3):
                for k in range(3):
                    q[i, j] += images.cartesian[m, i, k] * rotations[b, k, j]
        for i in range(start[m + 1] - start[m]):
            _matvec(q, sites.offsets[sites.start[b] + i], offsets[start[m] + i])
    return offsets, start


@njit(cache=True, nogil=True)
def _fractional_centres(centres, images):
    n_images = images.body.shape[0]
    out = np.empty((n_images, 3))
    for m in range(n_images):
        _matvec(images.rotation[m], centres[images.body[m]], out[m])
        for k in range(3):
            out[m, k] += images.translation[m, k]
    return out


@njit(cache=True, nogil=True, inline="always")
def _exp6(r, r2, i, j, pairs, cutoffs):
    """Repulsion, dispersion (switched) and the derivative of their sum over r."""
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


@njit(cache=True, nogil=True)
def _molecule_pair(separation, xa, xb, ia, ib, tables, force, terms):
    """Add one pair of molecules: ``separation`` from A to B, site offsets xa and xb.

    ``force[i]`` gets dE/dx of site i of A; terms get repulsion, dispersion, charges,
    wall.
    """
    sites, pairs, cutoffs = tables
    alpha = cutoffs.alpha
    c2, e2 = cutoffs.cutoff**2, cutoffs.ewald**2
    for i in range(xa.shape[0]):
        for j in range(xb.shape[0]):
            dx = separation[0] + xb[j, 0] - xa[i, 0]
            dy = separation[1] + xb[j, 1] - xa[i, 1]
            dz = separation[2] + xb[j, 2] - xa[i, 2]
            r2 = dx * dx + dy * dy + dz * dz
            if r2 >= c2 and r2 >= e2:
                continue
            r2 = max(r2, 1e-12)
            r = math.sqrt(r2)
            slope = 0.0  # (dE/dr) / r
            qq = _K * sites.charges[ia + i] * sites.charges[ib + j]
            wall = pairs.wall[ia + i, ib + j]
            if r < wall:
                x = wall - r
                cubic = pairs.wall_cubic[ia + i, ib + j]
                wall_force = pairs.wall_force[ia + i, ib + j]
                terms[3] += (
                    pairs.wall_energy[ia + i, ib + j]
                    + x * (wall_force + cubic * x * x)
                )
                slope -= (wall_force + 3.0 * cubic * x * x) / r
                if alpha > 0.0 and qq != 0.0:
                    erf = math.erf(alpha * r) / r
                    terms[3] -= qq * erf
                    gauss = _TWO_OVER_SQRT_PI * alpha * math.exp(-alpha * alpha * r2)
                    slope -= qq * (gauss - erf) / r2
            else:
                if r2 < c2:
                    repulsion, dispersion, slope = _exp6(
                        r, r2, ia + i, ib + j, pairs, cutoffs
                    )
                    terms[0] += repulsion
                    terms[1] += dispersion
                if alpha > 0.0 and r2 < e2:
                    erfc = math.erfc(alpha * r) / r
                    gauss = _TWO_OVER_SQRT_PI * alpha * math.exp(-alpha * alpha * r2)
                    terms[2] += qq * erfc
                    slope -= qq * (erfc + gauss) / r2
            force[i, 0] -= slope * dx
            force[i, 1] -= slope * dy
            force[i, 2] -= slope * dz


@njit(cache=True, nogil=True)
def _collect(force, offsets, gradient, body):
    """Net force and torque of a body from the gradient at its sites."""
    for i in range(force.shape[0]):
        for k in range(3):
            gradient.centre[body, k] += force[i, k]
            k1, k2 = (k + 1) % 3, (k + 2) % 3
            gradient.rotation[body, k] += (
                offsets[i, k1] * force[i, k2] - offsets[i, k2] * force[i, k1]
            )


@njit(cache=True, nogil=True)
def _real_space(cell, inverse, centres, placed, images, tables, gradient, terms):
    """Direct sums over the neighbours of each body of the asymmetric unit."""
    sites, pairs, cutoffs = tables
    offsets, start, image_centres = placed
    n_bodies = sites.start.shape[0] - 1
    reach = max(cutoffs.cutoff, cutoffs.ewald)
    spacing = np.empty(3)
    for k in range(3):
        spacing[k] = 1.0 / math.sqrt(
            inverse[0, k] ** 2 + inverse[1, k] ** 2 + inverse[2, k] ** 2
        )
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    delta, separation = np.empty(3), np.empty(3)
    part = np.zeros(4)
    for b in range(n_bodies):
        first = images.first[b]
        xa = offsets[start[first] : start[first + 1]]
        weight = 0.5 * images.count[b]
        force = np.zeros((xa.shape[0], 3))
        pair_force = np.zeros((xa.shape[0], 3))
        part[:] = 0.0
        for m in range(images.body.shape[0]):
            c = images.body[m]
            xb = offsets[start[m] : start[m + 1]]
            limit = reach + sites.radius[b] + sites.radius[c]
            for k in range(3):
                delta[k] = image_centres[m, k] - image_centres[first, k]
                low[k] = math.ceil(-limit / spacing[k] - delta[k])
                high[k] = math.floor(limit / spacing[k] - delta[k])
            for n0 in range(low[0], high[0] + 1):
                for n1 in range(low[1], high[1] + 1):
                    for n2 in range(low[2], high[2] + 1):
                        if m == first and n0 == 0 and n1 == 0 and n2 == 0:
                            continue
                        d2 = 0.0
                        for k in range(3):
                            separation[k] = (
                                (delta[0] + n0) * cell[0, k]
                                + (delta[1] + n1) * cell[1, k]
                                + (delta[2] + n2) * cell[2, k]
                            )
                            d2 += separation[k] * separation[k]
                        if d2 >= limit * limit:
                            continue
                        pair_force[:] = 0.0
                        _molecule_pair(
                            separation, xa, xb, sites.start[b], sites.start[c],
                            tables, pair_force, part,
                        )
                        for k in range(3):
                            total = 0.0
                            for i in range(xa.shape[0]):
                                total += pair_force[i, k]
                                force[i, k] += pair_force[i, k]
                            # the pair energy depends on R_AB: dE/dR = -dE/dx_A
                            for a in range(3):
                                gradient.strain[a, k] -= weight * separation[a] * total
        _collect(force, xa, gradient, b)
        for t in range(4):
            terms[t] += weight * part[t]


@njit(cache=True, nogil=True)
def _phases(fractional, limit):
    """``exp(2πi k f)`` for k = −limit … limit, each site and axis."""
    n = fractional.shape[0]
    table = np.empty((n, 3, 2 * limit + 1), np.complex128)
    for i in range(n):
        for k in range(3):
            angle = 2.0 * math.pi * fractional[i, k]
            step = complex(math.cos(angle), math.sin(angle))
            table[i, k, limit] = 1.0
            for h in range(1, limit + 1):
                value = table[i, k, limit + h - 1] * step
                table[i, k, limit + h] = value
                table[i, k, limit - h] = value.conjugate()
    return table


@njit(cache=True, nogil=True)
def _reciprocal_space(cell, inverse, volume, placed, images, tables, gradient, terms):
    """Reciprocal part of the Ewald sum of the charges."""
    sites, _, cutoffs = tables
    offsets, start, image_centres = placed
    n_images = images.body.shape[0]
    n_sites = offsets.shape[0]
    fractional = np.empty((n_sites, 3))
    charge = np.empty(n_sites)
    for m in range(n_images):
        b = images.body[m]
        for i in range(start[m], start[m + 1]):
            charge[i] = sites.charges[sites.start[b] + i - start[m]]
            for k in range(3):
                fractional[i, k] = (
                    image_centres[m, k]
                    + offsets[i, 0] * inverse[0, k]
                    + offsets[i, 1] * inverse[1, k]
                    + offsets[i, 2] * inverse[2, k]
                )
    limits = np.empty(3, np.int64)
    for k in range(3):
        length = math.sqrt(cell[k, 0] ** 2 + cell[k, 1] ** 2 + cell[k, 2] ** 2)
        limits[k] = math.floor(cutoffs.reciprocal * length / (2.0 * math.pi))
    top = max(limits[0], limits[1], limits[2])
    phase = _phases(fractional, top)
    n_bodies = sites.start.shape[0] - 1
    force = np.zeros((sites.start[n_bodies], 3))
    term = np.empty(n_sites, np.complex128)
    g = np.empty(3)
    prefactor = 4.0 * math.pi * _K / volume  # 2π for ±G together
    quarter = 0.25 / cutoffs.alpha**2
    for h0 in range(0, limits[0] + 1):
        for h1 in range(-limits[1] if h0 > 0 else 0, limits[1] + 1):
            for h2 in range(-limits[2] if h0 > 0 or h1 > 0 else 1, limits[2] + 1):
                g2 = 0.0
                for k in range(3):
                    g[k] = (
                        2.0
                        * math.pi
                        * (inverse[k, 0] * h0 + inverse[k, 1] * h1 + inverse[k, 2] * h2)
                    )
                    g2 += g[k] * g[k]
                if g2 > cutoffs.reciprocal**2:
                    continue
                total = complex(0.0, 0.0)
                for i in range(n_sites):
                    term[i] = (
                        charge[i]
                        * phase[i, 0, top + h0]
                        * phase[i, 1, top + h1]
                        * phase[i, 2, top + h2]
                    )
                    total += term[i]
                factor = prefactor * math.exp(-quarter * g2) / g2
                s2 = total.real**2 + total.imag**2
                energy = factor * s2
                terms[2] += energy
                bend = 2.0 * energy * (1.0 / g2 + quarter)
                for a in range(3):
                    gradient.strain[a, a] -= energy
                    for k in range(3):
                        gradient.strain[a, k] += bend * g[a] * g[k]
                for b in range(n_bodies):
                    first = start[images.first[b]]
                    for i in range(sites.start[b + 1] - sites.start[b]):
                        t = term[first + i]
                        sine = total.real * t.imag - total.imag * t.real
                        for k in range(3):
                            force[sites.start[b] + i, k] -= 2.0 * factor * g[k] * sine
    for b in range(n_bodies):
        first = start[images.first[b]]
        n = sites.start[b + 1] - sites.start[b]
        own = force[sites.start[b] : sites.start[b + 1]]
        _collect(own, offsets[first : first + n], gradient, b)
        for i in range(n):
            for a in range(3):
                for k in range(3):
                    gradient.strain[a, k] -= (
                        images.count[b] * offsets[first + i, a] * own[i, k]
                    )


@njit(cache=True, nogil=True)
def energy_and_gradient(cell, centres, rotations, images, tables, gradient, terms):
    """Cell energy (enthalpy, if there is a pressure), kJ/mol, and its gradient.

    Args:
        cell: Lattice vectors as rows.
        centres: Fractional centre of each body.
        rotations: Orientation of each body.
        images: The symmetry images.
        tables: (Sites, Pairs, Cutoffs).
        gradient: Overwritten.
        terms: Overwritten with repulsion, dispersion, charges, wall, tail, work.
    """
    _, _, cutoffs = tables
    gradient.strain[:] = 0.0
    gradient.centre[:] = 0.0
    gradient.rotation[:] = 0.0
    terms[:] = 0.0
    inverse, volume = inverse3(cell)
    offsets, start = _oriented_offsets(rotations, tables[0], images)
    placed = (offsets, start, _fractional_centres(centres, images))
    _real_space(cell, inverse, centres, placed, images, tables, gradient, terms)
    if cutoffs.alpha > 0.0:
        _reciprocal_space(
            cell, inverse, volume, placed, images, tables, gradient, terms
        )
        terms[2] += cutoffs.constant
    terms[4] = -cutoffs.tail / volume
    terms[5] = cutoffs.pressure * volume
    for k in range(3):
        gradient.strain[k, k] += terms[5] - terms[4]
    return terms.sum()
