"""Reciprocal part of the Ewald sum of the charges."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from csp.potentials.kernels.placing import collect, transform
from csp.potentials.kernels.tables import (
    Array,
    Gradient,
    Images,
    Placed,
    Sites,
    Tables,
)
from csp.units import COULOMB_CONSTANT


@njit(cache=True, nogil=True)
def _phases(fractional: Array, limit: int) -> NDArray[np.complex128]:
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
def _charges_in_cell(
    crystal: Placed, images: Images, sites: Sites
) -> tuple[Array, Array]:
    """Charge and fractional position of every site in the cell."""
    charges = np.empty(crystal.offsets.shape[0])
    fractional = np.empty((crystal.offsets.shape[0], 3))
    for m in range(images.body.shape[0]):
        b = images.body[m]
        for i in range(crystal.start[m], crystal.start[m + 1]):
            charges[i] = sites.charges[sites.start[b] + i - crystal.start[m]]
            transform(crystal.inverse.T, crystal.offsets[i], fractional[i])
            for k in range(3):
                fractional[i, k] += crystal.centres[m, k]
    return charges, fractional


@njit(cache=True, nogil=True)
def _add_wave(
    g: Array,
    weight: float,
    waves: NDArray[np.complex128],
    crystal: Placed,
    images: Images,
    slopes: tuple[Array, Sites],
) -> float:
    """Add dE/dx of one pair ±G to the sites of the bodies; returns |S(G)|²."""
    own, sites = slopes
    total = waves.sum()
    for b in range(sites.start.shape[0] - 1):
        first = crystal.start[images.first[b]]
        for i in range(sites.start[b + 1] - sites.start[b]):
            wave = waves[first + i]
            sine = total.real * wave.imag - total.imag * wave.real
            for k in range(3):
                own[sites.start[b] + i, k] -= 2.0 * weight * g[k] * sine
    return float(total.real**2 + total.imag**2)


@njit(cache=True, nogil=True)
def add_reciprocal(
    crystal: Placed,
    images: Images,
    tables: Tables,
    gradient: Gradient,
    terms: Array,
) -> None:
    """Add the reciprocal sum, its self and intramolecular terms included."""
    sites, _, cutoffs = tables
    charges, fractional = _charges_in_cell(crystal, images, sites)
    cell = crystal.cell
    top = np.empty(3, np.int64)
    for k in range(3):
        length = math.sqrt(cell[k, 0] ** 2 + cell[k, 1] ** 2 + cell[k, 2] ** 2)
        top[k] = math.floor(cutoffs.reciprocal * length / (2.0 * math.pi))
    limit = max(top[0], top[1], top[2])
    phase = _phases(fractional, limit)
    slopes = np.zeros((sites.offsets.shape[0], 3))
    waves = np.empty(charges.shape[0], np.complex128)
    g, h = np.empty(3), np.empty(3)
    two_pi_inverse = 2.0 * math.pi * crystal.inverse
    prefactor = 4.0 * math.pi * COULOMB_CONSTANT / crystal.volume  # ±G together
    quarter = 0.25 / cutoffs.alpha**2
    for h0 in range(top[0] + 1):
        for h1 in range(-top[1] if h0 > 0 else 0, top[1] + 1):
            for h2 in range(-top[2] if h0 > 0 or h1 > 0 else 1, top[2] + 1):
                h[0], h[1], h[2] = h0, h1, h2
                transform(two_pi_inverse, h, g)
                g2 = g[0] * g[0] + g[1] * g[1] + g[2] * g[2]
                if g2 > cutoffs.reciprocal**2:
                    continue
                for i in range(charges.shape[0]):
                    waves[i] = (
                        charges[i]
                        * phase[i, 0, limit + h0]
                        * phase[i, 1, limit + h1]
                        * phase[i, 2, limit + h2]
                    )
                weight = prefactor * math.exp(-quarter * g2) / g2
                energy = weight * _add_wave(
                    g, weight, waves, crystal, images, (slopes, sites)
                )
                terms[2] += energy
                bend = 2.0 * energy * (1.0 / g2 + quarter)
                for a in range(3):
                    gradient.strain[a, a] -= energy
                    for k in range(3):
                        gradient.strain[a, k] += bend * g[a] * g[k]
    terms[2] += cutoffs.constant
    _add_to_gradient(slopes, crystal, images, sites, gradient)


@njit(cache=True, nogil=True)
def _add_to_gradient(
    slopes: Array, crystal: Placed, images: Images, sites: Sites, gradient: Gradient
) -> None:
    """Add derivatives at the sites; molecules do not stretch with the cell."""
    for b in range(sites.start.shape[0] - 1):
        own = slopes[sites.start[b] : sites.start[b + 1]]
        first = crystal.start[images.first[b]]
        offsets = crystal.offsets[first : first + own.shape[0]]
        collect(own, offsets, gradient, b)
        for i in range(own.shape[0]):
            for a in range(3):
                for k in range(3):
                    gradient.strain[a, k] -= (
                        images.copies[b] * offsets[i, a] * own[i, k]
                    )
