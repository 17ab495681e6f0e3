"""The compiled comparisons against plain ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.kernels.distances import closest_contacts
from csp.comparison.kernels.fitting import fit, smallest
from csp.geometry import overlay

SEEDS = st.integers(0, 2**32 - 1)


@given(
    seed=SEEDS,
    n=st.integers(2, 20),
    rank=st.integers(1, 3),
    hand=st.sampled_from([1.0, -1.0]),
    noise=st.sampled_from([0.0, 0.3, 3.0]),
)
def test_the_fit_is_the_least_squares_one(seed, n, rank, hand, noise):
    """By singular values; flat and straight point sets, too."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n, 3))
    points[:, rank:] = 0.0
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    targets = points @ turn + 5.0 * rng.random(3)
    targets += noise * rng.standard_normal((n, 3))
    rotation, translation = np.empty((3, 3)), np.empty(3)
    fit(points, targets, hand, rotation, translation)
    assert_allclose(rotation @ rotation.T, np.eye(3), rtol=0, atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(hand)
    difference = points @ rotation.T + translation - targets
    rmsd = np.sqrt((difference**2).sum(axis=1).mean())
    expected = overlay(points, targets, improper=hand < 0.0)
    assert rmsd == pytest.approx(expected.rmsd, abs=1e-7)


@given(
    values=st.lists(st.integers(0, 5), max_size=12),
    most=st.integers(0, 14),
)
def test_the_smallest_are_found_in_order(values, most):
    found = smallest(np.array(values, dtype=float), most).tolist()
    assert found == sorted(range(len(values)), key=values.__getitem__)[:most]


@given(seed=SEEDS)
def test_contacts_are_the_shortest_distances(seed):
    rng = np.random.default_rng(seed)
    molecules = rng.standard_normal((3, 4, 3))
    sizes = np.array([4, 2, 3])
    found, shifts = np.array([2, 0, 1, 1]), 3.0 * rng.standard_normal((4, 3))
    central = rng.standard_normal((5, 3))
    contacts = closest_contacts(molecules, sizes, found, shifts, central)
    for contact, which, shift in zip(contacts, found, shifts, strict=True):
        atoms = molecules[which, : sizes[which]] + shift
        distances = np.linalg.norm(atoms[:, None] - central, axis=2)
        assert contact == pytest.approx(distances.min())
