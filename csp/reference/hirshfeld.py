"""Hirshfeld volumes of atoms in molecules and molecular crystals (through PySCF).

Every atom has the share of the electron density that it would have if all atoms were
free. How large it then is, compared with the free atom, scales the polarisabilities of
many-body dispersion::

    V_A / V_A(free) = ∫ |r − R_A|³ w_A(r) ρ(r) dr / ∫ r³ n_A(r) dr
    w_A(r) = n_A(|r − R_A|) / Σ_B n_B(|r − R_B|)

with n the density of the free, spherical, unpolarised atom. ρ of a crystal is the sum
of the densities of its molecules, each as if isolated; both it and the sum over B have
the whole molecules around. Since ρ / Σ n is near 1 and smooth even at the nuclei, each
integral is taken on one grid, around A. Molecules and free atoms share a basis: what it
lacks in cusps and tails cancels in that quotient.

References:
    Hirshfeld, Theor. Chim. Acta 44, 129 (1977), for the weights; Tkatchenko &
    Scheffler, Phys. Rev. Lett. 102, 073005 (2009), for the volumes.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from ase.data import chemical_symbols
from pyscf import gto
from pyscf.dft import gen_grid, numint, radi
from pyscf.scf.atom_ks import AtomSphericAverageRKS
from scipy.interpolate import CubicSpline
from scipy.spatial.distance import cdist

from csp.arrays import (
    AtomicNumbers,
    Matrix,
    Positions,
    RotationMatrix,
    Scalars,
    Vector,
    Vectors,
)
from csp.conformers.density_functional import quiet_scratch
from csp.crystal import Crystal
from csp.errors import ConvergenceError
from csp.geometry import overlay
from csp.reference.dimers import molecules_of, translations
from csp.reference.fragment import Fragment, fragment_of, mapping
from csp.reference.fragment_energies import Method, Start, start_of
from csp.units import ANGSTROM_PER_BOHR

METHOD = Method(("pbe",), "aug-cc-pvdz", grid_level=3)
"""Ratios of β oxalic acid differ from those of aug-cc-pvtz by 0.003 in the crystal and
0.007 in the gas phase. Diffuse functions matter: def2-tzvp is 0.009 and 0.028 away. The
grid decides on less than 0.001."""
CUTOFF = 6.0
"""Å; molecules with an atom closer than this to one of a molecule are around it. From
5 to 7 Å no ratio of β oxalic acid changes by more than 0.0015."""
END_BOHR = 15.0
"""Free atoms have no density beyond. Of hydrogen's volume 0.1 % lie beyond 12 bohr."""

_SHELL = 4.0
"""Å; molecules are alike if the atoms this close to them are."""
_KNOTS = 1500
"""Of the spline of a free atom's density."""
_NEGLIGIBLE = 1e-8
"""Share of a free atom's electrons and volume that a point must have to be kept."""
_EMPTY = 1e-9
"""Eigenvalues of a density matrix below this are rounding."""
_POINTS = 4000
"""Of the grid at a time."""

StartOf: TypeAlias = Callable[[Fragment, Method], Start]
"""What solves a molecule, or remembers a congruent one in any place and order."""


class Hirshfeld(NamedTuple):
    """The atoms' shares of the density, in the order of the atoms.

    Attributes:
        volume_ratios: V_A / V_A(free).
        populations: ∫ w_A ρ dr, electrons.
    """

    volume_ratios: Scalars
    populations: Scalars


@dataclass(frozen=True, eq=False, slots=True)
class FreeAtom:
    """The spherical, unpolarised, neutral atom.

    Attributes:
        logarithm: Of the density, bohr^-3, at a distance from the nucleus, bohr.
        volume: ∫ r³ n(r) dr, bohr³.
    """

    logarithm: CubicSpline
    volume: float

    def density(self, distances_bohr: Scalars) -> Scalars:
        """Electrons per bohr³; none beyond ``END_BOHR``."""
        result = np.zeros(len(distances_bohr))
        inside = distances_bohr < END_BOHR
        result[inside] = np.exp(self.logarithm(distances_bohr[inside]))
        return result


@dataclass(frozen=True, eq=False, slots=True)
class _Density:
    """The electron density of an isolated molecule.

    Attributes:
        fragment: The molecule.
        system: It and its basis.
        orbitals: (functions, occupied); their squares add up to the density.
    """

    fragment: Fragment
    system: gto.Mole
    orbitals: Matrix

    def values(self, points_bohr: Vectors) -> Scalars:
        """Electrons per bohr³; none at points far from every atom."""
        distances = cdist(points_bohr, self.system.atom_coords()).min(axis=1)
        result = np.zeros(len(points_bohr))
        near = np.flatnonzero(distances < END_BOHR)
        for low in range(0, len(near), _POINTS):
            part = near[low : low + _POINTS]
            functions = numint.eval_ao(self.system, points_bohr[part])
            result[part] = ((functions @ self.orbitals) ** 2).sum(axis=1)
        return result


@dataclass(frozen=True, eq=False, slots=True)
class _Placed:
    """A molecule in its place.

    Attributes:
        numbers: Atomic numbers.
        positions: Å.
        density: Of a congruent molecule.
        rotation: By which that one comes here, before the translation; maybe improper.
        translation: Å.
    """

    numbers: AtomicNumbers
    positions: Positions
    density: _Density
    rotation: RotationMatrix
    translation: Vector

    def moved(self, step: Vector) -> "_Placed":
        """The molecule moved, Å."""
        return replace(
            self, positions=self.positions + step, translation=self.translation + step
        )

    def values(self, points_bohr: Vectors) -> Scalars:
        """Its density, electrons per bohr³, taken where the congruent one has it."""
        shifted = points_bohr - self.translation / ANGSTROM_PER_BOHR
        return self.density.values(shifted @ self.rotation)


def volume_ratios_of_molecule(
    molecule: Fragment, method: Method = METHOD, solve: StartOf | None = None
) -> Scalars:
    """Volumes only: see :func:`hirshfeld_of_molecule`."""
    return hirshfeld_of_molecule(molecule, method, solve).volume_ratios


def volume_ratios_of_crystal(
    crystal: Crystal, method: Method = METHOD, solve: StartOf | None = None
) -> Scalars:
    """Volumes only: see :func:`hirshfeld_of_crystal`."""
    return hirshfeld_of_crystal(crystal, method, solve).volume_ratios


def hirshfeld_of_molecule(
    molecule: Fragment, method: Method = METHOD, solve: StartOf | None = None
) -> Hirshfeld:
    """The atoms of an isolated molecule.

    Args:
        molecule: One neutral molecule.
        method: Its last functional and its basis make molecule and free atoms.
        solve: As for :func:`hirshfeld_of_crystal`.

    Raises:
        ConvergenceError: If a field does not converge.
        InputError: If the molecule is a radical, or has no such basis.
    """
    start = (solve or solved_start)(molecule, method)
    return _shares(_placed(molecule, _density_of(start)), (), method)


def hirshfeld_of_crystal(
    crystal: Crystal, method: Method = METHOD, solve: StartOf | None = None
) -> Hirshfeld:
    """The atoms of a crystal of neutral molecules, in its own order.

    Molecules with congruent surroundings are evaluated once.

    Args:
        crystal: Its molecules are unbroken.
        method: Its last functional and its basis make molecules and free atoms.
        solve: Called once for all congruent molecules; may remember those of other
            crystals. None solves each.

    Raises:
        ConvergenceError: If a field does not converge.
        InputError: If a molecule is a radical, or has no such basis.
    """
    molecules = _molecules(crystal, method, solve or solved_start)
    ratios, populations = np.empty((2, len(crystal.atomic_numbers)))
    known: list[tuple[Fragment, Hirshfeld]] = []
    for k, molecule in enumerate(molecules):
        around = list(_around(molecule, molecules, crystal))
        surrounded = _surrounded(molecule, around)
        found = _recalled(surrounded, known)
        if found is None:
            found = _shares(molecule, around, method)
            known.append((surrounded, found))
        atoms = np.flatnonzero(crystal.molecule_of_atom == k)
        ratios[atoms], populations[atoms] = found
    return Hirshfeld(ratios, populations)


def solved_start(molecule: Fragment, method: Method) -> Start:
    """The density of a molecule, with more care if it does not converge at once."""
    try:
        return start_of(molecule, method)
    except ConvergenceError:
        return start_of(molecule, method, attempt=1)


@lru_cache
def free_atom(number: int, functional: str, basis: str) -> FreeAtom:
    """A free atom, its shells evenly filled.

    Raises:
        ConvergenceError: If its field does not converge.
    """
    symbol = chemical_symbols[number]
    atom = gto.M(
        atom=[(symbol, (0.0, 0.0, 0.0))], basis=basis, spin=number % 2, verbose=0
    )
    with quiet_scratch(), warnings.catch_warnings():
        # PySCF warns of a function that it calls itself
        warnings.simplefilter("ignore", DeprecationWarning)
        field = AtomSphericAverageRKS(atom)
        field.xc = functional
        field.kernel()
    if not field.converged:
        raise ConvergenceError(
            f"the self-consistent field of the free atom {symbol} does not converge "
            f"with {functional}/{basis}: choose another basis"
        )
    distances = END_BOHR * np.linspace(0.0, 1.0, _KNOTS) ** 2
    along = np.outer(distances, [0.0, 0.0, 1.0])
    functions = numint.eval_ao(atom, along)
    density = (functions @ field.mo_coeff) ** 2 @ field.mo_occ
    logarithm = CubicSpline(distances, np.log(density))
    return FreeAtom(logarithm, _volume(logarithm))


def _volume(logarithm: CubicSpline) -> float:
    """∫ r³ n(r) dr = 4π ∫ r⁵ n(r) dr, bohr³."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    r = 0.5 * END_BOHR * (nodes + 1.0)
    return float(2.0 * np.pi * END_BOHR * weights @ (r**5 * np.exp(logarithm(r))))


def _density_of(start: Start) -> _Density:
    """The density of the last functional."""
    occupation, orbitals = np.linalg.eigh(start.densities[-1])
    filled = occupation > _EMPTY
    scaled = orbitals[:, filled] * np.sqrt(occupation[filled])
    return _Density(start.fragment, start.system, scaled)


def _placed(molecule: Fragment, density: _Density) -> _Placed:
    """A molecule with the density of a congruent one."""
    order = mapping(density.fragment, molecule)
    if order is None:
        raise ValueError("the density is of another molecule")
    known, target = density.fragment.positions, molecule.positions[order]
    fits = [overlay(known, target, improper=hand) for hand in (False, True)]
    best = min(fits, key=lambda fit: fit.rmsd)
    return _Placed(
        molecule.numbers, molecule.positions, density, best.rotation, best.translation
    )


def _molecules(crystal: Crystal, method: Method, solve: StartOf) -> list[_Placed]:
    """All molecules of the cell; congruent ones share a density."""
    densities: list[_Density] = []
    result: list[_Placed] = []
    for atoms in molecules_of(crystal):
        molecule = fragment_of([atoms])
        for density in densities:
            if mapping(density.fragment, molecule) is not None:
                break
        else:
            density = _density_of(solve(molecule, method))
            densities.append(density)
        result.append(_placed(molecule, density))
    return result


def _around(
    molecule: _Placed, molecules: Sequence[_Placed], crystal: Crystal
) -> Iterator[_Placed]:
    """Whole molecules with an atom close to one of a molecule."""
    for other in molecules:
        steps = translations(molecule.positions, other.positions, crystal.cell, CUTOFF)
        for step in steps:
            if other is molecule and not any(step):
                continue
            there = other.moved(np.array(step) @ crystal.cell)
            if cdist(molecule.positions, there.positions).min() < CUTOFF:
                yield there


def _surrounded(molecule: _Placed, around: Sequence[_Placed]) -> Fragment:
    """A molecule, and as a second one the atoms closest to it."""
    parts = [(molecule.numbers, molecule.positions)]
    if around:
        numbers = np.concatenate([other.numbers for other in around])
        positions = np.concatenate([other.positions for other in around])
        near = cdist(positions, molecule.positions).min(axis=1) < _SHELL
        if near.any():
            parts.append((numbers[near], positions[near]))
    return fragment_of(parts)


def _recalled(
    surrounded: Fragment, known: Sequence[tuple[Fragment, Hirshfeld]]
) -> Hirshfeld | None:
    """The shares of a molecule whose surroundings are congruent to known ones."""
    n = surrounded.sizes[0]
    for other, shares in known:
        order = mapping(surrounded, other) if other.sizes[0] == n else None
        if order is not None and order[:n].max() < n:
            ratios, populations = shares
            return Hirshfeld(ratios[order[:n]], populations[order[:n]])
    return None


def _shares(molecule: _Placed, around: Sequence[_Placed], method: Method) -> Hirshfeld:
    """What the atoms of a molecule have of the density of all molecules."""
    level = (method.functionals[-1], method.basis)
    rows = []
    for number, position in zip(molecule.numbers, molecule.positions, strict=True):
        free = free_atom(int(number), *level)
        points, weights = _grid(int(number), method)
        there = points + position / ANGSTROM_PER_BOHR
        density, free_density = np.zeros((2, len(there)))
        for other in (molecule, *around):
            density += other.values(there)
            free_density += _free_density(other, there, level)
        electrons = weights * density / free_density
        volume = electrons @ np.linalg.norm(points, axis=1) ** 3
        rows.append((volume / free.volume, electrons.sum()))
    ratios, populations = np.array(rows).T
    return Hirshfeld(ratios, populations)


def _free_density(
    molecule: _Placed, points_bohr: Vectors, level: tuple[str, str]
) -> Scalars:
    """Density if all atoms of a molecule were free, electrons per bohr³."""
    places = molecule.positions / ANGSTROM_PER_BOHR
    total = np.zeros(len(points_bohr))
    for number, place in zip(molecule.numbers, places, strict=True):
        distances = np.linalg.norm(points_bohr - place, axis=1)
        total += free_atom(int(number), *level).density(distances)
    return total


@lru_cache
def _grid(number: int, method: Method) -> tuple[Vectors, Scalars]:
    """Points around a nucleus, bohr, and their electrons if the atom were free."""
    atom = gto.M(
        atom=[(chemical_symbols[number], (0.0, 0.0, 0.0))], spin=number % 2, verbose=0
    )
    ((points, weights),) = gen_grid.gen_atomic_grids(
        atom,
        level=method.grid_level,
        radi_method=radi.treutler_ahlrichs,
        prune=gen_grid.nwchem_prune,
    ).values()
    free = free_atom(number, method.functionals[-1], method.basis)
    distances = np.linalg.norm(points, axis=1)
    electrons = weights * free.density(distances)
    share = electrons * (1.0 / number + distances**3 / free.volume)
    kept = np.abs(share) > _NEGLIGIBLE  # some of Lebedev's weights are negative
    return points[kept], electrons[kept]
