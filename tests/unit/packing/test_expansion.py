"""The whole cell, from an asymmetric unit or from molecules that are all free."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.packing.expansion import crystal_of
from csp.packing.placement import molecules_for_site, place
from csp.packing.sampling import as_point, sobol_points
from csp.packing.settings import PackingSettings
from csp.records import CrystalKey, FreePacking
from csp.relaxation.rigid_body import _free, crystal_of_bodies
from csp.spacegroups import space_group

ENANTIOMORPHIC = {1, 4, 19}
"""Of the groups below, those without mirror images."""
SLOTS = [
    ("CHFClBr", 1, "a"),
    ("CHFClBr", 4, "a"),
    ("CHFClBr", 14, "e"),
    ("CHFClBr", 19, "a"),
    ("CHFClBr", 29, "a"),
    ("CHFClBr", 61, "c"),
    ("oxalic acid", 2, "a"),
    ("oxalic acid", 14, "a"),
    ("oxalic acid", 12, "a"),
    ("water", 33, "a"),
    ("benzene", 61, "a"),
]


def distances(first, second, cell):
    """Between nearest images of the atoms of two crystals, Å."""
    away = (first - second) @ np.linalg.inv(cell)
    return np.linalg.norm((away - np.round(away)) @ cell, axis=-1)


@pytest.fixture(scope="module")
def drawn(molecules):
    def make(name, number, letter, draw):
        group, molecule = space_group(number), molecules[name]
        fitting = molecules_for_site(group, group.site(letter), [molecule])
        key = CrystalKey(number, letter, draw)
        point = as_point(sobol_points(1, f"{number}{letter}", draw, 1)[0])
        return place(key, point, group, fitting, PackingSettings()), molecule

    return make


def freed(packing, molecule) -> FreePacking:
    """All molecules of a packing, none of them moved."""
    body = molecule.with_multipoles()
    return _free(packing, crystal_of_bodies(packing, body), body)


@given(slot=st.sampled_from(SLOTS), draw=st.integers(0, 999))
def test_freed_molecules_that_did_not_move_are_the_same_crystal(drawn, slot, draw):
    packing, molecule = drawn(*slot, draw)
    before, after = (
        crystal_of(each, molecule) for each in (packing, freed(packing, molecule))
    )
    assert_allclose(after.cell, before.cell, rtol=0, atol=0)
    assert after.n_formula_units == before.n_formula_units
    assert after.atomic_numbers.tolist() == before.atomic_numbers.tolist()
    n = before.n_formula_units
    old, new = (each.positions.reshape(n, -1, 3) for each in (before, after))
    # the same molecules atom by atom, though their order is free
    apart = distances(new[:, None], old[None], before.cell).max(axis=2)
    assert sorted(apart.argmin(axis=1).tolist()) == list(range(n))
    assert apart.min(axis=1).max() < 1e-9


@pytest.mark.parametrize("slot", SLOTS)
def test_mirror_images_have_improper_rotations(drawn, slot):
    packing, molecule = drawn(*slot, 3)
    rotations = freed(packing, molecule).rotations
    hands = np.linalg.det(rotations)
    assert_allclose(np.abs(hands), 1.0, rtol=0, atol=1e-12)
    identity = np.eye(3) + np.zeros_like(rotations)
    assert_allclose(rotations @ rotations.mT, identity, rtol=0, atol=1e-12)
    if slot[0] == "CHFClBr":
        n_mirrored = 0 if slot[1] in ENANTIOMORPHIC else len(hands) // 2
        assert int((hands < 0.0).sum()) == n_mirrored


@given(draw=st.integers(0, 99), shift=st.integers(-2, 2), axis=st.integers(0, 2))
def test_a_lattice_vector_more_changes_nothing(drawn, draw, shift, axis):
    packing, molecule = drawn("CHFClBr", 14, "e", draw)
    free = freed(packing, molecule)
    centres = np.array(free.centres)
    centres[1, axis] += shift
    moved = FreePacking(free.key, "1", free.cell, centres, free.rotations)
    before, after = (crystal_of(each, molecule).positions for each in (free, moved))
    assert_allclose(after, before, rtol=0, atol=1e-9)


def test_molecules_are_whole_and_their_centres_are_in_the_cell(drawn):
    packing, molecule = drawn("CHFClBr", 61, "c", 5)
    for each in (packing, freed(packing, molecule)):
        crystal = crystal_of(each, molecule)
        assert crystal.molecule_of_atom.tolist() == [
            k for k in range(8) for _ in "CHFClBr"[:5]
        ]
        atoms = crystal.positions.reshape(8, -1, 3)
        shape = molecule.atoms[:, None] - molecule.atoms[None]
        lengths = np.linalg.norm(atoms[:, :, None] - atoms[:, None], axis=-1)
        wanted = np.linalg.norm(shape, axis=-1)
        assert_allclose(
            lengths, np.broadcast_to(wanted, lengths.shape), atol=1e-9, rtol=0
        )
