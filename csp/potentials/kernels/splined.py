"""Direct sums whose pairs of sites end as a cubic of their distance.

So DMACRYS ends repulsion, dispersion and higher multipoles alike, whatever the distance
of the molecules. These are for its cases; searches use the sums of the neighbouring
modules, which are faster and smoother.
"""

import math

import numpy as np

from csp.compiled import compiled
from csp.potentials.kernels.functions import exponential, spline
from csp.potentials.kernels.harmonics import FIRST_HIGHER, irregular_harmonics
from csp.potentials.kernels.rows import (
    DISPERSION,
    EXPONENT,
    FORCE,
    HARMONICS,
    OUTSIDE,
    PRODUCT,
    REPULSION,
    SLOPE_X,
    TOTAL,
    WIDTH,
    X,
    Y,
    Z,
)
from csp.potentials.kernels.tables import Array, Cutoffs
from csp.potentials.solid_harmonics import N_DERIVATIVES, N_MOMENTS
from csp.units import COULOMB_CONSTANT

Force = tuple[float, float, float]

_LOW = FIRST_HIGHER * WIDTH
_TOP = N_MOMENTS * WIDTH
_END = N_DERIVATIVES * WIDTH


@compiled(inline="always")
def _push_apart(rows: Array, p: int, along: float, force: Array) -> None:
    """Add ``along r`` to dE/dx of a pair's first site and to the sum of all."""
    for k in range(3):
        part = along * rows[X + k * WIDTH + p]
        rows[SLOPE_X + k * WIDTH + p] += part
        force[k] += part


@compiled(inline="always")
def _distance(rows: Array, p: int) -> float:
    return math.sqrt(rows[X + p] ** 2 + rows[Y + p] ** 2 + rows[Z + p] ** 2)


@compiled()
def add_splined_exp6(
    rows: Array, n: int, cutoffs: Cutoffs, force: Array
) -> tuple[float, float]:
    """Add ``A e^{−Br} − C r⁻⁶`` of a block.

    Args:
        rows: The block, placed.
        n: Pairs in it.
        cutoffs: Where the spline begins and ends.
        force: Gets the sum of dE/dx over A's sites.

    Returns:
        Repulsion and dispersion.
    """
    repulsion, dispersion = 0.0, 0.0
    for p in range(n):
        r = _distance(rows, p)
        exponent = rows[EXPONENT + p]
        repel = rows[REPULSION + p] * exponential(-exponent * r)
        attract = -rows[DISPERSION + p] / r**6
        w, dw = spline(r, cutoffs.switch_on, cutoffs.cutoff)
        w *= rows[OUTSIDE + p]
        dw *= rows[OUTSIDE + p]
        slope = w * (-exponent * repel - 6.0 * attract / r) + dw * (repel + attract)
        repulsion += w * repel
        dispersion += w * attract
        _push_apart(rows, p, slope / r, force)
    return repulsion, dispersion


@compiled()
def add_splined_higher(rows: Array, n: int, cutoffs: Cutoffs, force: Array) -> None:
    """Add the higher multipoles of a block.

    Args:
        rows: The block, placed.
        n: Pairs in it.
        cutoffs: Where the spline begins and ends.
        force: Gets the sum of dE/dx over A's sites.
    """
    irregular_harmonics(rows, n)
    energies, weights = np.zeros(n), np.empty(n)
    for s in range(_LOW, _TOP, WIDTH):
        for p in range(n):
            energies[p] += rows[PRODUCT + s + p] * rows[HARMONICS + s + p]
    for p in range(n):
        r = _distance(rows, p)
        w, dw = spline(r, cutoffs.higher_on, cutoffs.higher)
        weights[p] = w * rows[OUTSIDE + p]
        dw *= COULOMB_CONSTANT * rows[OUTSIDE + p] * energies[p]
        _push_apart(rows, p, dw / r, force)
    for s in range(_LOW, _END, WIDTH):
        for p in range(n):
            part = weights[p] * rows[HARMONICS + s + p]
            rows[TOTAL + s + p] += part
            for k in range(3):
                force[k] += COULOMB_CONSTANT * rows[FORCE + k * _END + s + p] * part
