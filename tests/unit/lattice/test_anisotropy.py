import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.errors import InputError
from csp.lattice.anisotropy import axes_of, with_anisotropy
from csp.lattice.case import read_case
from csp.lattice.case_file import AnisotropicPair, CaseSite
from csp.lattice.result import lattice_energy, minimise
from csp.potentials.exp6 import Anisotropy, Exp6
from csp.units import KJ_PER_MOL_PER_EV

POINTS = np.array([[0, 0, 0], [1.7, 0, 0], [-0.7, 1.2, 0], [-1.8, 1.2, 0]], dtype=float)
NUMBERS = np.array([6, 17, 6, 1])
"""Cl–C–C–H."""


def sites(**axes) -> list[CaseSite]:
    return [
        CaseSite.model_validate(
            {
                "label": f"{kind}_1",
                "position_bohr": [0, 0, 0],
                "multipoles": {"components": [0.0]},
                "aniso_axis_body": axes.get(kind),
            }
        )
        for kind in ("C_A1", "ClA1", "C_B1", "H_A1")
    ]


def test_axes_point_from_an_atom_to_the_end_that_is_bonded_to_it():
    kinds = {"C_A1", "ClA1", "H_A1"}
    axes, wrong = axes_of(sites(), NUMBERS, POINTS, kinds, "m")
    assert_allclose(axes, [[1, 0, 0], [1, 0, 0], [0, 0, 0], [-1, 0, 0]], atol=1e-12)
    assert wrong == ()


def test_axes_of_the_file_are_taken_where_they_are_along_bonds():
    own = sites(ClA1=(-2.0, 0.01, 0.0), H_A1=(0.0, 3.0, 0.0))
    axes, wrong = axes_of(own, NUMBERS, POINTS, {"ClA1", "H_A1"}, "m")
    assert_allclose(axes[1], [-1, 0.005, 0], atol=1e-4)
    assert_allclose(axes[3], [-1, 0, 0], atol=1e-12)
    assert wrong == ("H_A1_1 (4)",)


def test_a_site_without_an_axis_is_named():
    lone = sites()[:1], NUMBERS[:1], POINTS[:1]
    with pytest.raises(InputError, match="C_A1 needs an axis, and C_A1_1 has neither"):
        axes_of(*lone, {"C_A1"}, "m")


def pair_of(**values) -> AnisotropicPair:
    row = {"type1": "X", "type2": "Y", "alpha_inv_ang": 0.3, **values}
    return AnisotropicPair.model_validate(row)


def test_rows_are_one_electronvolt_or_the_prefactor_of_the_exp6_row():
    pairs = {frozenset("XY"): Exp6(0.0, 1.0, 7.0)}
    row = pair_of(rho_00=2.5, rho_20=-0.1, rho_01=0.02)
    found, turning = with_anisotropy(pairs, [row])
    a, b, c = found[frozenset("XY")]
    assert a == pytest.approx(KJ_PER_MOL_PER_EV * np.exp(2.5 / 0.3))
    assert (b, c) == (pytest.approx(1 / 0.3), 7.0)
    assert turning["X", "Y"] == Anisotropy(0.0, -0.1)
    assert turning["Y", "X"] == Anisotropy(0.02, 0.0)
    pairs = {frozenset("XY"): Exp6(5e4, 1 / 0.3, 7.0)}
    found, _ = with_anisotropy(pairs, [pair_of(rho_20=-0.1)])
    assert found[frozenset("XY")].repulsion == pytest.approx(5e4)


@pytest.fixture
def turning_chiral(chiral):
    """The chiral molecule, its chlorines flattened at their ends."""

    def make(quadrupolar: float) -> dict:
        table = chiral(turn=np.eye(3))
        for row in table["potentials"]["pairs"]:
            kinds = {row["type1"], row["type2"]}
            if kinds == {"Cl_X"}:
                row["A_eV"] = 0.0
        rho = 0.28 * float(np.log(2000.0))
        row = {"type1": "Cl_X", "type2": "Cl_X", "alpha_inv_ang": 0.28, "rho_00": rho}
        row |= {"rho_20": quadrupolar, "rho_02": quadrupolar}
        table["potentials"]["aniso_pairs"] = [row]
        return table

    return make


def test_the_repulsion_of_such_pairs_is_a_term_of_its_own(
    write_case, chiral, turning_chiral
):
    whole = lattice_energy(read_case(write_case(chiral(turn=np.eye(3)))))
    parts = lattice_energy(read_case(write_case(turning_chiral(0.0))))
    turned = lattice_energy(read_case(write_case(turning_chiral(-0.1))))
    energy = whole["lattice_energy_kj_per_mol"]
    assert parts["lattice_energy_kj_per_mol"] == pytest.approx(energy, rel=1e-9)
    own, other = parts["terms_kj_per_mol"], turned["terms_kj_per_mol"]
    assert own["anisotropic_repulsion"] > 0.0
    assert own["anisotropic_repulsion"] != pytest.approx(other["anisotropic_repulsion"])
    assert own["repulsion_dispersion"] == pytest.approx(other["repulsion_dispersion"])


def test_crystals_with_such_pairs_are_minimised(write_case, turning_chiral):
    report, end = minimise(read_case(write_case(turning_chiral(-0.1))))
    assert report["status"] in {"converged", "saddle point"}
    start = report["initial"]["lattice_energy_kj_per_mol"]
    assert report["lattice_energy_kj_per_mol"] < start
    assert abs(sum(report["terms_kj_per_mol"].values()) * 4 - end.energy) < 1e-6
