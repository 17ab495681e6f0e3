"""Conversion factors against the published CODATA 2022 values, digit by digit."""

import math

from numpy.testing import assert_allclose

from csp import units

# Mohr, Newell, Taylor & Tiesinga, Rev. Mod. Phys. 97, 025002 (2025). Exact by
# definition: e and N_A. The others carry the printed digits, hence the tolerances.
ELEMENTARY_CHARGE = 1.602176634e-19
AVOGADRO = 6.02214076e23
BOHR_METRE = 5.29177210544e-11
HARTREE_JOULE = 4.3597447222060e-18
DALTON_KILOGRAM = 1.66053906892e-27
VACUUM_PERMITTIVITY = 8.8541878188e-12


def test_factors_are_those_of_codata_2022():
    assert_allclose(units.ANGSTROM_PER_BOHR, BOHR_METRE * 1e10, rtol=1e-12)
    assert_allclose(
        units.KJ_PER_MOL_PER_EV, ELEMENTARY_CHARGE * AVOGADRO / 1e3, rtol=1e-15
    )
    assert_allclose(
        units.KJ_PER_MOL_PER_HARTREE, HARTREE_JOULE * AVOGADRO / 1e3, rtol=1e-12
    )
    assert_allclose(
        units.GRAMS_PER_CM3_PER_DALTON_PER_ANGSTROM3,
        DALTON_KILOGRAM * 1e3 / 1e-24,
        rtol=1e-12,
    )
    # 1 GPa Å³ = 1e-21 J
    assert_allclose(
        units.KJ_PER_MOL_PER_GPA_ANGSTROM3, 1e-21 * AVOGADRO / 1e3, rtol=1e-15
    )


def test_coulomb_constant_is_that_of_the_vacuum():
    joule_metre = ELEMENTARY_CHARGE**2 / (4.0 * math.pi * VACUUM_PERMITTIVITY)
    # ε₀ is known to 1.6e-10
    assert_allclose(
        units.COULOMB_CONSTANT, joule_metre * 1e10 * AVOGADRO / 1e3, rtol=5e-10
    )
