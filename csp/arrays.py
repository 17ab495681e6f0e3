"""Named array types: what every array of the library means, its shape and unit.

Lattice vectors are rows: ``cartesian = fractional @ cell``. Arrays held by the
frozen dataclasses are read-only; :func:`read_only` makes them so.
"""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

Positions: TypeAlias = Float[np.ndarray, "n_atoms 3"]
"""Cartesian positions, Å; row ``i`` is atom ``i``."""

FractionalPositions: TypeAlias = Float[np.ndarray, "n_atoms 3"]
"""Positions in units of the lattice vectors; row ``i`` is atom ``i``."""

AtomicNumbers: TypeAlias = Int[np.ndarray, " n_atoms"]
"""Atomic number of each atom."""

Bonds: TypeAlias = Int[np.ndarray, "n_bonds 2"]
"""Indices of the two atoms of each covalent bond, the smaller first."""

Vector: TypeAlias = Float[np.ndarray, "3"]
"""One Cartesian or fractional vector."""

Vectors: TypeAlias = Float[np.ndarray, "_ 3"]
"""Cartesian or fractional vectors, one a row."""

Cell: TypeAlias = Float[np.ndarray, "3 3"]
"""Lattice vectors as rows, Å."""

CellParameters: TypeAlias = Float[np.ndarray, "6"]
"""a, b, c in Å and α, β, γ in degrees."""

Moments: TypeAlias = Float[np.ndarray, "_ 25"]
"""Multipole moments Q00, Q10, Q11c, … Q44s of each site, e Å^l; see ``Multipoles``."""

RotationMatrix: TypeAlias = Float[np.ndarray, "3 3"]
"""Orthogonal matrix acting on columns: ``x' = R x``."""

RotationMatrices: TypeAlias = Float[np.ndarray, "_ 3 3"]
"""Orthogonal matrices, or integer ones in fractional coordinates."""

Quaternion: TypeAlias = Float[np.ndarray, "4"]
"""Unit quaternion, scalar first."""

Scalars: TypeAlias = Float[np.ndarray, " _"]
"""Numbers, as many as there are."""

Matrix: TypeAlias = Float[np.ndarray, "_ _"]
"""A matrix of real numbers."""

Indices: TypeAlias = Int[np.ndarray, " _"]
"""Indices, as many as there are."""

IndexMatrix: TypeAlias = Int[np.ndarray, "_ _"]
"""A matrix of whole numbers."""

Permutations: TypeAlias = Int[np.ndarray, "n_permutations n_atoms"]
"""Row ``k`` sends atom ``i`` to atom ``permutations[k, i]``."""

Mask: TypeAlias = Bool[np.ndarray, " _"]
"""True or false, as many as there are."""


def read_only(array: Any, dtype: type = np.float64) -> np.ndarray:  # noqa: ANN401
    """A contiguous copy that nobody can change."""
    copy: np.ndarray = np.array(array, dtype=dtype, order="C")
    copy.setflags(write=False)
    return copy
