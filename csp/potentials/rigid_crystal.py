"""A crystal of rigid bodies with its symmetry, and its energy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csp.arrays import (
    Cell,
    Indices,
    RotationMatrices,
    Vectors,
    read_only,
)
from csp.errors import InputError
from csp.potentials.bodies import Body
from csp.potentials.exp6 import ParameterSet
from csp.potentials.force_field import (
    CellEnergy,
    cell_energy,
    cutoffs_for,
    images_from,
    pair_table,
    site_table,
)
from csp.potentials.kernels.tables import Cutoffs, Images, Pairs, Sites
from csp.potentials.settings import PotentialSettings
from csp.potentials.solid_harmonics import powers_of
from csp.spacegroups import Operations, cartesian_rotations, symmetric_strains

_SAME_PLACE = 1e-3
"""Fractional; copies of a body closer than this are one."""


@dataclass(frozen=True, eq=False, slots=True)
class RigidCrystal:
    """Bodies of the asymmetric unit, the cell, and what symmetry makes of them.

    Attributes:
        bodies: Of the asymmetric unit.
        cell: Lattice vectors as rows, Å.
        centres: Fractional centre of mass of each body.
        rotations: From each body's frame to the crystal's, ``x = R d``.
        images: All molecules of the cell.
        stabilisers: For each body the rotations of its site symmetry, Cartesian.
        strains: Basis of the strains that keep the symmetry.
        operations: The symmetry.
    """

    bodies: tuple[Body, ...]
    cell: Cell
    centres: Vectors
    rotations: RotationMatrices
    images: Images
    stabilisers: tuple[RotationMatrices, ...]
    strains: RotationMatrices
    operations: Operations

    def __post_init__(self) -> None:
        for name in ("cell", "centres", "rotations", "strains"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def n_molecules(self) -> int:
        """Molecules in the cell."""
        return len(self.images.body)

    def at(
        self, cell: Cell, centres: Vectors, rotations: RotationMatrices
    ) -> "RigidCrystal":
        """The same bodies and symmetry elsewhere."""
        return RigidCrystal(
            self.bodies,
            cell,
            centres,
            rotations,
            self.images,
            self.stabilisers,
            self.strains,
            self.operations,
        )


def rigid_crystal(
    bodies: Sequence[Body],
    cell: Cell,
    centres: Vectors,
    rotations: RotationMatrices,
    operations: Operations,
) -> RigidCrystal:
    """A crystal from its asymmetric unit and the operations of its group.

    Args:
        bodies: Of the asymmetric unit.
        cell: Lattice vectors as rows, Å.
        centres: Fractional centre of mass of each body.
        rotations: Orientation of each body.
        operations: In any order.

    Raises:
        InputError: If the operations are not isometries of the cell, or lack the
            identity.
    """
    operations = operations.chosen(_identity_first(operations))
    turns, shifts = operations
    cartesian = orthogonal_rotations(operations, cell)
    chosen, stabilisers = [], []
    for body, centre, rotation in zip(bodies, centres, rotations, strict=True):
        copies = [
            (np.asarray(turn @ centre + shift), matrix @ rotation @ body.sites.T)
            for turn, shift, matrix in zip(turns, shifts, cartesian, strict=True)
        ]
        first = [_same_as(copies, k, body.types) for k in range(len(copies))]
        chosen.append(np.array([k for k, at in enumerate(first) if at == k]))
        stabilisers.append(cartesian[[k for k, at in enumerate(first) if at == 0]])
    return RigidCrystal(
        tuple(bodies),
        cell,
        centres,
        rotations,
        images_from(turns, cartesian, shifts, chosen),
        tuple(stabilisers),
        _invariant_strains(cartesian),
        operations,
    )


def orthogonal_rotations(operations: Operations, cell: Cell) -> RotationMatrices:
    """The operations for Cartesian columns, orthogonal to rounding.

    Raises:
        InputError: If the operations are not isometries of the cell.
    """
    cartesian = cartesian_rotations(operations, cell)
    error = np.abs(cartesian @ cartesian.transpose(0, 2, 1) - np.eye(3)).max()
    if error > _SAME_PLACE:
        raise InputError(
            "the symmetry operations do not fit the cell (they stretch it by "
            f"{error:.1e}, at most {_SAME_PLACE:g} is rounding): correct the cell or "
            "the operations"
        )
    u, _, vt = np.linalg.svd(cartesian)
    return np.asarray(u @ vt)


def _identity_first(operations: Operations) -> Indices:
    """Order in which the identity is the first operation."""
    for k, (turn, shift) in enumerate(zip(*operations, strict=True)):
        is_lattice_vector = np.abs(shift - np.round(shift)).max() < _SAME_PLACE
        if np.array_equal(turn, np.eye(3)) and is_lattice_vector:
            others = np.arange(len(operations.rotations)) != k
            return np.concatenate([[k], np.flatnonzero(others)])
    raise InputError("the symmetry operations lack the identity x, y, z: add it")


def _same_as(
    copies: Sequence[tuple[np.ndarray, np.ndarray]], k: int, types: tuple[str, ...]
) -> int:
    """The first copy that lies where copy ``k`` does, type on type."""
    centre, sites = copies[k]
    differ = np.array(types)[:, None] != np.array(types)[None]
    for other in range(k):
        away = copies[other][0] - centre
        if np.abs(away - np.round(away)).max() > _SAME_PLACE:
            continue
        distances = np.linalg.norm(copies[other][1].T[:, None] - sites.T[None], axis=2)
        distances[differ] = np.inf
        if distances.min(axis=1).max() < 0.05:  # noqa: PLR2004
            return other
    return k


def _invariant_strains(cartesian: RotationMatrices) -> np.ndarray:
    """Symmetric strains that the rotations leave alone, as an orthonormal basis."""
    units = symmetric_strains()
    mean = np.mean(np.einsum("nij,ajk,nlk->nail", cartesian, units, cartesian), axis=0)
    projector = np.einsum("aij,bij->ab", units, mean)
    values, vectors = np.linalg.eigh(projector)
    kept = vectors[:, values > 0.5]  # noqa: PLR2004
    return np.asarray(np.einsum("ak,aij->kij", kept, units))


@dataclass(frozen=True, eq=False, slots=True)
class Tables:
    """A force field for given bodies: made once, used for every crystal of them.

    Attributes:
        sites: Interaction sites.
        pairs: Exp-6 parameters with walls.
        settings: How far the sums go.
    """

    sites: Sites
    pairs: Pairs
    settings: PotentialSettings

    def with_reach(self, images: Images) -> tuple[Sites, Pairs, Cutoffs]:
        """With cutoffs and constants for the content of one cell."""
        cutoffs = cutoffs_for(self.sites, self.pairs, images, self.settings)
        return self.sites, self.pairs, cutoffs

    def of_copies(self, bodies: Sequence[Body], owners: np.ndarray) -> "Tables":
        """Tables of bodies that are copies, or mirror images, of those of this.

        Args:
            bodies: The copies.
            owners: Index of the body that each is a copy of.
        """
        start = self.sites.start
        sites = [np.arange(start[owner], start[owner + 1]) for owner in owners]
        square = np.ix_(np.concatenate(sites), np.concatenate(sites))
        pairs = Pairs(
            *(
                np.ascontiguousarray(table[square] if table.size else table)
                for table in self.pairs
            )
        )
        return Tables(site_table(bodies), pairs, self.settings)


def tables_of(
    bodies: Sequence[Body], parameters: ParameterSet, settings: PotentialSettings
) -> Tables:
    """The force field for the bodies of an asymmetric unit.

    Raises:
        InputError: If a pair of types has no parameters.
    """
    return Tables(site_table(bodies), pair_table(bodies, parameters), settings)


def crystal_energy(crystal: RigidCrystal, tables: Tables) -> CellEnergy:
    """Energy of a crystal and its gradient."""
    return cell_energy(
        crystal.cell,
        crystal.centres,
        crystal.rotations,
        crystal.images,
        tables.with_reach(crystal.images),
    )


def expanded(crystal: RigidCrystal) -> RigidCrystal:
    """The same crystal without symmetry: every molecule of the cell is a body.

    An image made by an improper operation becomes the mirror image of its body, so that
    orientations stay proper.
    """
    images = crystal.images
    bodies, centres, rotations = [], [], []
    for m, owner in enumerate(images.body):
        turn = images.cartesian[m] @ crystal.rotations[owner]
        is_improper = np.linalg.det(turn) < 0.0
        body = crystal.bodies[owner]
        bodies.append(inverted(body) if is_improper else body)
        rotations.append(-turn if is_improper else turn)
        centres.append(
            images.rotation[m] @ crystal.centres[owner] + images.translation[m]
        )
    operations = Operations(np.eye(3)[None], np.zeros((1, 3)))
    return rigid_crystal(
        bodies, crystal.cell, np.array(centres), np.array(rotations), operations
    )


def inverted(body: Body) -> Body:
    """A body turned inside out, ``d → −d``."""
    moments = body.moments * powers_of(-1.0)
    return Body(body.types, -body.sites, moments, -body.axes)
