import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from csp.crystal import Crystal
from csp.reference.subjects import (
    Subject,
    crystal_subject,
    doubled,
    from_document,
    in_cell,
    isolated_molecules,
    to_document,
)
from tests.unit.reference.crystals import body_centred, hydrogen_crystal


def environment(crystal: Crystal, reach: float = 6.0) -> np.ndarray:
    """Sorted distances from the first atom to all others: a fact of the crystal."""
    shifts = np.stack(np.meshgrid(*[range(-4, 5)] * 3), axis=-1).reshape(-1, 3)
    images = crystal.positions[None] + (shifts @ crystal.cell)[:, None]
    distances = np.linalg.norm(images.reshape(-1, 3) - crystal.positions[0], axis=1)
    return np.sort(distances[distances < reach])


def with_positions(crystal: Crystal, positions: np.ndarray) -> Crystal:
    molecules = crystal.molecule_of_atom
    return Crystal(crystal.cell, crystal.atomic_numbers, positions, molecules, 2)


def test_a_centred_cell_is_halved():
    subject = crystal_subject("x", body_centred())
    assert subject.n_atoms == 2
    assert subject.n_formula_units == 1
    assert_allclose(environment(subject.system), environment(body_centred()), atol=1e-6)


@given(st.integers(0, 10_000))
def test_every_cell_of_a_crystal_has_one_primitive_cell(seed):
    random = np.random.default_rng(seed)
    crystal = hydrogen_crystal(
        np.diag([4.0, 5.0, 6.0]) + random.normal(scale=0.4, size=(3, 3)),
        random.uniform(size=(1, 3)),
    )
    turned = crystal.cell @ Rotation.random(random_state=seed).as_matrix()
    other = Crystal(
        turned,
        crystal.atomic_numbers,
        crystal.positions @ np.linalg.inv(crystal.cell) @ turned,
        crystal.molecule_of_atom,
        1,
    )
    first = crystal_subject("x", crystal)
    second = crystal_subject("x", doubled(other))
    assert second.n_atoms == first.n_atoms
    assert np.linalg.det(first.system.cell) > 0.0
    assert_allclose(
        environment(second.system), environment(first.system), rtol=0, atol=1e-4
    )


def test_molecules_of_a_primitive_cell_stay_whole():
    subject = crystal_subject("x", body_centred())
    (molecule,) = isolated_molecules(subject.system)
    length = np.linalg.norm(molecule.positions[1] - molecule.positions[0])
    assert length == pytest.approx(0.74, abs=1e-6)


def test_a_doubled_cell_is_the_same_crystal():
    crystal = body_centred()
    twice = doubled(crystal)
    assert twice.n_formula_units == 4
    assert twice.density == pytest.approx(crystal.density)
    assert_allclose(environment(twice), environment(crystal), atol=1e-9)
    assert len(in_cell(twice, crystal.cell).positions) == 4


@given(st.integers(0, 10_000))
def test_documents_keep_every_bit(seed):
    random = np.random.default_rng(seed)
    crystal = hydrogen_crystal(
        5.0 * np.eye(3) + random.normal(size=(3, 3)), random.uniform(size=(2, 3))
    )
    again = from_document(to_document(crystal))
    assert isinstance(again, Crystal)
    for name in ("cell", "positions", "atomic_numbers", "molecule_of_atom"):
        assert np.array_equal(getattr(again, name), getattr(crystal, name))


def test_the_name_tells_geometries_apart_but_not_noise():
    crystal = body_centred()
    moved = np.array(crystal.positions)
    moved[0, 0] += 2e-7
    near = with_positions(crystal, moved)
    moved[0, 0] += 0.01
    far = with_positions(crystal, moved)
    name = Subject("x", crystal).name
    assert Subject("x", near).name == name
    assert Subject("x", far).name != name
    assert Subject("y", crystal).name != name
