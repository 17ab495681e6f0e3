"""Curves of minima found and estimated against draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from csp.packing.accumulation import accumulate, in_step
from csp.packing.completeness import estimate_completeness

N_MINIMA = 12
ENERGIES = np.arange(N_MINIMA) - 80.0
DRAWS = hnp.arrays(np.int64, st.integers(0, 80), elements=st.integers(-1, N_MINIMA - 1))


def uneven_search(seed: int, n_draws: int) -> np.ndarray:
    """Draws from 60 minima of log-normal chances."""
    rng = np.random.default_rng(seed)
    chances = np.exp(rng.standard_normal(60))
    return rng.choice(60, size=n_draws, p=chances / chances.sum())


def test_the_curve_ends_at_the_estimate():
    draws = uneven_search(2, 500)
    energies = np.linspace(0.0, 12.0, 60)
    curves = accumulate(draws, energies)
    for curve, one in zip(curves, estimate_completeness(draws, energies), strict=True):
        assert curve.window == one.window
        assert curve.n_draws[-1] == one.n_draws
        assert curve.n_seen[-1] == one.n_seen
        assert curve.expected[-1] == pytest.approx(one.n_seen, rel=1e-9)
        assert curve.total[-1] == one.n_seen + one.unseen.value
        assert curve.low[-1] == one.n_seen + one.unseen.low
        assert curve.high[-1] == one.n_seen + one.unseen.high


@given(DRAWS)
def test_the_curve_counts_minima_as_they_come(draws):
    (curve,) = accumulate(draws, ENERGIES, (3.0,), n_points=10)
    lowest = min(set(draws.tolist()) - {-1}, default=0)
    wanted = [
        len({i for i in draws[:end].tolist() if lowest <= i <= lowest + 3})
        for end in curve.n_draws.tolist()
    ]
    assert curve.n_seen.tolist() == wanted
    assert curve.n_draws[-1] == len(draws)
    assert (curve.low <= curve.total).all()
    assert (curve.total <= curve.high).all()


def test_draws_in_random_order_come_in_as_expected():
    draws = uneven_search(5, 4000)
    (curve,) = accumulate(draws, np.zeros(60), (1.0,))
    # the spread of the minima found is about the root of those found once or twice
    assert np.abs(curve.n_seen - curve.expected).max() < 4.0 * np.sqrt(10.0)


def test_streams_in_step_go_forward_together():
    streams = ["a"] * 100 + ["b"] * 20 + ["c"] * 40
    draws = np.concatenate([np.arange(100), np.arange(20)[::-1], np.arange(40)])
    order = in_step(streams, draws)
    assert sorted(order.tolist()) == list(range(160))
    for end in range(8, 161, 8):
        names = [streams[i] for i in order[:end]]
        assert names.count("a") == pytest.approx(100 * end / 160, abs=1.0)
        assert names.count("b") == pytest.approx(20 * end / 160, abs=1.0)
    for name in "abc":
        own = [draws[i] for i in order if streams[i] == name]
        assert_array_equal(own, np.sort(own))


def test_streams_are_known_by_name_wherever_their_draws_stand():
    streams = ["a", "b", "a", "b"]
    order = in_step(streams, np.array([7, 3, 5, 1]))
    assert order.tolist() == [2, 3, 0, 1]
