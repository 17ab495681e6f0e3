"""How alike two crystals are: kernels, all as features whose products they are.

``k(i, j) = φ_i · φ_j``, per formula unit, so that no choice of cell can matter;
centred over the pool and of unit mean variance, so that one prior fits every kernel. As
a product of features no kernel matrix can fail to be positive semidefinite.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

from csp.arrays import Matrix, Scalars
from csp.correction.contacts import ContactSettings, contact_densities
from csp.correction.descriptors import (
    SoapSettings,
    element_averages,
    elements_of,
    surroundings,
)
from csp.correction.feature_store import FeatureStore
from csp.crystal import Crystal
from csp.errors import InputError
from csp.records import Progress

with warnings.catch_warnings():
    # docstrings of dscribe hold invalid escape sequences
    warnings.simplefilter("ignore")
    from dscribe.kernels import REMatchKernel

_SMALLEST_SINGULAR = 1e-5
"""Relative; smaller directions of the features are left out."""
_SMALLEST_PIVOT = 1e-10
_HIGHEST_RANK = 1500
_MATCHED = 1e-12
"""Where the iterations of a best match end."""
_SILENT_BLOCK = 1e-9
"""An element whose surroundings vary relatively less than this says nothing."""


class CrystalKernel(Protocol):
    """A kernel between crystals."""

    def features(
        self, crystals: Sequence[Crystal], store: FeatureStore, progress: Progress
    ) -> Matrix:
        """Φ of a pool: one row a crystal, centred, of unit mean square length."""
        ...


@dataclass(frozen=True, slots=True)
class ElementKernel:
    """Average surroundings of each element, compared element by element.

    k = Σ_Z w_Z (x_Z · x'_Z)^ζ; every element's part is scaled to the same variance over
    the pool before it gets its weight.

    Attributes:
        soap: Range and resolution.
        power: ζ; 1 for the linear kernel, otherwise of normalised averages.
        element_weights: w_Z by atomic number; 1 where none is given.
    """

    soap: SoapSettings = field(default_factory=SoapSettings)
    power: int = 1
    element_weights: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if self.power < 1 or any(weight < 0.0 for _, weight in self.element_weights):
            raise InputError(
                "a kernel needs a power of at least 1 and weights of at least 0, got "
                f"{self.power} and {dict(self.element_weights)}"
            )

    def features(
        self, crystals: Sequence[Crystal], store: FeatureStore, progress: Progress
    ) -> Matrix:
        """Φ; linear ones of the averages themselves, others by a Cholesky factor."""
        elements = elements_of(crystals)
        averages = described(
            crystals,
            f"element averages {elements} {self.soap.text}",
            lambda crystal: element_averages(crystal, elements, self.soap),
            (store, progress),
        )
        weights = dict(self.element_weights)
        blocks = [
            np.sqrt(weights.get(z, 1.0)) * self._block(rows)
            for z, rows in zip(elements, np.stack(averages, axis=1), strict=True)
        ]
        return compressed(np.hstack(blocks))

    def _block(self, averages: Matrix) -> Matrix:
        """Features of one element, of unit variance."""
        if self.power > 1:
            lengths = np.linalg.norm(averages, axis=1)
            unit = averages / np.where(lengths > 0.0, lengths, 1.0)[:, None]
            averages = features_of_kernel(
                lambda i: (unit @ unit[i]) ** self.power, np.sum(unit**2, axis=1)
            )
        return unit_variance(averages)


@dataclass(frozen=True, slots=True)
class AverageKernel:
    """The average surroundings of all atoms, whatever their elements.

    Attributes:
        soap: Range and resolution.
    """

    soap: SoapSettings = field(default_factory=SoapSettings)

    def features(
        self, crystals: Sequence[Crystal], store: FeatureStore, progress: Progress
    ) -> Matrix:
        """Φ."""
        elements = elements_of(crystals)

        def make(crystal: Crystal) -> Matrix:
            found = surroundings(crystal, elements, self.soap)
            return np.asarray(found.shares @ found.spectra / found.shares.sum())[None]

        recipe = f"average {elements} {self.soap.text}"
        rows = described(crystals, recipe, make, (store, progress))
        return compressed(np.vstack(rows))


@dataclass(frozen=True, slots=True)
class REMatchSoapKernel:
    """The best match of single surroundings, by dscribe; slow beyond some hundreds.

    Attributes:
        soap: Range and resolution.
        entropy: Between the best match (0) and the average (infinity).

    References:
        De, Bartók, Csányi & Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016).
    """

    soap: SoapSettings = field(default_factory=SoapSettings)
    entropy: float = 0.1

    def features(
        self, crystals: Sequence[Crystal], store: FeatureStore, progress: Progress
    ) -> Matrix:
        """Φ, by a Cholesky factor of the kernel matrix."""
        elements = elements_of(crystals)

        def make(crystal: Crystal) -> Matrix:
            found = surroundings(crystal, elements, self.soap)
            copies = np.rint(found.shares / found.shares.min()).astype(int)
            rows = np.repeat(found.spectra, copies, axis=0)
            return np.asarray(rows / np.linalg.norm(rows, axis=1)[:, None])

        recipe = f"surroundings {elements} {self.soap.text}"
        spectra = described(crystals, recipe, make, (store, progress))
        match = REMatchKernel(
            metric="linear",
            alpha=self.entropy,
            threshold=_MATCHED,
            normalize_kernel=True,
        )
        gram = np.asarray(match.create(spectra))
        return compressed(features_of_kernel(lambda i: gram[i], np.diag(gram)))


@dataclass(frozen=True, slots=True)
class ContactKernel:
    """How many contacts of each pair of elements there are at each distance.

    Attributes:
        contacts: Range and resolution.
    """

    contacts: ContactSettings = field(default_factory=ContactSettings)

    def features(
        self, crystals: Sequence[Crystal], store: FeatureStore, progress: Progress
    ) -> Matrix:
        """Φ."""
        elements = elements_of(crystals)
        rows = described(
            crystals,
            f"contacts {elements} {self.contacts}",
            lambda crystal: contact_densities(crystal, elements, self.contacts),
            (store, progress),
        )
        blocks = [unit_variance(block) for block in np.stack(rows, axis=1)]
        return compressed(np.hstack(blocks))


def described(
    crystals: Sequence[Crystal],
    recipe: str,
    make: Callable[[Crystal], Matrix],
    context: tuple[FeatureStore, Progress],
) -> list[Matrix]:
    """The descriptor of each crystal, from the store where it is there.

    Args:
        crystals: What to describe.
        recipe: Everything that decides numbers besides the crystal.
        make: Computes one descriptor.
        context: Where descriptors are kept, and who is told.
    """
    store, progress = context
    found = []
    for done, crystal in enumerate(crystals, 1):
        found.append(store.matrix(crystal, recipe, partial(make, crystal)))
        progress("describing", done, len(crystals))
    return found


def unit_variance(rows: Matrix) -> Matrix:
    """Rows of a pool, centred, with a mean square length of one; or all zero."""
    size = float(np.sqrt(np.mean(np.sum(rows**2, axis=1))))
    centred = rows - rows.mean(axis=0)
    spread = float(np.sqrt(np.mean(np.sum(centred**2, axis=1))))
    if spread <= _SILENT_BLOCK * size:
        return np.zeros_like(centred)
    return np.asarray(centred / spread)


def compressed(rows: Matrix) -> Matrix:
    """The same products of all pairs with as few columns as there are directions.

    Directions with singular values below 1e-5 of the largest are left out: they hold
    less than 1e-10 of the variance.

    Raises:
        InputError: If there is no difference between the crystals.
    """
    centred = unit_variance(rows)
    if not np.any(centred):
        raise InputError(
            "the crystals do not differ in their surroundings: there is nothing to "
            "learn from"
        )
    if centred.shape[0] < centred.shape[1]:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        kept = values > _SMALLEST_SINGULAR**2 * values[-1]
        found = vectors[:, kept] * np.sqrt(values[kept])
    else:
        values, vectors = np.linalg.eigh(centred.T @ centred)
        kept = values > _SMALLEST_SINGULAR**2 * values[-1]
        found = centred @ vectors[:, kept]
    return unit_variance(np.ascontiguousarray(found[:, ::-1]))


def features_of_kernel(column: Callable[[int], Scalars], diagonal: Scalars) -> Matrix:
    """Features with the products of a kernel, by its pivoted Cholesky factor.

    Pivots are added until the largest variance that is not covered is 1e-10 of the
    largest of all, or the rank is 1500: what is left out then is below any noise or
    cannot be afforded.

    Args:
        column: k of all crystals with the i-th.
        diagonal: k of each with itself.

    References:
        Harbrecht, Peters & Schneider, Appl. Numer. Math. 62, 428 (2012).
    """
    n = len(diagonal)
    left = np.array(diagonal, dtype=float)
    factor = np.zeros((n, min(n, _HIGHEST_RANK)))
    enough = _SMALLEST_PIVOT * float(left.max())
    for rank in range(factor.shape[1]):
        pivot = int(np.argmax(left))
        if left[pivot] <= enough:
            return factor[:, :rank]
        known = factor[:, :rank] @ factor[pivot, :rank]
        factor[:, rank] = (column(pivot) - known) / np.sqrt(left[pivot])
        left = np.maximum(left - factor[:, rank] ** 2, 0.0)
        left[pivot] = 0.0
    return factor
