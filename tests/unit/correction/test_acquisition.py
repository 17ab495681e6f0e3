"""What to compute next, when to stop, and what can be said of the ranks."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from csp.correction.acquisition import (
    ChoiceSettings,
    Ladder,
    choose,
    expected_improvement,
    first_choice,
    weighted_variance,
)
from csp.correction.fidelity import Correction, LevelData
from csp.correction.posterior import Posterior
from csp.correction.stopping import Check, StopRule, check, should_stop
from csp.errors import InputError
from csp.ranking import rank


@pytest.fixture
def posterior():
    generator = np.random.default_rng(1)
    mean = np.array([0.0, 1.0, 2.0, 30.0, 0.5])
    return Posterior(mean, generator.normal(size=(5, 3)), np.full(5, 0.1))


def test_expected_improvement_is_the_mean_of_samples(posterior):
    drawn = posterior.sample(400_000, np.random.default_rng(0))
    expected = np.maximum(0.7 - drawn, 0.0).mean(axis=0)
    found = expected_improvement(posterior, 0.7)
    assert_allclose(found, expected, rtol=0, atol=0.005)
    known = Posterior(np.array([0.2, 3.0]), np.zeros((2, 1)), np.zeros(2))
    assert_allclose(expected_improvement(known, 1.0), [0.8, 0.0], rtol=0, atol=1e-12)


def test_the_gain_in_variance_is_what_computing_would_gain(posterior):
    weights = np.array([1.0, 0.5, 0.2, 0.0, 0.9])
    gain = weighted_variance(posterior, weights)
    for row in range(5):
        after = posterior.after_computing(row).variance
        expected = weights @ (posterior.variance - after)
        assert gain[row] == pytest.approx(expected)


def test_the_first_are_cheap_and_diverse_and_the_lowest():
    generator = np.random.default_rng(0)
    phi = generator.normal(size=(50, 3))
    costs = np.arange(1.0, 51.0)
    energies = generator.normal(size=50)
    chosen = first_choice(phi, energies, costs, 8)
    assert len(set(chosen.tolist())) == 8
    assert set(np.argsort(energies)[:2]) <= set(chosen.tolist())
    assert np.all(costs[chosen[2:]] <= 30.0)
    gaps = np.linalg.norm(phi[chosen[2:], None] - phi[chosen[2:]], axis=2)
    cheap = np.linalg.norm(phi[:30, None] - phi[:30], axis=2)
    upper = np.triu_indices(6, 1)
    assert gaps[upper].min() > np.median(cheap[np.triu_indices(30, 1)]) * 0.8
    assert len(first_choice(phi[:4], energies[:4], costs[:4], 8)) == 4
    lone = ChoiceSettings(n_lowest=0)
    assert len(set(first_choice(phi, energies, costs, 5, lone).tolist())) == 5


def one_level(posterior, costs, computed) -> Ladder:
    """A ladder of one level above the cheap one."""
    heights = np.zeros(len(costs), dtype=int)
    heights[computed] = 1
    return Ladder(posterior.mean, (posterior,), costs[None], heights)


def rows_of(choices) -> list[int]:
    return [choice.row for choice in choices]


def test_of_two_equal_crystals_the_cheaper_is_chosen():
    factor = np.array([[0.0, 0.0]] * 3 + [[1.0, 0.0], [0.0, 1.0]])
    posterior = Posterior(np.zeros(5), factor, np.zeros(5))
    generator = np.random.default_rng(0)
    costs = np.array([1.0, 1.0, 1.0, 4.0, 2.0])
    for computed in ([0], [0, 1], [0, 1, 2]):  # the last by expected improvement
        ladder = one_level(posterior, costs, computed)
        open_costs = np.where(np.arange(5) < 3, np.inf, ladder.costs)
        ladder = replace(ladder, costs=open_costs)
        assert rows_of(choose(ladder, 1, generator)) == [4]


def test_where_levels_build_on_one_another_the_cheap_one_is_climbed_first():
    """The second step is well known and dear: it is left for the lowest crystals."""
    generator = np.random.default_rng(1)
    wide, narrow = (
        generator.normal(size=(2, 12, 8)) * np.array([3.0, 0.1])[:, None, None]
    )
    steps = tuple(Posterior(np.zeros(12), f, np.full(12, 1e-4)) for f in (wide, narrow))
    known = steps[0].after_computing(0), steps[1].after_computing(0)
    costs = np.array([np.ones(12), np.full(12, 5.0)])
    heights = np.array([2] + [0] * 11)
    ladder = Ladder(np.zeros(12), known, costs, heights)
    choices = choose(ladder, 6, np.random.default_rng(0))
    # every third is for the lowest, and that wants the highest level
    assert [choice.height for choice in choices] == [1, 2, 1, 1, 2, 1]
    dear = replace(ladder, costs=np.array([np.full(12, 5.0), np.full(12, 1e-4)]))
    assert all(item.height == 2 for item in choose(dear, 6, np.random.default_rng(0)))


def test_a_step_of_a_ladder_gains_and_costs_what_is_missing(posterior):
    steps = (posterior.after_computing(0), posterior)
    costs = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [10.0] * 5])
    ladder = Ladder(posterior.mean, steps, costs, np.array([1, 0, 0, 0, 2]))
    summed = ladder.summed(costs)
    assert_array_equal(summed[:, 1], [2.0, 12.0])
    assert_array_equal(summed[:, 0], [np.nan, 10.0])  # the first step is done
    assert np.isnan(summed[:, 4]).all()
    top = ladder.top
    assert_allclose(top.variance, steps[0].variance + posterior.variance)
    climbed = ladder.climbed(1, 2)
    assert climbed.heights.tolist() == [1, 2, 0, 0, 2]
    assert climbed.top.variance[1] == pytest.approx(0.0)
    with pytest.raises(InputError, match="a cost for each"):
        Ladder(posterior.mean, steps, costs[:1], ladder.heights)


def test_a_batch_does_not_choose_twins():
    factor = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.7]])
    posterior = Posterior(np.zeros(4), factor, np.array([0.0, 1e-4, 1e-4, 1e-4]))
    ladder = one_level(posterior, np.ones(4), [0])
    chosen = choose(ladder, 2, np.random.default_rng(0))
    assert set(rows_of(chosen)) in ({1, 3}, {2, 3})


def test_what_is_known_or_must_not_be_computed_is_not_chosen(posterior):
    costs = np.array([1.0, np.inf, 1.0, 1.0, 1.0])
    generator = np.random.default_rng(0)
    chosen = choose(one_level(posterior, costs, [0]), 9, generator)
    assert sorted(rows_of(chosen)) == [2, 3, 4]
    with pytest.raises(InputError, match="begin with the first choice"):
        choose(one_level(posterior, costs, []), 1, generator)
    with pytest.raises(InputError, match="costs must be positive"):
        one_level(posterior, np.array([1.0, 0.0, 1.0, 1.0, 1.0]), [0])


def test_the_loop_finds_the_minimum_of_a_synthetic_landscape():
    generator = np.random.default_rng(4)
    phi = generator.normal(size=(120, 6)) * 0.7 ** np.arange(6)
    low = np.sort(generator.exponential(5.0, 120))
    truth = low + 3.0 * phi @ generator.normal(size=6)
    costs = generator.integers(1, 5, 120).astype(float) ** 2
    known = first_choice(phi, low, costs, 8)
    history = []
    while not should_stop(history, StopRule(fewest=12)):
        data = LevelData(known, truth[known], np.zeros(len(known)))
        found = Correction.fit(phi, low, {"high": data}).posterior
        history.append(check(found.sample(500, generator), known))
        new = choose(one_level(found, costs, known), 2, generator)
        known = np.concatenate([known, rows_of(new)])
    assert truth[known].min() == truth.min()
    assert costs[known].sum() < 0.5 * costs.sum()


def test_the_rule_wants_agreement_and_enough_calculations():
    sure, unsure = Check(30, 70, 0.01, 0.0), Check(30, 70, 0.2, 0.1)
    assert should_stop([sure] * 3)
    assert not should_stop([sure] * 2)
    assert not should_stop([])
    assert not should_stop([sure, unsure, sure])
    assert not should_stop([Check(24, 70, 0.01, 0.0)] * 3)
    assert should_stop([Check(9, 0, 0.0, 0.0)])
    assert "at least 25" in StopRule().sentence
    assert "3 times in a row" in StopRule().sentence


def test_a_check_counts_samples_in_which_another_is_lower():
    samples = np.array([[0.0, 1.0, 2.0], [0.0, -0.5, 2.0], [0.0, 1.0, -3.0], [0, 1, 2]])
    found = check(samples, np.array([0]))
    assert (found.n_computed, found.n_open) == (1, 2)
    assert found.probability_lower == 0.5
    assert found.probability_clearly_lower == 0.25
    assert check(samples, np.arange(3)).probability_lower == 0.0


def test_ranks_come_from_joint_samples():
    samples = np.array([[0.0, 1.0, 5.0], [3.0, 1.0, 5.0], [0.0, 2.5, 1.5], [0, 1, 9]])
    found = rank(samples)
    assert_allclose(found.global_minimum, [0.75, 0.25, 0.0])
    assert_allclose(found.near_minimum, [1.0, 0.75, 0.25])
    assert_allclose(found.expected_rank, [1.25, 2.0, 2.75])
    assert found.lowest_rank.tolist() == [1.0, 1.0, 2.0]
    assert found.highest_rank.tolist() == [2.0, 3.0, 3.0]
    assert found.global_minimum.sum() == pytest.approx(1.0)
    with pytest.raises(InputError, match="needs samples"):
        rank(np.empty((0, 3)))


def test_a_common_error_does_not_blur_the_ranks():
    common = Posterior(np.array([0.0, 1.0]), np.full((2, 1), 50.0), np.zeros(2))
    alone = Posterior(np.array([0.0, 1.0]), 50.0 * np.eye(2), np.zeros(2))
    generator = np.random.default_rng(0)
    first = rank(common.sample(2000, generator)).global_minimum[0]
    second = rank(alone.sample(2000, generator)).global_minimum[0]
    assert (first, second) == (1.0, pytest.approx(0.5, abs=0.05))
