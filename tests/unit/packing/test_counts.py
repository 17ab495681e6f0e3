"""Estimators from counts, against hand calculation, combinatorics and known urns."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from csp.packing.counts import bootstrap, rarefied, urn
from csp.packing.counts import coverage as coverages
from csp.packing.counts import least_unseen as leasts
from csp.packing.counts import unseen as missings

COUNTS = st.lists(st.integers(1, 30), min_size=1, max_size=20).map(np.array)


def coverage(counts: np.ndarray) -> float:
    """Of one search."""
    return float(coverages(counts[None])[0])


def least_unseen(counts: np.ndarray) -> float:
    return float(leasts(counts[None])[0])


def unseen(counts: np.ndarray) -> float:
    return float(missings(counts[None])[0])


def counts_of(frequencies: dict[int, int]) -> np.ndarray:
    """Minima found so many times: {times: minima}."""
    return np.repeat(list(frequencies), list(frequencies.values()))


def uneven(n_minima: int, spread: float, seed: int) -> np.ndarray:
    """Chances of the minima of an urn, log-normal."""
    chances = np.exp(spread * np.random.default_rng(seed).standard_normal(n_minima))
    return chances / chances.sum()


def searches(n_draws: int, chances: np.ndarray, n_searches: int) -> np.ndarray:
    rng = np.random.default_rng(17)
    return rng.multinomial(n_draws, chances, size=n_searches)


def assert_no_bias(deviations: np.ndarray, bias: float = 0.0) -> None:
    """The mean is zero, to four of its standard errors and a known bias."""
    error = deviations.std(ddof=1) / np.sqrt(len(deviations))
    assert abs(deviations.mean()) < 4.0 * error + bias
    assert error > 0.0


def test_coverage_and_unseen_by_hand():
    counts = counts_of({1: 10, 2: 5, 8: 10})
    assert counts.sum() == 100
    assert_allclose(coverage(counts), 1 - 0.1 * 990 / (990 + 10), rtol=1e-14)
    assert_allclose(least_unseen(counts), 0.99 * 10 * 9 / (2 * 6), rtol=1e-14)
    assert_allclose(unseen(counts), 0.99 * 10, rtol=1e-14)


def test_coverage_without_minima_found_twice_by_hand():
    counts = counts_of({1: 4, 8: 12})
    assert_allclose(coverage(counts), 1 - 0.04, rtol=1e-14)
    assert_allclose(least_unseen(counts), 0.99 * 4 * 3 / 2, rtol=1e-14)
    assert unseen(counts) == least_unseen(counts)


@given(COUNTS.map(lambda counts: counts + 1))
def test_nothing_is_missing_when_all_were_found_again(counts):
    assert coverage(counts) == 1.0
    assert unseen(counts) == 0.0


@given(st.integers(1, 50))
def test_nothing_is_known_when_nothing_was_found_again(n):
    counts = np.ones(n, dtype=int)
    assert coverage(counts) == 0.0
    bound = (n - 1) / n * n * (n - 1) / 2
    assert_allclose(least_unseen(counts), bound, rtol=1e-12)
    assert_allclose(unseen(counts), max(bound, n - 1), rtol=1e-12)


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_many_searches_at_once_are_each_as_alone(rows):
    width = max(len(row) for row in rows)
    table = np.array([np.pad(row, (0, width - len(row))) for row in rows])
    assert_array_equal(coverages(table), [coverage(row) for row in rows])
    assert_array_equal(missings(table), [unseen(row) for row in rows])


def test_the_coverage_of_an_uneven_urn_is_right_on_average():
    chances = uneven(60, 1.5, 3)
    samples = searches(300, chances, 2000)
    truth = (samples > 0) @ chances
    assert 0.8 < truth.mean() < 0.99
    # of the order of the chance of a minimum that is found a few times
    assert_no_bias(coverages(samples) - truth, bias=1e-3)


def test_the_bound_is_reached_by_an_even_urn_on_average():
    samples = searches(100, np.full(50, 0.02), 4000)
    missing = (samples == 0).sum(axis=1)
    assert 6.0 < missing.mean() < 7.5
    assert_no_bias(leasts(samples) - missing, bias=0.1)


def test_the_bound_is_below_what_an_uneven_urn_holds_and_the_estimate_nearer():
    samples = searches(1000, uneven(60, 1.5, 3), 2000)
    missing = (samples == 0).sum(axis=1).mean()
    bound, estimate = leasts(samples).mean(), missings(samples).mean()
    assert 0.3 * missing < bound < 0.95 * missing
    assert bound < estimate < 1.3 * missing


def test_the_slope_of_the_curve_is_the_number_found_once():
    # dE[S]/d ln n = E[f1], on which the upper bound rests
    chances = uneven(60, 1.5, 3)
    few, many = (searches(n, chances, 4000) for n in (950, 1050))
    once = (searches(1000, chances, 4000) == 1).sum(axis=1).mean()
    gained = (many > 0).sum(axis=1).mean() - (few > 0).sum(axis=1).mean()
    # a gain of 0.5 minima known to 0.06
    assert_allclose(gained / np.log(1050 / 950), once, rtol=0.4)


def test_streams_that_are_not_alike_may_be_counted_together():
    # what the estimate of coverage rests on; see csp.packing.completeness
    streams = [(150, uneven(60, 1.5, 3)), (400, np.roll(uneven(60, 2.5, 4), 7))]
    samples = sum(searches(n, chances, 2000) for n, chances in streams)
    truth = (samples > 0) @ (sum(n * chances for n, chances in streams) / 550)
    assert_no_bias(coverages(samples) - truth, bias=1e-3)


def test_rarefied_is_the_mean_over_all_choices_of_draws():
    counts = np.array([1, 2, 4])
    draws = np.repeat(np.arange(3), counts)
    for m in range(len(draws) + 1):
        found = [len(set(choice)) for choice in combinations(draws.tolist(), m)]
        (rare,) = rarefied(counts, np.array([m]))
        assert_allclose(rare, np.mean(found), rtol=1e-12)


@given(COUNTS)
def test_rarefied_ends_at_none_one_and_all(counts):
    ends = np.array([0, 1, counts.sum()])
    assert_allclose(rarefied(counts, ends), [0.0, 1.0, len(counts)], rtol=1e-9)


@given(COUNTS)
def test_the_urn_holds_what_was_seen_with_the_chance_of_the_coverage(counts):
    chances = urn(counts)
    assert_allclose(chances.sum(), 1.0, rtol=1e-12)
    assert (chances >= 0.0).all()
    n_others = len(chances) - len(counts)
    if n_others:
        known = chances[: len(counts)].sum()
        assert_allclose(known, coverage(counts), rtol=1e-9, atol=1e-12)
    assert n_others == np.ceil(unseen(counts))


def test_rare_minima_lose_most_of_their_share_to_those_not_seen():
    counts = counts_of({1: 10, 2: 5, 8: 10})
    kept = urn(counts)[: len(counts)] / (counts / 100)
    assert_array_equal(np.argsort(kept, kind="stable"), np.arange(25))
    assert kept[0] < 0.8
    assert kept[-1] > 0.99


@given(COUNTS, st.randoms(use_true_random=False))
def test_the_bootstrap_is_the_same_each_time_and_in_any_order(counts, rng):
    shuffled = counts.copy()
    rng.shuffle(shuffled)
    pairs = zip(bootstrap(counts, 20), bootstrap(shuffled, 20), strict=True)
    for first, again in pairs:
        assert len(first) == 20
        assert_array_equal(first, again)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_errors_of_the_bootstrap_spread_like_the_true_ones(spread):
    chances = uneven(60, spread, 3)
    samples = searches(200, chances, 1000)
    truth = (samples > 0) @ chances
    true_spread = (coverages(samples) - truth).std()
    true_once = (samples == 1).sum(axis=1)
    boots = [bootstrap(sample[sample > 0], 200) for sample in samples[:50]]
    # each bootstrap sees one search; on average they know the spread to some 10 %
    spreads = [boot.coverage.std() for boot in boots]
    assert_allclose(np.mean(spreads), true_spread, rtol=0.15)
    # an upper bound rests on these; an even urn has fewer than are thought
    assert np.mean([boot.once.mean() for boot in boots]) > 0.85 * true_once.mean()
