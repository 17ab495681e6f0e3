"""Energies from elsewhere: the same crystal in any disguise, and nothing else."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from csp.comparison.reading import read_crystal
from csp.crystal import Crystal
from csp.errors import InputError
from csp.molecule import Molecule
from csp.reference.dispersion import dispersion_energy
from csp.reference.exchange import read_energies
from csp.reference.level_dispersion import level_dispersion
from csp.reference.levels import XtbLevel, built_in_levels, level_named
from csp.reference.supercells import repeated
from csp.units import KJ_PER_MOL_PER_EV

OXALIC = Path(__file__).parents[3] / "data" / "oxalic_acid"
BETA = read_crystal(OXALIC / "beta.cif")
WATER = Molecule(
    np.array([8, 1, 1]),
    np.array([[0.0, 0.0, 0.0], [0.8, 0.0, 0.6], [-0.8, 0.0, 0.6]]),
    np.array([[0, 1], [0, 2]]),
    0,
    "water",
)
HYDROGEN = Crystal(
    np.diag([3.0, 3.2, 3.6]),
    np.array([1, 1]),
    np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]),
    np.array([0, 0]),
    1,
)
SYSTEMS = {"beta": BETA, "water": WATER, "hydrogen": HYDROGEN}


def frame(system=BETA, identity: str = "beta", **info) -> Atoms:
    is_molecule = isinstance(system, Molecule)
    atoms = Atoms(
        system.atomic_numbers,
        positions=system.positions,
        cell=None if is_molecule else system.cell,
        pbc=not is_molecule,
    )
    atoms.info.update(id=identity, **{"energy_dft": -100.0, **info})
    return atoms


def read(tmp_path: Path, *frames: Atoms, **options):
    path = tmp_path / "energies.extxyz"
    ase.io.write(path, list(frames), format="extxyz")
    return read_energies(path, SYSTEMS, **{"key": "energy_dft", **options})


def refusal(tmp_path: Path, *frames: Atoms, **options) -> str:
    found = read(tmp_path, *frames, **options)
    assert found.energies.keys() == ({"beta"} if len(frames) > 1 else set())
    (sentence,) = found.refusals
    return sentence


copies = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 3))


@given(copies, st.integers(0, 2**32 - 1))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_order_wrapping_and_supercells_do_not_matter(tmp_path, repeats, seed):
    random = np.random.default_rng(seed)
    whole = repeated(BETA, repeats)
    order = random.permutation(len(whole.atomic_numbers))
    shear = np.triu(random.integers(-1, 2, size=(3, 3)), 1) + np.eye(3, dtype=int)
    cell = shear @ whole.cell
    moved = whole.positions + random.integers(-2, 3, size=(len(order), 3)) @ cell
    noise = random.uniform(-0.005, 0.005, size=moved.shape)
    atoms = frame(energy_dft=-7.0 * np.prod(repeats))
    shuffled = Atoms(
        whole.atomic_numbers[order],
        positions=(moved + noise)[order],
        cell=cell,
        pbc=True,
        info=atoms.info,
    )
    found = read(tmp_path, shuffled)
    assert found.refusals == ()
    assert found.energies["beta"].energy == pytest.approx(-7.0 * KJ_PER_MOL_PER_EV)


@given(st.integers(0, 2**32 - 1))
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_crystal_or_molecule_may_be_turned(tmp_path, seed):
    turn = Rotation.random(random_state=seed).as_matrix()
    crystal, molecule = frame(), frame(WATER, "water")
    crystal.set_cell(crystal.cell @ turn.T)
    crystal.positions = crystal.positions @ turn.T
    molecule.positions = molecule.positions @ turn.T + 3.0
    found = read(tmp_path, crystal, molecule)
    assert found.refusals == ()
    assert set(found.energies) == {"beta", "water"}


def test_the_usual_key_is_where_ase_puts_it(tmp_path):
    found = read(tmp_path, frame(energy=-3.0), key="energy")
    assert found.energies["beta"].energy == pytest.approx(-3.0 * KJ_PER_MOL_PER_EV)
    assert found.energies["beta"].parts == {
        "total": found.energies["beta"].energy,
    }
    assert found.energies["beta"].provenance["file"] == "energies.extxyz"


def test_counterpoise_of_the_level_is_added_to_crystals(tmp_path):
    level = level_named("pbe-d4", built_in_levels())
    frames = (frame(HYDROGEN, "hydrogen"), frame(WATER, "water"))
    found = read(tmp_path, *frames, completed_by=level).energies
    assert "counterpoise" not in found["water"].parts
    parts = found["hydrogen"].parts
    assert parts["counterpoise"] > 0.01
    assert sum(parts.values()) == pytest.approx(found["hydrogen"].energy)


def test_a_crystal_without_its_counterpoise_is_refused(tmp_path):
    level = level_named("pbe-d4", built_in_levels())
    hybrid = level.model_copy(update={"functional": "pbe0"})
    found = read(tmp_path, frame(HYDROGEN, "hydrogen"), completed_by=hybrid)
    assert not found.energies
    assert "no counterpoise correction of crystals for 'pbe0'" in found.refusals[0]


def test_dispersion_of_the_level_is_added_to_electronic_energies(tmp_path):
    level = level_named("pbe-d4/fast", built_in_levels())
    frames = (frame(HYDROGEN, "hydrogen"), frame(WATER, "water"))
    found = read(tmp_path, *frames, completed_by=level).energies
    for identity, cell in (("hydrogen", HYDROGEN.cell), ("water", None)):
        system, energy = SYSTEMS[identity], found[identity]
        atoms = (system.atomic_numbers, system.positions)
        expected = dispersion_energy("d4", "pbe", atoms, cell)
        assert expected < -0.1
        assert energy.parts["dispersion"] == pytest.approx(expected)
        assert energy.energy == pytest.approx(-100.0 * KJ_PER_MOL_PER_EV + expected)
    many_body = level_named("pbe0-mbd", built_in_levels())
    parts = read(tmp_path, *frames, completed_by=many_body).energies["water"].parts
    assert parts["dispersion"] == level_dispersion(many_body, SYSTEMS["water"])
    own = XtbLevel(name="x", engine="tblite", method="GFN2-xTB", width_angstrom=9.0)
    beta = read(tmp_path, frame(), completed_by=own).energies["beta"]
    assert beta.energy == pytest.approx(-100.0 * KJ_PER_MOL_PER_EV)


def test_ids_decide_whose_energy_it_is(tmp_path):
    assert "'gamma' is none of the 3 structures" in refusal(
        tmp_path, frame(identity="gamma")
    )
    nameless = frame()
    del nameless.info["id"]
    assert "it has no id=" in refusal(tmp_path, nameless)
    assert "frame 2 of energies.extxyz is not used: the id 'beta' was" in refusal(
        tmp_path, frame(), frame(energy_dft=1.0)
    )


def test_energies_must_be_there_and_be_numbers(tmp_path):
    sentence = refusal(tmp_path, frame(other=1.0), key="energy_pbe")
    assert "beta has no 'energy_pbe'; it has energy_dft, other" in sentence
    assert "is no number: nan" in refusal(tmp_path, frame(energy_dft=np.nan))
    assert "is no number: much" in refusal(tmp_path, frame(energy_dft="much"))


def test_other_atoms_are_refused(tmp_path):
    atoms = frame()
    atoms.numbers[0] = 14
    assert "beta is C4H4O8, but the frame holds" in refusal(tmp_path, atoms)
    half = frame()[:8]
    half.info["id"] = "beta"
    assert "beta is C4H4O8, but the frame holds" in refusal(tmp_path, half)
    pair = frame(WATER, "water") + frame(WATER, "water")
    assert "water is H2O, but the frame holds H4O2" in refusal(tmp_path, pair)


def test_other_cells_are_refused(tmp_path):
    longer = frame()
    longer.set_cell(longer.cell[:] * [[1.0], [1.01], [1.0]], scale_atoms=True)
    sentence = refusal(tmp_path, longer)
    assert "is neither that of beta" in sentence
    assert "°" in sentence
    mirrored = frame()
    mirrored.set_cell(mirrored.cell[:] @ np.diag([1.0, 1.0, -1.0]))
    assert "is neither that of beta" in refusal(tmp_path, mirrored)
    free = frame()
    free.pbc = False
    assert "the frame is not periodic" in refusal(tmp_path, free)


def test_another_geometry_is_refused(tmp_path):
    moved = frame()
    moved.positions[4] += [0.0, 0.05, 0.0]
    sentence = refusal(tmp_path, moved)
    assert f"atom 5 ({moved.symbols[4]}) of the frame lies 0.050 Å" in sentence
    swapped = frame()
    hydrogens = np.flatnonzero(swapped.numbers == 1)
    swapped.positions[hydrogens[0]] = swapped.positions[hydrogens[1]]
    assert "the energy is of another geometry" in refusal(tmp_path, swapped)
    bent = frame(WATER, "water")
    bent.positions[1] += [0.1, 0.0, 0.0]
    assert "in water, more than 0.02 Å" in refusal(tmp_path, bent)


def test_a_file_that_is_none_is_explained(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_energies(tmp_path / "absent.extxyz", SYSTEMS)
    path = tmp_path / "wrong.extxyz"
    for text in ("data_crystal\n", "x\ny\nz\n", ""):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"is not an extended XYZ|no structure"):
            read_energies(path, SYSTEMS)
