"""Point groups of molecules, and how a molecule fits a site of a crystal."""

from typing import NamedTuple

import numpy as np
from pymatgen.core.structure import Molecule as PymatgenMolecule
from pymatgen.symmetry.analyzer import PointGroupAnalyzer

from csp.arrays import (
    Permutations,
    Positions,
    RotationMatrices,
    RotationMatrix,
    Vector,
    Vectors,
)
from csp.molecule import Molecule

_SAME_ATOM = 0.1
"""Å; how far an operation may carry an atom from its image in a real geometry."""
_SAME = 1e-6
_N_LINEAR = 12
"""Turns of a linear molecule about its axis: a multiple of 2, 3, 4 and 6."""


class MolecularSymmetry(NamedTuple):
    """Operations of a molecule about its centre of mass.

    ``rotations[k] @ d[i] = d[permutations[k, i]]``; the identity is the first.
    """

    symbol: str
    rotations: RotationMatrices
    permutations: Permutations


def molecular_symmetry(molecule: Molecule) -> MolecularSymmetry:
    """The point group of a molecule whose centre of mass is at the origin.

    PyMatGen finds the operations; each is then fitted to the atoms it exchanges
    (Kabsch), so that it is orthogonal to rounding. A linear molecule gets as much of
    its infinite group as any site of a crystal may ask for.
    """
    identity = np.eye(3)[None], np.arange(len(molecule.positions))[None]
    if len(molecule.positions) == 1:
        return MolecularSymmetry("Kh", *identity)
    _, lengths, axes = np.linalg.svd(molecule.positions)
    if lengths[1] < _SAME_ATOM:
        return _linear_symmetry(molecule, axes[0])
    analyzer = PointGroupAnalyzer(
        PymatgenMolecule(molecule.symbols, molecule.positions), tolerance=0.1
    )
    rotations, permutations = [identity[0][0]], [identity[1][0]]
    for operation in analyzer.get_pointgroup():
        rough = np.asarray(operation.rotation_matrix, dtype=float)
        permutation = _permutation(molecule, rough)
        if permutation is None or any(
            np.array_equal(permutation, other)
            and np.linalg.det(rough) * np.linalg.det(rotation) > 0.0
            for other, rotation in zip(permutations, rotations, strict=True)
        ):
            continue
        rotations.append(_fitted(molecule.positions, permutation, rough))
        permutations.append(permutation)
    return MolecularSymmetry(
        str(analyzer.sch_symbol), np.array(rotations), np.array(permutations)
    )


def _linear_symmetry(molecule: Molecule, axis: Vector) -> MolecularSymmetry:
    """The operations of a linear molecule, its axis turned in steps of 30°.

    Twelve turns about the axis and twelve mirrors through it, each also with the
    inversion where that exchanges like atoms: all two-, three-, four- and six-fold
    axes, and mirrors and two-fold axes in all the directions that go with these.
    """
    frame = _frame(axis, None)[:, [1, 2, 0]]  # the axis is the third column
    turns = []
    for angle in np.arange(_N_LINEAR) * 2.0 * np.pi / _N_LINEAR:
        c, s = np.cos(angle), np.sin(angle)
        turns += [
            [[c, -s, 0], [s, c, 0], [0, 0, 1]],
            [[c, s, 0], [s, -c, 0], [0, 0, 1]],
        ]
    proper = frame @ np.array(turns, dtype=float) @ frame.T
    same = np.arange(len(molecule.positions))
    ends = _permutation(molecule, -np.eye(3))
    if ends is None:
        return MolecularSymmetry("C*v", proper, np.tile(same, (len(proper), 1)))
    return MolecularSymmetry(
        "D*h",
        np.concatenate([proper, -proper]),
        np.concatenate(
            [np.tile(same, (len(proper), 1)), np.tile(ends, (len(proper), 1))]
        ),
    )


def symmetrised(
    molecule: Molecule, symmetry: MolecularSymmetry
) -> tuple[Molecule, MolecularSymmetry]:
    """The geometry averaged over its point group, and the operations to rounding."""
    positions = np.array(molecule.positions)
    rotations = symmetry.rotations
    for _ in range(5):
        images = [
            positions[permutation] @ rotation
            for rotation, permutation in zip(
                rotations, symmetry.permutations, strict=True
            )
        ]
        positions = np.mean(images, axis=0)
        rotations = np.array(
            [
                _fitted(positions, permutation, rotation)
                for permutation, rotation in zip(
                    symmetry.permutations, rotations, strict=True
                )
            ]
        )
    return molecule.at(positions), symmetry._replace(rotations=rotations)


def _permutation(molecule: Molecule, rotation: RotationMatrix) -> np.ndarray | None:
    """Which atom each atom is carried to, or None if one lands on no atom."""
    moved = molecule.positions @ rotation.T
    distances = np.linalg.norm(moved[:, None] - molecule.positions[None], axis=2)
    z = molecule.atomic_numbers
    distances[z[:, None] != z[None]] = np.inf
    permutation = distances.argmin(axis=1)
    far = distances[np.arange(len(moved)), permutation].max() > _SAME_ATOM
    return None if far or len(set(permutation.tolist())) < len(moved) else permutation


def _fitted(
    positions: Positions, permutation: np.ndarray, rough: RotationMatrix
) -> RotationMatrix:
    """The orthogonal matrix nearest to ``rough`` that exchanges the atoms best."""
    # planar and linear molecules leave directions open: ``rough`` decides those
    frame = np.vstack([positions, np.eye(3) * 1e-3])
    target = np.vstack([positions[permutation], rough.T * 1e-3])
    improper = bool(np.linalg.det(rough) < 0.0)
    u, _, vt = np.linalg.svd(frame.T @ target)
    sign = np.sign(np.linalg.det(u @ vt)) * (-1.0 if improper else 1.0)
    return np.asarray((u @ np.diag([1.0, 1.0, sign]) @ vt).T)


def invariant_directions(rotations: RotationMatrices) -> Vectors:
    """Orthonormal rows that span the vectors which all ``rotations`` leave alone.

    Returns:
        A matrix of 0 to 3 rows.
    """
    if len(rotations) == 1:
        return np.eye(3)
    values, vectors = np.linalg.eigh(_symmetric(np.mean(rotations, axis=0)))
    return np.asarray(vectors[:, values > 1.0 - _SAME].T)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (matrix + matrix.T))


def axial(rotations: RotationMatrices) -> RotationMatrices:
    """The matrices by which operations act on axial vectors, ``det(R) R``."""
    return np.asarray(np.linalg.det(rotations)[:, None, None] * rotations)


def orientations_on_site(
    site_rotations: RotationMatrices, molecule_rotations: RotationMatrices
) -> RotationMatrices:
    """Orientations ``Q`` that make a molecule fit a site: ``Qᵀ R Q`` is in its group.

    Each returned orientation stands for a family: it may still be turned about the
    axial vectors that the site leaves alone.

    Returns:
        None (shape 0, 3, 3) if the molecule lacks the symmetry of the site; the
        identity alone if any orientation does (general position, inversion centre).
    """
    axes = [_axis(rotation) for rotation in site_rotations]
    turning = [i for i, axis in enumerate(axes) if axis is not None]
    if not turning:
        candidates = [np.eye(3)]
    else:
        first = turning[0]
        second = next((i for i in turning if _crossing(axes[i], axes[first])), None)
        candidates = _aligned(
            site_rotations[[first] if second is None else [first, second]],
            molecule_rotations,
        )
    fitting: list[RotationMatrix] = []
    for candidate in candidates:
        inside = candidate.T @ site_rotations @ candidate
        if all(_contains(molecule_rotations, element) for element in inside):
            fitting.append(candidate)
    return np.array(fitting).reshape(-1, 3, 3)


def _aligned(
    targets: RotationMatrices, molecule_rotations: RotationMatrices
) -> list[RotationMatrix]:
    """Rotations that carry axes of the molecule onto those of one or two operations."""
    goal = [_axis(target) for target in targets]
    axes: list[Vector] = []
    for axis in map(_axis, molecule_rotations):
        if axis is not None and all(_crossing(axis, other) for other in axes):
            axes.append(axis)
    signed = [sign * axis for axis in axes for sign in (1.0, -1.0)]
    if len(goal) == 1:
        return [_onto(_frame(axis, None), _frame(goal[0], None)) for axis in signed]
    return [
        _onto(_frame(first, second), _frame(*goal))
        for first in signed
        for second in signed
        if _crossing(first, second)
    ]


def _axis(rotation: RotationMatrix) -> Vector | None:
    """The axis about which an operation turns, or None for 1 and −1."""
    proper = rotation * np.sign(np.linalg.det(rotation))
    if np.abs(proper - np.eye(3)).max() < _SAME:
        return None
    values, vectors = np.linalg.eigh(_symmetric(proper))
    return np.asarray(vectors[:, values.argmax()])


def _crossing(first: Vector | None, second: Vector | None) -> bool:
    if first is None or second is None:
        return False
    return float(np.linalg.norm(np.cross(first, second))) > 1e-3  # noqa: PLR2004


def _frame(first: Vector | None, second: Vector | None) -> RotationMatrix:
    """A right-handed frame with ``first`` as its first column."""
    x = np.asarray(first)
    if second is None:
        second = np.eye(3)[np.abs(x).argmin()]
    z = np.cross(x, second)
    z /= np.linalg.norm(z)
    return np.column_stack([x, np.cross(z, x), z])


def _onto(source: RotationMatrix, target: RotationMatrix) -> RotationMatrix:
    return np.asarray(target @ source.T)


def _contains(rotations: RotationMatrices, element: RotationMatrix) -> bool:
    return bool((np.abs(rotations - element).max(axis=(1, 2)) < 1e-4).any())  # noqa: PLR2004
