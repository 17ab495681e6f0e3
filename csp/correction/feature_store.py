"""Descriptors kept on disk, one file a structure, found by what they were made from."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from csp.arrays import Matrix
from csp.crystal import Crystal
from csp.files import write_atomically


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """Descriptors of crystals, computed once.

    Attributes:
        folder: Where they are kept; None for nowhere.
    """

    folder: Path | None = None

    def matrix(
        self, crystal: Crystal, recipe: str, make: Callable[[], Matrix]
    ) -> Matrix:
        """The descriptor of a crystal, read or made.

        Args:
            crystal: What it describes; another cell of the same crystal is another.
            recipe: Everything else that decides its numbers.
            make: Computes it.
        """
        if self.folder is None:
            return make()
        key = digest_of(crystal, recipe)
        path = self.folder / key[:2] / f"{key}.npy"
        found = _read(path)
        if found is None:
            found = make()
            stream = io.BytesIO()
            np.save(stream, found, allow_pickle=False)
            write_atomically(path, stream.getvalue())
        return found


def digest_of(crystal: Crystal, recipe: str) -> str:
    """Name of a descriptor: of the crystal as it is given, and of its recipe."""
    digest = hashlib.sha256(recipe.encode())
    for array in (crystal.cell, crystal.atomic_numbers, crystal.positions):
        digest.update(repr(array.shape).encode() + array.tobytes())
    digest.update(str(crystal.n_formula_units).encode())
    return digest.hexdigest()


def _read(path: Path) -> Matrix | None:
    """A file's matrix; None where there is none, or a damaged one."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return np.asarray(found) if np.ndim(found) == 2 else None  # noqa: PLR2004
