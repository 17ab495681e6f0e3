from itertools import combinations_with_replacement

import pytest

from csp.lattice.case_file import CasePair
from csp.lattice.pair_rows import NOTHING, is_close, pair_rows
from csp.potentials.exp6 import Exp6, ForceFieldName, parameter_set
from csp.units import KJ_PER_MOL_PER_EV

FIT = parameter_set(ForceFieldName.FIT).types


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
    assert found[1:] == ((), (), ())
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
    elements = {"C_F1": "C", "ClF1": "Cl"}
    found = pair_rows(elements, [row(FIT["C_F1"], "C", "C", is_named=False)])
    assert found.borrowed == ("ClF1",)
    expected = FIT["C_F1"].combined_with(FIT["Cl_F1"])
    assert is_close(found.pairs[frozenset(elements)], expected)


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
