"""The rule by which a search ends: its grammar, and when it is met."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp.errors import InputError
from csp.packing.completeness import Completeness, Interval
from csp.packing.stop_rule import EXAMPLE, StopRule, parse_stop_rule

SURE = Interval(0.999, 0.99, 1.0)


def estimate(window: float, n_seen: int, missing: Interval) -> Completeness:
    return Completeness(window, 5000, 2000, n_seen, SURE, missing, 0.0)


def test_the_example_is_a_rule():
    assert parse_stop_rule(EXAMPLE) == StopRule(percent=95.0, window=10.0)
    assert str(parse_stop_rule(EXAMPLE)) == EXAMPLE


@given(st.integers(1, 999), st.integers(1, 500))
def test_both_numbers_are_free(tenths, twentieths):
    rule = StopRule(tenths / 10.0, twentieths / 20.0)
    assert parse_stop_rule(str(rule)) == rule


@pytest.mark.parametrize(
    "text",
    [
        "90% of minima within 5 kJ/mol seen",
        "  90 %  of minima within 5.0 kJ/mol seen\n",
    ],
)
def test_spaces_do_not_matter(text):
    assert parse_stop_rule(text) == StopRule(90.0, 5.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "95",
        "95 of minima within 10 kJ/mol seen",
        "95 % of minima within 10 seen",
        "95 % of minima within 10 kcal/mol seen",
        "95 % of minima within 10 kJ/mol",
        "95 % of all minima within 10 kJ/mol seen",
        "-95 % of minima within 10 kJ/mol seen",
        "95 % of minima within -10 kJ/mol seen",
        "1e1 % of minima within 10 kJ/mol seen",
        "95 % of minima within 10 kJ/mol seen, or 5000 draws",
        "nan % of minima within 10 kJ/mol seen",
    ],
)
def test_another_sentence_is_refused_with_an_example(text):
    with pytest.raises(InputError, match="stop_when must be a sentence like") as error:
        parse_stop_rule(text)
    assert EXAMPLE in str(error.value)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("100 % of minima within 10 kJ/mol seen", "100 % .* below 100"),
        ("250 % of minima within 10 kJ/mol seen", "250 % .* below 100"),
        ("0 % of minima within 10 kJ/mol seen", "0 % .* above 0"),
        ("95 % of minima within 0 kJ/mol seen", "within 0 kJ/mol"),
    ],
)
def test_a_rule_that_cannot_be_met_is_refused(text, told):
    with pytest.raises(InputError, match=told):
        parse_stop_rule(text)


def test_the_lower_end_of_the_fraction_decides():
    rule = parse_stop_rule(EXAMPLE)
    assert rule.is_met([estimate(10.0, 95, Interval(0.0, 0.0, 5.0))])
    assert not rule.is_met([estimate(10.0, 95, Interval(0.0, 0.0, 5.1))])


def test_the_lower_end_of_the_coverage_decides_too():
    rule = parse_stop_rule(EXAMPLE)
    found = estimate(10.0, 95, Interval(0.0, 0.0, 0.0))
    assert rule.is_met([found])
    assert not rule.is_met([replace(found, coverage=Interval(1.0, 0.94, 1.0))])


def test_the_window_of_the_rule_decides():
    complete, lacking = Interval(0.0, 0.0, 0.0), Interval(50.0, 20.0, 90.0)
    rule = parse_stop_rule(EXAMPLE)
    estimates = [estimate(5.0, 20, complete), estimate(10.0, 60, lacking)]
    assert not rule.is_met(estimates)
    assert replace(rule, window=5.0).is_met(estimates)


def test_a_window_that_was_not_estimated_is_refused():
    rule = StopRule(95.0, 7.0)
    with pytest.raises(InputError, match="window of 7 kJ/mol"):
        rule.is_met([estimate(10.0, 60, Interval(0.0, 0.0, 0.0))])
