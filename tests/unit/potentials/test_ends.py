"""Anisotropic repulsion, and sums that end site by site, against plain sums."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.potentials.bodies import Body
from csp.potentials.exp6 import Anisotropy, Exp6, ParameterSet
from csp.potentials.rigid_crystal import (
    crystal_energy,
    expanded,
    rigid_crystal,
    tables_of,
)
from csp.potentials.settings import PotentialSettings, SplinedSettings
from csp.potentials.solid_harmonics import N_MOMENTS
from csp.spacegroups import Operations
from csp.units import COULOMB_CONSTANT

CELL = np.array([[4.1, 0.0, 0.0], [0.7, 4.4, 0.0], [-0.5, 0.9, 4.7]])
CENTRES = np.array([[0.1, 0.2, 0.3], [0.55, 0.75, 0.8]])
AXES = np.array([[0.6, 0.0, 0.8], [0.0, -0.28, 0.96]])
EXP6 = {
    frozenset("A"): Exp6(2e5, 3.6, 900.0),
    frozenset("B"): Exp6(5e4, 3.1, 400.0),
    frozenset("AB"): Exp6(1e5, 3.3, 700.0),
}
TURNING = {
    ("A", "A"): Anisotropy(0.05, -0.12),
    ("A", "B"): Anisotropy(0.03, -0.08),
    ("B", "A"): Anisotropy(-0.10, 0.06),
}
ENDS = {"cutoff": 9.0, "switch_width": 2.0, "tail_correction": False}
P1 = Operations(np.eye(3)[None], np.zeros((1, 3)))


def cubic(r):
    x = np.clip((r - 7.0) / 2.0, 0.0, 1.0)
    return 1.0 - 3.0 * x**2 + 2.0 * x**3


def separations(first, second, limit=12.0):
    """From the first to all copies of the second."""
    n = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3), axis=-1).reshape(-1, 3)
    away = (CENTRES[second] - CENTRES[first] + n) @ CELL
    r = np.linalg.norm(away, axis=1)
    return away[(r > 1e-9) & (r < limit)]


def crystal_of(moments, operations=P1, centres=CENTRES):
    bodies = [
        Body((kind,), np.zeros((1, 3)), moments, AXES[k : k + 1])
        for k, kind in enumerate("AB"[: len(centres)])
    ]
    turns = np.tile(np.eye(3), (len(centres), 1, 1))
    return rigid_crystal(bodies, CELL, centres, turns, operations)


def test_anisotropic_repulsion_is_a_plain_sum():
    crystal = crystal_of(np.zeros((1, N_MOMENTS)))
    parameters = ParameterSet("", "", 0.0, {}, EXP6, TURNING)
    tables = tables_of(crystal.bodies, parameters, SplinedSettings(**ENDS))
    terms = crystal_energy(crystal, tables).terms
    repulsion, dispersion = 0.0, 0.0
    for i, one in enumerate("AB"):
        for j, other in enumerate("AB"):
            away = separations(i, j)
            r = np.linalg.norm(away, axis=1)
            exp6 = EXP6[frozenset((one, other))]
            shift = 0.0
            for kinds, cosine in (
                ((one, other), away @ AXES[i] / r),
                ((other, one), -away @ AXES[j] / r),
            ):
                d, q = TURNING.get(kinds, (0.0, 0.0))
                shift = shift + d * cosine + q * (1.5 * cosine**2 - 0.5)
            pairs = exp6.repulsion * np.exp(-exp6.exponent * (r - shift))
            repulsion += 0.5 * float(np.sum(cubic(r) * pairs))
            dispersion -= 0.5 * float(np.sum(cubic(r) * exp6.dispersion / r**6))
    assert_allclose(terms["repulsion"], repulsion, rtol=1e-9)
    assert_allclose(terms["dispersion"], dispersion, rtol=1e-9)


@pytest.mark.parametrize("settings", [SplinedSettings, PotentialSettings])
def test_higher_multipoles_of_splined_sums_end_site_by_site(settings):
    """Parallel axial quadrupoles Q: U = 6 Q² P₄(cos θ)/r⁵."""
    moments = np.zeros((1, N_MOMENTS))
    moments[0, 4] = 1.3
    crystal = crystal_of(moments, centres=CENTRES[:1])
    parameters = ParameterSet("", "", 0.0, {}, EXP6)
    ends = {**ENDS, "multipole_cutoff": 8.5, "multipole_switch_width": 0.001}
    tables = tables_of(crystal.bodies, parameters, settings(**ends))
    found = crystal_energy(crystal, tables).terms["higher_multipole"]
    away = separations(0, 0)
    r = np.linalg.norm(away, axis=1)
    p4 = np.polynomial.legendre.legval(away[:, 2] / r, [0, 0, 0, 0, 1])
    pairs = COULOMB_CONSTANT * 6.0 * 1.3**2 * p4 / r**5
    weight = cubic(r) if settings is SplinedSettings else r < 8.5
    assert_allclose(found, 0.5 * np.sum(weight * pairs), rtol=1e-9)


def test_molecules_end_site_by_site_however_far_their_centres_are():
    """A body of far sites is what its sites are on their own."""
    moments = np.zeros((2, N_MOMENTS))
    moments[:, [0, 4]] = [[0.3, 1.0], [-0.3, -0.7]]
    middle = 0.5 * (CENTRES[0] + CENTRES[1])
    offsets = (CENTRES - middle) @ CELL
    whole = Body(("A", "B"), offsets, moments)
    apart = [
        Body((k,), np.zeros((1, 3)), moments[i : i + 1]) for i, k in enumerate("AB")
    ]
    energies = []
    for bodies, centres in (([whole], middle[None]), (apart, CENTRES)):
        turns = np.tile(np.eye(3), (len(bodies), 1, 1))
        crystal = rigid_crystal(bodies, CELL, centres, turns, P1)
        parameters = ParameterSet("", "", 0.0, {}, EXP6)
        tables = tables_of(crystal.bodies, parameters, SplinedSettings(**ENDS))
        energies.append(crystal_energy(crystal, tables).terms["higher_multipole"])
    away = offsets[0] - offsets[1]
    r = np.linalg.norm(away)
    inside = (
        COULOMB_CONSTANT / r**3 * (0.3 * -0.7 - 0.3) * (1.5 * (away[2] / r) ** 2 - 0.5)
    )
    p4 = np.polynomial.legendre.legval(away[2] / r, [0, 0, 0, 0, 1])
    inside += COULOMB_CONSTANT * 6.0 * -0.7 * p4 / r**5
    assert_allclose(energies[0], energies[1] - inside, rtol=1e-9)


def test_axes_follow_improper_operations():
    """A crystal with inversion has the energy of its molecules without symmetry."""
    operations = Operations(np.array([np.eye(3), -np.eye(3)]), np.zeros((2, 3)))
    crystal = crystal_of(np.zeros((1, N_MOMENTS)), operations)
    parameters = ParameterSet("", "", 0.0, {}, EXP6, TURNING)
    energies = []
    for form in (crystal, expanded(crystal)):
        tables = tables_of(form.bodies, parameters, SplinedSettings(**ENDS))
        energies.append(crystal_energy(form, tables).energy)
    copies = tables_of(crystal.bodies, parameters, SplinedSettings(**ENDS)).of_copies(
        expanded(crystal).bodies, crystal.images.body
    )
    energies.append(crystal_energy(expanded(crystal), copies).energy)
    assert_allclose(energies, energies[0], rtol=1e-12)
