"""Coulomb, exchange and correlation of closed shells, all integrals in memory.

PySCF makes the integrals and drives the self-consistent field. Here they are contracted
by NumPy (its BLAS is two to three times as fast as the one in PySCF's wheels) and
kept for all systems that share a basis, a fit and a grid. Fits or grids too large for
that are left to PySCF.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from pyscf import df, dft, gto, lib
from pyscf.dft import numint

from csp.arrays import Indices, Matrix, Scalars

_POINTS = 512
"""A block of points whose values fit into a core's cache."""
_KEPT_MEGABYTES = 4000.0
_NEGLIGIBLE = 1e-7
"""Largest value of a basis function (bohr^-3/2) that is left out."""


class _Factors(NamedTuple):
    """A density matrix as ``orbitals @ diag(signs) @ orbitals.T``.

    Attributes:
        orbitals: Functions × orbitals.
        signs: +1, or −1 where a first guess is not positive.
    """

    orbitals: Matrix
    signs: Scalars


def _factors(density: Matrix) -> _Factors:
    """Occupied orbitals, or eigenvectors where the matrix brings none."""
    coefficients = getattr(density, "mo_coeff", None)
    if coefficients is None:
        occupation, coefficients = np.linalg.eigh(density)
    else:
        occupation = np.asarray(density.mo_occ)  # type: ignore[attr-defined]
    filled = np.abs(occupation) > 1e-10  # noqa: PLR2004 - rounding
    occupation = occupation[filled]
    orbitals = np.asarray(coefficients)[:, filled] * np.sqrt(np.abs(occupation))
    return _Factors(orbitals, np.sign(occupation))


class Fit(df.DF):  # type: ignore[misc]
    """Density fitting with the three-centre integrals in memory, twice.

    Attributes:
        cube: ``(i P j)``, P being the fitting functions, for exchange; None if it is
            too large.
        triangle: ``(P ij)`` with i ≥ j, for Coulomb.
    """

    cube: np.ndarray | None = None
    triangle: Matrix

    def build(self) -> "Fit":
        """Compute the integrals."""
        super().build()
        if self.get_naoaux() * self.mol.nao**2 * 8e-6 < _KEPT_MEGABYTES:
            self.triangle = np.concatenate(list(self.loop()))
            self._cderi = None
            full = lib.unpack_tril(self.triangle)
            self.cube = np.ascontiguousarray(full.transpose(1, 0, 2))
        return self

    def get_jk(
        self,
        dm: Matrix,
        hermi: int = 1,
        with_j: bool = True,  # noqa: FBT001, FBT002 - PySCF's signature
        with_k: bool = True,  # noqa: FBT001, FBT002
        direct_scf_tol: float = 1e-13,
        omega: float | None = None,
    ) -> tuple[Matrix | None, Matrix | None]:
        """Coulomb and exchange matrices of a density matrix."""
        if self.cube is None or omega:
            return super().get_jk(  # type: ignore[no-any-return]
                dm, hermi, with_j, with_k, direct_scf_tol, omega
            )
        coulomb = exchange = None
        if with_j:
            matrix = np.asarray(dm)
            twice = lib.pack_tril(2.0 * matrix - np.diag(matrix.diagonal()))
            coulomb = lib.unpack_tril((self.triangle @ twice) @ self.triangle)
        if with_k:
            orbitals, signs = _factors(dm)
            n = len(self.cube)
            half = self.cube.reshape(-1, n) @ orbitals
            signed = half if signs.min() > 0.0 else half * signs
            exchange = signed.reshape(n, -1) @ half.reshape(n, -1).T
        return coulomb, exchange


class _Block(NamedTuple):
    """Values and gradients of the basis functions at neighbouring points.

    Attributes:
        functions: Those that are not negligible here.
        values: (functions, 4, points): value and three derivatives.
        weights: Of the points.
    """

    functions: Indices
    values: np.ndarray
    weights: Scalars


class Quadrature(numint.NumInt):  # type: ignore[misc]
    """PySCF's quadrature for one basis and one grid, for functionals up to GGA.

    Args:
        system: The molecule that has the basis.
        grids: The grid.
    """

    def __init__(self, system: gto.Mole, grids: dft.gen_grid.Grids) -> None:
        super().__init__()
        grids.build()
        self._system, self._grids = system, grids
        megabytes = 4.0 * 8e-6 * len(grids.weights) * system.nao
        self._blocks = list(self._made()) if megabytes < _KEPT_MEGABYTES else None

    def _made(self) -> Iterator[_Block]:
        coordinates, weights = self._grids.coords, self._grids.weights
        for low in range(0, len(weights), _POINTS):
            part = slice(low, low + _POINTS)
            values = self.eval_ao(self._system, coordinates[part], deriv=1)
            largest = np.abs(values).max(axis=(0, 1))
            functions = np.flatnonzero(largest > _NEGLIGIBLE)
            if len(functions):
                kept = np.ascontiguousarray(values[:, :, functions].transpose(2, 0, 1))
                yield _Block(functions, kept, weights[part])

    def nr_rks(  # noqa: PLR0913 - PySCF's signature
        self,
        mol: gto.Mole,
        grids: dft.gen_grid.Grids,
        xc_code: str,
        dms: Matrix,
        relativity: int = 0,
        hermi: int = 1,
        max_memory: float = 2000.0,
        verbose: Any = None,  # noqa: ANN401
    ) -> tuple[float, float, Matrix]:
        """Electrons, energy (hartree) and potential of a density matrix."""
        if self._xc_type(xc_code) != "GGA":
            return super().nr_rks(  # type: ignore[no-any-return]
                mol, grids, xc_code, dms, relativity, hermi, max_memory, verbose
            )
        factors = _factors(dms)
        electrons, energy = 0.0, 0.0
        potential = np.zeros((mol.nao, mol.nao))
        for functions, values, weights in self._blocks or self._made():
            density = _density(values, factors.orbitals[functions], factors.signs)
            per_electron, slopes = self.eval_xc_eff(
                xc_code, density, deriv=1, xctype="GGA", spin=0
            )[:2]
            counts = density[0] * weights
            electrons += float(counts.sum())
            energy += float(counts @ np.asarray(per_electron).ravel())
            slopes = slopes.reshape(4, -1) * weights
            slopes[0] *= 0.5
            weighted = np.einsum("fkp,kp->fp", values, slopes)
            potential[np.ix_(functions, functions)] += values[:, 0] @ weighted.T
        return electrons, energy, potential + potential.T


def _density(values: np.ndarray, orbitals: Matrix, signs: Scalars) -> Matrix:
    """Density and its gradient at the points, (4, points)."""
    n, _, points = values.shape
    amplitudes = (orbitals.T @ values.reshape(n, -1)).reshape(-1, 4, points)
    signed = amplitudes[:, 0] * signs[:, None]
    result = np.einsum("op,okp->kp", signed, amplitudes)
    result[1:] *= 2.0
    return np.asarray(result)
