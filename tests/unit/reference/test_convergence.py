import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.errors import InputError
from csp.geometry import parameters_from_cell
from csp.reference.convergence import doubled_subject
from csp.reference.subjects import Subject, crystal_subject, isolated_molecules
from tests.unit.reference.crystals import hydrogen_crystal

SUBJECT = Subject(
    "a", hydrogen_crystal(np.diag([6.0, 4.0, 5.0]), np.array([[0.1, 0.2, 0.3]])), 8
)


def test_a_doubled_cell_is_the_same_crystal_twice_as_long_where_it_is_shortest():
    doubled = doubled_subject(SUBJECT)
    assert doubled.id != SUBJECT.id
    assert doubled.n_formula_units == 2
    assert_allclose(np.diag(doubled.system.cell), [6.0, 8.0, 5.0])
    again, once = (
        crystal_subject("x", subject.system).system for subject in (doubled, SUBJECT)
    )
    assert again.n_formula_units == 1
    assert_allclose(
        parameters_from_cell(again.cell), parameters_from_cell(once.cell), atol=1e-6
    )


def test_a_molecule_has_no_cell_to_double():
    (molecule,) = isolated_molecules(SUBJECT.system)
    with pytest.raises(InputError, match="has no cell to double"):
        doubled_subject(Subject("b", molecule))
