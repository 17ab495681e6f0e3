"""Punch files: written and read, by us and by occpy, and laid on a molecule."""

import re

import numpy as np
import occpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from csp.conformers.punch import (
    multipoles_on,
    punch_from_text,
    punch_text,
    read_punch,
    write_punches,
)
from csp.errors import InputError
from csp.molecule import Conformer, ElectrostaticPotential, Molecule, Multipoles
from csp.potentials.solid_harmonics import powers_of
from csp.units import ANGSTROM_PER_BOHR

WATER = Molecule(
    np.array([8, 1, 1]),
    np.array([[0.1, 0.0, 0.12], [0.1, 0.76, -0.47], [0.1, -0.78, -0.45]]),
    np.array([[0, 1], [0, 2]]),
    0,
    "water",
)
MOMENTS = np.random.default_rng(0).normal(size=(3, 25))
MOMENTS[:, 0] = [-0.8, 0.4, 0.4]

RANK_ONE = """! made by hand

Units {unit}

O   0.0  0.0  1.0  Rank  1  Radius  0.65
   -0.5
    0.1
    0.2  0.3   ! a comment behind numbers

H   0.0  0.0  0.0
Rank 0
    0.5
"""


def reals(shape, bound):
    return hnp.arrays(np.float64, shape, elements=st.floats(-bound, bound))


@given(positions=reals((3, 3), 50.0), moments=reals((3, 25), 20.0))
def test_written_and_read_again(positions, moments):
    text = punch_text(["O1", "H2", "H3"], positions, moments, "water")
    read = punch_from_text(text, "a.punch")
    assert read.labels == ("O1", "H2", "H3")
    assert read.ranks == (4, 4, 4)
    assert_allclose(read.positions, positions, rtol=0, atol=1e-10)
    assert_allclose(read.moments, moments, rtol=0, atol=1e-10)


def test_layout_is_that_of_gdma():
    lines = punch_text(["O1"], np.zeros((1, 3)), MOMENTS[:1], "water").splitlines()
    assert lines[:3] == ["! water", "Units bohr", ""]
    assert re.fullmatch(r"O1 +0\.0+ +0\.0+ +0\.0+ +Rank 4", lines[3])
    assert [len(line.split()) for line in lines[4:]] == [1, 3, 5, 5, 2, 5, 4]


@pytest.mark.parametrize(
    ("unit", "length"), [("Bohr", ANGSTROM_PER_BOHR), ("ANGSTROM", 1.0)]
)
def test_units_are_of_positions_and_moments_always_atomic(unit, length):
    read = punch_from_text(RANK_ONE.format(unit=unit), "a.punch")
    assert_allclose(read.positions, [[0, 0, length], [0, 0, 0]], rtol=0, atol=1e-12)
    assert read.moments[:, 0].tolist() == [-0.5, 0.5]
    expected = ANGSTROM_PER_BOHR * np.array([0.1, 0.2, 0.3])
    assert_allclose(read.moments[0, 1:4], expected, rtol=0, atol=1e-12)


def test_lower_ranks_are_padded_with_zeros():
    read = punch_from_text(RANK_ONE.format(unit="bohr"), "a.punch")
    assert read.ranks == (1, 0)
    assert not read.moments[0, 4:].any()
    assert not read.moments[1, 1:].any()


def test_higher_ranks_are_left_out():
    numbers = " ".join(str(i) for i in range(36))
    read = punch_from_text(f"C 0 0 0 Rank 5\n{numbers}\n", "a.punch")
    assert read.ranks == (4,)
    assert_allclose(
        read.moments[0], np.arange(25) * powers_of(ANGSTROM_PER_BOHR), rtol=1e-14
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it has no sites"),
        ("! only a comment\nUnits bohr\n", "it has no sites"),
        ("Units furlong\n", "between line 1 and 1 is neither a unit nor a site"),
        ("Units\n", "between line 1 and 1"),
        ("O 0 0 0\n", "between line 1 and 1"),
        ("O 0 0 0 Rank\n", "between line 1 and 1"),
        ("O 0 0 Rank 0\n 1.0", "between line 1 and 2"),
        ("O 0 0 0 Rank x\n 1.0", "between line 1 and 2"),
        ("O 0 0 0 Rank -1\n 1.0", "between line 1 and 2"),
        ("O 0 0 0 Rank 0\n nan", "between line 1 and 2"),
        ("O 0 0 0 Rank 0\n 1.0 2.0", "between line 1 and 2"),
        ("O 0 0 0 Rank 1\n 1.0\n 0.0 0.0\n", "between line 1 and 3"),
        ("O 0 0 0 Rank 1\n 1.0\n\nH 0 0 0 Rank 0\n 1\n", "between line 1 and 5"),
    ],
)
def test_text_that_is_no_punch_file(text, message):
    with pytest.raises(InputError, match=message) as raised:
        punch_from_text(text, "a.punch")
    assert "a.punch is not a punch file of GDMA" in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.text(alphabet="OH019.- \n!Rank", max_size=80))
def test_any_text_is_read_or_refused(text):
    try:
        read = punch_from_text(text, "a.punch")
    except InputError:
        return
    assert np.isfinite(read.moments).all()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_file_that_cannot_be_read(tmp_path, content):
    if content is not None:
        (tmp_path / "a.punch").write_bytes(content)
    with pytest.raises(InputError, match=r"a.punch cannot be read: correct its path"):
        read_punch(tmp_path / "a.punch")


def test_what_occpy_writes_is_read(tmp_path):
    atoms = [
        occpy.Atom(int(z), *x)
        for z, x in zip(
            WATER.atomic_numbers, WATER.positions / ANGSTROM_PER_BOHR, strict=True
        )
    ]
    field = occpy.DFT("lda", occpy.AOBasis.load(atoms, "sto-3g")).scf()
    field.run()
    config = occpy.DMAConfig()
    config.write_punch = False
    found = occpy.DMADriver(config).run(field.wavefunction())
    path = tmp_path / "occ.punch"
    path.write_text(occpy.generate_punch_file(found.result, found.sites))
    read = read_punch(path)
    expected = np.array([site.q[:25] for site in found.result.multipoles])
    assert [label[0] for label in read.labels] == ["O", "H", "H"]
    assert_allclose(read.positions, WATER.positions, rtol=0, atol=1e-8)
    assert_allclose(
        read.moments, expected * powers_of(ANGSTROM_PER_BOHR), rtol=0, atol=1e-9
    )


# ------------------------------------------------------------------ on a molecule


def sites_of(molecule, labels=("O1", "H2", "H3"), moments=MOMENTS):
    text = punch_text(labels, molecule.positions, moments, "test")
    return punch_from_text(text, "a.punch")


def test_same_frame_keeps_the_moments():
    found = multipoles_on(WATER, sites_of(WATER), "a.punch")
    assert_allclose(found.moments, MOMENTS, rtol=0, atol=1e-9)
    assert found.level == "as in a.punch"


def test_moments_turn_with_the_molecule():
    """Charges displaced from the nuclei, expanded before and after the motion."""
    random = np.random.default_rng(1)
    charges, displacements = random.normal(size=(3, 6)), random.normal(size=(3, 6, 3))
    charges -= charges.mean()
    turn = Rotation.random(random_state=2).as_matrix()
    moved = WATER.at(WATER.positions @ turn.T + [1.0, 2.0, 3.0])
    found = multipoles_on(
        moved, sites_of(WATER, moments=expanded(charges, displacements)), "a.punch"
    )
    expected = expanded(charges, displacements @ turn.T)
    assert_allclose(found.moments, expected, rtol=0, atol=1e-8)


def expanded(charges, displacements):
    """Moments of point charges up to the quadrupole, by their definition."""
    moments = np.zeros((len(charges), 25))
    x, y, z = np.moveaxis(displacements, -1, 0)
    components = (
        1.0 + 0.0 * x, z, x, y, 1.5 * z * z - 0.5 * (x * x + y * y + z * z),
        3**0.5 * x * z, 3**0.5 * y * z, 3**0.5 / 2 * (x * x - y * y), 3**0.5 * x * y,
    )  # fmt: skip
    for i, component in enumerate(components):
        moments[:, i] = (charges * component).sum(axis=1)
    return moments


def test_other_geometry_is_refused():
    positions = WATER.positions.copy()
    positions[1, 1] += 0.05
    with pytest.raises(
        InputError, match=r"has another geometry than water: .* 0.0\d+ Å"
    ):
        multipoles_on(WATER.at(positions), sites_of(WATER), "a.punch")


def test_mirror_image_is_refused():
    chiral = Molecule(
        np.array([6, 1, 9, 17]),
        np.array([[0, 0, 0], [1.1, 0, 0], [0, 1.4, 0], [0, 0, 1.7]]),
        np.array([[0, 1], [0, 2], [0, 3]]), 0, "a chiral one",
    )  # fmt: skip
    moments = np.zeros((4, 25))
    sites = sites_of(chiral, ("C", "H", "F", "Cl"), moments)
    multipoles_on(chiral, sites, "a.punch")
    mirrored = chiral.at(chiral.positions * [1.0, 1.0, -1.0])
    with pytest.raises(InputError, match="has another geometry than a chiral one"):
        multipoles_on(mirrored, sites, "a.punch")


@pytest.mark.parametrize(
    ("labels", "shift", "message"),
    [
        (("O1", "H2", "C3"), 0.0, "site 3 of the punch file a.punch is C3, but atom 3"),
        (("O1", "H2", "H3"), 0.1, "add up to 0.300 e, but water has the charge 0 e"),
    ],
)
def test_sites_of_another_molecule_are_refused(labels, shift, message):
    moments = MOMENTS + shift * np.eye(25)[0]
    with pytest.raises(InputError, match=message):
        multipoles_on(WATER, sites_of(WATER, labels, moments), "a.punch")


def test_each_atom_needs_a_site_and_no_other():
    sites = punch_from_text("O 0 0 0 Rank 0\n0.0\n", "a.punch")
    with pytest.raises(InputError, match="has 1 sites, but water has 3 atoms"):
        multipoles_on(WATER, sites, "a.punch")


def test_one_file_a_conformer(tmp_path):
    conformers = [
        Conformer(
            label=label,
            molecule=WATER,
            relative_energy=0.0,
            potential=ElectrostaticPotential(np.zeros((1, 3)), np.zeros(1)),
            multipoles=Multipoles(MOMENTS, "PBE0/6-311G(d,p)"),
            level="L",
        )
        for label in ("1", "2")
    ]
    write_punches(tmp_path / "punches", conformers)
    files = sorted((tmp_path / "punches").iterdir())
    assert [file.name for file in files] == ["conformer_1.punch", "conformer_2.punch"]
    text = files[1].read_text(encoding="utf-8")
    assert text.startswith(
        "! Conformer 2 of water at L: distributed multipoles at PBE0/6-311G(d,p)\n"
    )
    read = read_punch(files[1])
    assert read.labels == ("O1", "H2", "H3")
    assert_array_equal(read.moments.round(9), MOMENTS.round(9))
