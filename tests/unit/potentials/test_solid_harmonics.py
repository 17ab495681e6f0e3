"""Multipole operators against derivatives of 1/r and displaced point charges."""

from functools import cache

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from csp.geometry import rotation_from_vector
from csp.potentials.solid_harmonics import (
    MAX_RANK,
    N_DERIVATIVES,
    N_MOMENTS,
    derivative_terms,
    generator_terms,
    moments_of,
    operators,
    product,
    rank_and_order,
    rotated,
    rotation_of,
    shifted,
)

SEEDS = st.integers(0, 2**32 - 1)
X, Y, Z = sympy.symbols("x y z", real=True)
AXES = (X, Y, Z)
RANKS = np.array([rank_and_order(index)[0] for index in range(N_DERIVATIVES)])


@cache
def basis_polynomial(index):
    """Re or Im of (x + iy)^m z^(l−m), the basis as the module defines it."""
    rank, order, is_imaginary = rank_and_order(index)
    part = sympy.im if is_imaginary else sympy.re
    return sympy.expand(
        part(sympy.expand((X + sympy.I * Y) ** order)) * Z ** (rank - order)
    )


@cache
def derivatives_of_inverse_distance(degree):
    """∂_x^i ∂_y^j ∂_z^k (1/r) for i + j + k = degree, as a function of the point."""
    potential = 1 / sympy.sqrt(X**2 + Y**2 + Z**2)
    powers = [
        (i, j, degree - i - j) for i in range(degree + 1) for j in range(degree + 1 - i)
    ]
    found = [sympy.diff(potential, X, i, Y, j, Z, k) for i, j, k in powers]
    return powers, sympy.lambdify(AXES, found, cse=True)


def acting_on_inverse_distance(polynomial, point):
    """``P(∇)(1/r)`` by plain differentiation."""
    total = 0.0
    terms = dict(sympy.Poly(polynomial, *AXES).terms())
    for degree in {sum(powers) for powers in terms}:
        powers, values_at = derivatives_of_inverse_distance(degree)
        values = dict(zip(powers, values_at(*point), strict=True))
        total += sum(
            float(terms[power]) * values[power] for power in terms if power in values
        )
    return total


def harmonics_at(point, degree=MAX_RANK):
    """``e_s(∇)(1/r)`` of all components."""
    return np.array(
        [
            acting_on_inverse_distance(basis_polynomial(index), point)
            for index in range((degree + 1) ** 2)
        ]
    )


def regular_harmonics(points):
    """Racah-normalised R_lm(x) up to rank 4, from Stone's table B.1, shape (n, 25)."""
    x, y, z = np.asarray(points).T
    r2 = x * x + y * y + z * z
    s = np.sqrt
    rows = [
        1.0 + 0 * x,
        z, x, y,
        (3 * z * z - r2) / 2, s(3) * x * z, s(3) * y * z, s(3 / 4) * (x * x - y * y),
        s(3) * x * y,
        (5 * z**3 - 3 * z * r2) / 2,
        s(3 / 8) * x * (5 * z * z - r2), s(3 / 8) * y * (5 * z * z - r2),
        s(15 / 4) * z * (x * x - y * y), s(15) * x * y * z,
        s(5 / 8) * (x**3 - 3 * x * y * y), s(5 / 8) * (3 * x * x * y - y**3),
        (35 * z**4 - 30 * z * z * r2 + 3 * r2 * r2) / 8,
        s(5 / 8) * (7 * x * z**3 - 3 * x * z * r2),
        s(5 / 8) * (7 * y * z**3 - 3 * y * z * r2),
        s(5 / 16) * (x * x - y * y) * (7 * z * z - r2),
        s(5 / 4) * x * y * (7 * z * z - r2),
        s(35 / 8) * z * (x**3 - 3 * x * y * y), s(35 / 8) * z * (3 * x * x * y - y**3),
        s(35 / 64) * (x**4 - 6 * x * x * y * y + y**4),
        s(35 / 4) * (x**3 * y - x * y**3),
    ]  # fmt: skip
    return np.column_stack(rows)


def moments_of_charges(charges, points):
    """Q_lm = Σ q R_lm(x), shape (25,)."""
    return charges @ regular_harmonics(points)


def random_matrix(rng, *, improper):
    return Rotation.random(rng=rng).as_matrix() * (-1.0 if improper else 1.0)


def test_components_are_numbered_as_in_stones_book():
    numbered = [rank_and_order(index) for index in range(N_MOMENTS)]
    expected = [
        (rank, order, is_imaginary)
        for rank in range(MAX_RANK + 1)
        for order in range(rank + 1)
        for is_imaginary in ((False, True) if order else (False,))
    ]
    assert numbered == expected


@given(seed=SEEDS)
def test_product_is_that_of_the_polynomials_where_laplacians_vanish(seed):
    """On 1/r a product acts as one polynomial after the other."""
    rng = np.random.default_rng(seed)
    first = rng.integers(N_MOMENTS)
    fitting = np.flatnonzero(RANKS[:N_MOMENTS] <= MAX_RANK - RANKS[first])
    second = rng.choice(fitting)
    one, other = np.eye(N_MOMENTS)[[first, second]]
    point = rng.normal(size=3)
    point *= rng.uniform(1.0, 2.0) / np.linalg.norm(point)
    plain = sympy.expand(basis_polynomial(int(first)) * basis_polynomial(int(second)))
    expected = acting_on_inverse_distance(plain, point)
    found = product(one, other)
    # degree 4 derivatives of 1/r at 1 Å are below 105
    assert_allclose(found @ harmonics_at(point), expected, rtol=0, atol=1e-10)


def test_product_drops_degrees_above_the_highest_and_is_that_of_an_algebra():
    rng = np.random.default_rng(5)
    a, b, c = rng.normal(size=(3, 7, N_MOMENTS))
    assert_allclose(product(a, b), product(b, a), rtol=0, atol=1e-13)
    assert_allclose(
        product(product(a, b), c), product(a, product(b, c)), rtol=0, atol=1e-12
    )
    top = np.where(RANKS[:N_MOMENTS] == MAX_RANK, a, 0.0)
    assert_allclose(product(top, b), b[:, :1] * top, rtol=0, atol=1e-14)
    assert product(a, b, max_degree=2).shape == (7, 9)
    assert_allclose(
        product(a, b, max_degree=2), product(a, b)[:, :9], rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("index", range(N_MOMENTS))
def test_derivatives_are_those_of_the_harmonics(index):
    """∂_k of e_s(1/r), up to degree 5, the force of a hexadecapole."""
    point = np.array([0.7, -1.1, 0.9])
    rows, values = derivative_terms(MAX_RANK + 1)
    harmonics = harmonics_at(point, MAX_RANK + 1)
    for axis in range(3):
        expected = acting_on_inverse_distance(
            sympy.expand(basis_polynomial(index) * AXES[axis]), point
        )
        chosen = (rows[:, 0] == axis) & (rows[:, 2] == index)
        found = values[chosen] @ harmonics[rows[chosen, 1]]
        assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("index", range(N_MOMENTS))
def test_unit_moment_has_the_potential_of_stones_book(index):
    """φ = R_lm(r)/r^(2l+1) of Q_lm = 1, and operators act with a sign from the field
    point to the site: P(−∇)."""
    point = np.array([0.8, 1.3, -0.6])
    rank = RANKS[index]
    r = np.linalg.norm(point)
    expected = regular_harmonics(point[None])[0, index] / r ** (2 * rank + 1)
    operator = operators(np.eye(N_MOMENTS)[index : index + 1])[0]
    found = (-1.0) ** rank * operator @ harmonics_at(point)
    assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_moments_come_back_from_their_operators():
    moments = np.random.default_rng(2).normal(size=(5, N_MOMENTS))
    assert_allclose(moments_of(operators(moments)), moments, rtol=1e-14)


@given(seed=SEEDS, improper=st.booleans())
def test_rotated_moments_are_those_of_the_rotated_charges(seed, improper):
    rng = np.random.default_rng(seed)
    charges, points = rng.normal(size=6), rng.normal(size=(6, 3))
    matrix = random_matrix(rng, improper=improper)
    moments = moments_of_charges(charges, points)
    expected = moments_of_charges(charges, points @ matrix.T)
    found = rotated(moments[None], matrix)[0]
    scale = np.abs(moments).max()
    assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


@given(seed=SEEDS, kinds=st.tuples(st.booleans(), st.booleans()))
def test_rotations_are_a_representation_that_keeps_every_rank_and_its_norm(seed, kinds):
    rng = np.random.default_rng(seed)
    first, second = (random_matrix(rng, improper=kind) for kind in kinds)
    assert_allclose(
        rotation_of(first @ second),
        rotation_of(first) @ rotation_of(second),
        rtol=0,
        atol=1e-12,
    )
    moments = rng.normal(size=(3, N_MOMENTS))
    turned = rotated(moments, first)
    for rank in range(MAX_RANK + 1):
        own = RANKS[:N_MOMENTS] == rank
        assert_allclose(
            np.linalg.norm(turned[:, own], axis=1),
            np.linalg.norm(moments[:, own], axis=1),
            rtol=1e-12,
        )
        assert_allclose(rotation_of(first)[np.ix_(own, ~own)], 0.0, rtol=0, atol=0)
    assert_allclose(rotation_of(np.eye(3)), np.eye(N_MOMENTS), rtol=0, atol=0)


@given(seed=SEEDS)
def test_generators_are_the_slopes_of_finite_rotations(seed):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    rows, values = generator_terms()
    found = np.zeros((N_MOMENTS, N_MOMENTS))
    np.add.at(found, (rows[:, 1], rows[:, 2]), values * axis[rows[:, 0]])
    step = 1e-4
    forth, back = (
        rotation_of(rotation_from_vector(sign * step * axis)) for sign in (1.0, -1.0)
    )
    # l³ step²/6 of the elements, which are below 10
    assert_allclose(found, (forth - back) / (2.0 * step), rtol=0, atol=1e-6)


@given(seed=SEEDS)
def test_shifted_moments_are_those_of_charges_about_another_origin(seed):
    rng = np.random.default_rng(seed)
    charges, points = rng.normal(size=(2, 5)), rng.normal(size=(2, 5, 3))
    vectors = rng.normal(size=(2, 3))
    moments = np.array(
        [moments_of_charges(q, x) for q, x in zip(charges, points, strict=True)]
    )
    expected = np.array(
        [
            moments_of_charges(q, x + d)
            for q, x, d in zip(charges, points, vectors, strict=True)
        ]
    )
    scale = np.abs(expected).max() + np.abs(moments).max()
    assert_allclose(shifted(moments, vectors), expected, rtol=0, atol=1e-12 * scale)


@given(seed=SEEDS)
def test_shifts_add_up_and_come_back(seed):
    rng = np.random.default_rng(seed)
    moments = rng.normal(size=(3, N_MOMENTS))
    a, b = rng.normal(size=(2, 3, 3))
    twice = shifted(shifted(moments, a), b)
    scale = np.abs(twice).max()
    assert_allclose(shifted(moments, a + b), twice, rtol=0, atol=1e-12 * scale)
    assert_allclose(
        shifted(shifted(moments, a), -a), moments, rtol=0, atol=1e-11 * scale
    )


def test_shifted_dipole_has_the_moments_of_two_close_charges():
    """A pure dipole as charges ±1/h at ±h/2 along it; its error is of order h²."""
    h = 1e-4
    direction = np.array([0.36, -0.48, 0.8])
    moments = np.zeros((1, N_MOMENTS))
    moments[0, [2, 3, 1]] = direction
    vector = np.array([0.3, -0.7, 0.5])
    ends = vector + 0.5 * h * np.array([1.0, -1.0])[:, None] * direction
    expected = moments_of_charges(np.array([1.0, -1.0]) / h, ends)
    assert_allclose(shifted(moments, vector[None])[0], expected, rtol=0, atol=1e-6)
