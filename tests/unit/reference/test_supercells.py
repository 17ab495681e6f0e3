import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from csp.crystal import Crystal
from csp.geometry import cell_from_parameters, volume
from csp.reference.supercells import repeated, repeats_for_width

lengths = st.floats(3.0, 20.0)
angles = st.floats(65.0, 115.0)


@given(st.tuples(*[lengths] * 3, *[angles] * 3), st.floats(1.0, 30.0))
@settings(max_examples=50)
def test_a_sphere_of_the_width_fits_and_one_copy_less_is_too_narrow(parameters, width):
    cell = cell_from_parameters(np.array(parameters))
    repeats = repeats_for_width(cell, width)
    for axis, n in enumerate(repeats):
        face = np.cross(*np.delete(cell, axis, axis=0))
        height = abs(cell[axis] @ face) / np.linalg.norm(face)
        assert n * height >= width - 1e-6
        assert n == 1 or (n - 1) * height < width


def two_waters() -> Crystal:
    bent = np.array([[0.0, 0.0, 0.0], [0.8, 0.0, 0.58], [-0.8, 0.0, 0.58]])
    cell = np.array([[5.0, 0.0, 0.0], [1.0, 5.5, 0.0], [0.5, 0.7, 6.0]])
    return Crystal(
        cell,
        np.array([8, 1, 1] * 2),
        np.concatenate([bent + 0.3, bent @ np.diag([1.0, 1.0, -1.0]) + 3.0]),
        np.array([0, 0, 0, 1, 1, 1]),
        2,
    )


def test_copies_are_the_same_crystal_with_its_molecules_unbroken():
    crystal = two_waters()
    whole = repeated(crystal, (2, 1, 3))
    assert whole.n_formula_units == 12
    assert whole.n_molecules == 12
    assert_allclose(volume(whole.cell), 6.0 * volume(crystal.cell), rtol=1e-12)
    assert_allclose(whole.density, crystal.density, rtol=1e-12)
    for index in range(whole.n_molecules):
        atoms = whole.molecule_of_atom == index
        assert_array_equal(whole.atomic_numbers[atoms], [8, 1, 1])
        bonds = whole.positions[atoms][1:] - whole.positions[atoms][0]
        assert_allclose(np.linalg.norm(bonds, axis=1), np.hypot(0.8, 0.58), atol=1e-9)
    fractional = whole.positions @ np.linalg.inv(crystal.cell)
    first = fractional[: len(crystal.atomic_numbers)]
    shifts = fractional.reshape(6, 6, 3) - first
    assert_allclose(shifts, np.rint(shifts), atol=1e-9)
    assert len(np.unique(np.rint(shifts[:, 0]), axis=0)) == 6
