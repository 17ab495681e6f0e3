"""Walls: every pair of sites repels at short range, whatever its charges."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.potentials.exp6 import Exp6, ForceFieldName, parameter_set
from csp.potentials.walls import pair_energy, pair_force, wall_of
from csp.units import COULOMB_CONSTANT

PRODUCTS = st.floats(-1.0, 1.0)
"""e²; of the charges of two atoms."""

POLAR = ("H_W2", "H_W3", "H_W4", "H_F2")


def pairs_of(name):
    parameters = parameter_set(name)
    for first, second in combinations_with_replacement(sorted(parameters.types), 2):
        yield f"{first} {second}", parameters.pair(first, second)


def inside_energy(wall, product, r):
    """Pair energy inside its wall, as the module says in its first lines."""
    x = wall.distance - r
    exp6 = wall.energy + wall.force * x + wall.cubic * x**3
    soft = wall.distance * (0.8 + 0.2 * (r / wall.distance) ** 5)
    return exp6 + COULOMB_CONSTANT * product / soft


@pytest.mark.parametrize("name", ForceFieldName)
@given(product=PRODUCTS)
@example(product=0.0)
@example(product=-1.0)
@example(product=1.0)
def test_every_pair_repels_inside_its_wall(name, product):
    for label, exp6 in pairs_of(name):
        wall = wall_of(exp6, product)
        if wall.distance == 0.0:
            # no dispersion and like charges: repels down to r = 0 without help
            r = np.geomspace(1e-6, 3.0, 300)
            assert exp6.dispersion == 0.0, label
            assert product >= 0.0, label
            assert (pair_force(exp6, product, r) > 0.0).all(), label
            continue
        r = np.linspace(0.0, wall.distance, 300)
        energy = inside_energy(wall, product, r)
        assert np.isfinite(energy).all(), label
        # never less than the least force: no place to rest
        assert (-np.diff(energy) / np.diff(r) > 499.9).all(), label


@pytest.mark.parametrize("name", ForceFieldName)
@given(product=PRODUCTS)
def test_wall_goes_on_where_exp6_ends(name, product):
    for label, exp6 in pairs_of(name):
        wall = wall_of(exp6, product)
        if wall.distance == 0.0:
            continue
        at = np.array([wall.distance])
        energy, force = pair_energy(exp6, 0.0, at), pair_force(exp6, 0.0, at)
        assert_allclose(wall.energy, energy[0], rtol=1e-12, err_msg=label)
        # the pair as a whole goes on too: its charges are not softened at the wall
        assert_allclose(
            inside_energy(wall, product, wall.distance),
            pair_energy(exp6, product, at)[0],
            rtol=1e-12,
            err_msg=label,
        )
        # where exp-6 repels by less than the least force, the force jumps to that
        attraction = max(0.0, -COULOMB_CONSTANT * product / wall.distance**2)
        least = 500.0 + attraction
        assert_allclose(wall.force, max(force[0], least), rtol=1e-12, err_msg=label)


@pytest.mark.parametrize("name", ForceFieldName)
@given(product=PRODUCTS)
def test_wall_stands_where_the_force_is_largest_and_molecules_do_not_get(name, product):
    step = 1e-4
    for label, exp6 in pairs_of(name):
        wall = wall_of(exp6, product)
        # the closest contacts of crystals: H…O of hydrogen bonds 1.5 Å, others 2.2 Å
        is_polar = any(hydrogen in label for hydrogen in POLAR)
        assert wall.distance < (1.25 if is_polar else 1.6), label
        if wall.distance in (0.0, 0.1, 1.2):
            continue
        around = pair_force(exp6, product, wall.distance + step * np.array([-1, 0, 1]))
        curvature = np.diff(around, 2)[0] / step**2
        slope = (around[2] - around[0]) / (2.0 * step)
        # a maximum, to the step of the grid, 0.001 Å: the cubic's slope is zero there
        assert curvature < 0.0, label
        assert abs(slope) <= 0.0011 * abs(curvature), label


@given(product=PRODUCTS)
def test_energy_and_force_of_a_pair_belong_together(product):
    exp6 = Exp6(2.0e5, 3.6, 1500.0)
    r = np.linspace(1.0, 5.0, 50)
    h = 1e-4
    rise = pair_energy(exp6, product, r + h) - pair_energy(exp6, product, r - h)
    # h²/6 times the third derivative: 1e6 at 1 Å, where the force is 1e4, then less
    assert_allclose(pair_force(exp6, product, r), -rise / (2 * h), rtol=1e-6, atol=1e-5)
