import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.invariants import scale_free_distances
from csp.comparison.sameness import Criteria
from csp.comparison.screening import Atoms, nearest_structures
from csp.errors import InputError

SEEDS = st.integers(0, 2**32 - 1)


def silent(stage, done, total):
    pass


def atoms_of(crystal):
    return Atoms(crystal.cell, crystal.atomic_numbers, crystal.positions)


@given(seed=SEEDS, factor=st.floats(0.9, 1.1))
def test_uniform_expansion_of_all_atoms_changes_no_fingerprint(
    alpha, redescribed, seed, factor
):
    other = redescribed(alpha, seed)
    assert_allclose(
        scale_free_distances(
            factor * other.cell, other.atomic_numbers, factor * other.positions
        ),
        scale_free_distances(*atoms_of(alpha)),
        rtol=0,
        atol=1e-9,
    )


def test_hydrogens_change_no_fingerprint_unless_alone(beta):
    kept = beta.atomic_numbers != 1
    assert_allclose(
        scale_free_distances(
            beta.cell, beta.atomic_numbers[kept], beta.positions[kept]
        ),
        scale_free_distances(*atoms_of(beta)),
        rtol=0,
        atol=1e-12,
    )
    alone = scale_free_distances(
        beta.cell, beta.atomic_numbers[~kept], beta.positions[~kept]
    )
    assert len(alone) == 60


def test_the_screen_finds_the_best_among_many(alpha, beta, strained, redescribed):
    rng = np.random.default_rng(5)
    landscape = [
        redescribed(
            strained((alpha, beta)[k % 2], tuple(1.0 + 0.08 * rng.standard_normal(3))),
            k,
        )
        for k in range(40)
    ]
    landscape[0] = redescribed(strained(beta, (1.03, 1.02, 1.01)), 17)
    landscape[1] = redescribed(strained(alpha, (0.98, 1.01, 0.99)), 30)
    found = nearest_structures(
        [atoms_of(crystal) for crystal in landscape],
        [("α", alpha), ("β", beta)],
        Criteria(),
        5,
        silent,
    )
    assert [nearest.index for nearest in found] == [1, 0]
    assert all(nearest.packing.same for nearest in found)
    assert [nearest.n_overlaid for nearest in found] == [5, 5]


def test_misuse_is_explained(alpha):
    with pytest.raises(InputError, match="the landscape is empty"):
        nearest_structures([], [("α", alpha)], Criteria(), 5, silent)
