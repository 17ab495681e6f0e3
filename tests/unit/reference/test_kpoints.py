"""Meshes of k-points: dense enough, no denser, and divided in supercells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp.reference.kpoints import kpoint_mesh

lengths = st.floats(2.0, 30.0)
triangles = st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3)


@given(st.tuples(lengths, lengths, lengths), triangles, st.floats(0.2, 1.0))
def test_neighbours_are_no_further_apart_than_the_spacing(diagonal, skew, spacing):
    cell = np.diag(diagonal)
    cell[[1, 2, 2], [0, 0, 1]] = skew
    mesh = np.array(kpoint_mesh(cell, spacing))
    steps = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell).T, axis=1)
    assert (steps / mesh <= spacing * (1 + 1e-5)).all()
    fewer = mesh - 1
    assert (steps[fewer > 0] / fewer[fewer > 0] > spacing * (1 - 1e-5)).all()


@pytest.mark.parametrize("axis", range(3))
def test_a_doubled_cell_has_half_the_mesh(axis):
    cell = np.array([[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [0.5, 0.3, 6.0]])
    steps = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell).T, axis=1)
    doubled = cell.copy()
    doubled[axis] *= 2
    spacing = float(steps[axis] / 4)
    assert kpoint_mesh(cell, spacing)[axis] == 4
    assert kpoint_mesh(doubled, spacing)[axis] == 2
