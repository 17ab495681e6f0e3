import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.match import cell_on_axes_of, match_observed
from csp.comparison.settings import ComparisonSettings
from csp.comparison.symmetry import find_symmetry
from csp.errors import InputError
from csp.geometry import rotation_from_vector

SEEDS = st.integers(0, 2**32 - 1)
SETTINGS = ComparisonSettings()


@pytest.fixture(params=["alpha", "beta"], scope="module")
def observed(request):
    return request.getfixturevalue(request.param)


@given(seed=SEEDS, mirror=st.booleans())
def test_deviations_are_given_on_the_observed_axes(
    observed, strained, redescribed, seed, mirror
):
    predicted = redescribed(strained(observed, (1.03, 0.98, 1.01)), seed, mirror=mirror)
    (match,) = match_observed([("p", predicted)], [("o", observed)], SETTINGS)
    assert match.is_found
    assert (match.name, match.key) == ("o", "p")
    assert_allclose(
        match.length_deviations_percent, [3.0, -2.0, 1.0], rtol=0, atol=1e-6
    )
    assert_allclose(match.angle_deviations, np.zeros(3), rtol=0, atol=1e-6)
    volume_change = 100.0 * (1.03 * 0.98 * 1.01 - 1.0)
    assert match.volume_deviation_percent == pytest.approx(volume_change, abs=1e-6)


def test_the_lowest_of_the_structures_that_match_wholly_is_chosen(
    alpha, beta, strained, redescribed
):
    """As in blind tests; that another one overlays better does not count."""
    landscape = [
        ("stretched", strained(alpha, (1.6, 1.0, 0.6))),
        ("other", redescribed(beta, 3)),
        ("low", strained(alpha, (1.02, 1.0, 0.99))),
        ("near", redescribed(strained(alpha, (1.01, 1.0, 1.0)), 1)),
    ]
    found = match_observed(landscape, [("α", alpha), ("β", beta)], SETTINGS)
    assert [(match.name, match.key) for match in found] == [
        ("α", "low"),
        ("β", "other"),
    ]
    (near,) = match_observed(landscape[3:], [("α", alpha)], SETTINGS)
    assert 0.0 < near.packing.rmsd < found[0].packing.rmsd
    assert found[1].packing.rmsd < 1e-9


def test_where_none_matches_wholly_the_most_alike_is_chosen(alpha, beta, strained):
    landscape = [("b", beta), ("stretched", strained(alpha, (1.5, 1.0, 0.7)))]
    (match,) = match_observed(landscape, [("α", alpha)], SETTINGS)
    counts = [
        match_observed([own], [("α", alpha)], SETTINGS)[0].packing.n_matched
        for own in landscape
    ]
    assert max(counts) < 15
    assert match.packing.n_matched == max(counts)
    assert match.key == landscape[counts.index(max(counts))][0]


def test_a_form_that_is_not_there_is_not_found(alpha, beta):
    (match,) = match_observed([("b", beta)], [("α", alpha)], SETTINGS)
    assert not match.is_found
    assert match.packing.n_matched < 15


def test_the_conventional_cell_is_compared_as_observed(alpha):
    # the standard setting of alpha has its axes in another order
    conventional = find_symmetry(alpha).conventional
    (match,) = match_observed([("p", conventional)], [("α", alpha)], SETTINGS)
    assert_allclose(match.predicted_cell, match.observed_cell, rtol=0, atol=1e-6)


def test_vectors_of_centred_and_too_large_cells_are_found():
    cell = np.diag([5.0, 6.0, 7.0])
    turn = rotation_from_vector(np.array([1.0, 0.3, -0.4]))
    doubled = np.diag([2.0, 1.0, 3.0]) @ (cell * 1.02) @ turn.T
    found = cell_on_axes_of(cell, doubled, turn)
    assert_allclose(np.linalg.norm(found, axis=1), [5.1, 6.12, 7.14], rtol=1e-9, atol=0)


def test_an_empty_landscape_is_refused(alpha):
    with pytest.raises(InputError, match="the landscape is empty"):
        match_observed([], [("α", alpha)], SETTINGS)
