"""Fragments are congruent up to isometries, order of atoms and swapped molecules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist, squareform
from scipy.spatial.transform import Rotation

from csp.reference.fragment import (
    SAME_DISTANCE,
    Fragment,
    exchange,
    fragment_of,
    mapping,
)

SEEDS = st.integers(0, 2**32 - 1)
WATER = np.array([[0.0, 0.0, 0.0], [0.8165, 0.0, 0.5774], [-0.8165, 0.0, 0.5774]])
SYMBOLS = np.array([8, 1, 1])


def random_pair(rng):
    """Two waters a few Å apart."""
    places = []
    for shift in (np.zeros(3), np.array([3.0, 0.4, -0.2])):
        turn = Rotation.random(random_state=rng).as_matrix()
        places.append(WATER @ turn.T + shift + 0.3 * rng.normal(size=3))
    return fragment_of([(SYMBOLS, place) for place in places])


def moved(fragment: Fragment, rng, mirrored: bool, swapped: bool):
    """The same fragment elsewhere; also the new place of each atom."""
    turn = Rotation.random(random_state=rng).as_matrix() * (-1.0 if mirrored else 1.0)
    positions = fragment.positions @ turn.T + rng.normal(size=3)
    parts = np.split(np.arange(len(positions)), np.cumsum(fragment.sizes)[:-1])
    parts = [rng.permutation(part) for part in parts]
    if swapped:
        parts = parts[::-1]
    return fragment_of([(fragment.numbers[p], positions[p]) for p in parts])


@given(SEEDS, st.booleans(), st.booleans())
def test_a_moved_mirrored_swapped_and_reordered_pair_is_the_same(seed, hand, swap):
    rng = np.random.default_rng(seed)
    pair = random_pair(rng)
    other = moved(pair, rng, hand, swap)
    order = mapping(pair, other)
    assert order is not None
    assert (other.numbers[order] == pair.numbers).all()
    # independent of the labelled matrices
    assert_allclose(
        squareform(pdist(other.positions[order])),
        squareform(pdist(pair.positions)),
        rtol=0,
        atol=1e-9,
    )


@given(SEEDS, st.integers(0, 5))
def test_a_pair_with_one_atom_moved_is_another(seed, atom):
    rng = np.random.default_rng(seed)
    pair = random_pair(rng)
    positions = np.array(pair.positions)
    others = [k for k in range(6) if k // 3 != atom // 3]
    # away from the atom it is nearest to, so that a distance changes by all of it
    away = positions[atom] - positions[others].mean(axis=0)
    positions[atom] += 5.0 * SAME_DISTANCE * away / np.linalg.norm(away)
    other = fragment_of([(SYMBOLS, positions[:3]), (SYMBOLS, positions[3:])])
    assert mapping(pair, moved(other, rng, False, False)) is None


def test_equal_distances_of_other_elements_are_no_match():
    one = fragment_of([(np.array([8, 1]), np.array([[0.0, 0, 0], [0, 0, 1.0]]))])
    other = fragment_of([(np.array([7, 1]), np.array([[0.0, 0, 0], [0, 0, 1.0]]))])
    assert mapping(one, other) is None


def test_one_molecule_is_not_two_with_the_same_atoms():
    positions = np.array([[0.0, 0, 0], [0, 0, 1.0], [2.0, 0, 0], [2.0, 0, 1.0]])
    numbers = np.array([9, 1, 9, 1])
    one = fragment_of([(numbers, positions)])
    two = fragment_of([(numbers[:2], positions[:2]), (numbers[2:], positions[2:])])
    crossed = fragment_of(
        [(numbers[[0, 3]], positions[[0, 3]]), (numbers[[2, 1]], positions[[2, 1]])]
    )
    assert mapping(one, two) is None
    assert mapping(two, crossed) is None


@pytest.mark.parametrize("operation", ["inversion", "rotation", "mirror"])
def test_molecules_that_an_isometry_exchanges(operation):
    rng = np.random.default_rng(3)
    first = WATER @ Rotation.random(random_state=rng).as_matrix().T + [1.6, 0.3, 0.2]
    matrix = {
        "inversion": -np.eye(3),
        "rotation": np.diag([-1.0, -1.0, 1.0]),
        "mirror": np.diag([-1.0, 1.0, 1.0]),
    }[operation]
    pair = fragment_of([(SYMBOLS, first), (SYMBOLS, first @ matrix)])
    order = exchange(pair)
    assert order is not None
    assert set(order[:3]) == {3, 4, 5}


def test_molecules_that_no_isometry_exchanges():
    assert exchange(random_pair(np.random.default_rng(5))) is None
