"""Completeness of a search: windows, intervals, curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from csp.errors import InputError
from csp.packing.accumulation import accumulate
from csp.packing.completeness import WINDOWS, estimate_completeness
from csp.packing.counts import coverage, least_unseen, unseen

N_MINIMA = 12
ENERGIES = np.arange(N_MINIMA) - 80.0
DRAWS = hnp.arrays(np.int64, st.integers(0, 80), elements=st.integers(-1, N_MINIMA - 1))


def uneven_search(seed: int, n_draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws from 60 minima of log-normal chances, and these."""
    rng = np.random.default_rng(seed)
    chances = np.exp(rng.standard_normal(60))
    chances /= chances.sum()
    return rng.choice(60, size=n_draws, p=chances), chances


def test_a_window_counts_what_lies_above_the_lowest_found():
    # 3 is the lowest found; 0 was not, and −1 is no minimum
    minima = np.array([5, 3, -1, 5, 9, 3, 4, -1, 5])
    two, six = estimate_completeness(minima, ENERGIES, (2.0, 6.0))
    assert (two.window, two.n_draws, two.n_hits, two.n_seen) == (2.0, 9, 6, 3)
    assert (six.window, six.n_draws, six.n_hits, six.n_seen) == (6.0, 9, 7, 4)
    assert two.coverage.value == coverage(np.array([[3, 2, 1]]))[0]
    assert six.unseen.value == unseen(np.array([[1, 3, 2, 1]]))[0]
    assert six.least_unseen == least_unseen(np.array([[1, 3, 2, 1]]))[0]


def test_the_fraction_seen_is_that_of_all_with_bounds_turned_round():
    (one,) = estimate_completeness(uneven_search(1, 100)[0], np.zeros(60), (1.0,))
    missing, fraction = one.unseen, one.fraction_seen
    assert 0.0 <= missing.low < missing.value < missing.high
    assert fraction.value == one.n_seen / (one.n_seen + missing.value)
    assert fraction.low == one.n_seen / (one.n_seen + missing.high)
    assert fraction.high == one.n_seen / (one.n_seen + missing.low)


@given(DRAWS, st.permutations(range(N_MINIMA)), st.randoms(use_true_random=False))
def test_neither_numbering_nor_order_nor_zero_of_energy_matters(draws, names, rng):
    order = list(range(len(draws)))
    rng.shuffle(order)
    renamed = np.append(names, -1)[draws][order]
    energies = np.empty(N_MINIMA)
    energies[names] = ENERGIES
    assert estimate_completeness(draws, ENERGIES) == estimate_completeness(
        renamed, energies + 16.0
    )


@given(DRAWS)
def test_bounds_enclose_the_estimate_and_stay_within_reason(draws):
    for one in estimate_completeness(draws, ENERGIES):
        for interval, largest in (
            (one.coverage, 1.0),
            (one.fraction_seen, 1.0),
            (one.unseen, np.inf),
        ):
            assert 0.0 <= interval.low <= interval.value <= interval.high <= largest
        assert one.unseen.low <= one.least_unseen <= one.unseen.value
        assert one.n_seen <= one.n_hits <= one.n_draws


@pytest.mark.parametrize("draws", [[], [-1, -1]])
def test_without_a_minimum_nothing_is_known(draws):
    for energies in (np.zeros(0), ENERGIES):
        for one in estimate_completeness(np.array(draws, dtype=int), energies):
            assert (one.n_draws, one.n_seen) == (len(draws), 0)
            assert (one.coverage.low, one.coverage.high) == (0.0, 1.0)
            assert one.fraction_seen.low == 0.0
            assert one.unseen.high == np.inf


def test_one_minimum_found_a_few_times_is_no_proof():
    # what has a chance of a half is missed by three draws one time in eight
    (one,) = estimate_completeness(np.zeros(3, dtype=int), np.zeros(1), (1.0,))
    assert one.coverage.value == 1.0
    assert one.coverage.low == 0.0
    (many,) = estimate_completeness(np.zeros(1000, dtype=int), np.zeros(1), (1.0,))
    # 0.9963 to the thousandth power is 0.025
    assert many.coverage.low == pytest.approx(0.9963, abs=1e-4)


def test_minima_all_found_once_may_be_all_there_are():
    (one,) = estimate_completeness(np.array([0]), np.zeros(1), (1.0,))
    assert (one.coverage.low, one.coverage.value, one.coverage.high) == (0.0, 0.0, 1.0)
    (many,) = estimate_completeness(np.arange(100), np.zeros(100), (1.0,))
    assert (many.coverage.low, many.coverage.value) == (0.0, 0.0)
    assert many.coverage.high == pytest.approx(0.037, abs=1e-3)


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    known, missing = [], []
    for seed in range(150):
        draws, chances = uneven_search(seed, 300)
        (one,) = estimate_completeness(draws, np.zeros(60), (1.0,))
        truth = chances[np.unique(draws)].sum()
        known.append(one.coverage.low <= truth <= one.coverage.high)
        missing.append(one.unseen.low <= 60 - one.n_seen <= one.unseen.high)
    # 95 % and four standard errors of 1.8 %
    assert np.mean(known) > 0.88
    assert np.mean(missing) > 0.88


def test_what_ten_times_the_draws_would_find_lies_below_the_upper_end():
    for seed in range(20):
        draws, _ = uneven_search(seed, 200)
        longer, _ = uneven_search(seed + 100, 2000)
        (one,) = estimate_completeness(draws, np.zeros(60), (1.0,))
        assert len(np.union1d(draws, longer)) - one.n_seen <= one.unseen.high


def test_the_upper_end_allows_for_ten_times_the_draws():
    # ten were found once, and as many are new in each factor e of further draws; as a
    # Poisson number ten may be sixteen
    draws = np.repeat(np.arange(60), [1] * 10 + [2] * 20 + [3] * 20 + [9] * 10)
    (one,) = estimate_completeness(draws, np.zeros(60), (1.0,))
    assert one.unseen.high > 16.0 * np.log(10.0)


@pytest.mark.parametrize(
    ("minima", "energies", "window", "told"),
    [
        ([0, 3], [0.0, 1.0], 2.0, "minima 0 to 3, but there are energies of 2"),
        ([-2, 0], [0.0, 1.0], 2.0, "minima -2 to 0"),
        ([0, 1], [0.0, np.nan], 2.0, "not a finite number"),
        ([0, 1], [0.0, 1.0], 0.0, "above 0 kJ/mol, got 0"),
        ([0, 1], [0.0, 1.0], np.inf, "above 0 kJ/mol, got inf"),
    ],
)
def test_what_makes_no_sense_is_refused(minima, energies, window, told):
    for function in (estimate_completeness, accumulate):
        with pytest.raises(InputError, match=told):
            function(np.array(minima), np.array(energies), (window,))


def test_windows_are_those_of_the_reports():
    estimates = estimate_completeness(uneven_search(1, 50)[0], np.zeros(60))
    assert [one.window for one in estimates] == list(WINDOWS) == [2.0, 5.0, 10.0]
