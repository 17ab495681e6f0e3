import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.powder import PowderPattern, powder_pattern, powder_similarity
from csp.crystal import Crystal
from csp.errors import InputError

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, mirror=st.booleans())
def test_no_choice_of_description_changes_the_pattern(alpha, redescribed, seed, mirror):
    expected = powder_pattern(alpha).intensities
    found = powder_pattern(redescribed(alpha, seed, mirror=mirror)).intensities
    assert_allclose(found, expected, rtol=0, atol=1e-9 * expected.max())


def test_a_supercell_has_the_pattern_of_its_cell(beta, supercell):
    expected = powder_pattern(beta).intensities
    found = powder_pattern(supercell(beta, (1, 2, 2))).intensities
    assert_allclose(found, expected, rtol=0, atol=1e-9 * expected.max())


def test_reflections_lie_where_bragg_says(alpha):
    # 002, the layers of alpha: half of c apart
    pattern = powder_pattern(alpha)
    spacing = 0.5 * np.linalg.norm(alpha.cell[2])
    angle = 2.0 * np.degrees(np.arcsin(1.54056 / (2.0 * spacing)))
    near = np.abs(pattern.angles - angle) < 0.3
    top = pattern.angles[near][pattern.intensities[near].argmax()]
    assert top == pytest.approx(angle, abs=0.02)


@given(seed=SEEDS)
def test_the_similarity_is_symmetric_and_at_most_one(alpha, beta, redescribed, seed):
    first = powder_pattern(redescribed(alpha, seed, noise=0.1))
    second = powder_pattern(beta)
    assert powder_similarity(first, first) == pytest.approx(1.0, abs=1e-12)
    forward = powder_similarity(first, second)
    assert 0.0 < forward < 0.95
    assert powder_similarity(second, first) == pytest.approx(forward, abs=1e-12)


def test_expansion_lowers_it_smoothly(beta, strained):
    pattern = powder_pattern(beta)
    similarities = [
        powder_similarity(pattern, powder_pattern(strained(beta, (1.0 + x,) * 3)))
        for x in np.arange(0.0, 0.0301, 0.002)
    ]
    steps = np.diff(similarities)
    assert (steps < 0.0).all()
    assert steps.min() > -0.03
    assert 0.7 < similarities[-1] < 0.85


def peak(place):
    angles = np.arange(5.0, 50.01, 0.02)
    return PowderPattern(angles, np.exp(-(((angles - place) / 0.02) ** 2)))


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 1.5, 2.5])
def test_one_narrow_reflection_falls_off_as_the_triangle(shift):
    # the autocorrelation of a narrow peak is a point, so S = 1 - shift/width
    found = powder_similarity(peak(20.0), peak(20.0 + shift))
    assert found == pytest.approx(max(0.0, 1.0 - shift / 2.0), abs=0.02)


def test_misuse_is_explained(alpha):
    pattern = powder_pattern(alpha)
    with pytest.raises(InputError, match=r"between 0 and 45 degrees 2θ, got 0"):
        powder_similarity(pattern, pattern, 0.0)
    tiny = Crystal(np.eye(3), np.array([2]), np.zeros((1, 3)), np.array([0]), 1)
    with pytest.raises(InputError, match="no reflection between 5 and 50 degrees"):
        powder_pattern(tiny)
