"""Elementary functions of the compiled sums against SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import erfc, erfcx

from csp.potentials.kernels.functions import exponential, scaled_erfc, switch


@given(x=st.floats(-80.0, 0.0))
def test_exponential_of_negative_numbers(x):
    assert_allclose(exponential(x), np.exp(x), rtol=5e-13)


def test_exponential_ends_at_what_is_nothing():
    assert exponential(0.0) == 1.0
    for x in (-80.0, -81.0, -1e4, -1e300):
        assert_allclose(exponential(x), np.exp(-80.0), rtol=1e-12)


def test_scaled_erfc_over_its_whole_range():
    x = np.linspace(0.0, 9.0, 4001)
    found = np.array([scaled_erfc(value) for value in x])
    assert_allclose(found, erfcx(x), rtol=3e-14)


@given(x=st.floats(0.0, 8.0))
def test_product_of_both_is_erfc(x):
    assert_allclose(exponential(-x * x) * scaled_erfc(x), erfc(x), rtol=6e-13)


@pytest.mark.parametrize(("on", "off"), [(10.0, 12.0), (6.0, 6.5), (12.0, 16.0)])
def test_switch_goes_from_one_to_zero_with_two_smooth_derivatives(on, off):
    for r, expected in ((0.5 * on, 1.0), (on, 1.0), (off, 0.0), (2.0 * off, 0.0)):
        assert switch(r, on, off) == (expected, 0.0)
    middle, slope = switch(0.5 * (on + off), on, off)
    assert_allclose((middle, slope), (0.5, -1.875 / (off - on)), rtol=1e-12)
    r = np.linspace(on - 0.3, off + 0.3, 2001)
    weights, slopes = np.array([switch(value, on, off) for value in r]).T
    assert (np.diff(weights) <= 0.0).all()
    # fixed by value, slope and curvature at both ends, the quintic is this one
    x = np.clip((r - on) / (off - on), 0.0, 1.0)
    quintic = np.polynomial.Polynomial([1, 0, 0, -10, 15, -6])
    assert_allclose(weights, quintic(x), rtol=0, atol=1e-14)
    assert_allclose(slopes, quintic.deriv()(x) / (off - on), rtol=0, atol=1e-12)
    for end in (0.0, 1.0):
        assert_allclose(quintic.deriv(2)(end), 0.0, rtol=0, atol=1e-12)
