"""Conformers from a file, from the cache and computed, with the chemistry replaced."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from pydantic import ValidationError

from csp.conformers import calculations
from csp.conformers.gas_phase import GasPhaseMinimum
from csp.conformers.generation import starting_geometries
from csp.conformers.graph import inchi_key
from csp.conformers.monomers import gas_phase_conformers, to_monomers
from csp.conformers.monomers_file import (
    Monomers,
    Provenance,
    monomers_from_text,
    monomers_text,
    read_monomers,
    write_monomers,
)
from csp.conformers.punch import punch_text
from csp.conformers.reading import read_molecule
from csp.conformers.settings import MoleculeSettings
from csp.errors import ConvergenceError, InputError
from csp.molecule import Conformer, ElectrostaticPotential, Molecule, Multipoles
from csp.units import KJ_PER_MOL_PER_HARTREE

OXALIC = MoleculeSettings(source="OC(=O)C(=O)O", name="oxalic acid", n_embeddings=5)
MOLECULE = read_molecule(OXALIC.source, Path(), OXALIC.name, 0)
N_STARTS = len(
    starting_geometries(MOLECULE, n_embeddings=5, window=OXALIC.start_window_kj_per_mol)
)


def silent(what, done, total):
    assert 0 <= done <= total


class Chemistry:
    """Stands for PySCF: every start is a minimum, 10 kJ/mol above the one before."""

    def __init__(self):
        self.optimised = []
        self.potentials = []
        self.multipoles = []
        self.kill_at = None
        self.fail_at = None

    def minimum(self, start, level):
        if len(self.optimised) == self.kill_at:
            raise KeyboardInterrupt
        self.optimised.append(start)
        n = len(self.optimised) - 1
        if n == self.fail_at:
            raise ConvergenceError("this one goes astray")
        return GasPhaseMinimum(start.centred(), -300.0 + 10.0 * n / 2625.4996)

    def potential(self, molecule, level):
        self.potentials.append(molecule)
        return ElectrostaticPotential(np.eye(3) * 5.0, np.array([1.0, 2.0, -3.0]))

    def analysis(self, molecule, level):
        self.multipoles.append(molecule)
        moments = np.zeros((len(molecule.positions), 25))
        moments[:, 0] = np.linspace(-0.1, 0.1, len(moments))
        return Multipoles(moments, str(level))


@pytest.fixture
def chemistry(monkeypatch):
    fake = Chemistry()
    monkeypatch.setattr(calculations, "optimised", fake.minimum)
    monkeypatch.setattr(calculations, "electrostatic_potential", fake.potential)
    monkeypatch.setattr(calculations, "distributed_multipoles", fake.analysis)
    return fake


def search(folder, settings=OXALIC, molecule=MOLECULE):
    return gas_phase_conformers(molecule, settings, folder, folder / "cache", silent)


def test_search_labels_by_energy_within_the_window(chemistry, tmp_path):
    found = search(tmp_path)
    assert [c.label for c in found.conformers] == ["1", "2", "3"]
    energies = [c.relative_energy for c in found.conformers]
    assert_allclose(energies, [0.0, 10.0, 20.0], rtol=0, atol=1e-4)
    assert (found.origin, found.level) == ("computed", "PBE0-D4/def2-SVP")
    assert found.potential_level == "PBE0/def2-TZVP"
    assert found.multipole_level == "PBE0/6-311G(d,p)"
    assert found.inchi_key == "MUBZPKHOEPUJKR-UHFFFAOYSA-N"
    assert (len(chemistry.optimised), len(chemistry.potentials)) == (N_STARTS, 3)
    assert len(chemistry.multipoles) == 3
    assert {c.multipoles.level for c in found.conformers} == {"PBE0/6-311G(d,p)"}


def test_second_search_computes_nothing(chemistry, tmp_path):
    first, second = search(tmp_path), search(tmp_path)
    assert second.origin == "cache"
    assert (len(chemistry.optimised), len(chemistry.potentials)) == (N_STARTS, 3)
    assert len(chemistry.multipoles) == 3
    for a, b in zip(first.conformers, second.conformers, strict=True):
        assert a.molecule.positions.tobytes() == b.molecule.positions.tobytes()
        assert a.relative_energy == b.relative_energy
        assert a.multipoles.moments.tobytes() == b.multipoles.moments.tobytes()
        assert a.multipoles.level == b.multipoles.level


@pytest.mark.parametrize(
    "change",
    [
        {"multipole_basis": "sto-3g"},
        {"dma_switch_exponent": 0.0},
        {"dma_hydrogen_radius_angstrom": 0.65},
    ],
)
def test_other_multipoles_are_computed_again_and_nothing_else(
    chemistry, tmp_path, change
):
    search(tmp_path)
    found = search(tmp_path, OXALIC.model_copy(update=change))
    assert found.origin == "computed"
    assert found.multipole_level != "PBE0/6-311G(d,p)"
    assert (len(chemistry.optimised), len(chemistry.potentials)) == (N_STARTS, 3)
    assert len(chemistry.multipoles) == 6


def test_another_occpy_computes_the_multipoles_again(chemistry, tmp_path, monkeypatch):
    search(tmp_path)
    monkeypatch.setattr(calculations.occpy, "__version__", "later")
    search(tmp_path)
    assert (len(chemistry.potentials), len(chemistry.multipoles)) == (3, 6)


@pytest.mark.parametrize(
    "change",
    [{"functional": "pbe"}, {"basis": "sto-3g"}, {"dispersion": "none"}],
)
def test_another_level_is_computed_again(chemistry, tmp_path, change):
    search(tmp_path)
    found = search(tmp_path, OXALIC.model_copy(update=change))
    assert found.origin == "computed"
    assert len(chemistry.optimised) == 2 * N_STARTS


def test_killed_search_continues_where_it_was(chemistry, tmp_path):
    chemistry.kill_at = 2
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    chemistry.kill_at = None
    search(tmp_path)
    assert len(chemistry.optimised) == N_STARTS


def test_failed_start_is_recorded_and_not_tried_again(chemistry, tmp_path):
    chemistry.fail_at = 0
    for _ in range(2):
        found = search(tmp_path)
        assert found.failures == ("this one goes astray",)
    assert len(chemistry.optimised) == N_STARTS
    assert found.conformers[0].relative_energy == 0.0


def test_no_minimum_at_all_is_an_error(monkeypatch, tmp_path):
    def astray(start, level):
        raise ConvergenceError("all go astray")

    monkeypatch.setattr(calculations, "optimised", astray)
    with pytest.raises(ConvergenceError, match=r"none of \d starting .* all go astray"):
        search(tmp_path)


def test_two_ways_to_one_minimum_count_once(monkeypatch, chemistry, tmp_path):
    def one_minimum(start, level):
        mirrored = MOLECULE.positions * np.array([1.0, 1.0, -1.0])
        positions = mirrored if one_minimum.n % 2 else MOLECULE.positions
        one_minimum.n += 1
        energy = -300.0 + 0.01 * one_minimum.n / KJ_PER_MOL_PER_HARTREE
        return GasPhaseMinimum(start.at(positions), energy)

    one_minimum.n = 0
    monkeypatch.setattr(calculations, "optimised", one_minimum)
    assert len(search(tmp_path).conformers) == 1


def test_radical_is_refused(tmp_path):
    charged = Molecule(
        MOLECULE.atomic_numbers, MOLECULE.positions, MOLECULE.bonds, 1, "oxalic"
    )
    with pytest.raises(InputError, match="45 electrons, but only closed shells"):
        search(tmp_path, molecule=charged)


def test_geometry_as_given_is_kept(chemistry, tmp_path):
    settings = MoleculeSettings(source="a.xyz", name="acid", conformers="as_given")
    for origin in ("computed", "cache"):
        found = search(tmp_path, settings)
        (only,) = found.conformers
        assert (found.origin, found.level) == (origin, "geometry as given")
        assert only.relative_energy == 0.0
        assert_allclose(only.molecule.positions, MOLECULE.positions, rtol=0, atol=1e-9)
    assert (len(chemistry.optimised), len(chemistry.potentials)) == (0, 1)


def test_geometry_as_given_needs_a_file(tmp_path):
    settings = OXALIC.model_copy(update={"conformers": "as_given"})
    with pytest.raises(InputError, match="is a SMILES string and gives no geometry"):
        search(tmp_path, settings)


AS_GIVEN = MoleculeSettings(
    source="a.xyz",
    name="acid",
    conformers="as_given",
    multipoles=("acid.punch",),
)


def test_multipoles_of_a_geometry_as_given_are_read(chemistry, tmp_path):
    moments = np.random.default_rng(0).normal(size=(len(MOLECULE.positions), 25))
    moments[:, 0] -= moments[:, 0].mean()
    text = punch_text(MOLECULE.symbols, MOLECULE.positions, moments, "test")
    (tmp_path / "acid.punch").write_text(text, encoding="utf-8")
    for origin in ("computed", "cache"):
        found = search(tmp_path, AS_GIVEN)
        (only,) = found.conformers
        assert_allclose(only.multipoles.moments, moments, rtol=0, atol=1e-7)
        assert found.multipole_level == only.multipoles.level == "as in acid.punch"
        assert found.origin == origin
    assert (len(chemistry.potentials), len(chemistry.multipoles)) == (1, 0)
    path = tmp_path / "monomers.json"
    write_monomers(path, to_monomers(found, AS_GIVEN, "pytest"))
    again = search(tmp_path, AS_GIVEN.model_copy(update={"monomers": path.name}))
    assert again.multipole_level == "as in acid.punch"


def test_a_bad_punch_file_is_refused_before_anything_is_computed(chemistry, tmp_path):
    (tmp_path / "acid.punch").write_text("O 0 0 0 Rank 0\n0.0\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"acid.punch has 1 sites, but oxalic acid has"
    ):
        search(tmp_path, AS_GIVEN)
    assert chemistry.potentials == []


def test_a_punch_file_needs_a_geometry_as_given():
    with pytest.raises(ValidationError, match='set conformers = "as_given"'):
        MoleculeSettings(source="C", name="methane", multipoles=("a.punch",))


def test_one_geometry_has_one_punch_file():
    with pytest.raises(ValidationError, match="names 2 files for 1 kinds"):
        MoleculeSettings(
            source="a.xyz", name="a", conformers="as_given", multipoles=("a", "b")
        )


def saved(chemistry, folder):
    write_monomers(
        folder / "monomers.json", to_monomers(search(folder), OXALIC, "pytest")
    )
    return OXALIC.model_copy(update={"monomers": "monomers.json"})


def test_monomers_file_stands_for_the_search(chemistry, tmp_path):
    settings = saved(chemistry, tmp_path)
    n_before = len(chemistry.optimised)
    found = search(tmp_path, settings)
    assert found.origin == str(tmp_path / "monomers.json")
    assert [c.label for c in found.conformers] == ["1", "2", "3"]
    assert len(chemistry.optimised) == n_before
    narrow = settings.model_copy(update={"conformer_window_kj_per_mol": 15.0})
    assert len(search(tmp_path, narrow).conformers) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"functional": "pbe"}, r"level PBE0-D4/def2-SVP, the settings ask for PBE-D4"),
        ({"potential_basis": "def2-svp"}, r"potential PBE0/def2-TZVP, .*PBE0/def2-SVP"),
        ({"multipole_basis": "sto-3g"}, r"multipoles PBE0/6-311G.*ask for PBE0/STO-3G"),
        ({"dma_switch_exponent": 0.0}, r"multipoles .* ask for .*, DMA switch 0"),
        ({"conformer_window_kj_per_mol": 40.0}, r"up to 25 kJ/mol, .* ask for 40 kJ"),
        ({"monomers": "absent.json"}, r"absent.json cannot be read: correct its path"),
    ],
)
def test_monomers_file_of_another_search_is_refused(
    chemistry, tmp_path, change, message
):
    settings = saved(chemistry, tmp_path).model_copy(update=change)
    with pytest.raises(InputError, match=message):
        search(tmp_path, settings)


def test_monomers_file_of_another_molecule_is_refused(chemistry, tmp_path):
    settings = saved(chemistry, tmp_path)
    urea = read_molecule("NC(=O)N", Path(), "urea", 0)
    with pytest.raises(InputError, match=r"InChIKey MUBZ.* the settings ask for XSQU"):
        search(tmp_path, settings, urea)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "m.json is not a monomers.json of csp"),
        ("[]", "m.json is not a monomers.json of csp"),
        ("{}", "m.json is not a monomers.json of csp"),
    ],
)
def test_text_that_is_no_monomers_file(text, message):
    with pytest.raises(InputError, match=message):
        monomers_from_text(text, "m.json")


PROVENANCE = Provenance(
    inchi_key="K", smiles="S", source="s", level="L", potential_level="P",
    multipole_level="M", window_kj_per_mol=25.0, programs={"pyscf": "2"}, command="c",
)  # fmt: skip


def test_old_format_and_empty_list_are_refused():
    text = monomers_text(Monomers(PROVENANCE, ()))
    with pytest.raises(InputError, match=r"m.json has no conformers"):
        monomers_from_text(text, "m.json")
    with pytest.raises(
        InputError, match=r"has the format 'csp monomers 1', but .* with csp monomers"
    ):
        monomers_from_text('{"format": "csp monomers 1"}', "m.json")


def test_moments_that_are_not_one_row_an_atom_are_refused(chemistry, tmp_path):
    settings = saved(chemistry, tmp_path)
    path = tmp_path / str(settings.monomers)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["conformers"][0]["multipole_moments_e_angstrom_to_l"].pop()
    with pytest.raises(InputError, match=r"is not a monomers.json of csp"):
        monomers_from_text(json.dumps(document), path.name)


def test_moments_are_written_one_atom_a_row(chemistry, tmp_path):
    settings = saved(chemistry, tmp_path)
    text = (tmp_path / str(settings.monomers)).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.count(",") in (24, 25)]
    assert len(rows) == 3 * len(MOLECULE.positions)


def reals(shape, bound):
    return hnp.arrays(np.float64, shape, elements=st.floats(-bound, bound))


@given(
    positions=reals((3, 3), 50.0),
    points=reals((4, 3), 50.0),
    values=reals(4, 1e3),
    moments=reals((3, 25), 10.0),
)
def test_written_and_read_again(positions, points, values, moments):
    molecule = Molecule(
        np.array([8, 1, 1]), positions, np.array([[0, 1], [0, 2]]), -1, "hydroxonium é"
    )
    conformer = Conformer(
        label="1",
        molecule=molecule,
        relative_energy=1.5,
        potential=ElectrostaticPotential(points, values),
        multipoles=Multipoles(moments, "M"),
        level="L",
    )
    monomers = Monomers(PROVENANCE, (conformer,))
    text = monomers_text(monomers)
    read = monomers_from_text(text, "m.json")
    assert read.provenance == PROVENANCE
    (again,) = read.conformers
    assert (again.label, again.level, again.relative_energy) == ("1", "L", 1.5)
    assert (again.molecule.name, again.molecule.charge) == ("hydroxonium é", -1)
    assert again.molecule.symbols == ["O", "H", "H"]
    assert again.molecule.bonds.tolist() == [[0, 1], [0, 2]]
    assert_allclose(again.molecule.positions, positions, rtol=0, atol=0.6e-8)
    assert_allclose(again.potential.points, points, rtol=0, atol=0.6e-3)
    assert_allclose(again.potential.values, values, rtol=0, atol=0.6e-3)
    assert_allclose(again.multipoles.moments, moments, rtol=0, atol=0.6e-6)
    assert again.multipoles.level == "M"
    assert monomers_text(read) == text


def test_file_is_written_and_read(tmp_path, chemistry):
    settings = saved(chemistry, tmp_path)
    read = read_monomers(tmp_path / str(settings.monomers))
    assert inchi_key(read.conformers[0].molecule) == read.provenance.inchi_key
    assert read.provenance.command == "pytest"
    assert set(read.provenance.programs) == {
        "pyscf", "pyscf-dispersion", "geometric", "rdkit", "occpy"
    }  # fmt: skip
