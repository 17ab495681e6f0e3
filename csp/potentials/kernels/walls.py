"""What happens between two sites that are closer than their wall."""

import math

import numpy as np

from csp.compiled import compiled
from csp.potentials.kernels.functions import TWO_OVER_SQRT_PI
from csp.potentials.kernels.harmonics import (
    ALL_ADJOINTS,
    ALL_PRODUCTS,
    ALL_VALUES,
    add_derivatives,
    add_products,
    add_twist,
    irregular_harmonics,
)
from csp.potentials.kernels.rows import (
    FIELD,
    FORCE,
    HARMONICS,
    PRODUCT,
    SIZE,
    WIDTH,
    A,
    B,
    X,
)
from csp.potentials.kernels.tables import Array, Placed, Tables
from csp.potentials.solid_harmonics import MAX_RANK, N_DERIVATIVES
from csp.units import COULOMB_CONSTANT

_POWER = 5.0
_SERIES = 25
_SHORTEST = 1e-6
"""Å; sites that lie on one another count as this far apart."""


@compiled()
def _softened(r: float, wall: float) -> tuple[float, float]:
    """A distance that is r at the wall and stays above 4/5 of it, and its slope.

    ``s = w [1 − 1/p + (r/w)^p/p]`` with p = 5: s(w) = w, s'(w) = 1, s'(0) = 0.
    """
    u = r / wall
    u4 = u * u * u * u
    return wall * (1.0 - 1.0 / _POWER + u4 * u / _POWER), u4


@compiled()
def _multipoles_at(
    place: Array, one: Array, other: Array, slope: Array, twist: Array
) -> float:
    """Full interaction of two sites, l_A + l_B ≤ 4, at a separation (from B to A)."""
    rows = np.zeros(SIZE)
    for k in range(3):
        rows[X + k * WIDTH] = place[k]
    for rank in range(MAX_RANK + 1):
        for s in range(rank * rank, (rank + 1) ** 2):
            rows[A + s * WIDTH] = one[s]
            rows[B + s * WIDTH] = -other[s] if rank % 2 else other[s]
    irregular_harmonics(rows, 1)
    add_products(ALL_PRODUCTS, ALL_VALUES, rows, 1, (PRODUCT, A, B))
    add_derivatives(rows, 1)
    add_products(ALL_ADJOINTS, ALL_VALUES, rows, 1, (FIELD, HARMONICS, B))
    add_twist(rows, 1, twist)
    energy = 0.0
    for s in range(0, N_DERIVATIVES * WIDTH, WIDTH):
        harmonic = COULOMB_CONSTANT * rows[HARMONICS + s]
        energy += rows[PRODUCT + s] * harmonic
        for k in range(3):
            slope[k] += rows[FORCE + k * N_DERIVATIVES * WIDTH + s] * harmonic
    return energy


@compiled()
def _subtract_smooth(
    place: Array,
    one: Array,
    other: Array,
    alpha: float,
    slope: Array,
    twist: Array,
) -> float:
    """Minus what the reciprocal sum has of two sites: charges and dipoles in erf(αr)/r.

    The same formulae as the screened pair, with ``E_n = B_n(Coulomb) − B_n(screened)``,
    which is regular at r = 0.
    """
    x, y, z = place
    e0, e1, e2, e3 = _smooth(math.sqrt(x * x + y * y + z * z), alpha)
    mu_a = np.array([one[2], one[3], one[1]])
    mu_b = np.array([other[2], other[3], other[1]])
    qa, qb = one[0], other[0]
    a, b = (mu_a * place).sum(), (mu_b * place).sum()
    ab = (mu_a * mu_b).sum()
    k = COULOMB_CONSTANT
    energy = qa * qb * e0 + (qa * b - qb * a + ab) * e1 - a * b * e2
    radial = qa * qb * e1 + (qa * b - qb * a + ab) * e2 - a * b * e3
    field = e1 * mu_b - (qb * e1 + b * e2) * place
    for i in range(3):
        i1, i2 = (i + 1) % 3, (i + 2) % 3
        slope[i] -= k * (
            (qa * e1 - a * e2) * mu_b[i]
            - (qb * e1 + b * e2) * mu_a[i]
            - radial * place[i]
        )
        twist[i] -= k * (mu_a[i1] * field[i2] - mu_a[i2] * field[i1])
    return float(-k * energy)


@compiled()
def _smooth(r: float, alpha: float) -> tuple[float, float, float, float]:
    """``E_0 = erf(αr)/r`` and ``E_n+1 = −E_n'/r``, by their series where r is small.

    ``erf(αr)/r = 2α/√π Σ_k (−1)^k (αr)^2k / (k! (2k + 1))``.
    """
    t = alpha * alpha * r * r
    if t > 1.0:
        over = 1.0 / (r * r)
        gauss = TWO_OVER_SQRT_PI * alpha * math.exp(-t)
        twice = 2.0 * alpha * alpha
        e0 = math.erf(alpha * r) / r
        e1 = (e0 - gauss) * over
        e2 = (3.0 * e1 - twice * gauss) * over
        return e0, e1, e2, (5.0 * e2 - twice * twice * gauss) * over
    out = np.zeros(4)
    for n in range(4):  # dE/dt of order n
        term = -1.0 if n % 2 else 1.0  # (−1)^k t^(k−n)/(k − n)!
        for k in range(n, n + _SERIES):
            out[n] += term / (2.0 * k + 1.0)
            term *= -t / (k + 1 - n)
    scale = TWO_OVER_SQRT_PI * alpha
    step = -2.0 * alpha * alpha  # −(1/r) d/dr = −2α² d/dt
    return (
        scale * out[0],
        scale * step * out[1],
        scale * step * step * out[2],
        scale * step * step * step * out[3],
    )


@compiled()
def add_inside_wall(
    away: Array,
    pair: tuple[int, int],
    places: tuple[int, int],
    crystal: Placed,
    tables: Tables,
    out: tuple[Array, Array],
) -> float:
    """Pair energy inside the wall, less what the reciprocal sum has.

    Exp-6 goes on as a cubic; the multipoles, all orders, interact in the same
    direction at a softened distance.

    Args:
        away: From B to A, Å.
        pair: Indices of both sites in the tables.
        places: Indices of both sites in the cell.
        crystal: Where the images are.
        tables: Sites, pairs, cutoffs.
        out: Get dE/dx and dE/dω of A.
    """
    _, pairs, cutoffs = tables
    slope, twist = out
    i, j = pair
    r = max(math.sqrt((away * away).sum()), _SHORTEST)
    unit = away / r
    x = pairs.wall[i, j] - r
    force, cubic = pairs.wall_force[i, j], pairs.wall_cubic[i, j]
    energy = pairs.wall_energy[i, j] + x * (force + cubic * x * x)
    slope -= (force + 3.0 * cubic * x * x) * unit
    if cutoffs.alpha > 0.0:
        one, other = crystal.operators[places[0]], crystal.operators[places[1]]
        s, ds = _softened(r, pairs.wall[i, j])
        soft = np.zeros(3)
        energy += _multipoles_at(s * unit, one, other, soft, twist)
        along = (soft * unit).sum()
        slope += ds * along * unit + s / r * (soft - along * unit)
        energy += _subtract_smooth(away, one, other, cutoffs.alpha, slope, twist)
    return float(energy)
