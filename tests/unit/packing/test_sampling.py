"""Quasi-random points: addressable one by one, and more even than random ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import qmc

from csp.packing.sampling import as_point, sobol_points

DIMENSIONS = 13
"""Of one molecule: 6 for the cell and 7 for itself."""


@given(
    seed=st.integers(0, 2**31),
    stream=st.text(max_size=5),
    first=st.integers(0, 200),
    count=st.integers(0, 12),
)
def test_a_draw_is_the_same_alone_in_a_batch_and_after_others(
    seed, stream, first, count
):
    batch = sobol_points(seed, stream, first, count)
    assert batch.shape == (count, DIMENSIONS)
    for k in range(count):
        assert_array_equal(sobol_points(seed, stream, first + k, 1)[0], batch[k])
    longer = sobol_points(seed, stream, 0, first + count)
    assert_array_equal(longer[first:], batch)


def test_seed_and_stream_both_decide():
    points = [
        sobol_points(*key, 0, 8) for key in [(1, "014e"), (2, "014e"), (1, "014a")]
    ]
    for i in range(3):
        for j in range(i):
            assert not np.isin(points[i], points[j]).any()


def test_far_draw_can_be_made_without_those_before():
    point = sobol_points(1, "014e", 99_999_999, 1)
    assert (point >= 0.0).all()
    assert (point < 1.0).all()


@pytest.mark.parametrize("stream", ["002i", "014e", "014a"])
def test_points_are_more_even_than_random_ones(stream):
    points = sobol_points(1, stream, 0, 256)
    random = np.random.default_rng(1).random((10, *points.shape))
    best_random = min(qmc.discrepancy(sample) for sample in random)
    assert qmc.discrepancy(points) < 0.7 * best_random
    # every coordinate falls once into each of 256 equal parts
    parts = np.sort(np.floor(256 * points).astype(int), axis=0)
    assert_array_equal(parts, np.repeat(np.arange(256)[:, None], DIMENSIONS, axis=1))


def flat(part):
    """All numbers of a point, or of a part of it."""
    if isinstance(part, tuple):
        return [number for own in part for number in flat(own)]
    return np.atleast_1d(part).tolist()


@pytest.mark.parametrize("n_bodies", [1, 2, 5])
def test_every_coordinate_is_for_one_thing(n_bodies):
    row = np.arange(6.0 + 7.0 * n_bodies)
    point = as_point(row)
    assert sorted(flat(point)) == row.tolist()
    assert [len(flat(part)) for part in point] == [1, 2, 3, 7 * n_bodies]
    assert len(point.bodies) == n_bodies
    for body in point.bodies:
        assert [len(flat(part)) for part in body] == [3, 3, 1]


@given(first=st.integers(0, 200), count=st.integers(1, 5), n_bodies=st.integers(1, 6))
def test_several_molecules_have_seven_numbers_each(first, count, n_bodies):
    batch = sobol_points(1, "014ee", first, count, n_bodies)
    assert batch.shape == (count, 6 + 7 * n_bodies)
    for k in range(count):
        alone = sobol_points(1, "014ee", first + k, 1, n_bodies)
        assert_array_equal(alone[0], batch[k])


def test_points_of_several_molecules_are_more_even_than_random_ones():
    points = sobol_points(1, "014ee", 0, 256, 2)
    random = np.random.default_rng(1).random((10, *points.shape))
    best_random = min(qmc.discrepancy(sample) for sample in random)
    assert qmc.discrepancy(points) < 0.7 * best_random
    parts = np.sort(np.floor(256 * points).astype(int), axis=0)
    assert_array_equal(parts, np.repeat(np.arange(256)[:, None], 20, axis=1))
