"""Quasi-random points: addressable one by one, and more even than random ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import qmc

from csp.packing.sampling import DIMENSIONS, as_point, sobol_points


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


def test_every_coordinate_is_for_one_thing():
    row = np.arange(13.0)
    point = as_point(row)
    parts = [np.atleast_1d(part) for part in point]
    assert sorted(np.concatenate(parts).tolist()) == row.tolist()
    assert [len(part) for part in parts] == [1, 2, 3, 3, 3, 1]
