"""What becomes of the structures of anybody's file."""

import math
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from numpy.testing import assert_allclose

from csp.comparison.reading import read_crystal
from csp.correction.feature_store import FeatureStore
from csp.correction.kernels import ElementKernel
from csp.correction.learning_curve import (
    CurveSettings,
    corrected,
    learning_curve,
    possible_sizes,
)
from csp.correction.pool import Energies, Per, Unit, make_pool, without_composition
from csp.correction.structures import Frame
from csp.errors import InputError
from csp.units import KJ_PER_MOL_PER_EV

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"


def silent(stage, done, total):
    pass


def frame(atoms, k, **values):
    return Frame(f"structure {k}", f"s{k}", atoms, values)


@pytest.fixture(scope="module")
def beta():
    crystal = read_crystal(DATA / "beta.cif")
    return Atoms(crystal.atomic_numbers, crystal.positions, cell=crystal.cell, pbc=True)


def strained(atoms, k):
    """Whole molecules a little further apart."""
    scale = 1.0 + 0.004 * k
    crystal = atoms.copy()
    crystal.set_cell(atoms.cell.array * [scale, 1.0, 1.0], scale_atoms=False)
    return crystal


def water(k):
    """A box of two water molecules."""
    one = np.array([[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]])
    two = one @ np.diag([1.0, -1.0, 1.0]) + [2.5 + 0.02 * k, 2.5, 1.5]
    return Atoms("OHHOHH", np.vstack([one, two]), cell=[5.0, 5.0, 3.4], pbc=True)


def energies(pool):
    return dict(zip(pool.names, pool.targets.tolist(), strict=True))


def test_energies_are_per_formula_unit_whatever_the_cell(beta):
    frames = []
    for k in range(10):
        atoms = strained(beta, k).repeat((1 + k % 2, 1, 1))
        frames.append(frame(atoms, k, E=len(atoms) / 8 * (1.0 + 0.1 * k)))
    pool = make_pool(tuple(frames), Energies("E", per=Per.CELL, unit=Unit.EV), silent)
    expected = KJ_PER_MOL_PER_EV * (1.0 + 0.1 * np.arange(10))
    assert_allclose(pool.targets, expected, rtol=1e-12)
    assert pool.n_units.tolist() == [2, 4] * 5
    as_given = make_pool(tuple(frames), Energies("E", per=Per.MOLECULE), silent)
    assert_allclose(as_given.targets, [f.values["E"] for f in frames], rtol=1e-12)


def test_what_is_missing_double_or_no_molecular_crystal_is_said(beta):
    frames = [frame(strained(beta, k), k, E=float(k)) for k in range(12)]
    frames[1] = frame(frames[1].atoms, 1, E=math.nan)
    frames[2] = frame(frames[2].atoms, 2)
    frames[4] = frame(frames[3].atoms, 4, E=9.0)
    chain = Atoms("CC", [[0, 0, 0], [1.3, 0, 0]], cell=[2.6, 6, 6], pbc=True)
    frames[5] = frame(chain, 5, E=1.0)
    pool = make_pool(tuple(frames), Energies("E", per=Per.MOLECULE), silent)
    assert pool.notes == (
        "2 structures without E left out",
        "1 structure left out whose bonds go on from cell to cell: not separate "
        "molecules",
        "1 structure given twice counted once",
    )
    assert len(pool.names) == 8
    assert energies(pool)["s3"] == 3.0


def test_zeros_far_from_all_others_were_not_computed(beta):
    frames = [frame(strained(beta, k), k, E=-70.0 + 0.1 * k) for k in range(11)]
    frames[4] = frame(frames[4].atoms, 4, E=0.0)
    frames[5] = frame(frames[5].atoms, 5, E=-20.0)
    pool = make_pool(tuple(frames), Energies("E", per=Per.MOLECULE), silent)
    assert "s4" not in pool.names
    assert "exactly 0" in pool.notes[0]
    assert "s5 lies +4" in pool.notes[1]
    near = [frame(f.atoms, k, E=float(k)) for k, f in enumerate(frames)]
    assert len(make_pool(tuple(near), Energies("E"), silent).names) == 11


def test_joined_molecules_are_counted_by_their_elements(beta):
    frames = [frame(strained(beta, k), k, E=2.0) for k in range(9)]
    # two molecules at a distance at which their oxygens seem bonded
    joined = beta.copy()
    first, second = np.arange(8), np.arange(8, 16)
    joined.set_cell(np.diag([14.0, 14.0, 14.0]))
    joined.positions[second] = joined.positions[first] @ np.diag([-1.0, -1.0, 1.0])
    oxygen = first[joined.numbers[first] == 8][0]
    shift = 2.0 * joined.positions[oxygen] * [1.0, 1.0, 0.0]
    outwards = joined.positions[oxygen] - joined.positions[first].mean(axis=0)
    joined.positions[second] += shift + 1.5 * outwards / np.linalg.norm(outwards)
    frames.append(frame(joined, 9, E=2.0))
    pool = make_pool(tuple(frames), Energies("E"), silent)
    assert set(pool.n_units.tolist()) == {2}
    assert "1 structure with other bonds than most" in pool.notes[0]


def test_several_compounds_are_learned_above_their_composition(beta):
    frames = []
    for k in range(20):
        atoms = strained(beta, k) if k % 2 else water(k)
        n_units = 2
        base = -9000.0 if k % 2 else -2000.0
        frames.append(frame(atoms, k, E=n_units * (base + 0.3 * (k // 2))))
    pool = make_pool(tuple(frames), Energies("E", per=Per.CELL), silent)
    assert "2 compositions: H2O (10), C2H2O4 (10)" in pool.notes[0]
    rest = without_composition(pool.targets, pool.composition, np.arange(20))
    assert np.abs(rest).max() < 2.0
    phi = ElementKernel().features(pool.crystals, FeatureStore(), silent)
    settings = CurveSettings((12,), 3)
    (point,) = learning_curve(pool, phi, np.arange(20), settings, silent)
    assert point.mae_constant < 2.0
    assert point.quality.mae < 1.0


def test_near_duplicates_are_never_on_both_sides(beta):
    frames = [frame(strained(beta, k), k, E=float(k % 5)) for k in range(20)]
    pool = make_pool(tuple(frames), Energies("E", per=Per.MOLECULE), silent)
    phi = ElementKernel().features(pool.crystals, FeatureStore(), silent)
    groups = np.arange(20) // 5
    (point,) = learning_curve(pool, phi, groups, CurveSettings((3,), 4), silent)
    # 3 crystals, each of another of the four groups of five
    assert point.n_test == 4 * 5
    with pytest.raises(InputError, match="smaller --sizes"):
        learning_curve(pool, phi, groups, CurveSettings((4,), 1), silent)


def test_the_correction_of_a_pool_knows_its_training_crystals(beta):
    frames = [frame(strained(beta, k), k, E=0.1 * k**2) for k in range(20)]
    pool = make_pool(tuple(frames), Energies("E", per=Per.MOLECULE), silent)
    phi = ElementKernel().features(pool.crystals, FeatureStore(), silent)
    train = np.arange(0, 20, 2)
    found = corrected(pool, phi, pool.baselines, train).posterior
    assert_allclose(found.mean[train], pool.targets[train], rtol=0, atol=1e-9)
    assert np.abs(found.mean - pool.targets).max() < 1.0


def test_sizes_leave_something_to_test():
    assert possible_sizes((10, 20), 100) == ((10, 20), ())
    sizes, notes = possible_sizes((10, 90, 200, 300), 100)
    assert sizes == (10, 90, 95)
    assert notes == (
        "200, 300 training structures are more than 100 distinct ones allow: 95 taken, "
        "5 left out for the test",
    )
