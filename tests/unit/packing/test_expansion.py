"""The whole cell, from an asymmetric unit or from all molecules written out."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.packing.expansion import crystal_of
from csp.packing.occupation import Occupation
from csp.packing.placement import place, places_of
from csp.packing.sampling import as_point, sobol_points
from csp.packing.settings import PackingSettings
from csp.potentials.bodies import Component, FormulaUnit
from csp.potentials.rigid_crystal import inverted
from csp.records import CrystalKey, Packing
from csp.relaxation.rigid_body import _written_out, crystal_of_bodies

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
    ("CHFClBr", 14, "ee"),
    ("CHFClBr", 19, "aaa"),
    ("oxalic acid", 14, "ae"),
    ("oxalic acid+water", 15, "a.ef"),
    ("CHFClBr+water+CHFClBr", 2, "i.i.i"),
]
"""Kinds of molecules, space group, sites."""


def distances(first, second, cell):
    """Between nearest images of the atoms of two crystals, Å."""
    away = (first - second) @ np.linalg.inv(cell)
    return np.linalg.norm((away - np.round(away)) @ cell, axis=-1)


@pytest.fixture(scope="module")
def drawn(molecules):
    def make(names, number, sites, draw):
        kinds = [molecules[name] for name in names.split("+")]
        unit = FormulaUnit(tuple(Component(1, (own,)) for own in kinds))
        letters = tuple(sites.split("."))
        occupation = Occupation(number, letters, Fraction(1), False)
        key = CrystalKey(number, sites, draw)
        rows = sobol_points(1, f"{number}{sites}", draw, 1, occupation.n_bodies)
        places = places_of(occupation, unit)
        return place(key, as_point(rows[0]), places, PackingSettings()), unit

    return make


def freed(packing, unit) -> Packing:
    """All molecules of a packing, none of them moved."""
    bodies = [
        inverted(body) if np.linalg.det(rotation) < 0.0 else body
        for body, rotation in zip(
            (unit.molecules[label].with_multipoles() for label in packing.conformers),
            packing.rotations,
            strict=True,
        )
    ]
    crystal = crystal_of_bodies(packing, bodies)
    return _written_out(packing, crystal, crystal)


@given(slot=st.sampled_from(SLOTS), draw=st.integers(0, 999))
def test_freed_molecules_that_did_not_move_are_the_same_crystal(drawn, slot, draw):
    packing, unit = drawn(*slot, draw)
    free = freed(packing, unit)
    before, after = (crystal_of(each, unit) for each in (packing, free))
    assert_allclose(after.cell, before.cell, rtol=0, atol=0)
    assert after.n_formula_units == before.n_formula_units
    assert after.n_molecules == before.n_molecules
    assert after.atomic_numbers.tolist() == before.atomic_numbers.tolist()
    assert free.sites == "a" * before.n_molecules
    # the same molecules atom by atom, though their order is free
    old, new = (
        [each.positions[each.molecule_of_atom == m] for m in range(each.n_molecules)]
        for each in (before, after)
    )
    found = []
    for atoms in new:
        apart = [
            distances(atoms, other, before.cell).max()
            if len(atoms) == len(other)
            else np.inf
            for other in old
        ]
        assert min(apart) < 1e-9
        found.append(int(np.argmin(apart)))
    assert sorted(found) == list(range(before.n_molecules))


@pytest.mark.parametrize("slot", SLOTS)
def test_mirror_images_have_improper_rotations(drawn, slot):
    packing, unit = drawn(*slot, 3)
    rotations = freed(packing, unit).rotations
    hands = np.linalg.det(rotations)
    assert_allclose(np.abs(hands), 1.0, rtol=0, atol=1e-12)
    identity = np.eye(3) + np.zeros_like(rotations)
    assert_allclose(rotations @ rotations.mT, identity, rtol=0, atol=1e-12)
    if slot[0] == "CHFClBr":
        n_mirrored = int((hands < 0.0).sum())
        if slot[1] in ENANTIOMORPHIC:
            own = np.linalg.det(packing.rotations)
            assert n_mirrored == int((own < 0.0).sum()) * len(hands) // len(own)
        else:
            assert n_mirrored == len(hands) // 2


def test_single_molecules_of_groups_without_mirror_images_keep_their_hand(drawn):
    for number, letter in ((1, "a"), (4, "a"), (19, "a")):
        packing, unit = drawn("CHFClBr", number, letter, 3)
        assert (np.linalg.det(freed(packing, unit).rotations) > 0.0).all()


@given(draw=st.integers(0, 99), shift=st.integers(-2, 2), axis=st.integers(0, 2))
def test_a_lattice_vector_more_changes_nothing(drawn, draw, shift, axis):
    packing, unit = drawn("CHFClBr", 14, "e", draw)
    free = freed(packing, unit)
    centres = np.array(free.centres)
    centres[1, axis] += shift
    moved = replace(free, centres=centres)
    before, after = (crystal_of(each, unit).positions for each in (free, moved))
    assert_allclose(after, before, rtol=0, atol=1e-9)


@given(slot=st.sampled_from(SLOTS), draw=st.integers(0, 99))
def test_what_left_its_symmetry_says_so(drawn, slot, draw):
    packing, unit = drawn(*slot, draw)
    free = freed(packing, unit)
    assert not packing.has_left_symmetry
    # one molecule in P1 is all there is: nothing can be left there
    assert free.has_left_symmetry == (slot[1] != 1)
    assert free.key == packing.key
    assert free.space_group == 1


def test_molecules_are_whole_and_their_centres_are_in_the_cell(drawn):
    packing, unit = drawn("CHFClBr", 61, "c", 5)
    (molecule,) = unit.molecules.values()
    for each in (packing, freed(packing, unit)):
        crystal = crystal_of(each, unit)
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


def test_formula_units_are_counted_whole(molecules):
    """A dihydrate: two waters for each molecule of the other kind."""
    unit = FormulaUnit(
        (
            Component(1, (molecules["oxalic acid"],)),
            Component(2, (molecules["water"],)),
        )
    )
    occupation = Occupation(14, ("e", "ee"), Fraction(1), True)
    places = places_of(occupation, unit)
    row = sobol_points(1, "14e.ee", 0, 1, 3)[0]
    key = CrystalKey(14, "e.ee", 0)
    crystal = crystal_of(place(key, as_point(row), places, PackingSettings()), unit)
    assert (crystal.n_molecules, crystal.n_formula_units) == (12, 4)
    sizes = np.bincount(crystal.molecule_of_atom).tolist()
    assert sizes == [8] * 4 + [3] * 8
