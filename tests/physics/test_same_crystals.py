"""Measured crystals: each is itself, its relative at another level, and no other."""

import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import csp
from csp.comparison.overlay import compare_packings
from csp.comparison.reading import read_crystal
from csp.comparison.sameness import compare_crystals
from csp.comparison.shells import packing_shells
from csp.comparison.symmetry import find_symmetry
from csp.crystal import Crystal
from csp.geometry import quaternion_from_uniform, rotation_from_quaternion

ROOT = Path(csp.__file__).parents[1]
SHARED = Path(os.environ.get("CSP_SHARED_DATA", ROOT.parent / "shared" / "data"))
MEASURED = sorted((SHARED / "experimental").glob("*.cif"))
COMPUTED = sorted((SHARED / "x23_dft").glob("*.cif"))
SHIFT = 0.15
"""Å."""

needs_data = pytest.mark.skipif(not MEASURED, reason="no shared data")


@pytest.fixture(scope="module")
def measured():
    return {path.stem: read_crystal(path) for path in MEASURED}


def doubled_and_moved(crystal, rng):
    """A supercell, its molecules moved by one length in directions of their own."""
    change = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 2]])
    copies = np.array([[0, 0, 0], [0, 0, 1]]) @ crystal.cell
    n = 2 * crystal.n_molecules
    moves = rng.standard_normal((n, 3))
    moves *= SHIFT / np.linalg.norm(moves, axis=1, keepdims=True)
    molecules = np.concatenate(
        [crystal.molecule_of_atom, crystal.molecule_of_atom + crystal.n_molecules]
    )
    positions = np.concatenate([crystal.positions + copy for copy in copies])
    turn = rotation_from_quaternion(quaternion_from_uniform(rng.random(3)))
    return Crystal(
        change @ crystal.cell @ turn,
        np.tile(crystal.atomic_numbers, 2),
        (positions + moves[molecules]) @ turn,
        molecules,
        2 * crystal.n_formula_units,
    )


@needs_data
@pytest.mark.parametrize("name", [path.stem for path in MEASURED])
def test_every_crystal_is_itself(measured, name):
    crystal = measured[name]
    standard = compare_crystals(crystal, find_symmetry(crystal).conventional)
    assert standard.packing.same
    assert standard.packing.rmsd < 0.02
    assert standard.powder_similarity > 0.999
    moved = doubled_and_moved(crystal, np.random.default_rng(3))
    match = compare_crystals(crystal, moved).packing
    back = compare_crystals(moved, crystal).packing
    assert match.same
    # the central molecule moves, too; six of 45 coordinates or more are fitted
    assert 0.3 * SHIFT < match.rmsd <= SHIFT
    assert back.rmsd == pytest.approx(match.rmsd, abs=1e-9)


@needs_data
@pytest.mark.parametrize("path", COMPUTED, ids=[path.stem for path in COMPUTED])
def test_computed_structures_are_the_measured_ones(measured, path):
    (name,) = [name for name in measured if path.stem.startswith(name)]
    found = compare_crystals(measured[name], read_crystal(path))
    assert found.packing.same
    assert found.packing.rmsd < 0.1
    assert found.powder_similarity > 0.98


@needs_data
def test_different_crystals_are_different(measured):
    shells = {name: packing_shells(crystal) for name, crystal in measured.items()}
    for first, second in combinations(shells, 2):
        match = compare_packings(shells[first], shells[second])
        assert not match.same
        if {first, second} != {"oxalic_acid_alpha", "oxalic_acid_beta"}:
            assert match.n_matched == 0, (first, second)
