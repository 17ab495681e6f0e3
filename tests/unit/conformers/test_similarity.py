"""When two geometries are one conformer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp.conformers.graph import automorphisms
from csp.conformers.similarity import distinct, separation
from csp.geometry import rotation_from_vector
from csp.molecule import Molecule

vectors = st.tuples(*[st.floats(-3.0, 3.0)] * 3).map(np.array)

# Hydrogen peroxide, a chiral rotor: O O H H with torsion 110 degrees.
PEROXIDE = np.array(
    [[0.0, 0.0, 0.0], [1.45, 0.0, 0.0], [-0.2, 0.94, 0.0], [1.65, -0.32, 0.88]]
)
MOLECULE = Molecule(
    np.array([8, 8, 1, 1]), PEROXIDE, np.array([[0, 1], [0, 2], [1, 3]]), 0, "peroxide"
)
SWAPPED = [1, 0, 3, 2]


def test_automorphisms_of_peroxide():
    rows = [row.tolist() for row in automorphisms(MOLECULE)]
    assert rows[0] == [0, 1, 2, 3]
    assert sorted(rows) == [[0, 1, 2, 3], SWAPPED]


def test_automorphisms_leave_out_hydrogens_on_carbon():
    methanol = Molecule(
        np.array([1, 6, 1, 8, 1, 1]),
        np.arange(18.0).reshape(6, 3),
        np.array([[0, 1], [1, 2], [1, 3], [1, 4], [3, 5]]),
        0,
        "methanol",
    )
    assert [row.tolist() for row in automorphisms(methanol)] == [[1, 3, 5]]


@given(
    vector=vectors, shift=vectors, is_mirrored=st.booleans(), is_swapped=st.booleans()
)
def test_motion_mirror_and_renumbering_are_no_difference(
    vector, shift, is_mirrored, is_swapped
):
    other = PEROXIDE[SWAPPED] if is_swapped else PEROXIDE
    if is_mirrored:
        other = other * np.array([1.0, 1.0, -1.0])
    other = other @ rotation_from_vector(vector).T + shift
    found = separation(PEROXIDE, other, automorphisms(MOLECULE))
    assert found == pytest.approx(0.0, abs=1e-7)


def test_another_torsion_is_a_difference():
    flat = PEROXIDE.copy()
    flat[3] = [1.65, -0.94, 0.0]
    assert separation(PEROXIDE, flat, automorphisms(MOLECULE)) > 0.2


@given(order=st.permutations(range(4)))
def test_distinct_keeps_the_lowest_of_each_in_any_order(order):
    flat = PEROXIDE.copy()
    flat[3] = [1.65, -0.94, 0.0]
    geometries = [PEROXIDE, PEROXIDE * np.array([1.0, 1.0, -1.0]), flat, flat + 1.0]
    energies = [0.3, 0.1, 2.0, 2.2]
    kept = distinct(
        [geometries[i] for i in order],
        [energies[i] for i in order],
        automorphisms(MOLECULE),
        closest=0.1,
        energy_difference=0.5,
    )
    assert [energies[order[i]] for i in kept] == [0.1, 2.0]


def test_equal_shapes_of_different_energy_are_kept():
    kept = distinct(
        [PEROXIDE, PEROXIDE],
        [0.0, 1.0],
        automorphisms(MOLECULE),
        closest=0.1,
        energy_difference=0.5,
    )
    assert kept == [0, 1]
