"""The algebra of multipole operators: polynomials in ∇ where ∇² = 0.

A site with multipole moments acts on 1/r as a polynomial in ∇. Because ∇²(1/r) = 0,
polynomials that differ by a multiple of ∇² are the same operator, and each has one
representative in the basis

    e_lm = ∂₊^m ∂_z^(l−m),   ∂₊ = ∂_x + i ∂_y,   0 ≤ m ≤ l,

taken in real and imaginary parts. Products follow from ∂₊∂₋ = −∂_z²: all structure
constants are ±1 and ±½, so that interaction, rotation, change of origin and force of
multipoles are one and the same multiplication.

Components are ordered by rank, then as in Stone's book: l0, l1c, l1s, l2c, l2s, …; the
first of rank l has the index l². Moments are real, Racah-normalised (Q10 = μ_z,
Q20 = Θ_zz), in e Å^l.

References:
    Stone, The Theory of Intermolecular Forces (2013), ch. 2 and 3;
    Hobson, The Theory of Spherical and Ellipsoidal Harmonics (1931), § 80.
"""

from functools import cache
from math import factorial, sqrt

import numpy as np

from csp.arrays import Matrix, Moments, Scalars, Vectors

MAX_RANK = 4
"""Hexadecapole."""
N_MOMENTS = (MAX_RANK + 1) ** 2
N_DERIVATIVES = (MAX_RANK + 2) ** 2
"""The force needs one degree more than the energy."""

Element = dict[tuple[int, int], complex]
"""A polynomial: its coefficients of e_lm, −l ≤ m ≤ l, with e_l,−m = ē_lm."""


def rank_and_order(index: int) -> tuple[int, int, bool]:
    """Rank l, order m ≥ 0, and whether a component is an imaginary part.

    >>> rank_and_order(0), rank_and_order(2), rank_and_order(8)
    ((0, 0, False), (1, 1, False), (2, 2, True))
    """
    rank = int(sqrt(index))
    position = index - rank * rank
    return rank, (position + 1) // 2, position > 0 and position % 2 == 0


def _as_element(index: int) -> Element:
    """Re e_lm or Im e_lm as combination of e_lm and its conjugate."""
    rank, order, is_imaginary = rank_and_order(index)
    if order == 0:
        return {(rank, 0): 1.0 + 0.0j}
    half = -0.5j if is_imaginary else 0.5 + 0.0j
    return {(rank, order): half, (rank, -order): half.conjugate()}


def _product(a: Element, b: Element) -> Element:
    """Product of two polynomials modulo ∇²."""
    out: Element = {}
    for (l1, m1), x in a.items():
        for (l2, m2), y in b.items():
            sign = (-1.0) ** min(abs(m1), abs(m2)) if m1 * m2 < 0 else 1.0
            key = (l1 + l2, m1 + m2)
            out[key] = out.get(key, 0.0) + sign * x * y
    return out


def _components(element: Element) -> dict[int, float]:
    """Coefficients of the real basis; those that vanish are left out."""
    out = {}
    for (rank, order), value in element.items():
        if order == 0:
            out[rank * rank] = value.real
        elif order > 0:  # v e + v̄ ē = 2 Re v Re e − 2 Im v Im e
            out[rank * rank + 2 * order - 1] = 2.0 * value.real
            out[rank * rank + 2 * order] = -2.0 * value.imag
    return {index: value for index, value in out.items() if value != 0.0}


@cache
def product_terms(max_degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Structure constants ``c`` of ``(a b)_t = Σ c a_u b_v``: rows ``t, u, v``; c."""
    n = (max_degree + 1) ** 2
    rows, values = [], []
    for u in range(n):
        for v in range(n):
            if rank_and_order(u)[0] + rank_and_order(v)[0] <= max_degree:
                terms = _components(_product(_as_element(u), _as_element(v)))
                rows += [(t, u, v) for t in terms]
                values += list(terms.values())
    return np.array(rows, np.int64), np.array(values)


@cache
def derivative_terms(max_degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Structure constants of ``(∂_k a)_t = Σ c a_u``: rows ``k, t, u``; c."""
    rows, values = product_terms(max_degree)
    axis = {2: 0, 3: 1, 1: 2}  # components 11c, 11s, 10 are ∂_x, ∂_y, ∂_z
    chosen = [i for i, (_, _, v) in enumerate(rows) if int(v) in axis]
    table = [(axis[int(rows[i][2])], int(rows[i][0]), int(rows[i][1])) for i in chosen]
    return np.array(table, np.int64), values[chosen]


@cache
def generator_terms() -> tuple[np.ndarray, np.ndarray]:
    """Rotation of a multipole: ``da_t/dω_k = Σ c a_u`` over the rows ``k, t, u``.

    A body turned by ω has ∂ → ∂ + ∂ × ω in its operators.
    """
    turned: list[tuple[Element, Element]] = [  # ∂₊ and ∂_z, about each axis
        ({(1, 0): 1.0j}, {(1, 1): 0.5j, (1, -1): -0.5j}),
        ({(1, 0): -1.0 + 0.0j}, {(1, 1): 0.5 + 0.0j, (1, -1): 0.5 + 0.0j}),
        ({(1, 1): -1.0j}, {}),
    ]
    rows, values = [], []
    for k, (plus, along) in enumerate(turned):
        for u in range(N_MOMENTS):
            for t, value in _components(_turned(u, plus, along)).items():
                rows.append((k, t, u))
                values.append(value)
    return np.array(rows, np.int64), np.array(values)


def _turned(index: int, plus: Element, along: Element) -> Element:
    """Derivation of Re or Im e_lm, given those of ∂₊ and ∂_z."""
    rank, order, is_imaginary = rank_and_order(index)
    out: Element = {}
    pieces = []
    if order:
        pieces.append((order, _product(_monomial(rank - 1, order - 1), plus)))
    if rank > order:
        pieces.append((rank - order, _product(_monomial(rank - 1, order), along)))
    for factor, piece in pieces:
        for (degree, m), value in piece.items():  # real part: (e + ē)/2
            half = -0.5j if is_imaginary else 0.5 + 0.0j
            for key, part in (
                ((degree, m), half * value),
                ((degree, -m), (half * value).conjugate()),
            ):
                out[key] = out.get(key, 0.0) + factor * part
    return out


def _monomial(rank: int, order: int) -> Element:
    return {(rank, order): 1.0 + 0.0j}


def _scale() -> np.ndarray:
    """Coefficient of e_lm in the operator of a unit moment Q_lm.

    The operator of Q_lm is R_lm(∇)/(2l − 1)!! with the Racah-normalised solid harmonic
    R_lm; without its multiples of ∇² it is Re or Im e_lm times
    √(2 − δ_m0)/√((l−m)!(l+m)!).
    """
    out = np.empty(N_MOMENTS)
    for index in range(N_MOMENTS):
        rank, order, _ = rank_and_order(index)
        weight = 1.0 if order == 0 else sqrt(2.0)
        out[index] = weight / sqrt(factorial(rank - order) * factorial(rank + order))
    return out


_SCALE = _scale()


def powers_of(length: float) -> Scalars:
    """``length^l`` for each component: a change of unit, or an inversion (−1)."""
    ranks = [rank_and_order(index)[0] for index in range(N_MOMENTS)]
    return np.asarray(length ** np.array(ranks, dtype=float))


def operators(moments: Moments) -> Moments:
    """Multipole moments as coefficients of the basis polynomials, site by site."""
    return np.asarray(moments * _SCALE)


def moments_of(coefficients: Moments) -> Moments:
    """The inverse of :func:`operators`."""
    return np.asarray(coefficients / _SCALE)


def product(a: np.ndarray, b: np.ndarray, max_degree: int = MAX_RANK) -> np.ndarray:
    """Product of polynomials along the last axis; degrees above ``max_degree`` drop."""
    rows, values = product_terms(max_degree)
    t, u, v = rows.T
    parts = np.moveaxis(values * a[..., u] * b[..., v], -1, 0)
    out = np.zeros(((max_degree + 1) ** 2, *parts.shape[1:]))
    np.add.at(out, t, parts)
    return np.moveaxis(out, 0, -1)


def rotation_of(matrix: Matrix) -> np.ndarray:
    """Action of an orthogonal matrix (proper or not) on operators, shape (25, 25).

    A body moved by ``x → M x`` has the operator ``P(Mᵀ∇)``.
    """
    first = np.zeros((3, N_MOMENTS))  # Mᵀ∇
    first[:, [2, 3, 1]] = matrix.T
    out = np.zeros((N_MOMENTS, N_MOMENTS))
    out[0, 0] = 1.0
    for rank in range(1, MAX_RANK + 1):
        start, before = rank * rank, (rank - 1) ** 2
        out[start] = product(out[before], first[2])
        for order in range(1, rank + 1):
            real = before + max(2 * (order - 1) - 1, 0)
            has_imaginary = order > 1
            re, im = out[real], out[real + 1] if has_imaginary else 0.0 * out[real]
            at = start + 2 * order - 1
            out[at] = product(re, first[0]) - product(im, first[1])
            out[at + 1] = product(im, first[0]) + product(re, first[1])
    return out.T


def rotated(moments: Moments, matrix: Matrix) -> Moments:
    """Moments of a body moved by an orthogonal matrix."""
    return moments_of(operators(moments) @ rotation_of(matrix).T)


def shifted(moments: Moments, vectors: Vectors) -> Moments:
    """The same multipoles about origins moved by minus ``vectors``.

    A moment at x acts about x − d as ``P(∇) exp(d·∇)``; up to the highest rank this is
    exact, since a rank only adds to higher ones.

    Args:
        moments: e Å^l, one row a site.
        vectors: From the new origin of each site to its old one, Å.
    """
    step = np.zeros((len(vectors), N_MOMENTS))
    step[:, [2, 3, 1]] = vectors
    power = np.zeros_like(step)
    power[:, 0] = 1.0
    total = power.copy()
    for degree in range(1, MAX_RANK + 1):
        power = product(power, step) / degree
        total += power
    return moments_of(product(operators(moments), total))
