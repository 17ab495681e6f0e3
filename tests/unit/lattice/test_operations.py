import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.errors import InputError
from csp.lattice.operations import (
    CENTRINGS,
    centrings_of,
    in_basis,
    is_group,
    operations_from_text,
)


def test_text_becomes_rotations_and_translations_with_the_identity_first():
    turns, shifts = operations_from_text(["-x,1/2+y,1/2-z", "+x+1/2,-y+1/2,-z"])
    assert_allclose(turns[0], np.eye(3), rtol=0, atol=0)
    assert_allclose(turns[1], np.diag([-1.0, 1.0, -1.0]), rtol=0, atol=0)
    assert_allclose(shifts[1], [0.0, 0.5, 0.5], rtol=0, atol=1e-12)
    assert len(turns) == 3


def test_a_listed_identity_is_not_doubled():
    assert len(operations_from_text(["x,y,z", "-x,-y,-z"]).rotations) == 2


@pytest.mark.parametrize("text", ["x,y", "x,y,q", "x,x,z", "", "x,y,z/0", "a,b,c"])
def test_nonsense_is_refused(text):
    with pytest.raises(InputError, match="is no symmetry operation: write it like"):
        operations_from_text([text])


@pytest.mark.parametrize(
    ("texts", "n_points", "expected"),
    [
        (["-x,-y,z", "-x+1/4,y+1/4,z+1/4", "x+1/4,-y+1/4,z+1/4"], 4, {"F"}),
        (["-x,y,-z+1/2", "-x,-y,-z", "x,-y,z+1/2"], 2, {"A", "B", "C", "I"}),
        (["-y,x-y,z", "-x+y,-x,z"], 3, {"R", "R (reverse)"}),
        (["-x,y+1/4,z"], 2, set()),
        (["-x,y+1/2,-z"], 1, {"P"}),
    ],
)
def test_centrings_complete_the_operations_to_a_group(texts, n_points, expected):
    found = centrings_of(n_points, operations_from_text(texts))
    assert {item.letter for item in found} == expected


def test_a_glide_whose_square_is_missing_is_no_group():
    assert not is_group(operations_from_text(["x,-y,z+1/4"]))


def test_primitive_bases_are_right_handed_and_hold_the_lattice():
    for centring in CENTRINGS:
        n_points = 1.0 / np.linalg.det(centring.basis)
        assert n_points == pytest.approx(round(n_points))
        inverse = np.linalg.inv(centring.basis)
        assert_allclose(inverse, np.rint(inverse), rtol=0, atol=1e-9)


def test_operations_move_the_same_points_in_new_axes():
    basis = CENTRINGS[-1].basis
    old = operations_from_text(["-y,x-y,z+1/3"])
    new = in_basis(old, basis)
    point = np.array([0.1, 0.2, 0.3])
    moved = new.rotations[1] @ (point @ np.linalg.inv(basis)) + new.translations[1]
    expected = old.rotations[1] @ point + old.translations[1]
    assert_allclose(moved @ basis, expected, rtol=0, atol=1e-12)
