"""Descriptors and kernels do not depend on how a crystal is described."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.comparison.molecules import crystal_of_atoms
from csp.comparison.reading import read_crystal
from csp.correction.contacts import ContactSettings, contact_densities
from csp.correction.descriptors import (
    SoapSettings,
    element_averages,
    surroundings,
)
from csp.correction.domain import near_duplicates, nearest_distances, unlike_all
from csp.correction.feature_store import FeatureStore
from csp.correction.kernels import (
    AverageKernel,
    ContactKernel,
    ElementKernel,
    REMatchSoapKernel,
    features_of_kernel,
)
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import quaternion_from_uniform, rotation_from_quaternion

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"
ELEMENTS = (1, 6, 8)
SOAP = SoapSettings()
KERNELS = [
    ElementKernel(),
    ElementKernel(power=2),
    AverageKernel(),
    REMatchSoapKernel(),
    ContactKernel(),
]


def silent(stage, done, total):
    pass


@pytest.fixture(scope="module")
def beta():
    return read_crystal(DATA / "beta.cif")


def without_symmetry(crystal, seed=0):
    generator = np.random.default_rng(seed)
    return Crystal(
        crystal.cell @ (np.eye(3) + 0.03 * generator.normal(size=(3, 3))),
        crystal.atomic_numbers,
        crystal.positions + 0.02 * generator.normal(size=crystal.positions.shape),
        crystal.molecule_of_atom,
        crystal.n_formula_units,
    )


def described_otherwise(crystal, turn, origin, seed, repeats=(1, 1, 1)):
    """The same crystal turned, shifted, in another cell and another order of atoms."""
    generator = np.random.default_rng(seed)
    atoms = Atoms(
        crystal.atomic_numbers, crystal.positions, cell=crystal.cell, pbc=True
    ).repeat(repeats)
    change = np.eye(3, dtype=int)
    change[0, 1], change[2, 0] = generator.integers(-2, 3, 2)
    order = generator.permutation(len(atoms))
    shifts = generator.integers(-3, 4, (len(atoms), 3))
    cell = change @ atoms.cell.array
    positions = atoms.positions + shifts @ cell + origin
    return crystal_of_atoms(
        cell @ turn.T, atoms.numbers[order], (positions @ turn.T)[order]
    )


@pytest.fixture(scope="module")
def described(beta):
    """A crystal with symmetry and one without, and their descriptors."""
    found = {}
    for key, crystal in ((True, beta), (False, without_symmetry(beta))):
        features = element_averages(crystal, ELEMENTS, SOAP)
        contacts = contact_densities(crystal, ELEMENTS, ContactSettings())
        found[key] = (crystal, (features, contacts))
    return found


unit = st.floats(0.0, 1.0)


@given(st.tuples(unit, unit, unit), st.tuples(unit, unit, unit), st.integers(0, 99))
def test_features_do_not_depend_on_cell_origin_orientation_or_order(
    described, uniform, origin, seed
):
    turn = rotation_from_quaternion(quaternion_from_uniform(np.array(uniform)))
    hand = -1.0 if seed % 2 else 1.0
    repeats = [(1, 1, 1), (2, 1, 1), (1, 1, 2)][seed % 3]
    crystal, (expected, contacts) = described[seed % 4 < 2]
    origin = 9.0 * np.array(origin)
    other = described_otherwise(crystal, hand * turn, origin, seed, repeats)
    found = element_averages(other, ELEMENTS, SOAP)
    assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    densities = contact_densities(other, ELEMENTS, ContactSettings())
    assert_allclose(densities, contacts, rtol=0, atol=1e-8)


def test_symmetry_equivalent_atoms_are_described_once(beta):
    found = surroundings(beta, ELEMENTS, SOAP)
    # Z' = 1/2: half a molecule of C2H2O4 is independent
    assert len(found.atomic_numbers) == 4
    assert found.shares.sum() == len(beta.atomic_numbers) == 16
    assert len(surroundings(without_symmetry(beta), ELEMENTS, SOAP).shares) == 16


def test_all_atoms_are_described_where_symmetry_is_only_nearly_there(beta):
    generator = np.random.default_rng(0)
    noise = 3e-6 * generator.normal(size=beta.positions.shape)
    nearly = Crystal(
        beta.cell,
        beta.atomic_numbers,
        beta.positions + noise,
        beta.molecule_of_atom,
        beta.n_formula_units,
    )
    assert len(surroundings(nearly, ELEMENTS, SOAP).shares) == 16


def test_features_change_when_the_crystal_does(beta):
    first = element_averages(beta, ELEMENTS, SOAP)
    second = element_averages(without_symmetry(beta), ELEMENTS, SOAP)
    assert np.abs(first - second).max() > 1e-3 * np.abs(first).max()


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
def test_a_doubled_cell_has_the_same_row_of_every_kernel(beta, kernel):
    others = [without_symmetry(beta, seed) for seed in range(5)]
    turn = np.eye(3)
    double = described_otherwise(others[0], turn, np.zeros(3), 4, (1, 2, 1))
    assert double.n_formula_units == 2 * beta.n_formula_units
    phi = kernel.features([*others, double], FeatureStore(), silent)
    rows = phi @ phi.T
    assert_allclose(rows[-1], rows[0], rtol=0, atol=1e-6)
    assert np.trace(rows) / len(rows) == pytest.approx(1.0)
    assert_allclose(phi.mean(axis=0), 0.0, rtol=0, atol=1e-10)
    assert np.linalg.eigvalsh(rows)[0] > -1e-12 * len(rows)


def test_an_element_of_no_weight_does_not_count(beta):
    others = [without_symmetry(beta, seed) for seed in range(4)]
    weights = ((1, 0.0), (6, 0.0))
    phi = ElementKernel(element_weights=weights).features(
        others, FeatureStore(), silent
    )
    oxygen = np.array([element_averages(c, ELEMENTS, SOAP)[2] for c in others])
    oxygen -= oxygen.mean(axis=0)
    expected = oxygen @ oxygen.T * len(others) / np.sum(oxygen**2)
    assert_allclose(phi @ phi.T, expected, rtol=0, atol=1e-8)


def test_a_pivoted_cholesky_factor_is_the_kernel():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(30, 8))
    kernel = np.exp(-0.5 * np.sum((rows[:, None] - rows) ** 2, axis=2))
    factor = features_of_kernel(lambda i: kernel[i], np.diag(kernel))
    assert_allclose(factor @ factor.T, kernel, rtol=0, atol=1e-9)
    thin = features_of_kernel(lambda i: rows @ rows[i], np.sum(rows**2, axis=1))
    assert thin.shape[1] == 8


def test_descriptors_are_kept_and_a_damaged_one_is_made_again(beta, tmp_path):
    made = []

    def make():
        made.append(1)
        return np.arange(6.0).reshape(2, 3)

    store = FeatureStore(tmp_path)
    for _ in range(2):
        assert_allclose(store.matrix(beta, "a", make), make.__call__() * 1.0)
    assert len(made) == 3  # twice by the test itself
    store.matrix(beta, "b", make)
    assert len(made) == 4
    (file, *_) = tmp_path.rglob("*.npy")
    file.write_bytes(b"half a fi")
    store.matrix(beta, "a", make)
    store.matrix(beta, "b", make)
    assert len(made) == 5
    moved = without_symmetry(beta)
    store.matrix(moved, "a", make)
    assert len(made) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cutoff": 1.0}, "between 1.5 and 15 Å, got 1"),
        ({"n_max": 0}, "n_max of at least 1"),
        ({"width": 0.0}, "between 0.05 and 2 Å, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        SoapSettings(**settings)


def test_crystals_that_are_all_the_same_teach_nothing(beta):
    with pytest.raises(InputError, match="nothing to learn from"):
        ElementKernel().features([beta, beta, beta], FeatureStore(), silent)


def test_near_duplicates_are_joined_by_chains():
    line = np.array([[0.0], [0.08], [0.16], [1.0], [1.05], [3.0]])
    assert near_duplicates(line).tolist() == [0, 0, 0, 1, 1, 2]


def test_a_crystal_unlike_all_known_ones_is_told():
    generator = np.random.default_rng(0)
    phi = generator.normal(size=(60, 2))
    phi[50] = [9.0, 9.0]
    known = np.arange(40)
    assert unlike_all(phi, known)[50]
    assert unlike_all(phi, known)[40:50].sum() <= 1
    assert not unlike_all(phi, known)[known].any()
    gaps = np.linalg.norm(phi[:, None] - phi[known], axis=2)
    gaps[known, known] = np.inf
    assert_allclose(nearest_distances(phi, known), gaps.min(axis=1), rtol=0, atol=1e-7)
    assert unlike_all(phi, known[:2]).all()
