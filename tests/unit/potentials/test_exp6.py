"""Published exp-6 parameters: units, combining rules and listed pairs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.potentials.exp6 import Exp6, ForceFieldName, parameter_set

ELECTRONVOLT = 1.602176634e-19 * 6.02214076e23 / 1e3
"""kJ/mol; exact in the SI."""


def published(exp6):
    """A (eV), ρ (Å) and C (eV Å⁶)."""
    return (
        exp6.repulsion / ELECTRONVOLT,
        1.0 / exp6.exponent,
        exp6.dispersion / ELECTRONVOLT,
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # unlike pairs as printed in the FIT tables distributed with DMACRYS
        ("C_F1", "N_F1", (3179.514586, 0.271003, 19.006711)),
        ("H_F2", "O_F1", (352.560285, 0.232018, 1.61089)),
        # a like pair is the type itself
        ("O_F1", "O_F1", (2384.465900, 0.252525, 11.645288)),
    ],
)
def test_unlike_pairs_of_fit_are_the_published_ones(first, second, expected):
    parameters = parameter_set(ForceFieldName.FIT)
    pair = parameters.pair(first, second)
    assert_allclose(published(pair), expected, rtol=5e-6)
    assert parameters.pair(second, first) == pair


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Pyzer-Knapp, Thompson & Day (2016), carboxyl and hydroxyl hydrogen
        ("H_W3", "O_W1", (127.0, 0.265957, 0.0)),
        ("O_W2", "H_W2", (105.0, 0.265957, 0.0)),
        ("N_W3", "H_W4", (34.0, 0.284091, 0.0)),
    ],
)
def test_listed_pairs_of_revised_w99_override_the_combining_rules(
    first, second, expected
):
    revised = parameter_set(ForceFieldName.REVISED_W99)
    assert_allclose(published(revised.pair(first, second)), expected, rtol=1e-12)
    assert revised.pair(second, first) == revised.pair(first, second)
    combined = revised.types[first].combined_with(revised.types[second])
    assert abs(combined.repulsion / revised.pair(first, second).repulsion - 1.0) > 1e-4


def test_revised_w99_is_w99_but_for_polar_hydrogen_with_oxygen_and_nitrogen():
    revised = parameter_set(ForceFieldName.REVISED_W99)
    original = parameter_set(ForceFieldName.W99)
    changed = {
        frozenset((first, second))
        for first in original.types
        for second in original.types
        if revised.pair(first, second) != original.pair(first, second)
    }
    polar = {"H_W2", "H_W3", "H_W4"}
    acceptors = {"O_W1", "O_W2", "N_W1", "N_W2", "N_W3", "N_W4"}
    assert changed == {frozenset((h, a)) for h in polar for a in acceptors}


def test_hydrogens_are_foreshortened_in_williams_sets_alone():
    shifts = {name.value: parameter_set(name).foreshortening for name in ForceFieldName}
    assert shifts == {"revised-w99": 0.1, "w99": 0.1, "fit": 0.0}


def test_like_carbon_pair_has_its_well_where_fit_puts_it():
    """Williams & Cox: C…C of 0.4 kJ/mol at 3.9 Å, from the kJ/mol table."""
    # A = 369 743 kJ/mol, B = 3.60 1/Å, C = 2439.8 kJ/mol Å⁶
    carbon = parameter_set(ForceFieldName.FIT).types["C_F1"]
    assert_allclose(carbon, (369743.0, 3.60, 2439.8), rtol=5e-5)


@pytest.mark.parametrize("name", ForceFieldName)
def test_every_pair_repels_or_attracts_as_an_exp6_must(name):
    parameters = parameter_set(name)
    for first in parameters.types:
        for second in parameters.types:
            repulsion, exponent, dispersion = parameters.pair(first, second)
            assert repulsion > 0.0
            assert 2.5 < exponent < 5.0
            assert dispersion >= 0.0


def test_combining_is_symmetric_and_keeps_like_pairs():
    first, second = Exp6(4.0, 3.0, 1.0), Exp6(9.0, 5.0, 16.0)
    assert first.combined_with(second) == second.combined_with(first)
    assert_allclose(first.combined_with(first), first, rtol=1e-15)
    assert np.isclose(first.combined_with(second).exponent, 4.0, rtol=0, atol=1e-15)
