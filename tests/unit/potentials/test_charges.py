"""Charges fitted to a potential whose charges are known."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.molecule import ElectrostaticPotential
from csp.potentials.charges import fit_error, fitted_charges

COULOMB = 1389.35457644
"""kJ/mol Å / e²: e² N_A / 4πε₀, CODATA."""
SEEDS = st.integers(0, 2**32 - 1)


def sites_on_a_grid(rng, n):
    """Sites at least 1 Å apart."""
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    return 1.3 * rng.permutation(grid)[:n] + rng.uniform(-0.15, 0.15, (n, 3))


def sample(rng, sites, charges, noise=0.0):
    directions = rng.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    points = sites.mean(axis=0) + rng.uniform(4.5, 7.0, (300, 1)) * directions
    distances = np.linalg.norm(points[:, None] - sites, axis=2)
    values = COULOMB * (charges / distances).sum(axis=1)
    return ElectrostaticPotential(points, values + noise * rng.normal(size=300))


@given(seed=SEEDS, n=st.integers(2, 6), total=st.sampled_from([-1.0, 0.0, 1.0]))
def test_charges_behind_a_potential_are_found_again(seed, n, total):
    rng = np.random.default_rng(seed)
    sites = sites_on_a_grid(rng, n)
    charges = rng.uniform(-0.6, 0.6, n)
    charges += (total - charges.sum()) / n
    potential = sample(rng, sites, charges)
    found = fitted_charges(potential, sites, total)
    # the normal equations square the condition of the problem
    assert_allclose(found, charges, rtol=0, atol=1e-5)
    assert_allclose(found.sum(), total, rtol=0, atol=1e-9)
    assert fit_error(potential, sites, found) < 1e-6


@given(seed=SEEDS, total=st.sampled_from([-1.0, 0.0, 1.0]))
def test_total_charge_is_exact_and_the_fit_the_best_of_that_charge(seed, total):
    rng = np.random.default_rng(seed)
    sites = sites_on_a_grid(rng, 5)
    # a potential that no charges on the sites make, of another total charge
    potential = sample(rng, sites + 0.3, rng.uniform(-0.5, 0.5, 5), noise=2.0)
    best = fitted_charges(potential, sites, total)
    assert_allclose(best.sum(), total, rtol=0, atol=1e-9)
    error = fit_error(potential, sites, best)
    assert error > 1e-3
    for _ in range(10):
        change = rng.normal(scale=0.02, size=5)
        change -= change.mean()
        assert fit_error(potential, sites, best + change) > error


def test_error_of_no_charges_at_all_is_one():
    rng = np.random.default_rng(2)
    sites = sites_on_a_grid(rng, 3)
    potential = sample(rng, sites, np.array([0.3, -0.5, 0.2]))
    assert_allclose(fit_error(potential, sites, np.zeros(3)), 1.0, rtol=1e-12)
