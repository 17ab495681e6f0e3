"""What surrounds the atoms of a crystal: SOAP power spectra, averaged by element.

The average is per atom, so neither the choice of cell nor its origin, its orientation
or the order of its atoms matters.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import spglib
from ase import Atoms
from ase.data import chemical_symbols

from csp.arrays import AtomicNumbers, Indices, Matrix, Scalars
from csp.comparison.reduction import niggli_cell
from csp.crystal import Crystal
from csp.errors import InputError

with warnings.catch_warnings():
    # docstrings of dscribe hold invalid escape sequences
    warnings.simplefilter("ignore")
    from dscribe.descriptors import SOAP

_SYMMETRIC = 1e-5
"""Atoms this close to their symmetric places may be equivalent, Å."""
_SAME_SURROUNDINGS = 1e-7
"""Largest relative difference of the power spectra of equivalent atoms."""
_LONGEST_CUTOFF = 15.0


@dataclass(frozen=True, slots=True)
class SoapSettings:
    """How far and how finely an atom sees its neighbours.

    The density of the neighbours of an atom is a sum of Gaussians; each counts with
    the weight (1 + 2 (r/c)³ − 3 (r/c)²)^m of its distance r, zero at the cutoff c, so
    that contacts between molecules count more than what lies behind them.

    Attributes:
        cutoff: c, Å.
        steepness: m; 0 for equal weights.
        n_max: Radial functions.
        l_max: Largest degree of the angular functions.
        width: Standard deviation of the Gaussians, Å.

    References:
        Bartók, Kondor & Csányi, Phys. Rev. B 87, 184115 (2013); Himanen et al.,
        Comput. Phys. Commun. 247, 106949 (2020).
    """

    cutoff: float = 7.0
    steepness: int = 3
    n_max: int = 4
    l_max: int = 3
    width: float = 0.4

    def __post_init__(self) -> None:
        if not 1.5 <= self.cutoff <= _LONGEST_CUTOFF:  # noqa: PLR2004
            raise InputError(
                f"the cutoff of SOAP must lie between 1.5 and {_LONGEST_CUTOFF:g} Å, "
                f"got {self.cutoff:g}"
            )
        if not (self.n_max >= 1 and self.l_max >= 0 and self.steepness >= 0):
            raise InputError(
                "SOAP needs n_max of at least 1 and l_max and steepness of at least 0, "
                f"got {self.n_max}, {self.l_max} and {self.steepness}"
            )
        if not 0.05 <= self.width <= 2.0:  # noqa: PLR2004
            raise InputError(
                f"the width of SOAP must lie between 0.05 and 2 Å, got {self.width:g}"
            )

    @property
    def text(self) -> str:
        """Everything that decides a number."""
        return json.dumps(asdict(self), sort_keys=True)


class Surroundings(NamedTuple):
    """Power spectra of the atoms of one crystal that differ by symmetry.

    Attributes:
        atomic_numbers: Element of each.
        shares: How many atoms of the cell each stands for.
        spectra: One row each.
    """

    atomic_numbers: AtomicNumbers
    shares: Scalars
    spectra: Matrix


def elements_of(crystals: Sequence[Crystal]) -> tuple[int, ...]:
    """Atomic numbers of all elements of some crystals, ascending."""
    return tuple(
        int(z) for z in np.unique(np.concatenate([c.atomic_numbers for c in crystals]))
    )


def surroundings(
    crystal: Crystal, elements: tuple[int, ...], settings: SoapSettings
) -> Surroundings:
    """SOAP power spectra of a crystal, of symmetry-equivalent atoms once.

    The atoms are wrapped into the reduced cell: dscribe's spectra of atoms outside it
    lack neighbours. One more atom of each set of equivalent ones is computed; if they
    do not agree, as where a relaxation has broken the symmetry a little, all are.

    Args:
        crystal: Any cell of it.
        elements: Atomic numbers, ascending; the same for all crystals of a pool.
        settings: Range and resolution.
    """
    soap = _soap(elements, settings)
    atoms = Atoms(
        crystal.atomic_numbers,
        positions=crystal.positions,
        cell=niggli_cell(crystal.cell),
        pbc=True,
    )
    atoms.wrap()
    same = equivalent_atoms(atoms)
    chosen, shares = np.unique(same, return_counts=True)
    last = np.array([np.flatnonzero(same == i)[-1] for i in chosen])
    spectra = _spectra(soap, atoms, chosen)
    check = last != chosen
    if check.any():
        others = _spectra(soap, atoms, last[check])
        gaps = np.linalg.norm(others - spectra[check], axis=1)
        sizes = np.linalg.norm(spectra[check], axis=1)
        if np.any(gaps > _SAME_SURROUNDINGS * sizes):
            chosen, shares = np.arange(len(atoms)), np.ones(len(atoms), dtype=int)
            spectra = _spectra(soap, atoms, chosen)
    return Surroundings(crystal.atomic_numbers[chosen], shares.astype(float), spectra)


def equivalent_atoms(atoms: Atoms) -> Indices:
    """For each atom the first one that a symmetry operation takes it to."""
    form = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    try:
        found = spglib.get_symmetry_dataset(form, symprec=_SYMMETRIC)
    except spglib.SpglibError:
        found = None
    return np.arange(len(atoms)) if found is None else np.array(found.equivalent_atoms)


def element_averages(
    crystal: Crystal, elements: tuple[int, ...], settings: SoapSettings
) -> Matrix:
    """Mean power spectrum of the atoms of each element; one row an element.

    Row Z is √n_Z ⟨p_i⟩, with n_Z the number of atoms of the element in a formula unit
    and zero where it has none, so that the inner product of two crystals is an energy
    kernel per formula unit.
    """
    found = surroundings(crystal, elements, settings)
    rows = []
    for element in elements:
        weights = np.where(found.atomic_numbers == element, found.shares, 0.0)
        n_atoms = weights.sum()
        mean = weights @ found.spectra / max(n_atoms, 1.0)
        rows.append(np.sqrt(n_atoms / crystal.n_formula_units) * mean)
    return np.array(rows)


@lru_cache(maxsize=8)
def _soap(elements: tuple[int, ...], settings: SoapSettings) -> SOAP:
    weighting = {
        "function": "poly",
        "c": 1.0,
        "m": settings.steepness,
        "r0": settings.cutoff,
    }
    return SOAP(
        species=[chemical_symbols[z] for z in elements],
        periodic=True,
        r_cut=settings.cutoff,
        n_max=settings.n_max,
        l_max=settings.l_max,
        sigma=settings.width,
        weighting=weighting if settings.steepness else None,
        dtype="float64",
    )


def _spectra(soap: SOAP, atoms: Atoms, chosen: Indices) -> Matrix:
    found = soap.create(atoms, centers=chosen.tolist(), n_jobs=1)
    return np.asarray(found, dtype=float).reshape(len(chosen), -1)
