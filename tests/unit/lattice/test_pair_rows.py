from itertools import combinations_with_replacement

import pytest

from csp.lattice.case_file import CasePair
from csp.lattice.pair_rows import NOTHING, pair_rows
from csp.lattice.suite_parameters import is_close
from csp.potentials.exp6 import Exp6, ForceFieldName, parameter_set
from csp.units import KJ_PER_MOL_PER_EV

FIT = parameter_set(ForceFieldName.FIT).types
W99 = parameter_set(ForceFieldName.W99).types


def row(exp6: Exp6, first: str, second: str, *, is_named: bool) -> CasePair:
    names = ("type1", "type2") if is_named else ("el1", "el2")
    return CasePair.model_validate(
        {
            names[0]: first,
            names[1]: second,
            "A_eV": exp6.repulsion / KJ_PER_MOL_PER_EV,
            "rho_ang": 1.0 / exp6.exponent,
            "C6_eV_ang6": exp6.dispersion / KJ_PER_MOL_PER_EV,
        }
    )


def element_rows(selves: dict[str, Exp6], elements: dict[str, str]) -> list[CasePair]:
    return [
        row(
            selves[a].combined_with(selves[b]) if a != b else selves[a],
            elements[a],
            elements[b],
            is_named=False,
        )
        for a, b in combinations_with_replacement(selves, 2)
    ]


ELEMENTS = {"C_F1": "C", "H_F1": "H", "H_F2": "H"}


def test_rows_of_elements_are_told_apart_by_the_combining_rules_and_names():
    rows = element_rows(
        {kind: FIT[kind] for kind in ("H_F2", "C_F1", "H_F1")}, ELEMENTS
    )
    found = pair_rows(ELEMENTS, rows[::-1])
    assert found[1:4] == ((), (), ())
    for kind in ELEMENTS:
        assert is_close(found.pairs[frozenset((kind,))], FIT[kind])
    mixed = FIT["C_F1"].combined_with(FIT["H_F2"])
    assert is_close(found.pairs[frozenset(("C_F1", "H_F2"))], mixed)


def test_types_that_no_name_tells_apart_are_unclear():
    elements = {"C_XX": "C", "H_XX": "H", "H_YY": "H"}
    selves = {"C_XX": FIT["C_F1"], "H_XX": FIT["H_F1"], "H_YY": FIT["H_F2"]}
    found = pair_rows(elements, element_rows(selves, elements))
    assert found.unclear == ("H_XX", "H_YY")
    assert is_close(found.pairs[frozenset(("C_XX",))], FIT["C_F1"])
    assert found.pairs[frozenset(("C_XX", "H_XX"))] == NOTHING


def test_equal_types_are_not_unclear():
    elements = {"H_F1": "H", "H_XX": "H", "H_YY": "H"}
    selves = {"H_F1": FIT["H_F1"], "H_XX": FIT["H_F2"], "H_YY": FIT["H_F2"]}
    found = pair_rows(elements, element_rows(selves, elements))
    assert found.unclear == ()
    assert is_close(found.pairs[frozenset(("H_F1",))], FIT["H_F1"])


def test_one_type_an_element_needs_no_combining_rules():
    elements = {"C1": "C", "O1": "O"}
    odd = Exp6(5.0e5, 3.3, 999.0)
    rows = [
        row(FIT["C_F1"], "C", "C", is_named=False),
        row(FIT["O_F1"], "O", "O", is_named=False),
        row(odd, "O", "C", is_named=False),
    ]
    assert is_close(pair_rows(elements, rows).pairs[frozenset(elements)], odd)


def test_a_missing_type_of_a_published_set_is_borrowed():
    elements = {"C_F1": "C", "S_F1": "S"}
    found = pair_rows(elements, [row(FIT["C_F1"], "C", "C", is_named=False)])
    assert found.borrowed == ("S_F1",)
    expected = FIT["C_F1"].combined_with(FIT["S_F1"])
    assert is_close(found.pairs[frozenset(elements)], expected)
    assert found.source == ""


def test_chlorine_beside_fit_is_that_of_the_suite():
    """C…Cl of the suite's FIT table has less dispersion than the combining rule."""
    elements = {"C_F1": "C", "ClF1": "Cl"}
    found = pair_rows(elements, [row(FIT["C_F1"], "C", "C", is_named=False)])
    assert found.borrowed == ("ClF1",)
    assert is_close(found.pairs[frozenset(("ClF1",))], FIT["Cl_F1"])
    mixed = found.pairs[frozenset(elements)].dispersion / KJ_PER_MOL_PER_EV
    assert mixed == pytest.approx(44.799, abs=1e-3)
    assert "FIT" in found.source


def test_chloride_is_that_of_the_suite_only_where_it_is_an_ion():
    elements = {"C_W4": "C", "Cl01": "Cl"}
    rows = [row(W99["C_W4"], "C", "C", is_named=False)]
    found = pair_rows(elements, rows, frozenset({"Cl01"}))
    own = found.pairs[frozenset(("Cl01",))].repulsion / KJ_PER_MOL_PER_EV
    assert own == pytest.approx(11820.6, abs=0.1)
    assert pair_rows(elements, rows).missing == ("Cl01",)


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_chlorobenzenes_are_known_by_their_rows(factor):
    """All rows must be of the set; then types of carbon need no telling apart."""
    elements = {"ClCL": "Cl", "C_BO": "C", "C_CA": "C", "H_HY": "H"}
    rows = [
        CasePair.model_validate(
            {"el1": one, "el2": two, "A_eV": a, "rho_ang": b, "C6_eV_ang6": c}
        )
        for one, two, a, b, c in (
            ("C", "C", 1112.43715, 0.313126, 22.246048),
            ("C", "C", 300.120583, 0.311226, 22.246048),
            ("C", "C", 636.101829 * factor, 0.308233, 22.246048),
            ("H", "H", 23.008865, 0.306984, 2.072871),
            ("C", "H", 175.675791, 0.306241, 6.775178),
            ("C", "H", 116.640434, 0.296657, 6.775178),
        )
    ]
    found = pair_rows(elements, rows)
    if factor == 1.0:
        assert found.borrowed == ("ClCL", "C_BO", "C_CA")
        assert found.anisotropy["C_BO", "H_HY"] == (-0.205383, -0.31091)
    else:
        assert found.borrowed == ()
        assert found.unclear == ("C_BO", "C_CA")
        assert not found.anisotropy


@pytest.mark.parametrize(
    ("kind", "carbon"), [("Cl01", FIT["C_F1"]), ("ClF1", Exp6(9e5, 3.0, 100.0))]
)
def test_a_missing_type_of_no_set_stays_missing(kind, carbon):
    found = pair_rows(
        {"C_F1": "C", kind: "Cl"}, [row(carbon, "C", "C", is_named=False)]
    )
    assert found.missing == (kind,)
    assert found.pairs[frozenset((kind,))] == NOTHING


def test_named_rows_are_taken_as_they_are():
    found = pair_rows({"A": "C", "B": "C"}, [row(FIT["C_F1"], "B", "A", is_named=True)])
    assert is_close(found.pairs[frozenset("AB")], FIT["C_F1"])
    assert found.pairs[frozenset("A")] == NOTHING
