"""Space groups: operations, free cell parameters and special positions.

The tables are PyXtal's (standard settings of International Tables A, monoclinic
unique axis b, hexagonal axes for rhombohedral groups, origin choice 2). Everything
is for the conventional cell.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import spglib
from pyxtal.symmetry import Group

from csp.arrays import (
    Cell,
    Indices,
    RotationMatrices,
    RotationMatrix,
    Vector,
    Vectors,
    read_only,
)
from csp.errors import InputError

spglib.error.OLD_ERROR_HANDLING = False

N_SPACE_GROUPS = 230
_SAME = 1e-6


@dataclass(frozen=True, eq=False, slots=True)
class Site:
    """A Wyckoff position: where a molecule of that site symmetry may sit.

    The point is ``matrix @ u + offset`` (fractional) for any ``u``. The images of the
    molecule are made by the operations ``images``; the operations ``stabiliser``,
    with their lattice translations ``shifts``, leave the point where it is.

    Attributes:
        letter: Wyckoff letter.
        multiplicity: Points in the conventional cell.
        matrix: Projection from the unit cube to the free coordinates.
        offset: Fixed part of the coordinates.
        images: Indices of one operation for each point in the cell, identity first.
        stabiliser: Indices of the operations of the site symmetry group.
    """

    letter: str
    multiplicity: int
    matrix: RotationMatrix
    offset: Vector
    images: Indices
    stabiliser: Indices

    @property
    def is_general(self) -> bool:
        """Whether the site has no symmetry of its own."""
        return len(self.stabiliser) == 1

    @property
    def is_fixed(self) -> bool:
        """Whether it is a single point, which one molecule at most can take."""
        return not np.any(self.matrix)

    def point(self, uniform: Vector) -> Vector:
        """A point of the site, fractional, from a point of the unit cube."""
        return np.asarray(self.matrix @ uniform + self.offset)


@dataclass(frozen=True, eq=False, slots=True)
class SpaceGroup:
    """One of the 230 space groups in its standard setting.

    Attributes:
        number: International number, 1 to 230.
        symbol: Short Hermann–Mauguin symbol, for reading.
        lattice: triclinic, monoclinic, orthorhombic, tetragonal, hexagonal or cubic;
            trigonal groups are described on hexagonal axes.
        rotations: Integer matrices in fractional coordinates, identity first.
        translations: Fractional, in [0, 1).
        sites: Wyckoff positions; the general position is the last.
        relabellings: What another choice of origin or axes makes of the Wyckoff
            letters, one mapping each; the identity is among them.
        is_chiral: Whether all operations are proper (a Sohncke group).
    """

    number: int
    symbol: str
    lattice: str
    rotations: RotationMatrices
    translations: Vectors
    sites: tuple[Site, ...]
    relabellings: tuple[dict[str, str], ...]
    is_chiral: bool

    @property
    def order(self) -> int:
        """Points of the general position in the conventional cell."""
        return len(self.rotations)

    def site(self, letter: str) -> Site:
        """The site of a Wyckoff letter.

        Raises:
            InputError: If this space group has no such site.
        """
        for site in self.sites:
            if site.letter == letter:
                return site
        letters = ", ".join(site.letter for site in self.sites)
        raise InputError(
            f"space group {self.number} has no Wyckoff position {letter!r}: "
            f"choose one of {letters}"
        )


@cache
def space_group(number: int) -> SpaceGroup:
    """The space group of an international number.

    Raises:
        InputError: If ``number`` is not one of 1 to 230.
    """
    if not 1 <= number <= N_SPACE_GROUPS:
        raise InputError(
            f"there is no space group {number}: numbers run from 1 to {N_SPACE_GROUPS}"
        )
    group = Group(number)
    operations = [np.array(op.affine_matrix) for op in group[0].ops]
    rotations = read_only(np.rint([op[:3, :3] for op in operations]))
    translations = read_only([np.mod(op[:3, 3], 1.0) for op in operations])
    sites = [
        _site(position, rotations, translations)
        for position in reversed(group.Wyckoff_positions)
    ]
    return SpaceGroup(
        number=number,
        symbol=symbols()[number],
        lattice={"trigonal": "hexagonal"}.get(group.lattice_type, group.lattice_type),
        rotations=rotations,
        translations=translations,
        sites=tuple(sites),
        relabellings=_relabellings(group),
        is_chiral=bool(np.all(np.linalg.det(rotations) > 0)),
    )


def readable_symbol(symbol: str) -> str:
    """A Hermann–Mauguin symbol with its screw axes as subscripts.

    >>> readable_symbol("P2_1/c"), readable_symbol("P-42_1m"), readable_symbol("P422")
    ('P2₁/c', 'P-42₁m', 'P422')
    """
    return re.sub("_([1-5])", lambda match: "₀₁₂₃₄₅"[int(match[1])], symbol)


@cache
def symbols() -> dict[int, str]:
    """The short Hermann–Mauguin symbol of each of the 230 space groups."""
    found: dict[int, str] = {}
    for hall_number in range(1, 531):
        entry: Any = spglib.get_spacegroup_type(hall_number)
        found.setdefault(entry.number, readable_symbol(entry.international_short))
    return found


def _relabellings(group: Group) -> tuple[dict[str, str], ...]:
    """What the Euclidean normaliser makes of the Wyckoff letters.

    Crystals whose molecules sit on letters that a mapping relates are the same set of
    crystals (International Tables A, chapter 3.5).
    """
    letters = [position.letter for position in group.Wyckoff_positions]
    order = sorted(letters, key=lambda letter: (letter == "A", letter))
    rows = [order, *(row.split() for row in group.get_alternatives()["Transformed WP"])]
    unique = sorted({tuple(row) for row in rows}, key=lambda row: row != tuple(order))
    return tuple(dict(zip(order, row, strict=True)) for row in unique)


def _site(
    position: Any,  # noqa: ANN401
    rotations: RotationMatrices,
    translations: Vectors,
) -> Site:
    affine = np.array(position.ops[0].affine_matrix)
    matrix, offset = affine[:3, :3], affine[:3, 3]
    # an irrational point has no more symmetry than the site itself
    point = matrix @ np.array([0.1234567, 0.2718282, 0.3141593]) + offset
    images, points, stabiliser = [], np.empty((0, 3)), []
    for index, (rotation, translation) in enumerate(
        zip(rotations, translations, strict=True)
    ):
        image = rotation @ point + translation
        if _is_lattice_vector(image - point).all():
            stabiliser.append(index)
        if not _is_lattice_vector(points - image).all(axis=1).any():
            points = np.vstack([points, image])
            images.append(index)
    return Site(
        letter=str(position.letter),
        multiplicity=len(images),
        matrix=read_only(matrix),
        offset=read_only(offset),
        images=read_only(images, int),
        stabiliser=read_only(stabiliser, int),
    )


def _is_lattice_vector(difference: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(difference - np.rint(difference)) < _SAME)


class Operations(NamedTuple):
    """``x' = W x + w`` for fractional columns, one for each coset of translations."""

    rotations: RotationMatrices
    translations: Vectors

    def chosen(self, which: Indices) -> "Operations":
        """Some of the operations."""
        return Operations(self.rotations[which], self.translations[which])


def cartesian_rotations(group: SpaceGroup | Operations, cell: Cell) -> RotationMatrices:
    """The operations' matrices for Cartesian columns, ``h^T R h^-T``.

    For a cell in the standard orientation they do not depend on its free parameters.
    """
    transposed = cell.T
    return np.asarray(transposed @ group.rotations @ np.linalg.inv(transposed))


def symmetric_strains() -> RotationMatrices:
    """Orthonormal symmetric strains in Voigt's order: xx, yy, zz, yz, xz, xy."""
    units = np.zeros((6, 3, 3))
    for k, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        units[k, i, j] = units[k, j, i] = 1.0 if i == j else np.sqrt(0.5)
    return units


def strain_basis(lattice: str) -> RotationMatrices:
    """Orthonormal strains that keep a lattice in its system and standard orientation.

    With rows as lattice vectors, ``cell' = cell @ (1 + strain)``; the strains are lower
    triangular so that a stays along x and b in the xy plane.
    """
    one = np.eye(3)

    def unit(row: int, column: int) -> np.ndarray:
        return np.outer(one[row], one[column])

    xx, yy, zz = unit(0, 0), unit(1, 1), unit(2, 2)
    uniaxial = [(xx + yy) / np.sqrt(2.0), zz]
    bases = {
        "triclinic": [xx, yy, zz, unit(1, 0), unit(2, 0), unit(2, 1)],
        "monoclinic": [xx, yy, zz, unit(2, 0)],
        "orthorhombic": [xx, yy, zz],
        "tetragonal": uniaxial,
        "hexagonal": uniaxial,
        "cubic": [one / np.sqrt(3.0)],
    }
    return np.array(bases[lattice])
