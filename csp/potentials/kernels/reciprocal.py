"""Reciprocal part of the Ewald sum of charges and dipoles."""

import math

import numpy as np
from numpy.typing import NDArray

from csp.compiled import compiled
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

_CHARGES = 2
"""Index of the charge–charge term; charge–dipole and dipole–dipole follow."""


@compiled()
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


@compiled()
def _in_cell(crystal: Placed) -> Array:
    """Fractional position of every site in the cell."""
    fractional = np.empty((crystal.offsets.shape[0], 3))
    for m in range(crystal.start.shape[0] - 1):
        for i in range(crystal.start[m], crystal.start[m + 1]):
            transform(crystal.inverse.T, crystal.offsets[i], fractional[i])
            for k in range(3):
                fractional[i, k] += crystal.centres[m, k]
    return fractional


@compiled()
def _structure_factors(
    g: Array, waves: NDArray[np.complex128], crystal: Placed
) -> tuple[complex, complex]:
    """``Σ q e^{iG·r}`` and ``Σ iμ·G e^{iG·r}`` over the cell."""
    charges, dipoles = 0.0j, 0.0j
    for i in range(waves.shape[0]):
        q, mz, mx, my = crystal.operators[i, :4]
        charges += q * waves[i]
        dipoles += (mx * g[0] + my * g[1] + mz * g[2]) * waves[i]
    return charges, 1.0j * dipoles


@compiled()
def _add_slopes(
    g: Array,
    weight: float,
    total: complex,
    waves: NDArray[np.complex128],
    crystal: Placed,
    images: Images,
    slopes: tuple[Array, Array, Array],
    sites: Sites,
) -> None:
    """Add the derivatives of one pair ±G by the sites of the bodies."""
    own, twist, strain = slopes
    for b in range(sites.start.shape[0] - 1):
        first = crystal.start[images.first[b]]
        for i in range(sites.start[b + 1] - sites.start[b]):
            q, mz, mx, my = crystal.operators[first + i, :4]
            dipole = mx * g[0] + my * g[1] + mz * g[2]
            wave = waves[first + i] * total.conjugate()
            # S* e^{iGr} = c + is: dE/dx = 2w G Re[i (q + iμ·G)(c + is)]
            bend = -2.0 * weight * (q * wave.imag + dipole * wave.real)
            field = -2.0 * weight * wave.imag  # ∂E/∂μ = field G
            at = sites.start[b] + i
            for k in range(3):
                own[at, k] += bend * g[k]
            if sites.rank == 0:
                continue
            twist[b, 0] += field * (my * g[2] - mz * g[1])
            twist[b, 1] += field * (mz * g[0] - mx * g[2])
            twist[b, 2] += field * (mx * g[1] - my * g[0])
            scaled = -field * images.copies[b]  # δG = −ε G
            for k in range(3):
                strain[0, k] += scaled * mx * g[k]
                strain[1, k] += scaled * my * g[k]
                strain[2, k] += scaled * mz * g[k]


@compiled()
def add_reciprocal(
    crystal: Placed,
    images: Images,
    tables: Tables,
    gradient: Gradient,
    terms: Array,
) -> None:
    """Add the reciprocal sum of charges and dipoles.

    ``E = Σ_G (2πk/V) e^(−G²/4α²)/G² |Σ (q + iμ·G) e^{iG·r}|²``, its self and
    intramolecular terms included.
    """
    sites, _, cutoffs = tables
    fractional = _in_cell(crystal)
    cell = crystal.cell
    top = np.empty(3, np.int64)
    for k in range(3):
        length = math.sqrt(cell[k, 0] ** 2 + cell[k, 1] ** 2 + cell[k, 2] ** 2)
        top[k] = math.floor(cutoffs.reciprocal * length / (2.0 * math.pi))
    limit = max(top[0], top[1], top[2])
    phase = _phases(fractional, limit)
    slopes = np.zeros((sites.offsets.shape[0], 3))
    waves = np.empty(fractional.shape[0], np.complex128)
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
                for i in range(waves.shape[0]):
                    waves[i] = (
                        phase[i, 0, limit + h0]
                        * phase[i, 1, limit + h1]
                        * phase[i, 2, limit + h2]
                    )
                weight = prefactor * math.exp(-quarter * g2) / g2
                charges, dipoles = _structure_factors(g, waves, crystal)
                _add_slopes(
                    g,
                    weight,
                    charges + dipoles,
                    waves,
                    crystal,
                    images,
                    (slopes, gradient.rotation, gradient.strain),
                    sites,
                )
                cross = 2.0 * (charges * dipoles.conjugate()).real
                terms[_CHARGES] += weight * _square(charges)
                terms[_CHARGES + 1] += weight * cross
                terms[_CHARGES + 2] += weight * _square(dipoles)
                energy = weight * _square(charges + dipoles)
                bend = 2.0 * energy * (1.0 / g2 + quarter)
                for a in range(3):
                    gradient.strain[a, a] -= energy
                    for k in range(3):
                        gradient.strain[a, k] += bend * g[a] * g[k]
    for t in range(3):
        terms[_CHARGES + t] += cutoffs.constant[t]
    _add_to_gradient(slopes, crystal, images, sites, gradient)


@compiled(inline="always")
def _square(z: complex) -> float:
    return float(z.real * z.real + z.imag * z.imag)


@compiled()
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
