"""What molecules of a crystal gain by their neighbours' basis functions."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from pyscf import dft, gto

from csp.crystal import Crystal
from csp.reference.counterpoise import Counterpoise, surrounded_molecules
from csp.reference.engine import Energy, Failure, Reason, Resources
from csp.reference.levels import Gaussians, PySCFLevel
from csp.reference.pyscf_engine import PySCFEngine
from csp.reference.subjects import doubled
from csp.units import ANGSTROM_PER_BOHR, KJ_PER_MOL_PER_HARTREE

WATER = np.array([[0.0, 0.0, 0.0], [0.76, 0.0, 0.59], [-0.76, 0.0, 0.59]])
"""O and two H, Å."""
GAUSSIANS = Gaussians("DZVP-MOLOPT-PBE-GTH", "gth-pbe")
TIGHT = Counterpoise("pbe", GAUSSIANS, 3.2)
CELL = np.array([[3.4, 0.0, 0.0], [0.3, 3.3, 0.0], [0.2, 0.4, 3.2]])


@pytest.fixture
def resources(tmp_path):
    return Resources(cores=1, memory=2.0, scratch=tmp_path / "scratch")


def waters(cell, turns=(1.0,)):
    """Molecules of water along the diagonal of a cell, some of them upside down."""
    places = [
        WATER * [1.0, 1.0, turn] + (k / len(turns)) * cell.sum(axis=0)
        for k, turn in enumerate(turns)
    ]
    n = len(turns)
    numbers = np.tile([8, 1, 1], n)
    return Crystal(cell, numbers, np.vstack(places), np.repeat(range(n), 3), n)


def value(outcome):
    assert isinstance(outcome, Energy), outcome
    return outcome.energy


def self_consistent(surrounded):
    """The gain without first order, fit or quadrature of potentials, kJ/mol."""
    n = surrounded.sizes[0]
    symbols = {8: "O", 1: "H"}
    atoms = [
        (symbols[z] if k < n else f"ghost-{symbols[z]}", x / ANGSTROM_PER_BOHR)
        for k, (z, x) in enumerate(
            zip(surrounded.numbers, surrounded.positions, strict=True)
        )
    ]
    energies = []
    for some in (atoms[:n], atoms):
        system = gto.M(
            atom=some,
            unit="Bohr",
            basis=GAUSSIANS.basis,
            pseudo=dict.fromkeys("OH", "gth-pbe"),
            verbose=0,
        )
        field = dft.RKS(system, xc="pbe")
        field.grids.level = 3
        energies.append(field.kernel())
        assert field.converged
    return (energies[0] - energies[1]) * KJ_PER_MOL_PER_HARTREE


def test_first_order_is_close_to_self_consistency(resources):
    (repeated,) = surrounded_molecules(waters(CELL), TIGHT.radius)
    whole = self_consistent(repeated.fragment)
    assert whole > 0.5
    found = TIGHT.of_molecule(repeated.fragment, resources)
    assert found == pytest.approx(whole, rel=0.04)


@settings(max_examples=30, deadline=None)
@given(
    scale=st.floats(0.95, 1.6),
    skew=st.floats(-1.0, 1.0),
    radius=st.floats(2.0, 6.0),
)
def test_every_atom_around_is_there_once(scale, skew, radius):
    cell = CELL * scale
    cell[2, 0] += skew
    crystal = waters(np.diag([1.0, 1.0, 2.0]) @ cell, (1.0, -1.0))
    atoms = Atoms(
        crystal.atomic_numbers, positions=crystal.positions, cell=cell, pbc=True
    )
    atoms.set_cell(crystal.cell)
    first, second, shift, distance = neighbor_list("ijSd", atoms, radius)
    around = [set(), set()]
    for i, j, step in zip(first, second, map(tuple, shift), strict=True):
        owner = crystal.molecule_of_atom[i]
        if crystal.molecule_of_atom[j] != owner or any(step):
            around[owner].add((j, step))
    assert (distance < radius).all()
    found = surrounded_molecules(crystal, radius)
    sizes = [r.fragment.sizes[1] for r in found for _ in range(r.count)]
    assert sorted(sizes) == sorted(len(some) for some in around if some)


def test_a_doubled_cell_has_twice_the_correction(resources):
    crystal = waters(CELL)
    single = value(TIGHT.of_crystal(crystal, resources))
    twice = TIGHT.of_crystal(doubled(crystal), resources)
    assert value(twice) == pytest.approx(2.0 * single, abs=1e-6)
    assert twice.provenance["distinct_molecules"] == 1


def test_more_functions_bind_more(resources):
    crystal = waters(CELL)
    wider = Counterpoise("pbe", GAUSSIANS, 4.0)
    few = value(TIGHT.of_crystal(crystal, resources))
    assert 0.0 < few < value(wider.of_crystal(crystal, resources))


def test_molecules_far_apart_borrow_nothing(resources):
    outcome = TIGHT.of_crystal(waters(4.0 * CELL), resources)
    assert value(outcome) == 0.0


def test_exact_exchange_is_refused(resources):
    hybrid = Counterpoise("pbe0", GAUSSIANS, 3.2)
    outcome = hybrid.of_crystal(waters(CELL), resources)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.UNSUPPORTED
    assert outcome.is_final
    assert "'pbe0'" in outcome.message


def test_what_cannot_be_corrected_fails_before_it_is_computed(resources, monkeypatch):
    level = PySCFLevel(
        name="test",
        engine="pyscf",
        functional="pbe0",
        basis=GAUSSIANS.basis,
        k_spacing=2.0,
        counterpoise_angstrom=3.2,
    )
    monkeypatch.setattr(PySCFEngine, "_uncorrected", lambda *_: pytest.fail("late"))
    outcome = PySCFEngine(level).of_crystal(waters(CELL), resources)
    assert isinstance(outcome, Failure)
    assert "'pbe0'" in outcome.message


def test_an_ion_is_refused(resources):
    hydroxide = Crystal(CELL, np.array([8, 1]), WATER[:2], np.zeros(2, dtype=int), 1)
    outcome = TIGHT.of_crystal(hydroxide, resources)
    assert isinstance(outcome, Failure)
    assert "cannot be paired" in outcome.message


def test_engines_add_it(resources):
    plain = PySCFLevel(
        name="test",
        engine="pyscf",
        basis=GAUSSIANS.basis,
        dispersion="none",
        k_spacing=2.0,
        cutoff_hartree=60.0,
    )
    level = plain.model_copy(update={"counterpoise_angstrom": 3.2})
    crystal = waters(CELL)
    corrected = PySCFEngine(level).of_crystal(crystal, resources)
    uncorrected = PySCFEngine(plain).of_crystal(crystal, resources)
    gain = value(TIGHT.of_crystal(crystal, resources))
    assert value(corrected) - value(uncorrected) == pytest.approx(gain, abs=0.05)
    assert corrected.parts["counterpoise"] == pytest.approx(gain, abs=1e-6)
    assert sum(corrected.parts.values()) == pytest.approx(corrected.energy)
    assert "counterpoise" in corrected.provenance
    assert "counterpoise" not in uncorrected.parts
