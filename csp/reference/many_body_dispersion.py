"""Many-body dispersion, MBD@rsSCS, of a molecule or a crystal from Hirshfeld volumes.

Every atom is a harmonic oscillator, and all of them are coupled by their dipoles. The
polarisabilities are first screened at short range, then the long-range coupling is
diagonalised. Inside this module lengths are in bohr and energies in hartree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse
from ase.data import chemical_symbols
from ase.neighborlist import primitive_neighbor_list
from scipy.special import erf, erfc, expit

from csp.arrays import (
    AtomicNumbers,
    Cell,
    Indices,
    Matrix,
    Positions,
    Scalars,
    Vector,
    Vectors,
)
from csp.errors import ConvergenceError, InputError
from csp.reference.kpoints import kpoint_mesh
from csp.units import ANGSTROM_PER_BOHR, KJ_PER_MOL_PER_HARTREE

RANGE_PARAMETERS = {"pbe": 0.83, "pbe0": 0.85}
"""β, by the functional: Ambrosetti et al. (2014)."""
STEEPNESS = 6.0
"""Of the damping function: a of Ambrosetti et al. (2014)."""
FREE_ATOMS = {
    "H": (4.5, 6.5, 3.10),
    "B": (21.0, 99.5, 3.89),
    "C": (12.0, 46.6, 3.59),
    "N": (7.4, 24.2, 3.34),
    "O": (5.4, 15.6, 3.19),
    "F": (3.8, 9.52, 3.04),
    "Si": (37.0, 305.0, 4.20),
    "P": (25.0, 185.0, 4.01),
    "S": (19.6, 134.0, 3.86),
    "Cl": (15.0, 94.6, 3.71),
    "Ar": (11.1, 64.3, 3.55),
    "Br": (20.0, 162.0, 3.93),
    "I": (35.0, 385.0, 4.17),
}
"""Polarisability, bohr³, C6, hartree bohr⁶, and van der Waals radius, bohr.

The first two are those of Chu & Dalgarno, J. Chem. Phys. 121, 4083 (2004), the radii
those of Tkatchenko & Scheffler, Phys. Rev. Lett. 102, 073005 (2009).
"""
N_FREQUENCIES = 15
"""Points of the integral over imaginary frequencies."""
FREQUENCY_SCALE = 0.6
"""hartree; half of the points lie below it."""
KPOINT_SPACING = 0.25
"""Å⁻¹, with the factor 2π; converges crystals to 0.01 kJ/mol of molecules."""
LEAST_DAMPING = 1e-7
"""Of the short-range part of a pair's coupling: beyond, it is left out."""
EWALD_EXPONENT = 5.0
"""x; both sums of Ewald end where their terms have fallen to exp(−x²)."""
EWALD_RADIUS = 1.5
"""Least reach of the direct sum, in units of the cube root of the cell's volume."""


@dataclass(frozen=True, slots=True, eq=False)
class Oscillators:
    """Atoms as harmonic dipoles, in atomic units.

    Attributes:
        polarisabilities: Static, bohr³.
        frequencies: ω, hartree.
        radii: Of van der Waals, bohr.
    """

    polarisabilities: Scalars
    frequencies: Scalars
    radii: Scalars


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All pairs of atoms within a radius, each in both orders, in bohr.

    Attributes:
        positions: Of the atoms.
        lattice: Vectors as rows; None for a molecule.
        radius: Infinite for a molecule.
        first: Index of an atom.
        second: Index of the other one.
        translations: L, of the second one.
    """

    positions: Vectors
    lattice: Cell | None
    radius: float
    first: Indices
    second: Indices
    translations: Vectors

    @property
    def vectors(self) -> Vectors:
        """r_second + L − r_first, bohr."""
        steps = self.positions[self.second] - self.positions[self.first]
        return np.asarray(steps + self.translations)

    @property
    def distances(self) -> Scalars:
        """|r_second + L − r_first|, bohr."""
        return np.asarray(np.linalg.norm(self.vectors, axis=1))

    def lattice_sum(self, tensors: np.ndarray, kpoint: Vector) -> np.ndarray:
        """Σ_L T_ij(L) exp(i k·L), three rows and columns an atom, of every pair's T."""
        n, n_pairs = len(self.positions), len(self.first)
        phases = np.ones(n_pairs)
        if kpoint.any():
            phases = np.exp(1j * (self.translations @ kpoint))
        entries = (self.first * n + self.second, np.arange(n_pairs))
        gather = scipy.sparse.csr_matrix((phases, entries), shape=(n * n, n_pairs))
        blocks = (gather @ tensors.reshape(-1, 9)).reshape(n, n, 3, 3)
        return np.asarray(blocks.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n))


def many_body_dispersion(
    functional: str,
    atoms: tuple[AtomicNumbers, Positions],
    volume_ratios: Scalars,
    cell: Cell | None = None,
) -> float:
    """Energy of many-body dispersion, kJ/mol of cells (of the molecule without one).

    E = ⟨½ Σ_p √λ_p(k)⟩_k − 3/2 Σ_i ω_i, with λ_p(k) the eigenvalues of the matrix
    ω_i² δ_ij + ω_i ω_j √(α_i α_j) T_ij(k), where α and ω are those of the screened
    atoms, and T is the damped dipole tensor.

    The mesh of k-points is shifted by half a step, so that it never holds k = 0, where
    the sum of the bare dipole tensor depends on the shape of the crystal.

    Args:
        functional: The one whose range parameter is used.
        atoms: Atomic numbers and positions, Å.
        volume_ratios: Hirshfeld volume of each atom, over that of the free atom.
        cell: Lattice vectors as rows, Å; None for a molecule.

    Raises:
        InputError: If the functional has no range parameter, an element no reference
            data, or the ratios are not one positive number an atom.
        ConvergenceError: If the coupled dipoles have no stable ground state.

    References:
        Tkatchenko, DiStasio, Car & Scheffler, Phys. Rev. Lett. 108, 236402 (2012);
        Ambrosetti, Reilly, DiStasio & Tkatchenko, J. Chem. Phys. 140, 18A508 (2014).
    """
    if functional not in RANGE_PARAMETERS:
        raise InputError(
            "many-body dispersion has no range parameter for the functional "
            f"{functional!r}: choose one of {', '.join(RANGE_PARAMETERS)}"
        )
    beta = RANGE_PARAMETERS[functional]
    free = oscillators_of(atoms[0], volume_ratios)
    positions = atoms[1] / ANGSTROM_PER_BOHR
    if cell is None:
        pairs = pairs_of_molecule(positions)
        kpoints, weights = np.zeros((1, 3)), np.ones(1)
    else:
        lattice = cell / ANGSTROM_PER_BOHR
        radius = direct_radius(lattice, 2.0 * beta * float(free.radii.max()))
        pairs = pairs_of_crystal(positions, lattice, radius)
        kpoints, weights = half_mesh(lattice, kpoint_mesh(cell, KPOINT_SPACING))
    screened = screened_oscillators(free, pairs, beta)
    couplings = long_range_tensors(pairs, _contacts(screened.radii, beta), kpoints)
    energies = [zero_point_energy(screened, coupling) for coupling in couplings]
    shift = float(weights @ energies) - 1.5 * float(screened.frequencies.sum())
    return shift * KJ_PER_MOL_PER_HARTREE


def oscillators_of(numbers: AtomicNumbers, volume_ratios: Scalars) -> Oscillators:
    """Atoms of some Hirshfeld volumes v, before any screening.

    α = α_free v, C6 = C6_free v², R = R_free ∛v, ω = 4/3 C6 / α².

    Raises:
        InputError: If there are no data of an element, or no positive ratio.

    References:
        Tkatchenko & Scheffler, Phys. Rev. Lett. 102, 073005 (2009).
    """
    symbols = [str(chemical_symbols[number]) for number in numbers]
    unknown = sorted(set(symbols) - set(FREE_ATOMS))
    if unknown:
        raise InputError(
            f"many-body dispersion has no free atoms of {', '.join(unknown)}, only of "
            f"{', '.join(FREE_ATOMS)}"
        )
    if len(volume_ratios) != len(numbers) or not (volume_ratios > 0.0).all():
        raise InputError(
            f"volume_ratios must be one positive number for each of {len(numbers)} "
            f"atoms, got {volume_ratios}"
        )
    alpha, c6, radii = np.array([FREE_ATOMS[symbol] for symbol in symbols]).T
    return Oscillators(
        alpha * volume_ratios, 4.0 / 3.0 * c6 / alpha**2, radii * np.cbrt(volume_ratios)
    )


def screened_oscillators(free: Oscillators, pairs: Pairs, beta: float) -> Oscillators:
    """Atoms whose polarisabilities the others have screened at short range.

    α(iu) = ⅓ Tr Σ_j [(A + T)⁻¹]_ij, where A is 1/α_free(iu), and T couples Gaussian
    dipoles, of width σ_i = ∛(√(2/π) α_i(iu) / 3), at short range only; C6 = 3/π ∫ α² du
    and R = R_free ∛(α / α_free).

    Args:
        free: Before screening.
        pairs: Of these atoms.
        beta: Range parameter of the damping.

    Raises:
        ConvergenceError: If a screened polarisability is not positive.

    References:
        Mayer, Phys. Rev. B 75, 045407 (2007), for the tensor of Gaussian dipoles;
        Ambrosetti et al., J. Chem. Phys. 140, 18A508 (2014), section II.
    """
    frequencies, weights = _imaginary_frequencies()
    remainder = 1.0 - _damping(pairs, _contacts(free.radii, beta))
    screened = np.array(
        [_screened(free, pairs, remainder, u) for u in (0.0, *frequencies)]
    )
    if not (screened > 0.0).all():
        raise ConvergenceError(
            "many-body dispersion failed: the screened polarisability of an atom is "
            "not positive, because atoms are too close or too polarisable"
        )
    alpha, c6 = screened[0], 3.0 / np.pi * weights @ screened[1:] ** 2
    radii = free.radii * np.cbrt(alpha / free.polarisabilities)
    return Oscillators(alpha, 4.0 / 3.0 * c6 / alpha**2, radii)


def zero_point_energy(atoms: Oscillators, coupling: np.ndarray) -> float:
    """½ Σ_p √λ_p of dipoles, hartree, coupled by a tensor, 1/bohr³.

    Raises:
        ConvergenceError: If an eigenvalue is negative.
    """
    scale = np.repeat(atoms.frequencies * np.sqrt(atoms.polarisabilities), 3)
    matrix = scale[:, None] * coupling * scale
    matrix[np.diag_indices_from(matrix)] += np.repeat(atoms.frequencies**2, 3)
    eigenvalues = scipy.linalg.eigvalsh(matrix)
    if eigenvalues[0] < 0.0:
        raise ConvergenceError(
            "many-body dispersion failed: the coupled dipoles have a negative "
            f"eigenvalue, {eigenvalues[0]:.3g} hartree², because atoms are too close "
            "or too polarisable"
        )
    return 0.5 * float(np.sqrt(eigenvalues).sum())


def pairs_of_molecule(positions: Vectors) -> Pairs:
    """All pairs of atoms of a molecule, in bohr."""
    first, second = np.nonzero(~np.eye(len(positions), dtype=bool))
    return Pairs(positions, None, np.inf, first, second, np.zeros((len(first), 3)))


def pairs_of_crystal(positions: Vectors, lattice: Cell, radius: float) -> Pairs:
    """All pairs of atoms of a crystal within a radius, in bohr."""
    first, second, steps = primitive_neighbor_list(
        "ijS", (True, True, True), lattice, positions, radius
    )
    return Pairs(positions, lattice, radius, first, second, steps @ lattice)


def direct_radius(lattice: Cell, contact: float) -> float:
    """How far the sums over pairs of a crystal reach, bohr, for the largest S_ij."""
    damped = contact * (1.0 - np.log(LEAST_DAMPING) / STEEPNESS)
    return float(max(damped, EWALD_RADIUS * np.cbrt(abs(np.linalg.det(lattice)))))


def half_mesh(lattice: Cell, mesh: tuple[int, int, int]) -> tuple[Vectors, Scalars]:
    """One of each k and −k of a mesh that is shifted by half a step along each axis.

    Returns:
        Points, 1/bohr, and their weights, which add up to one.
    """
    total = int(np.prod(mesh))
    n_kept = (total + 1) // 2
    indices = np.array(np.unravel_index(np.arange(n_kept), mesh)).T
    fractions = (indices + 0.5) / np.array(mesh)
    weights = np.full(n_kept, 2.0 / total)
    if total % 2:
        weights[-1] = 1.0 / total
    return 2.0 * np.pi * fractions @ np.linalg.inv(lattice).T, weights


def long_range_tensors(
    pairs: Pairs, contacts: Matrix, kpoints: Vectors
) -> Iterator[np.ndarray]:
    """Damped dipole tensor at each k, 1/bohr³, three rows and columns an atom.

    T_ij(k) = Σ_L f(r) T(r) exp(i k·L) with r = r_j + L − r_i, T(r) = (r² − 3 r rᵀ)/r⁵
    and f(r) = 1 / (1 + exp(−a (r/S_ij − 1))). In a crystal, f T = T − (1 − f) T, where
    the second part is of short range and the first one is Ewald's sum.

    Args:
        pairs: Of a crystal, or of a molecule, which has k = 0 only.
        contacts: S_ij, bohr.
        kpoints: 1/bohr; none is zero in a crystal.

    References:
        Bučko, Lebègue, Gould & Ángyán, J. Phys. Condens. Matter 28, 045201 (2016), for
        k; Hermann et al., J. Chem. Phys. 159, 174802 (2023), for Ewald's sum.
    """
    vectors, r = pairs.vectors, pairs.distances
    damping = _damping(pairs, contacts)
    if pairs.lattice is None:
        tensors = _tensors(vectors, damping / r**3, -3.0 * damping / r**5)
        for kpoint in kpoints:
            yield pairs.lattice_sum(tensors, kpoint)
        return
    eta = EWALD_EXPONENT / pairs.radius
    x = eta * r
    gaussian = 2.0 / np.sqrt(np.pi) * x * np.exp(-(x**2))
    beyond = erfc(x) + gaussian - (1.0 - damping)
    axial = -(3.0 * beyond + 2.0 * x**2 * gaussian) / r**5
    tensors = _tensors(vectors, beyond / r**3, axial)
    itself = 4.0 * eta**3 / (3.0 * np.sqrt(np.pi)) * np.eye(3 * len(pairs.positions))
    for kpoint in kpoints:
        reciprocal = _reciprocal(pairs.positions, pairs.lattice, kpoint, eta)
        yield pairs.lattice_sum(tensors, kpoint) + reciprocal - itself


def _reciprocal(
    positions: Vectors, lattice: Cell, kpoint: Vector, eta: float
) -> np.ndarray:
    """4π/V Σ_G q qᵀ exp(−q²/4η²)/q² exp(i q·(r_i − r_j)) with q = k + G, 1/bohr³."""
    longest = 2.0 * EWALD_EXPONENT * eta
    ends = longest * np.linalg.norm(lattice, axis=1) / (2.0 * np.pi)
    origin = lattice @ kpoint / (2.0 * np.pi)
    most = np.ceil(ends + np.abs(origin)).astype(int)
    indices = np.indices(2 * most + 1).reshape(3, -1).T - most
    q = 2.0 * np.pi * (indices + origin) @ np.linalg.inv(lattice).T
    q = q[np.linalg.norm(q, axis=1) < longest]
    squares = (q**2).sum(axis=1)
    volume = abs(np.linalg.det(lattice))
    sizes = np.sqrt(4.0 * np.pi / volume / squares) * np.exp(-squares / (8.0 * eta**2))
    waves = sizes * np.exp(1j * (positions @ q.T))
    fields = (waves[:, None, :] * q.T).reshape(3 * len(positions), len(q))
    return np.asarray(fields @ fields.conj().T)


def _screened(
    free: Oscillators, pairs: Pairs, remainder: Scalars, frequency: float
) -> Scalars:
    """Screened polarisabilities at one imaginary frequency, bohr³."""
    alpha = free.polarisabilities / (1.0 + (frequency / free.frequencies) ** 2)
    widths = np.cbrt(np.sqrt(2.0 / np.pi) * alpha / 3.0)
    r = pairs.distances
    x = r / np.hypot(widths[pairs.first], widths[pairs.second])
    gaussian = 2.0 / np.sqrt(np.pi) * x * np.exp(-(x**2))
    inside = erf(x) - gaussian
    axial = (2.0 * x**2 * gaussian - 3.0 * inside) / r**5
    tensors = _tensors(pairs.vectors, remainder * inside / r**3, remainder * axial)
    coupling = pairs.lattice_sum(tensors, np.zeros(3))
    coupling[np.diag_indices_from(coupling)] += np.repeat(1.0 / alpha, 3)
    n = len(alpha)
    inverse = np.linalg.inv(coupling).reshape(n, 3, n, 3)
    return np.asarray(np.einsum("iaja->i", inverse) / 3.0)


def _imaginary_frequencies() -> tuple[Scalars, Scalars]:
    """Points and weights of ∫ du from 0 to ∞ with u = u₀ (1 + x) / (1 − x), hartree."""
    x, weights = np.polynomial.legendre.leggauss(N_FREQUENCIES)
    points = FREQUENCY_SCALE * (1.0 + x) / (1.0 - x)
    return points, 2.0 * FREQUENCY_SCALE * weights / (1.0 - x) ** 2


def _contacts(radii: Scalars, beta: float) -> Matrix:
    """S_ij = β (R_i + R_j), bohr."""
    return np.asarray(beta * (radii[:, None] + radii))


def _damping(pairs: Pairs, contacts: Matrix) -> Scalars:
    """Of every pair, f = 1 / (1 + exp(−a (r/S − 1))): one at long range."""
    ratios = pairs.distances / contacts[pairs.first, pairs.second]
    return np.asarray(expit(STEEPNESS * (ratios - 1.0)))


def _tensors(vectors: Vectors, isotropic: Scalars, axial: Scalars) -> np.ndarray:
    """Isotropic part times the unit matrix plus axial part times r rᵀ, of each r."""
    products = vectors[:, :, None] * vectors[:, None, :]
    return np.asarray(
        isotropic[:, None, None] * np.eye(3) + axial[:, None, None] * products
    )
