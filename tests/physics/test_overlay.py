"""The packing overlay agrees with an independent program on what is one crystal."""

from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher

from csp.comparison.overlay import packing_match
from csp.comparison.reading import read_crystal
from csp.crystal import Crystal
from csp.geometry import rotation_from_vector

DATA = Path(__file__).parents[2] / "data" / "oxalic_acid"


def changed(crystal, *, strain=0.0, shift=0.0, turn=0.0, slide=False):
    """Rigid molecules moved: the cell strained, the molecules displaced and turned.

    Args:
        crystal: Where to start.
        strain: Relative, along the first lattice vector.
        shift: Of each molecule in a direction of its own, Å.
        turn: Of each molecule about an axis of its own, degrees.
        slide: Whether every other molecule moves half a cell along the second vector.
    """
    rng = np.random.default_rng(5)
    cell = np.diag([1.0 + strain, 1.0, 1.0]) @ crystal.cell
    positions = np.array(crystal.positions)
    for molecule in range(crystal.n_molecules):
        atoms = crystal.molecule_of_atom == molecule
        axis, direction = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 3)))
        centre = positions[atoms].mean(axis=0)
        moved = centre @ np.linalg.inv(crystal.cell) @ cell + shift * direction
        if slide and molecule % 2:
            moved = moved + 0.5 * cell[1]
        rotation = rotation_from_vector(np.radians(turn) * axis)
        positions[atoms] = (positions[atoms] - centre) @ rotation.T + moved
    return Crystal(
        cell,
        crystal.atomic_numbers,
        positions,
        crystal.molecule_of_atom,
        crystal.n_formula_units,
    )


CRYSTALS = {
    "as observed": {},
    "slightly strained": {"strain": 0.02},
    "slightly displaced": {"shift": 0.15},
    "slightly turned": {"turn": 5.0},
    "much turned": {"turn": 60.0},
    "slid": {"slide": True},
}


@pytest.fixture(scope="module")
def crystals():
    forms = {form: read_crystal(DATA / f"{form}.cif") for form in ("alpha", "beta")}
    return {
        (form, name): changed(crystal, **changes)
        for form, crystal in forms.items()
        for name, changes in CRYSTALS.items()
    }


@pytest.mark.parametrize("form", ["alpha", "beta"])
@pytest.mark.parametrize("other_form", ["alpha", "beta"])
@pytest.mark.parametrize("name", list(CRYSTALS))
def test_pymatgen_agrees_on_what_is_the_same(crystals, form, other_form, name):
    observed = crystals[form, "as observed"]
    other = crystals[other_form, name]
    matcher = StructureMatcher(ltol=0.2, stol=0.3, angle_tol=10.0, scale=False)
    expected = matcher.fit(observed.to_pymatgen(), other.to_pymatgen())
    match = packing_match(observed, other)
    assert match.same == expected
    assert expected == (form == other_form and name in list(CRYSTALS)[:4])
    if expected:
        assert match.rmsd < 0.35
