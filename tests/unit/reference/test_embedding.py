"""The embedding, with molecular PBE in place of the periodic one.

A "crystal" is two molecules in a cell so large that it has no other close pairs, and
its base energy is PySCF's of the two. The embedding must then be their PBE0 energy, but
for what the superposition of basis functions does to PBE0 − PBE.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pyscf import dft, gto

from csp.comparison.molecules import molecular_bonds
from csp.conformers.density_functional import quiet_scratch
from csp.crystal import Crystal
from csp.errors import ConvergenceError
from csp.molecule import Molecule
from csp.reference import fragment_sums
from csp.reference.base_molecules import BaseMolecules
from csp.reference.calculation import Calculation
from csp.reference.dispersion import dispersion_energy
from csp.reference.embedding import Embedding
from csp.reference.engine import Energy, Failure, Reason, Resources
from csp.reference.fragment_store import FragmentStore
from csp.reference.levels import EmbeddingLevel
from csp.reference.records import Results
from csp.reference.subjects import Subject
from csp.units import KJ_PER_MOL_PER_HARTREE

BASIS = "6-31g"
WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.468], [0.0, -0.757, -0.468]])
PLACES = np.concatenate([WATER, WATER @ np.diag([1.0, -1.0, -1.0]) + [0.2, 1.8, -2.2]])
SYMBOLS = np.array([8, 1, 1])
LEVEL = EmbeddingLevel(
    name="test",
    engine="embedding",
    base="-",
    monomer_basis=BASIS,
    dimer_basis=BASIS,
    dimer_cutoff_angstrom=4.0,
    monomer_grid=1,
    dimer_grid=1,
)


def hartree(functional, numbers, positions, ghosts=()):
    atoms = [
        (("GHOST-" if k in ghosts else "") + {8: "O", 1: "H"}[int(z)], x.tolist())
        for k, (z, x) in enumerate(zip(numbers, positions, strict=True))
    ]
    system = gto.M(atom=atoms, basis=BASIS, verbose=0)
    field = dft.RKS(system, xc=functional).density_fit(auxbasis="def2-universal-jkfit")
    field.grids.level = 1
    with quiet_scratch():
        return float(field.kernel())


@dataclass(frozen=True)
class MolecularPBE:
    """A base that takes a cell for a cluster."""

    def of_crystal(self, crystal, resources):
        return self._energy(crystal.atomic_numbers, crystal.positions)

    def of_molecule(self, molecule, resources):
        return self._energy(molecule.atomic_numbers, molecule.positions)

    def _energy(self, numbers, positions):
        electronic = hartree("pbe", numbers, positions) * KJ_PER_MOL_PER_HARTREE
        # a dispersion of its own, which must not be counted
        parts = {"electronic": electronic, "dispersion": -5.0}
        return Energy(electronic - 5.0, parts, {"program": "PySCF"})


@pytest.fixture
def resources(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Resources(1, 4.0, scratch)


@pytest.fixture
def engine(tmp_path):
    return Embedding(LEVEL, MolecularPBE(), "pbe", FragmentStore(tmp_path / "store"))


@pytest.fixture
def crystal():
    owner = np.repeat([0, 1], 3)
    return Crystal(40.0 * np.eye(3), np.tile(SYMBOLS, 2), PLACES, owner, 2)


@pytest.fixture
def water():
    return Molecule(SYMBOLS, WATER, molecular_bonds(SYMBOLS, WATER), 0, "water")


@pytest.mark.slow
def test_a_dimer_in_a_large_cell_is_the_high_functional(engine, crystal, resources):
    found = engine.of_crystal(crystal, resources)
    numbers = crystal.atomic_numbers
    superposition = 0.0
    for ghosts, own in ((range(3, 6), slice(0, 3)), (range(3), slice(3, 6))):
        for sign, functional in ((1.0, "pbe0"), (-1.0, "pbe")):
            in_pair = hartree(functional, numbers, PLACES, ghosts)
            alone = hartree(functional, numbers[own], PLACES[own])
            superposition += sign * (in_pair - alone)
    electronic = hartree("pbe0", numbers, PLACES) - superposition
    assert_allclose(
        found.energy - found.parts["dispersion"],
        electronic * KJ_PER_MOL_PER_HARTREE,
        rtol=0,
        atol=0.01,
    )
    # the high functional's own, of the periodic whole
    atoms = (numbers, PLACES)
    dispersion = dispersion_energy("d4", "pbe0", atoms, crystal.cell)
    assert_allclose(found.parts["dispersion"], dispersion, rtol=1e-12)
    assert_allclose(sum(found.parts.values()), found.energy, rtol=1e-12)
    assert found.provenance["base"] == {"program": "PySCF"}
    assert found.provenance["distinct_monomers"] == 1
    assert found.provenance["distinct_dimers"] == 1


def test_one_molecule_a_cell_is_the_isolated_molecule(engine, water, resources):
    """All errors of base and basis cancel in a lattice energy."""
    alone = engine.of_molecule(water, resources)
    owner = np.zeros(3, dtype=int)
    sparse = Crystal(60.0 * np.eye(3), SYMBOLS, WATER + 7.0, owner, 1)
    apart = engine.of_crystal(sparse, resources)
    assert_allclose(apart.energy, alone.energy, rtol=0, atol=1e-3)
    assert apart.provenance["fragments_computed"] == 0
    assert apart.provenance["fragments_found_again"] == 1
    expected = hartree("pbe0", SYMBOLS, WATER) * KJ_PER_MOL_PER_HARTREE
    assert_allclose(alone.energy - alone.parts["dispersion"], expected, atol=0.01)


def test_the_correction_of_a_doubled_cell_is_double(engine, crystal, resources):
    once = engine.correction_of(crystal, resources)
    positions = np.concatenate([PLACES, PLACES + np.array([40.0, 0.0, 0.0])])
    double = Crystal(
        np.diag([80.0, 40.0, 40.0]),
        np.tile(SYMBOLS, 4),
        positions,
        np.repeat(np.arange(4), 3),
        4,
    )
    twice = engine.correction_of(double, resources)
    assert_allclose(twice.energy, 2.0 * once.energy, rtol=1e-12)
    assert twice.provenance["fragments_computed"] == 0


def test_corrections_of_the_base_are_kept(engine, water, resources):
    plain = engine.of_molecule(water, resources)

    class Corrected(MolecularPBE):
        def _energy(self, numbers, positions):
            energy = super()._energy(numbers, positions)
            parts = {**energy.parts, "counterpoise": 7.0}
            return replace(energy, energy=energy.energy + 7.0, parts=parts)

    corrected = replace(engine, base=Corrected()).of_molecule(water, resources)
    assert corrected.energy - plain.energy == pytest.approx(7.0, abs=1e-3)
    assert sum(corrected.parts.values()) == pytest.approx(corrected.energy)


def test_a_base_of_unknown_dispersion_is_refused(engine, water, resources):
    class Imported(MolecularPBE):
        def _energy(self, numbers, positions):
            energy = super()._energy(numbers, positions)
            return replace(energy, parts={"total": energy.energy})

    failure = replace(engine, base=Imported()).of_molecule(water, resources)
    assert isinstance(failure, Failure)
    assert failure.is_final
    assert "--add-dispersion" in failure.message


def test_failures_are_values(engine, crystal, water, resources, monkeypatch):
    charged = Molecule(SYMBOLS, WATER, water.bonds, 2, "dication")
    assert engine.of_molecule(charged, resources).reason is Reason.UNSUPPORTED
    radical = Crystal(
        20.0 * np.eye(3), SYMBOLS[:2], WATER[:2], np.zeros(2, dtype=int), 1
    )
    failure = engine.of_crystal(radical, resources)
    assert failure.reason is Reason.UNSUPPORTED
    assert failure.is_final
    late = replace(resources, seconds=0.0)
    assert engine.of_crystal(crystal, late).reason is Reason.OUT_OF_TIME

    attempts = []

    def never(molecule, method, attempt=0):
        attempts.append(attempt)
        raise ConvergenceError("the self-consistent field does not converge")

    monkeypatch.setattr(fragment_sums, "monomer_energies", never)
    failure = engine.of_crystal(crystal, resources)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.NOT_CONVERGED
    assert attempts == [0, 1]


@pytest.mark.slow
def test_distant_pairs_are_what_the_cutoff_leaves_out(engine, crystal, resources):
    """With its only close pair beyond the cutoff, a dimer is two distant molecules."""
    none = engine.correction_of(crystal, resources).energy
    close = with_distant(engine, 4.0).correction_of(crystal, resources)
    assert_allclose(close.energy - none, close.parts["distant"], rtol=0, atol=1e-6)
    # the images 40 Å away are all that is left
    assert abs(close.parts["distant"]) < 0.02
    apart = with_distant(engine, 1.0).correction_of(crystal, resources)
    assert apart.provenance["distinct_dimers"] == 0
    assert abs(apart.parts["distant"]) > 0.1


def with_distant(engine, cutoff):
    changes = {"distant_pairs": "multipoles", "dimer_cutoff_angstrom": cutoff}
    return replace(engine, level=engine.level.model_copy(update=changes))


def test_levels_without_distant_pairs_keep_their_digests():
    """A field that says nothing is not among what decides a number."""
    assert "distant_pairs" not in LEVEL.model_dump(mode="json")
    with_pairs = LEVEL.model_copy(update={"distant_pairs": "multipoles"})
    assert with_pairs.model_dump(mode="json")["distant_pairs"] == "multipoles"


@dataclass(frozen=True)
class WrongMolecules(MolecularPBE):
    """A base whose molecules are too stiff, as by bad pseudopotentials."""

    stiffness: float
    asked: list

    def of_molecule(self, molecule, resources):
        assert resources.scratch.is_dir()
        self.asked.append(resources.scratch)
        return super().of_molecule(molecule, resources)

    def _energy(self, numbers, positions):
        energy = super()._energy(numbers, positions)
        whole = positions.reshape(-1, 3, 3)
        bonds = np.linalg.norm(whole[:, 1:] - whole[:, :1], axis=2)
        wrong = self.stiffness * bonds.sum()
        parts = {**energy.parts, "electronic": energy.parts["electronic"] + wrong}
        return replace(energy, energy=energy.energy + wrong, parts=parts)


def exchanging(engine, base, **changes):
    """The engine with low monomers by the base."""
    level = engine.level.model_copy(update={"low_monomers": "base", **changes})
    results = Results(engine.store.folder, "base", "digest")
    molecules = BaseMolecules(base, results, engine.store)
    return replace(engine, level=level, base=base, molecules=molecules)


def test_what_the_base_gets_wrong_in_molecules_cancels(
    engine, crystal, water, resources
):
    """Its own low energy takes it away; one made as the high one is keeps it."""
    relaxed = water.at(WATER * 1.05)

    def lattice_energy(item):
        whole = item.of_crystal(crystal, resources)
        return whole.energy / 2 - item.of_molecule(relaxed, resources).energy

    right = lattice_energy(engine)
    wrong = lattice_energy(replace(engine, base=WrongMolecules(300.0, [])))
    assert abs(wrong - right) > 10.0
    for base in (WrongMolecules(0.0, []), WrongMolecules(300.0, [])):
        store = FragmentStore(engine.store.folder / str(base.stiffness))
        own = exchanging(replace(engine, store=store), base)
        assert_allclose(lattice_energy(own), right, rtol=0, atol=0.02)
        # the two molecules are congruent, and no isolated one is asked of the base
        assert len(base.asked) == 1
        assert not base.asked[0].exists()
        lattice_energy(own)
        assert len(base.asked) == 1


NO_PAIRS = {"dimer_basis": None, "dimer_cutoff_angstrom": None}


@pytest.mark.parametrize(
    ("changes", "is_taken"),
    [
        ({}, True),
        ({"positions": 1.05 * WATER}, False),
        ({"charge": 2}, False),
        ({"parts": {"total": -123.0}}, False),
    ],
)
def test_conformers_known_at_the_base_are_not_computed_again(
    engine, crystal, water, resources, changes, is_taken
):
    base = WrongMolecules(0.0, [])
    own = exchanging(engine, base, **NO_PAIRS)
    turned = changes.get("positions", WATER) @ np.diag([1.0, -1.0, 1.0]) + 3.0
    molecule = replace(water.at(turned), charge=changes.get("charge", 0))
    parts = changes.get("parts", {"electronic": -100.0, "dispersion": -23.0})
    subject = Subject("gas-conformers-1", molecule, 1)
    known = Energy(-123.0, parts, {})
    own.molecules.results.write(
        Calculation(subject, "base", "digest", known, (), None, {})
    )
    found = own.of_crystal(crystal, resources)
    assert len(base.asked) == (0 if is_taken else 1)
    alone = own.of_molecule(water, resources)
    low = alone.parts["monomers"] - found.parts["monomers"] / 2
    assert (low == pytest.approx(-100.0)) == is_taken


def test_without_pairs_only_molecules_are_exchanged(engine, crystal, water, resources):
    base = WrongMolecules(300.0, [])
    own = exchanging(engine, base, functional="pbe", **NO_PAIRS)
    found = own.of_crystal(crystal, resources)
    assert found.parts["dimers"] == 0.0
    assert found.provenance["distinct_dimers"] == 0
    assert "dimer_method" not in found.provenance
    expected = MolecularPBE().of_crystal(crystal, resources).parts["electronic"]
    assert_allclose(found.energy - found.parts["dispersion"], expected, atol=0.02)
    alone = own.of_molecule(water, resources)
    expected = hartree("pbe", SYMBOLS, WATER) * KJ_PER_MOL_PER_HARTREE
    assert_allclose(alone.parts["monomers"], expected, atol=0.01)
    assert set(alone.parts) == {"monomers", "dispersion"}


def test_a_molecule_that_the_base_cannot_compute_is_not_kept(
    engine, crystal, resources
):
    failure = Failure(Reason.PROGRAM_FAILED, "pw.x stopped")

    class Failing(MolecularPBE):
        def of_molecule(self, molecule, resources):
            return failure

    failing = exchanging(engine, Failing(), **NO_PAIRS)
    assert failing.of_crystal(crystal, resources) is failure
    mended = exchanging(engine, MolecularPBE(), **NO_PAIRS)
    assert isinstance(mended.of_crystal(crystal, resources), Energy)
