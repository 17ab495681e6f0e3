"""Gaussian processes, their validation and their posteriors, against brute force."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, WhiteKernel

from csp.correction.fidelity import Correction, LevelData
from csp.correction.gaussian_process import Inputs, Labels, Problem
from csp.correction.hyperparameters import Priors, grid
from csp.correction.kernels import compressed, unit_variance
from csp.correction.posterior import Posterior
from csp.correction.prediction import informed, predicted
from csp.correction.validation import (
    coverage,
    grouped_cross_validation,
    inflation,
    leave_one_out,
)
from csp.errors import InputError


def features(n, rank=12, seed=0):
    """Rows whose singular values fall off as those of crystals do."""
    generator = np.random.default_rng(seed)
    return unit_variance(generator.normal(size=(n, rank)) * 0.8 ** np.arange(rank))


def labels_of(phi, rows, noise=0.1, seed=1):
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=phi.shape[1])
    values = 3.0 * (phi @ weights) + 40.0 + noise * generator.normal(size=len(phi))
    return values, Labels(rows, values[rows], np.zeros(len(rows)))


def kernel_of(problem, index):
    """The kernel matrix of one node of the grid, by its definition."""
    nodes = grid(problem.priors)
    inputs, priors = problem.inputs, problem.priors
    a, s = nodes.amplitudes[index], nodes.noises[index]
    rows = problem.labels.rows
    phi, linear = inputs.features[rows], inputs.linear[rows]
    kernel = a**2 * (phi @ phi.T + priors.linear_share * linear @ linear.T)
    kernel += priors.flat**2
    return kernel, s**2 * np.eye(len(rows))


def test_likelihoods_are_those_of_normal_distributions():
    phi = features(30)
    _, labels = labels_of(phi, np.arange(0, 30, 2))
    problem = Problem(Inputs.of(phi, phi[:, :1]), labels)
    found = problem.log_likelihoods(grid(problem.priors))
    for index in (0, 40, 100, 168):
        kernel, noise = kernel_of(problem, index)
        expected = multivariate_normal.logpdf(problem.targets, cov=kernel + noise)
        assert_allclose(found[index], expected, rtol=0, atol=1e-6)


def test_one_set_of_hyperparameters_gives_scikit_learns_predictions():
    phi = features(40)
    _, labels = labels_of(phi, np.arange(12))
    priors = Priors(log_amplitude=(0.0, 1e-9), log_noise=(-2.0, 1e-9))
    problem = Problem(Inputs.of(phi), labels, priors)
    found, _ = predicted(problem)
    kernel = (
        DotProduct(0.0, "fixed") + ConstantKernel(100.0) + WhiteKernel(np.exp(-4.0))
    )
    other = GaussianProcessRegressor(kernel, alpha=1e-300, optimizer=None)
    other.fit(phi[:12], problem.targets)
    mean, deviation = other.predict(phi[12:], return_std=True)
    assert_allclose(
        (found.mean[12:] - labels.centre) / labels.scale, mean, rtol=0, atol=1e-8
    )
    assert_allclose(
        found.standard_deviation[12:] / labels.scale, deviation, rtol=1e-8, atol=0
    )


def test_leave_one_out_in_closed_form_is_leaving_one_out():
    phi = features(25)
    _, labels = labels_of(phi, np.arange(14))
    labels = Labels(labels.rows, labels.values, np.linspace(0.0, 0.5, 14))
    problem = Problem(Inputs.of(phi, phi[:, 1:2]), labels)
    found = leave_one_out(problem)
    for left in (0, 5, 13):
        kept = np.arange(14) != left
        fewer = Labels(labels.rows[kept], labels.values[kept], labels.errors[kept])
        weights = Problem(
            problem.inputs, fewer, unit=(problem.centre, problem.scale)
        ).weights()
        row = problem.inputs.columns[labels.rows[left]]
        variance = row @ weights.covariance @ row + weights.own_variance
        total = np.sqrt(variance + labels.errors[left] ** 2)
        # hyperparameters of small weight are left out of one of the two
        assert_allclose(found.means[left], row @ weights.mean, rtol=0, atol=2e-3)
        assert_allclose(found.standard_deviations[left], total, rtol=2e-3, atol=0)


def test_few_labels_need_few_columns():
    phi = features(40, rank=30)
    _, labels = labels_of(phi, np.arange(7))
    labels = Labels(labels.rows, labels.values, np.full(7, 0.2))
    problem = Problem(Inputs.of(phi, phi[:, :1]), labels)
    turned = informed(problem.inputs, labels.rows)
    assert (turned.features.shape[1], turned.unseen.shape[1]) == (7, 23)
    assert_allclose(turned.unseen[:7], 0.0, rtol=0, atol=1e-12)
    found, _ = predicted(problem)
    weights = problem.weights()
    columns = problem.inputs.columns[7:]
    assert_allclose(found.mean[7:], columns @ weights.mean, rtol=0, atol=1e-8)
    expected = columns @ weights.covariance @ columns.T
    expected += weights.own_variance * np.eye(33)
    assert_allclose(found.covariance[7:, 7:], expected, rtol=0, atol=1e-8)


def test_a_label_without_error_is_the_posterior():
    phi = features(30)
    values, labels = labels_of(phi, np.arange(10))
    data = LevelData(labels.rows, labels.values, labels.errors)
    found = Correction.fit(phi, np.zeros(30), {"high": data}).posterior
    assert_allclose(found.mean[:10], values[:10], rtol=0, atol=1e-9)
    assert_allclose(found.standard_deviation[:10], 0.0, rtol=0, atol=1e-9)
    assert np.all(found.standard_deviation[10:] > 0.01)


def test_known_errors_of_labels_count_less():
    phi = features(30)
    values, labels = labels_of(phi, np.arange(20), noise=0.0)
    wrong = np.array(labels.values)
    wrong[0] += 5.0
    sure = LevelData(labels.rows, wrong, np.zeros(20))
    unsure = LevelData(labels.rows, wrong, np.where(np.arange(20) == 0, 5.0, 0.0))
    errors = [
        np.abs(Correction.fit(phi, np.zeros(30), {"x": d}).posterior.mean - values)[20:]
        for d in (sure, unsure)
    ]
    assert errors[1].mean() < 0.3 * errors[0].mean()


def test_intervals_of_a_synthetic_process_hold():
    scores = []
    for seed in range(50):
        phi = features(60, seed=seed)
        values, labels = labels_of(phi, np.arange(20), noise=0.5, seed=100 + seed)
        found, _ = predicted(Problem(Inputs.of(phi), labels))
        errors = (found.mean - values)[20:]
        scores.append(errors / found.standard_deviation[20:])
    together = np.concatenate(scores)
    assert coverage(together, 50) == pytest.approx(0.50, abs=0.05)
    assert coverage(together, 68) == pytest.approx(0.68, abs=0.05)
    assert coverage(together, 95) == pytest.approx(0.95, abs=0.03)


def test_labels_of_near_duplicates_do_not_make_the_model_too_sure():
    phi = np.vstack([features(60, rank=6)] * 2)
    phi[60:] += 1e-4
    generator = np.random.default_rng(8)
    values = 3.0 * phi @ generator.normal(size=6)
    values += np.tile(generator.normal(size=60), 2)
    rows = np.concatenate([np.arange(20), 60 + np.arange(20)])
    twice = LevelData(rows, values[rows], np.zeros(40))
    once = LevelData(rows[:20], values[:20], np.zeros(20))
    found, alone = (
        Correction.fit(phi, np.zeros(120), {"x": data}).posterior
        for data in (twice, once)
    )
    assert_allclose(found.mean[rows], values[rows], rtol=0, atol=1e-9)
    assert_allclose(
        found.standard_deviation[20:60], alone.standard_deviation[20:60], rtol=1e-6
    )
    errors = (found.mean - values)[20:60]
    assert coverage(errors / found.standard_deviation[20:60], 68) > 0.5


def test_noise_alone_does_not_support_the_model():
    generator = np.random.default_rng(3)
    phi = features(40)
    noise = LevelData(np.arange(30), generator.normal(size=30), np.zeros(30))
    found = Correction.fit(phi, np.zeros(40), {"pbe0": noise})
    assert "30 energies at pbe0 do not support the model" in found.warnings[0]
    _, labels = labels_of(phi, np.arange(30))
    signal = LevelData(labels.rows, labels.values, labels.errors)
    assert Correction.fit(phi, np.zeros(40), {"pbe0": signal}).warnings == ()


def test_a_middle_level_of_all_crystals_helps_the_highest():
    generator = np.random.default_rng(5)
    phi = features(60, rank=40)
    low = generator.normal(size=60)
    middle = low + 3.0 * phi @ generator.normal(size=40)
    high = middle + 0.3 * phi @ generator.normal(size=40)
    rows, none = np.arange(10), np.zeros(60)
    of_all = LevelData(np.arange(60), middle, none)
    few = LevelData(rows, high[rows], none[rows])
    alone = Correction.fit(phi, low, {"high": few}).posterior
    chain = Correction.fit(phi, low, {"middle": of_all, "high": few}).posterior
    errors = [np.abs(p.mean - high)[10:].mean() for p in (alone, chain)]
    assert errors[1] < 0.25 * errors[0]
    assert chain.standard_deviation[10:].mean() < alone.standard_deviation[10:].mean()


def test_variances_of_the_levels_add_up_and_labels_stay():
    phi = features(40)
    low, (high, _) = np.zeros(40), labels_of(phi, np.arange(5))
    middle = LevelData(np.arange(12), 0.9 * high[:12], np.zeros(12))
    few = LevelData(np.array([1, 2, 3, 30]), high[[1, 2, 3, 30]], np.full(4, 0.01))
    found = Correction.fit(phi, low, {"middle": middle, "high": few}).posterior
    assert_allclose(found.mean[[1, 2, 3, 30]], high[[1, 2, 3, 30]], rtol=0, atol=0.05)
    assert found.standard_deviation[30] == pytest.approx(0.01)
    first = Correction.fit(phi, low, {"middle": middle}).posterior
    assert np.all(found.variance[31:] > 0.5 * first.variance[31:])


def test_a_kernel_of_near_duplicates_is_positive_semidefinite():
    generator = np.random.default_rng(0)
    rows = np.repeat(generator.normal(size=(60, 300)), 3, axis=0)
    rows += 1e-9 * generator.normal(size=rows.shape) + 5.0
    phi = compressed(rows)
    values = np.linalg.eigvalsh(phi @ phi.T)
    assert values[0] > -1e-12 * values[-1]
    centred = rows - rows.mean(axis=0)
    expected = centred @ centred.T * 180 / np.sum(centred**2)
    assert_allclose(phi @ phi.T, expected, rtol=0, atol=1e-8)
    assert np.trace(phi @ phi.T) / 180 == pytest.approx(1.0)
    assert phi.shape[1] <= 60


def test_the_best_hyperparameters_alone_are_an_alternative():
    phi = features(40)
    values, labels = labels_of(phi, np.arange(20))
    data = LevelData(labels.rows, labels.values, labels.errors)
    found = Correction.fit(phi, np.zeros(40), {"x": data}, priors=Priors(n_grid=1))
    assert len(found.steps[0].weights.mixture.weights) == 1
    whole = Correction.fit(phi, np.zeros(40), {"x": data})
    assert_allclose(
        found.posterior.mean, whole.posterior.mean, rtol=0, atol=0.1 * values.std()
    )


def test_groups_are_left_out_as_a_whole():
    phi = np.repeat(features(20, rank=30), 2, axis=0)
    values, _ = labels_of(phi, np.arange(40), noise=0.0)
    labels = Labels(np.arange(40), values, np.zeros(40))
    problem = Problem(Inputs.of(phi), labels)
    generator = np.random.default_rng(0)
    single = leave_one_out(problem)
    grouped = grouped_cross_validation(problem, np.arange(40) // 2, 10, generator)
    assert np.abs(single.errors).mean() < 0.2 * np.abs(grouped.errors).mean()
    with pytest.raises(InputError, match="at least two groups"):
        grouped_cross_validation(problem, np.zeros(40, dtype=int), 5, generator)


def test_samples_have_the_covariance_they_claim():
    generator = np.random.default_rng(2)
    own = np.array([0.5, 0.0, 0.1, 0.2])
    posterior = Posterior(np.arange(4.0), generator.normal(size=(4, 2)), own)
    drawn = posterior.sample(200_000, generator)
    assert_allclose(drawn.mean(axis=0), posterior.mean, rtol=0, atol=0.02)
    assert_allclose(np.cov(drawn.T), posterior.covariance, rtol=0, atol=0.05)
    part = posterior.part([2, 0])
    assert_allclose(part.covariance, posterior.covariance[np.ix_([2, 0], [2, 0])])


def test_what_is_computed_is_conditioned_on():
    generator = np.random.default_rng(2)
    own = np.array([0.5, 0.0, 0.1, 0.2, 0.0])
    posterior = Posterior(np.zeros(5), generator.normal(size=(5, 3)), own)
    before = posterior.covariance
    after = posterior.after_computing(2).after_computing(1).covariance
    known, rest = [1, 2], [0, 3, 4]
    cross = before[np.ix_(rest, known)]
    expected = before[np.ix_(rest, rest)] - cross @ np.linalg.solve(
        before[np.ix_(known, known)], cross.T
    )
    assert_allclose(after[np.ix_(rest, rest)], expected, rtol=0, atol=1e-12)
    assert_allclose(after[known], 0.0, rtol=0, atol=1e-12)


def test_inflation_never_narrows():
    assert inflation(np.full(10, 0.1)) == 1.0
    assert inflation(np.full(20, 3.0)) == pytest.approx(np.sqrt(5.0))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (([0, 0], [1.0, 2.0], [0.0, 0.0]), "two labels"),
        (([0, 1], [1.0, np.nan], [0.0, 0.0]), "finite energies"),
        (([0, 1], [1.0, 2.0], [0.0, -1.0]), "at least 0 kJ/mol"),
        (([], [], []), "at least one"),
    ],
)
def test_labels_that_make_no_sense_are_refused(labels, message):
    rows, values, errors = labels
    with pytest.raises(InputError, match=message):
        Labels(np.array(rows, int), np.array(values, float), np.array(errors, float))
    with pytest.raises(InputError, match="no level to learn"):
        Correction.fit(features(5), np.zeros(5), {})


def test_gpytorch_is_quiet():
    phi = features(20)
    _, labels = labels_of(phi, np.arange(8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Problem(Inputs.of(phi), labels).weights()
