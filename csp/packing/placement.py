"""From a point of the unit cube to a packing: cell, centre, orientation, conformer."""

from collections.abc import Sequence

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
from csp.packing.sampling import Point
from csp.packing.settings import PackingSettings
from csp.point_groups import axial, invariant_directions, orientations_on_site
from csp.potentials.bodies import RigidMolecule
from csp.records import CrystalKey, RigidPacking
from csp.spacegroups import Site, SpaceGroup, cartesian_rotations

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
    ones = np.array([0.5, 0.5, 0.5])
    cell = sample_cell(group.lattice, Point(0.0, ones[:2], ones, ones, ones, 0.0), 2.0)
    return np.asarray(cartesian_rotations(group, cell)[site.stabiliser])


def place(
    key: CrystalKey,
    point: Point,
    group: SpaceGroup,
    molecules: Sequence[RigidMolecule],
    settings: PackingSettings,
) -> RigidPacking:
    """The packing of one draw.

    Args:
        key: Which draw.
        point: Its quasi-random numbers.
        group: Its space group.
        molecules: The conformers that fit the site, from :func:`molecules_for_site`.
        settings: Ranges.
    """
    site = group.site(key.site)
    index = min(int(point.conformer * len(molecules)), len(molecules) - 1)
    molecule = molecules[index]
    shape = sample_cell(group.lattice, point, settings.largest_aspect)
    low, high = settings.volume_factors
    target = (
        (low + (high - low) * point.volume)
        * expected_volume(molecule.conformer.molecule.atomic_numbers)
        * site.multiplicity
    )
    cell = shape * np.cbrt(target / volume(shape))
    rotation = sample_orientation(
        cartesian_rotations(group, cell)[site.stabiliser],
        molecule.symmetry.rotations,
        point.orientation,
    )
    return RigidPacking(
        key=key,
        conformer=molecule.conformer.label,
        cell=cell,
        centre=np.mod(site.point(point.centre), 1.0),
        rotation=rotation,
    )


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
