import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.invariants import (
    average_minimum_distances,
    invariant_distance,
    neighbour_distances,
)
from csp.errors import InputError

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, mirror=st.booleans())
def test_no_choice_of_description_changes_the_fingerprint(
    alpha, redescribed, seed, mirror
):
    other = redescribed(alpha, seed, mirror=mirror)
    assert_allclose(
        average_minimum_distances(other),
        average_minimum_distances(alpha),
        rtol=0,
        atol=1e-10,
    )


def test_a_supercell_has_the_fingerprint_of_its_cell(beta, supercell):
    assert_allclose(
        average_minimum_distances(supercell(beta, (2, 1, 2))),
        average_minimum_distances(beta),
        rtol=0,
        atol=1e-10,
    )


@pytest.mark.parametrize("stretch", [1.0, 8.0], ids=["crystal", "layers far apart"])
def test_distances_are_those_of_all_images(beta, strained, stretch):
    beta = strained(beta, (stretch, 1.0, 1.0))
    # the plain way: sort all distances to five cells on each side
    grid = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3), axis=-1).reshape(-1, 3)
    images = beta.positions + (grid @ beta.cell)[:, None, :]
    difference = images.reshape(-1, 1, 3) - beta.positions
    distances = np.sort(np.linalg.norm(difference, axis=2), axis=0)[1:61].T
    assert_allclose(
        neighbour_distances(beta.cell, beta.positions, 60),
        distances,
        rtol=0,
        atol=1e-10,
    )
    oxygen = average_minimum_distances(beta, 60)[120:]
    expected = distances[beta.atomic_numbers == 8].mean(axis=0)
    assert_allclose(oxygen, expected, rtol=0, atol=1e-10)


def test_many_neighbours_of_few_atoms_are_found(beta):
    distances = neighbour_distances(beta.cell, beta.positions, 700)
    assert distances.shape == (16, 700)
    number_density = 16 / np.linalg.det(beta.cell)
    radius = (3 * 700 / (4 * np.pi * number_density)) ** (1 / 3)
    assert_allclose(distances[:, -1], radius, rtol=0.03, atol=0)


@given(seed=SEEDS, noise=st.floats(0.0, 0.1))
def test_it_moves_by_at_most_twice_the_largest_displacement(
    beta, redescribed, seed, noise
):
    still = redescribed(beta, seed)
    moved = redescribed(beta, seed, noise=noise)
    largest = np.linalg.norm(moved.positions - still.positions, axis=1).max()
    gap = invariant_distance(
        average_minimum_distances(still), average_minimum_distances(moved)
    )
    assert gap <= 2.0 * largest + 1e-9


def test_the_forms_of_oxalic_acid_differ(alpha, beta):
    gap = invariant_distance(
        average_minimum_distances(alpha), average_minimum_distances(beta)
    )
    assert gap > 0.3


def test_misuse_is_explained(alpha):
    with pytest.raises(InputError, match="at least 1, got 0"):
        average_minimum_distances(alpha, 0)
    with pytest.raises(InputError, match="lengths 3 and 4 cannot be compared"):
        invariant_distance(np.zeros(3), np.zeros(4))
