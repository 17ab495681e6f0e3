import numpy as np
import pytest
from numpy.testing import assert_allclose

from csp.errors import InputError
from csp.geometry import rotation_from_vector
from csp.lattice.case import read_case
from csp.lattice.local_axes import axes_along_bonds
from csp.lattice.result import lattice_energy, minimise
from csp.units import KJ_PER_MOL_PER_EV

NUMBERS = np.array([6, 17, 9, 8, 1])
TERMS = ("charge_dipole", "dipole_dipole")


@pytest.fixture
def in_local_axes(write_case, chiral):
    """The chiral case, moments in axes of C, Cl and F, positions in another unit."""

    def write(change: float = 0.0, **options) -> tuple[dict, dict]:
        plain = chiral(turn=np.eye(3))
        energy = lattice_energy(read_case(write_case(plain)))
        points = np.array([s["position_bohr"] for s in plain["molecule"]["sites"]])
        x = points[1] - points[0]
        y = points[0] - points[2]
        x /= np.linalg.norm(x)
        y -= (y @ x) * x
        y /= np.linalg.norm(y)
        axes = np.array([x, y, np.cross(x, y)])
        table = chiral(turn=np.eye(3), stretch=0.3)
        for site in table["molecule"]["sites"]:
            moments = site["multipoles"]["components"]
            x, y, z = axes @ np.array(moments)[[2, 3, 1]]
            moments[1:4] = [z, x, y]
        table["reference"] = {
            "initial": {
                f"{term}_eV": 4 * energy["terms_kj_per_mol"][term] / KJ_PER_MOL_PER_EV
                for term in TERMS
            }
        }
        table["reference"]["initial"]["dipole_dipole_eV"] += change
        return table, energy

    return write


def test_frames_are_right_handed_and_y_points_away_from_the_third_atom():
    corners = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    turn = rotation_from_vector(np.array([0.3, 1.1, -0.4]))
    points = corners @ turn.T * np.array([0.0, 1.0, 0.8, 0.8, 0.6])[:, None]
    found = axes_along_bonds(NUMBERS, points)
    assert len({axes.atoms for axes in found}) == len(found) == 24
    for axes in found:
        first, second, third = points[list(axes.atoms)]
        x, y, z = axes.matrix.T
        assert_allclose(axes.matrix.T @ axes.matrix, np.eye(3), atol=1e-12)
        assert np.linalg.det(axes.matrix) == pytest.approx(1.0)
        assert x @ (second - first) == pytest.approx(np.linalg.norm(second - first))
        assert y @ (third - first) < 0.0
        assert z @ (third - first) == pytest.approx(0.0, abs=1e-12)


def test_axes_are_found_by_the_energies_of_the_file(write_case, in_local_axes):
    table, energy = in_local_axes()
    given = read_case(write_case(table))
    found = lattice_energy(given)["terms_kj_per_mol"]
    for term, value in energy["terms_kj_per_mol"].items():
        assert found[term] == pytest.approx(value, abs=1e-4)
    assert not given.has_doubtful_axes
    assert any("X along C_X1_1 → Cl_X_1, Y away from F_X1_1" in n for n in given.notes)


@pytest.mark.parametrize("change", [0.05, None])
def test_without_the_right_energies_axes_stay_in_doubt(
    write_case, in_local_axes, change
):
    table, _ = in_local_axes(change or 0.0)
    if change is None:
        del table["reference"]
    given = read_case(write_case(table))
    assert given.has_doubtful_axes
    assert any("if they are not in the axes" in note for note in given.notes)
    with pytest.raises(InputError, match="axes of its multipoles are in doubt"):
        minimise(given)
