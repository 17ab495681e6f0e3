"""SHELX files, expanded by the words of SHELXL's manual, are the crystals they were."""

import itertools
import re
from fractions import Fraction

import numpy as np
import pytest
from ase.data import atomic_numbers
from ase.geometry import cellpar_to_cell

from csp.comparison.molecules import crystal_of_atoms
from csp.comparison.overlay import packing_match
from csp.exports.shelx import shelx_symmetry, shelx_text
from csp.spacegroups import N_SPACE_GROUPS, space_group

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
CENTRING = {
    1: [(0, 0, 0)],
    2: [(0, 0, 0), (HALF, HALF, HALF)],
    3: [(0, 0, 0), (2 * THIRD, THIRD, THIRD), (THIRD, 2 * THIRD, 2 * THIRD)],
    4: [(0, 0, 0), (0, HALF, HALF), (HALF, 0, HALF), (HALF, HALF, 0)],
    5: [(0, 0, 0), (0, HALF, HALF)],
    6: [(0, 0, 0), (HALF, 0, HALF)],
    7: [(0, 0, 0), (HALF, HALF, 0)],
}


def operation(text: str):
    """Rotation and translation of words like -X+1/2, 0.5+Y, Z."""
    rotation, shift = [], []
    for part in text.upper().replace(" ", "").split(","):
        row = [0, 0, 0]
        for sign, axis in re.findall(r"([+-]?)([XYZ])", part):
            row["XYZ".index(axis)] += -1 if sign == "-" else 1
        rest = re.sub(r"[+-]?[XYZ]", "", part)
        rotation.append(tuple(row))
        shift.append(
            sum(
                (Fraction(word) for word in re.findall(r"[+-]?[\d/.]+", rest)),
                Fraction(0),
            )
        )
    return tuple(rotation), tuple(shift)


def all_operations(lattice: int, texts):
    """Of the whole cell, as pairs of tuples."""
    listed = [operation("X,Y,Z"), *map(operation, texts)]
    if lattice > 0:
        listed += [
            (
                tuple(tuple(-v for v in row) for row in rotation),
                tuple(-v for v in shift),
            )
            for rotation, shift in listed
        ]
    return [
        (rotation, tuple((a + b) % 1 for a, b in zip(shift, centre, strict=True)))
        for (rotation, shift), centre in itertools.product(
            listed, CENTRING[abs(lattice)]
        )
    ]


def expanded(text: str):
    """Cell, elements and fractional places of all atoms of a .res file."""
    words = [line.split() for line in text.splitlines()]
    tags = {row[0]: row[1:] for row in words if row}
    cell = cellpar_to_cell([float(value) for value in tags["CELL"][1:]])
    symmetry = [" ".join(row[1:]) for row in words if row[0] == "SYMM"]
    operations = all_operations(int(tags["LATT"][0]), symmetry)
    first = next(i for i, row in enumerate(words) if row[0] == "FVAR") + 1
    last = next(i for i, row in enumerate(words) if row[0] == "HKLF")
    symbols, places, contents = [], [], dict.fromkeys(tags["SFAC"], 0.0)
    for row in words[first:last]:
        symbol = tags["SFAC"][int(row[1]) - 1]
        site = np.array(row[2:5], dtype=float)
        own = []
        for rotation, shift in operations:
            image = (np.array(rotation) @ site + np.array(shift, dtype=float)) % 1.0
            if all(np.abs((image - o + 0.5) % 1.0 - 0.5).max() > 1e-3 for o in own):
                own.append(image)
        symbols += [symbol] * len(own)
        places += own
        contents[symbol] += (float(row[5]) - 10.0) * len(operations)
    told = dict(zip(tags["SFAC"], map(int, tags["UNIT"]), strict=True))
    assert {key: round(value, 2) for key, value in contents.items()} == told
    assert {key: symbols.count(key) for key in told} == told
    return cell, symbols, np.array(places)


def test_every_structure_of_a_landscape_comes_back(finished):
    for minimum in finished.landscape.minima:
        text = shelx_text(minimum.cif, minimum.identity)
        cell, symbols, places = expanded(text)
        numbers = np.array([atomic_numbers[symbol] for symbol in symbols])
        assert len(numbers) == len(minimum.crystal.atomic_numbers)
        match = packing_match(
            crystal_of_atoms(cell, numbers, places @ cell), minimum.crystal
        )
        assert match.same
        assert match.rmsd < 0.01


@pytest.mark.parametrize("number", range(1, N_SPACE_GROUPS + 1))
def test_shelx_is_told_every_space_group(number):
    group = space_group(number)
    told = shelx_symmetry(group.rotations, group.translations)
    wanted = {
        (
            tuple(map(tuple, np.rint(rotation).astype(int).tolist())),
            tuple(Fraction(v).limit_denominator(12) % 1 for v in translation.tolist()),
        )
        for rotation, translation in zip(
            group.rotations, group.translations, strict=True
        )
    }
    made = all_operations(told.lattice, told.operations)
    assert len(made) == group.order  # none twice
    assert set(made) == wanted
