"""Irregular solid harmonics and multipole operators in compiled code.

Everything works on rows of many pairs of sites at once: ``row[s]`` is component ``s``
of each pair, in the order of :mod:`csp.potentials.solid_harmonics`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from csp.compiled import compiled
from csp.potentials.kernels.rows import (
    FIELD,
    FORCE,
    HARMONICS,
    PRODUCT,
    WIDTH,
    A,
    X,
    Y,
    Z,
)
from csp.potentials.kernels.tables import Array
from csp.potentials.solid_harmonics import (
    MAX_RANK,
    N_DERIVATIVES,
    N_MOMENTS,
    derivative_terms,
    generator_terms,
    product_terms,
    rank_and_order,
)
from csp.units import COULOMB_CONSTANT

_HIGHEST_EWALD_RANK = 1
"""Charges and dipoles are summed by Ewald; products of higher ones directly."""


def _higher_products() -> tuple[np.ndarray, np.ndarray]:
    rows, values = product_terms(MAX_RANK)
    ranks = np.array([rank_and_order(i)[0] for i in range(N_MOMENTS)])
    is_higher = ranks[rows[:, 1:]].max(axis=1) > _HIGHEST_EWALD_RANK
    return np.ascontiguousarray(rows[is_higher]), values[is_higher]


ALL_PRODUCTS, ALL_VALUES = product_terms(MAX_RANK)
HIGHER_PRODUCTS, HIGHER_VALUES = _higher_products()
ALL_ADJOINTS = np.ascontiguousarray(ALL_PRODUCTS[:, [1, 0, 2]])
HIGHER_ADJOINTS = np.ascontiguousarray(HIGHER_PRODUCTS[:, [1, 0, 2]])
"""Derivatives of ``Σ_t (a b)_t s_t`` by ``a_u``: rows u, t, v."""
DERIVATIVES, DERIVATIVE_VALUES = derivative_terms(MAX_RANK + 1)
GENERATORS, GENERATOR_VALUES = generator_terms()
Bases = tuple[int, int, int]
FIRST_HIGHER = 4
"""Index of the first component of rank 2, the lowest of a higher interaction."""


@compiled()
def rotated_operators(matrix: Array, operators: Array, out: Array) -> None:
    """``P(Mᵀ∇)`` of the operators of some sites, for one orthogonal matrix.

    Args:
        matrix: From the body's frame to the crystal's, proper or not.
        operators: Shape (n_sites, 25).
        out: Overwritten.
    """
    basis = np.zeros((N_MOMENTS, N_MOMENTS))
    basis[0, 0] = 1.0
    for rank in range(1, MAX_RANK + 1):
        before, start = (rank - 1) ** 2, rank * rank
        _add_derivative(matrix, 2, basis[before], 1.0, basis[start])
        for order in range(1, rank + 1):
            real = before if order == 1 else before + 2 * order - 3
            at = start + 2 * order - 1
            _add_derivative(matrix, 0, basis[real], 1.0, basis[at])
            _add_derivative(matrix, 1, basis[real], 1.0, basis[at + 1])
            if order > 1:
                _add_derivative(matrix, 1, basis[real + 1], -1.0, basis[at])
                _add_derivative(matrix, 0, basis[real + 1], 1.0, basis[at + 1])
    for i in range(operators.shape[0]):
        out[i] = 0.0
        for rank in range(MAX_RANK + 1):
            for s in range(rank * rank, (rank + 1) ** 2):
                for t in range(rank * rank, (rank + 1) ** 2):
                    out[i, t] += operators[i, s] * basis[s, t]


@compiled()
def _add_derivative(
    matrix: Array, axis: int, element: Array, factor: float, out: Array
) -> None:
    """Add ``factor (Mᵀ∇)_axis`` times an element."""
    for n in range(DERIVATIVES.shape[0]):
        k, t, u = DERIVATIVES[n]
        if t < N_MOMENTS:
            out[t] += factor * DERIVATIVE_VALUES[n] * matrix[k, axis] * element[u]


@compiled(inline="always")
def _column(
    m: int, s: float, t: float, over: float
) -> tuple[float, float, float, float, float]:
    """``S_m+1,m`` to ``S_m+5,m`` from ``S_mm``; ``over = −1/r²`` and ``t = −z/r²``."""
    a = (2 * m + 1) * t * s
    b = (2 * m + 3) * t * a + (2 * m + 1) * over * s
    c = (2 * m + 5) * t * b + (4 * m + 4) * over * a
    d = (2 * m + 7) * t * c + (6 * m + 9) * over * b
    e = (2 * m + 9) * t * d + (8 * m + 16) * over * c
    return a, b, c, d, e


@compiled(fastmath={"contract", "nsz"})
def irregular_harmonics(rows: Array, n: int) -> None:
    """``S_lm = e_lm(1/r)`` of a block's pairs, degrees 0 to 5.

    ``S_m+1,m+1 = −(2m + 1)(x + iy)/r² S_mm`` and
    ``S_l+1,m = −[(2l + 1) z S_lm + (l² − m²) S_l−1,m]/r²``; unrolled, so that the
    vector unit holds everything in its registers.

    Args:
        rows: The block, placed; its harmonics are overwritten.
        n: Pairs in it.
    """
    for p in range(n):
        x, y, z = rows[X + p], rows[Y + p], rows[Z + p]
        over = -1.0 / (x * x + y * y + z * z)
        s00 = math.sqrt(-over)
        t = over * z
        u, v = over * x, over * y
        c11, s11 = u * s00, v * s00
        c22, s22 = 3.0 * (u * c11 - v * s11), 3.0 * (u * s11 + v * c11)
        c33, s33 = 5.0 * (u * c22 - v * s22), 5.0 * (u * s22 + v * c22)
        c44, s44 = 7.0 * (u * c33 - v * s33), 7.0 * (u * s33 + v * c33)
        c55, s55 = 9.0 * (u * c44 - v * s44), 9.0 * (u * s44 + v * c44)
        s10, s20, s30, s40, s50 = _column(0, s00, t, over)
        c21, c31, c41, c51, _ = _column(1, c11, t, over)
        s21, s31, s41, s51, _ = _column(1, s11, t, over)
        c32, c42, c52, _, _ = _column(2, c22, t, over)
        s32, s42, s52, _, _ = _column(2, s22, t, over)
        c43, c53, _, _, _ = _column(3, c33, t, over)
        s43, s53, _, _, _ = _column(3, s33, t, over)
        c54, _, _, _, _ = _column(4, c44, t, over)
        s54, _, _, _, _ = _column(4, s44, t, over)
        at = HARMONICS + p
        rows[at] = s00
        rows[at + WIDTH] = s10
        rows[at + 2 * WIDTH] = c11
        rows[at + 3 * WIDTH] = s11
        rows[at + 4 * WIDTH] = s20
        rows[at + 5 * WIDTH] = c21
        rows[at + 6 * WIDTH] = s21
        rows[at + 7 * WIDTH] = c22
        rows[at + 8 * WIDTH] = s22
        rows[at + 9 * WIDTH] = s30
        rows[at + 10 * WIDTH] = c31
        rows[at + 11 * WIDTH] = s31
        rows[at + 12 * WIDTH] = c32
        rows[at + 13 * WIDTH] = s32
        rows[at + 14 * WIDTH] = c33
        rows[at + 15 * WIDTH] = s33
        rows[at + 16 * WIDTH] = s40
        rows[at + 17 * WIDTH] = c41
        rows[at + 18 * WIDTH] = s41
        rows[at + 19 * WIDTH] = c42
        rows[at + 20 * WIDTH] = s42
        rows[at + 21 * WIDTH] = c43
        rows[at + 22 * WIDTH] = s43
        rows[at + 23 * WIDTH] = c44
        rows[at + 24 * WIDTH] = s44
        rows[at + 25 * WIDTH] = s50
        rows[at + 26 * WIDTH] = c51
        rows[at + 27 * WIDTH] = s51
        rows[at + 28 * WIDTH] = c52
        rows[at + 29 * WIDTH] = s52
        rows[at + 30 * WIDTH] = c53
        rows[at + 31 * WIDTH] = s53
        rows[at + 32 * WIDTH] = c54
        rows[at + 33 * WIDTH] = s54
        rows[at + 34 * WIDTH] = c55
        rows[at + 35 * WIDTH] = s55


@compiled()
def add_products(
    terms: NDArray[np.int64], values: Array, rows: Array, n: int, bases: Bases
) -> None:
    """Multiply pair by pair: ``row[t] += c row[u] row[v]`` for every term.

    Args:
        terms: Rows t, u, v, each counted from its base.
        values: Structure constants c.
        rows: The block.
        n: Pairs in it.
        bases: Where the rows of t, u and v begin.
    """
    for k in range(terms.shape[0]):
        c = values[k]
        t = bases[0] + terms[k, 0] * WIDTH
        u = bases[1] + terms[k, 1] * WIDTH
        v = bases[2] + terms[k, 2] * WIDTH
        total, left, right = rows[t : t + n], rows[u : u + n], rows[v : v + n]
        for p in range(n):
            total[p] += c * left[p] * right[p]


@compiled()
def add_derivatives(rows: Array, n: int) -> None:
    """Put the three derivatives of the product of operators into the force's rows."""
    for k in range(DERIVATIVES.shape[0]):
        axis, t, u = DERIVATIVES[k]
        if u < N_MOMENTS:
            c = DERIVATIVE_VALUES[k]
            to = FORCE + (axis * N_DERIVATIVES + t) * WIDTH
            source = PRODUCT + u * WIDTH
            total, part = rows[to : to + n], rows[source : source + n]
            for p in range(n):
                total[p] += c * part[p]


@compiled()
def add_twist(rows: Array, n: int, out: Array) -> None:
    """Add dE/dω of A's operators in their field, kJ/mol, to ``out``."""
    for k in range(GENERATORS.shape[0]):
        axis, t, u = GENERATORS[k]
        total = 0.0
        for p in range(n):
            total += rows[A + u * WIDTH + p] * rows[FIELD + t * WIDTH + p]
        out[axis] += COULOMB_CONSTANT * GENERATOR_VALUES[k] * total
