"""Sums over distinct fragments are the sums over all molecules and their neighbours."""

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from csp.comparison.reading import read_crystal
from csp.crystal import Crystal
from csp.reference.dimers import fragments_of

SEEDS = st.integers(0, 2**32 - 1)
DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"
CUTOFF = 4.5


def pair_energy(numbers, first, others, second):
    """Anything that depends on elements and distances between two molecules."""
    weights = np.outer(np.sqrt(numbers), np.sqrt(others))
    return float((weights * np.exp(-cdist(first, second))).sum())


def energy_by_fragments(crystal, cutoff):
    found = fragments_of(crystal, cutoff)
    assert sum(m.count for m in found.monomers) == crystal.n_molecules
    total = 0.0
    for pair in found.dimers:
        n = pair.fragment.sizes[0]
        z, x = pair.fragment.numbers, pair.fragment.positions
        total += pair.count * pair_energy(z[:n], x[:n], z[n:], x[n:])
    return total


def energy_by_force(crystal, cutoff, reach=4):
    """½ Σ over ordered pairs within a block of cells, no symmetry."""
    total, n_pairs = 0.0, 0
    own = [crystal.molecule_of_atom == k for k in range(crystal.n_molecules)]
    for i, j in product(range(len(own)), repeat=2):
        for step in product(range(-reach, reach + 1), repeat=3):
            if i == j and step == (0, 0, 0):
                continue
            first = crystal.positions[own[i]]
            second = crystal.positions[own[j]] + np.array(step) @ crystal.cell
            if cdist(first, second).min() < cutoff:
                z, other = (
                    crystal.atomic_numbers[own[i]],
                    crystal.atomic_numbers[own[j]],
                )
                total += 0.5 * pair_energy(z, first, other, second)
                n_pairs += 1
    assert n_pairs % 2 == 0
    return total, n_pairs // 2


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_oxalic_acid_against_every_pair_one_by_one(name):
    crystal = read_crystal(DATA / f"{name}.cif")
    expected, n_pairs = energy_by_force(crystal, CUTOFF, reach=3)
    found = fragments_of(crystal, CUTOFF)
    assert sum(pair.count for pair in found.dimers) == n_pairs
    # congruent to 1e-3 Å, so the energies are equal to that
    assert_allclose(energy_by_fragments(crystal, CUTOFF), expected, rtol=1e-3)
    assert len(found.monomers) == 1
    assert len(found.dimers) < n_pairs


@given(SEEDS, st.integers(1, 2))
@settings(max_examples=15)
def test_a_crystal_without_symmetry_against_every_pair(seed, n_molecules):
    crystal = random_crystal(np.random.default_rng(seed), n_molecules)
    expected, n_pairs = energy_by_force(crystal, CUTOFF, reach=4)
    assert sum(p.count for p in fragments_of(crystal, CUTOFF).dimers) == n_pairs
    assert_allclose(energy_by_fragments(crystal, CUTOFF), expected, rtol=1e-12)


@given(SEEDS)
@settings(max_examples=10)
def test_counts_do_not_depend_on_how_the_crystal_is_written(seed):
    rng = np.random.default_rng(seed)
    crystal = read_crystal(DATA / "beta.cif")
    again = rewritten(crystal, rng)
    n = again.n_molecules // crystal.n_molecules
    first, second = fragments_of(crystal, CUTOFF), fragments_of(again, CUTOFF)
    assert kinds(second, 1) == kinds(first, n)


def kinds(found, n):
    """Counts by contact distance, for a cell that is n times as large."""
    counts = Counter()
    for pair in found.dimers:
        counts[round(pair.fragment.contact, 3)] += n * pair.count
    return counts, sorted(n * m.count for m in found.monomers)


def rewritten(crystal, rng):
    """Another cell, perhaps a double one, origin, orientation and order of atoms."""
    steps = np.eye(3)
    for _ in range(3):
        i, j = rng.permutation(3)[:2]
        shear = np.eye(3)
        shear[i, j] = rng.integers(-1, 2)
        steps = shear @ steps
    doubled = rng.integers(3)
    copies = int(rng.integers(1, 3))
    along = crystal.cell[doubled]
    positions = np.concatenate([crystal.positions + k * along for k in range(copies)])
    owner = np.concatenate(
        [crystal.molecule_of_atom + k * crystal.n_molecules for k in range(copies)]
    )
    cell = np.array(crystal.cell)
    cell[doubled] *= copies
    # whole molecules move by lattice vectors of the new cell
    jumps = rng.integers(-2, 3, (owner.max() + 1, 3)) @ (steps @ cell)
    turn = Rotation.random(random_state=rng).as_matrix() * rng.choice([-1.0, 1.0])
    positions = (positions + jumps[owner] + rng.normal(size=3)) @ turn.T
    order = rng.permutation(len(positions))
    order = order[np.argsort(owner[order], kind="stable")]
    numbers = np.tile(crystal.atomic_numbers, copies)
    return Crystal(
        steps @ cell @ turn.T,
        numbers[order],
        positions[order],
        owner[order],
        crystal.n_formula_units * copies,
    )


def random_crystal(rng, n_molecules):
    molecule = np.array([[0.0, 0, 0], [1.1, 0, 0], [-0.4, 0.9, 0.1]])
    cell = 5.0 * np.eye(3) + rng.uniform(-1.0, 1.0, (3, 3))
    positions = np.concatenate(
        [
            molecule @ Rotation.random(random_state=rng).as_matrix().T
            + rng.uniform(0.0, 1.0, 3) @ cell
            for _ in range(n_molecules)
        ]
    )
    return Crystal(
        cell,
        np.tile([8, 1, 9], n_molecules),
        positions,
        np.repeat(np.arange(n_molecules), 3),
        n_molecules,
    )
