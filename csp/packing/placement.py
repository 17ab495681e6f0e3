"""From a point of the unit cube to a packing: cell, centre, orientation, conformer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import (
    AtomicNumbers,
    Cell,
    RotationMatrices,
    RotationMatrix,
    Scalars,
    Vector,
)
from csp.geometry import (
    cell_from_parameters,
    quaternion_from_uniform,
    rotation_from_quaternion,
    rotation_from_vector,
    volume,
)
from csp.packing.occupation import Occupation, occupations
from csp.packing.sampling import Point
from csp.packing.settings import PackingSettings
from csp.point_groups import axial, invariant_directions, orientations_on_site
from csp.potentials.bodies import FormulaUnit, RigidMolecule
from csp.records import CrystalKey, Packing
from csp.spacegroups import Site, SpaceGroup, cartesian_rotations, space_group

ATOMIC_VOLUMES = {
    1: 5.08, 5: 13.24, 6: 13.87, 7: 11.8, 8: 11.39, 9: 11.17, 14: 37.3, 15: 29.5,
    16: 25.2, 17: 25.8, 34: 30.3, 35: 32.7, 53: 46.2,
}  # fmt: skip
"""Average volume of an atom in organic crystals, Å³: Hofmann, Acta Cryst. B58, 489
(2002)."""
_OTHER_ATOM = 30.0
_LEAST_FLATNESS = 0.4
"""Smallest volume of a cell in units of abc."""


def expected_volume(atomic_numbers: AtomicNumbers) -> float:
    """Volume that a molecule takes in a crystal, from atomic averages, Å³."""
    return float(sum(ATOMIC_VOLUMES.get(int(z), _OTHER_ATOM) for z in atomic_numbers))


def molecules_for_site(
    group: SpaceGroup, site: Site, molecules: Sequence[RigidMolecule]
) -> list[RigidMolecule]:
    """The conformers whose own symmetry allows them on a site."""
    rotations = site_rotations(group, site)
    return [
        molecule
        for molecule in molecules
        if len(orientations_on_site(rotations, molecule.symmetry.rotations))
    ]


def site_rotations(group: SpaceGroup, site: Site) -> RotationMatrices:
    """Cartesian matrices of the operations that leave a site where it is."""
    halves = np.array([0.5, 0.5, 0.5])
    cell = sample_cell(group.lattice, Point(0.0, halves[:2], halves, ()), 2.0)
    return np.asarray(cartesian_rotations(group, cell)[site.stabiliser])


def occupations_of(unit: FormulaUnit, settings: PackingSettings) -> list[Occupation]:
    """All occupations of a search: what the molecules' own symmetry allows.

    Groups with operations that make mirror images are left out for molecules of which
    there is one hand only.
    """
    counts = [component.count for component in unit.components]
    found: list[Occupation] = []
    for number in settings.space_groups:
        group = space_group(number)
        if not (group.is_chiral or unit.has_both_hands):
            continue

        def fits(kind: int, site: Site, group: SpaceGroup = group) -> bool:
            molecules = unit.components[kind].molecules
            return bool(molecules_for_site(group, site, molecules))

        found += occupations(group, counts, fits, settings.extent)
    return found


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """Where one molecule of an occupation sits, and which conformers may.

    Attributes:
        site: Its Wyckoff position.
        molecules: The conformers that fit.
        hands: 1 for the conformers as they are, −1 for their mirror images.
    """

    site: Site
    molecules: tuple[RigidMolecule, ...]
    hands: tuple[int, ...]


def places_of(occupation: Occupation, unit: FormulaUnit) -> list[Place]:
    """The molecules of an occupation's asymmetric unit, one after the other.

    The first chiral molecule keeps its hand: with the other one, the mirror image of
    the whole crystal would be drawn. Where both hands exist, further ones may have
    either.
    """
    group = space_group(occupation.space_group)
    found: list[Place] = []
    has_hand = False
    for letters, component in zip(occupation.letters, unit.components, strict=True):
        for letter in letters:
            site = group.site(letter)
            molecules = molecules_for_site(group, site, component.molecules)
            is_handed = any(map(is_chiral, molecules))
            may_turn = is_handed and has_hand and component.both_hands
            found.append(Place(site, tuple(molecules), (1, -1) if may_turn else (1,)))
            has_hand = has_hand or is_handed
    return found


def is_chiral(molecule: RigidMolecule) -> bool:
    """Whether no operation of its point group makes a mirror image."""
    return bool(np.all(np.linalg.det(molecule.symmetry.rotations) > 0.0))


def place(
    key: CrystalKey,
    point: Point,
    places: Sequence[Place],
    settings: PackingSettings,
) -> Packing:
    """The packing of one draw.

    Args:
        key: Which draw.
        point: Its quasi-random numbers.
        places: Of the molecules, from :func:`places_of`.
        settings: Ranges.
    """
    group = space_group(key.space_group)
    chosen = [
        _chosen(own.conformer, where)
        for own, where in zip(point.bodies, places, strict=True)
    ]
    shape = sample_cell(group.lattice, point, settings.largest_aspect)
    low, high = settings.volume_factors
    content = sum(
        where.site.multiplicity
        * expected_volume(molecule.conformer.molecule.atomic_numbers)
        for where, (molecule, _) in zip(places, chosen, strict=True)
    )
    target = (low + (high - low) * point.volume) * content
    cell = shape * np.cbrt(target / volume(shape))
    cartesian = cartesian_rotations(group, cell)
    rotations = [
        hand
        * sample_orientation(
            cartesian[where.site.stabiliser],
            molecule.symmetry.rotations,
            own.orientation,
        )
        for own, where, (molecule, hand) in zip(
            point.bodies, places, chosen, strict=True
        )
    ]
    centres = [
        np.mod(where.site.point(own.centre), 1.0)
        for own, where in zip(point.bodies, places, strict=True)
    ]
    return Packing(
        key=key,
        space_group=key.space_group,
        sites="".join(where.site.letter for where in places),
        conformers=tuple(molecule.conformer.label for molecule, _ in chosen),
        cell=cell,
        centres=np.array(centres),
        rotations=np.array(rotations),
    )


def _chosen(uniform: float, where: Place) -> tuple[RigidMolecule, int]:
    """A conformer and a hand from a number in [0, 1)."""
    pairs = [(molecule, hand) for molecule in where.molecules for hand in where.hands]
    return pairs[min(int(uniform * len(pairs)), len(pairs) - 1)]


def sample_cell(lattice: str, point: Point, largest_aspect: float) -> Cell:
    """A cell shape of a lattice system; its volume means nothing.

    Lengths are log-uniform about their geometric mean; triclinic angles lie within
    60–120°, the monoclinic one within 90–130° (the rest are the same crystals in
    another choice of axes).
    """
    x, y = (2.0 * point.aspects - 1.0) * np.log(largest_aspect)
    a, b, c = np.exp([x, y, -0.5 * (x + y)])
    if lattice == "triclinic":
        return cell_from_parameters(np.array([a, b, c, *_triclinic(point.angles)]))
    if lattice == "monoclinic":
        beta = 90.0 + 40.0 * point.angles[1]
        return cell_from_parameters(np.array([a, b, c, 90.0, beta, 90.0]))
    if lattice == "orthorhombic":
        return cell_from_parameters(np.array([a, b, c, 90.0, 90.0, 90.0]))
    if lattice == "cubic":
        a = c
    gamma = 120.0 if lattice == "hexagonal" else 90.0
    return cell_from_parameters(np.array([a, a, c, 90.0, 90.0, gamma]))


def _triclinic(uniform: Vector) -> Scalars:
    """Angles within 60–120°, drawn towards 90° while the cell is too flat."""
    angles = 60.0 + 60.0 * uniform
    while True:
        cos = np.cos(np.radians(angles))
        flatness = 1.0 - float(cos @ cos) + 2.0 * float(np.prod(cos))
        if flatness > _LEAST_FLATNESS**2:
            return np.asarray(angles)
        angles = 90.0 + 0.8 * (angles - 90.0)


def sample_orientation(
    site: RotationMatrices, molecule: RotationMatrices, uniform: Vector
) -> RotationMatrix:
    """A random orientation among those that fit the site's symmetry.

    On a general position or an inversion centre it is uniform on SO(3); on an axis or
    mirror it is one of the fitting orientations, turned about the axis by a uniform
    angle.
    """
    turns = invariant_directions(axial(site))
    if len(turns) == 3:  # noqa: PLR2004
        return rotation_from_quaternion(quaternion_from_uniform(uniform))
    families = orientations_on_site(site, molecule)
    family = families[min(int(uniform[0] * len(families)), len(families) - 1)]
    if not len(turns):
        return np.asarray(family)
    return np.asarray(
        rotation_from_vector(2.0 * np.pi * uniform[1] * turns[0]) @ family
    )
