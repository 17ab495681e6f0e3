"""Direct sums over pairs of sites: exp-6, and Ewald's real-space part."""

import math

from csp.compiled import compiled
from csp.potentials.kernels.functions import (
    TWO_OVER_SQRT_PI,
    exponential,
    scaled_erfc,
    switch,
)
from csp.potentials.kernels.rows import (
    DISPERSION,
    EXPONENT,
    FIELD_X,
    FIELD_Y,
    FIELD_Z,
    OUTSIDE,
    REPULSION,
    SLOPE_X,
    SLOPE_Y,
    SLOPE_Z,
    WIDTH,
    A,
    B,
    X,
    Y,
    Z,
)
from csp.potentials.kernels.tables import Array, Cutoffs
from csp.units import COULOMB_CONSTANT

_FAST = {"reassoc", "contract", "nsz"}
Force = tuple[float, float, float]


@compiled(fastmath=_FAST)
def add_exp6(rows: Array, n: int, cutoffs: Cutoffs) -> tuple[float, float, Force]:
    """Add ``A e^{−Br} − C r⁻⁶`` of a block.

    Returns:
        Repulsion, dispersion, and the sum of dE/dx over A's sites.
    """
    repulsion, dispersion = 0.0, 0.0
    fx, fy, fz = 0.0, 0.0, 0.0
    on, off = cutoffs.switch_on, cutoffs.cutoff
    for p in range(n):
        x, y, z = rows[X + p], rows[Y + p], rows[Z + p]
        r2 = x * x + y * y + z * z
        r = math.sqrt(r2)
        over = 1.0 / r2
        exponent = rows[EXPONENT + p]
        repel = rows[REPULSION + p] * exponential(-exponent * r)
        attract = -rows[DISPERSION + p] * over * over * over
        w, dw = switch(r, on, off)
        w *= rows[OUTSIDE + p]
        dw *= rows[OUTSIDE + p]
        slope = w * (-exponent * repel * r - 6.0 * attract) * over
        slope += dw * (repel + attract) * r * over
        repulsion += w * repel
        dispersion += w * attract
        fx += slope * x
        fy += slope * y
        fz += slope * z
        rows[SLOPE_X + p] += slope * x
        rows[SLOPE_Y + p] += slope * y
        rows[SLOPE_Z + p] += slope * z
    return repulsion, dispersion, (fx, fy, fz)


@compiled(fastmath=_FAST)
def add_charges(rows: Array, n: int, cutoffs: Cutoffs) -> tuple[float, Force]:
    """Add ``q q' erfc(αr)/r`` of a block; returns it and the sum of dE/dx."""
    alpha, reach = cutoffs.alpha, cutoffs.ewald**2
    total = 0.0
    fx, fy, fz = 0.0, 0.0, 0.0
    for p in range(n):
        x, y, z = rows[X + p], rows[Y + p], rows[Z + p]
        r2 = x * x + y * y + z * z
        r = math.sqrt(r2)
        qq = COULOMB_CONSTANT * rows[A + p] * rows[B + p] * rows[OUTSIDE + p]
        gauss = exponential(-alpha * alpha * r2) * (qq if r2 < reach else 0.0)
        energy = gauss * scaled_erfc(alpha * r) / r
        slope = -(energy + TWO_OVER_SQRT_PI * alpha * gauss) / r2
        total += energy
        fx += slope * x
        fy += slope * y
        fz += slope * z
        rows[SLOPE_X + p] += slope * x
        rows[SLOPE_Y + p] += slope * y
        rows[SLOPE_Z + p] += slope * z
    return total, (fx, fy, fz)


@compiled(fastmath=_FAST)
def add_dipoles(
    rows: Array, n: int, cutoffs: Cutoffs
) -> tuple[float, float, float, Force]:
    """Add the screened interaction of charges with dipoles of a block.

    ``(q_A + μ_A·∇)(q_B − μ_B·∇) B_0`` with ``B_0 = erfc(αr)/r``, ``B_n+1 = −B_n'/r =
    [(2n + 1) B_n + (2α²)^(n+1) e^(−α²r²)/(α√π)]/r²``.

    Returns:
        Charge–charge, charge–dipole, dipole–dipole, and the sum of dE/dx over A's
        sites.
    """
    alpha, reach = cutoffs.alpha, cutoffs.ewald**2
    twice = 2.0 * alpha * alpha
    charges, mixed, dipoles = 0.0, 0.0, 0.0
    fx, fy, fz = 0.0, 0.0, 0.0
    for p in range(n):
        x, y, z = rows[X + p], rows[Y + p], rows[Z + p]
        r2 = x * x + y * y + z * z
        r = math.sqrt(r2)
        over = 1.0 / r2
        weight = COULOMB_CONSTANT * rows[OUTSIDE + p]
        gauss = exponential(-alpha * alpha * r2) * (weight if r2 < reach else 0.0)
        b0 = gauss * scaled_erfc(alpha * r) * over * r
        gauss *= TWO_OVER_SQRT_PI * alpha
        b1 = (b0 + gauss) * over
        b2 = (3.0 * b1 + twice * gauss) * over
        b3 = (5.0 * b2 + twice * twice * gauss) * over
        qa, az = rows[A + p], rows[A + WIDTH + p]
        ax, ay = rows[A + 2 * WIDTH + p], rows[A + 3 * WIDTH + p]
        qb, bz = rows[B + p], -rows[B + WIDTH + p]
        bx, by = -rows[B + 2 * WIDTH + p], -rows[B + 3 * WIDTH + p]
        a = ax * x + ay * y + az * z
        b = bx * x + by * y + bz * z
        ab = ax * bx + ay * by + az * bz
        cross = qa * b - qb * a
        charges += qa * qb * b0
        mixed += cross * b1
        dipoles += ab * b1 - a * b * b2
        radial = qa * qb * b1 + (cross + ab) * b2 - a * b * b3
        u, v = b1 * qa - b2 * a, b1 * qb + b2 * b
        sx = u * bx - v * ax - radial * x
        sy = u * by - v * ay - radial * y
        sz = u * bz - v * az - radial * z
        fx += sx
        fy += sy
        fz += sz
        rows[SLOPE_X + p] += sx
        rows[SLOPE_Y + p] += sy
        rows[SLOPE_Z + p] += sz
        rows[FIELD_X + p] += b1 * bx - v * x
        rows[FIELD_Y + p] += b1 * by - v * y
        rows[FIELD_Z + p] += b1 * bz - v * z
    return charges, mixed, dipoles, (fx, fy, fz)
