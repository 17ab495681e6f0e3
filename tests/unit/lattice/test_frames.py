import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.errors import InputError
from csp.geometry import rotation_from_vector
from csp.lattice.frames import frame_of

POINTS = np.array(
    [[0, 0, 0], [1.5, 0, 0], [-0.4, 1.4, 0], [-0.5, -0.7, 1.2], [-0.4, -0.5, -1.0]],
    dtype=float,
)
NUMBERS = np.array([6, 17, 9, 8, 1])
TURN = rotation_from_vector(np.array([0.4, -1.1, 0.7]))
SHIFT = np.array([3.0, -2.0, 5.0])


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_a_rigid_motion_is_found_again(sign, scale):
    atoms = POINTS @ (sign * TURN).T + SHIFT
    frame = frame_of(POINTS / scale, atoms, NUMBERS, "m")
    assert_allclose(frame.orthogonal, sign * TURN, rtol=0, atol=1e-9)
    assert frame.scale == pytest.approx(scale)
    back = frame.scale * POINTS / scale @ frame.orthogonal.T + frame.translation
    assert_allclose(back, atoms, rtol=0, atol=1e-9)


def test_hydrogens_do_not_count_where_there_are_enough_other_atoms():
    sites = POINTS.copy()
    sites[4] *= 0.8
    frame = frame_of(sites, POINTS @ TURN.T, NUMBERS, "m")
    assert_allclose(frame.orthogonal, TURN, rtol=0, atol=1e-9)


def test_a_proper_rotation_is_preferred_for_a_planar_molecule():
    flat = POINTS * [1.0, 1.0, 0.0]
    frame = frame_of(flat, flat @ TURN.T, NUMBERS, "m")
    assert np.linalg.det(frame.orthogonal) == pytest.approx(1.0)


def test_a_single_atom_is_only_moved():
    frame = frame_of(np.zeros((1, 3)), SHIFT[None], np.array([17]), "m")
    assert_allclose(frame.translation, SHIFT, rtol=0, atol=0)
    assert_allclose(frame.orthogonal, np.eye(3), rtol=0, atol=0)


def test_sites_of_another_molecule_are_refused():
    with pytest.raises(
        InputError, match=r"sites of m .*miss them by \d\.\d\d Å.*order"
    ):
        frame_of(POINTS[[1, 0, 2, 3, 4]], POINTS, NUMBERS, "m")
