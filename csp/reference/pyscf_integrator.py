"""Density-functional integrals of crystals with k-points, on several uniform grids.

PySCF's multigrid code collocates pairs of Gaussians, sharp ones on the finest grid and
smooth ones on coarser grids, with real density matrices at Γ. Time reversal makes the
density matrix in real space real for every mesh of k-points::

    ρ(r) = Σ_T Σ_μν D(T)_μν φ_μ(r) φ_ν(r − T),   D(T) = 1/N Σ_k D(k) exp(−i k·T)
    V(k)_μν = Σ_T exp(i k·T) ⟨φ_μ | V | φ_ν(r − T)⟩

So the compiled code serves all k-points at once if the second Gaussian of a pair may
sit in any cell T of the Born–von Kármán supercell; the cost hardly depends on the
number of k-points. Pairs (μ, νT) and (ν, μ−T) are the same: half of the T are summed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pyscf import lib
from pyscf.gto import moleintor
from pyscf.pbc import tools
from pyscf.pbc.dft import multigrid
from pyscf.pbc.dft.multigrid import _backend_c as compiled
from pyscf.pbc.dft.multigrid.multigrid_pair import EXTRA_PREC, PTR_EXPDROP
from pyscf.pbc.gto.cell import Cell as PySCFCell

from csp.arrays import IndexMatrix, Scalars

FEWEST_IMAGES = 3
"""Cells of the supercell along each axis at least: with one or two every T is its own
inverse and nothing would be halved. D(T) has the period of the k-mesh anyway."""

SMALLEST_IMAGINARY = 1e-6
"""Of a density matrix in real space: more means that time reversal is broken."""


@dataclass(frozen=True, eq=False, slots=True)
class Translations:
    """Half of the cells of a supercell: one of each pair T, −T.

    Attributes:
        integers: Of each T, in lattice vectors.
        positions: Place of each T in the list of all, the last axis running fastest.
        multiplicities: 2, or 1 for a T that is its own inverse in the supercell.
    """

    integers: IndexMatrix
    positions: IndexMatrix
    multiplicities: Scalars


def half_of_translations(mesh: tuple[int, int, int]) -> Translations:
    """One of each pair T, −T in a supercell of ``mesh`` cells."""
    every = np.stack(np.unravel_index(np.arange(np.prod(mesh)), mesh), axis=1)
    inverse = np.ravel_multi_index(tuple((-every % mesh).T), mesh)
    positions = np.flatnonzero(np.arange(len(every)) <= inverse)
    is_own_inverse = positions == inverse[positions]
    return Translations(
        every[positions],
        positions[:, None],
        np.where(is_own_inverse, 1.0, 2.0),
    )


class MultigridIntegrator(multigrid.MultiGridNumInt2):  # type: ignore[misc]
    """Density, potential energy and potential matrices of a crystal in GTH bases.

    Args:
        cell: With pseudopotentials, ``ke_cutoff`` and ``precision`` set.
        mesh: Γ-centred mesh of k-points, with time-reversal symmetry.
    """

    def __init__(self, cell: PySCFCell, mesh: tuple[int, int, int]) -> None:
        super().__init__(cell)
        extent = [n * -(-FEWEST_IMAGES // n) for n in mesh]
        half = half_of_translations((extent[0], extent[1], extent[2]))
        supercell = tools.super_cell(cell, extent).copy(deep=False)
        shells = np.arange(cell.nbas) + cell.nbas * half.positions
        supercell._bas = supercell._bas[shells.ravel()]
        self.images = supercell
        self.translations = half.integers @ cell.lattice_vectors()
        self.multiplicities = half.multiplicities
        self.levels = self._levels()
        self.pairs = self._pairs()

    def _levels(self) -> Any:  # noqa: ANN401
        cell = self.cell
        cutoffs = [cell.ke_cutoff / self.ke_ratio**i for i in range(self.ntasks)][::-1]
        vectors = cell.lattice_vectors()
        meshes = [tools.cutoff_to_mesh(vectors, cutoff) for cutoff in cutoffs[:-1]]
        return compiled.GridLevel_Info(cutoffs, self.rel_cutoff, [*meshes, cell.mesh])

    def _pairs(self) -> Any:  # noqa: ANN401
        reach = 2.0 * self.cell.rcut_by_shells().max()
        diagonal = np.linalg.norm(self.images.lattice_vectors().sum(axis=0))
        shifts = self.images.get_lattice_Ls(rcut=reach + diagonal)
        return compiled.TaskList(
            self.cell, self.levels, cell1=self.images, Ls=shifts, hermi=0
        )

    def nr_rks(
        self,
        cell: PySCFCell,
        grids: object,
        xc_code: str,
        dm_kpts: np.ndarray,
        *unused: object,
        **options: Any,  # noqa: ANN401
    ) -> tuple[float, float, np.ndarray]:
        """Electrons and energy by integration, and the matrices at every k-point.

        PySCF's signature. Coulomb and exchange–correlation potential come in one,
        with their energies as the attributes ``ecoul`` and ``exc``, hartree.
        """
        del grids, unused
        kpts = options["kpts"]
        density = self._density(kpts, np.asarray(kpts.transform_dm(dm_kpts)))
        coulomb = density * tools.get_coulG(cell, mesh=self.mesh).reshape(self.mesh)
        nuclear = self.vpplocG_part1.reshape(self.mesh)
        coulomb_energy = np.vdot(density, 0.5 * coulomb + nuclear).real / cell.vol
        energy, n_electrons, potential = self._exchange_correlation(xc_code, density)
        matrices = lib.tag_array(
            self._matrices(kpts, potential + coulomb + nuclear),
            ecoul=coulomb_energy,
            exc=energy,
            vj=None,
            vk=None,
        )
        return n_electrons, energy, matrices

    def _density(self, kpts: Any, matrices: np.ndarray) -> np.ndarray:  # noqa: ANN401
        """ρ(G) of density matrices at all k-points."""
        phases = np.exp(-1j * self.translations @ kpts.kpts.T) / len(kpts.kpts)
        real_space = np.einsum(
            "tk,kij->itj",
            self.multiplicities[:, None] * phases,
            matrices,
            optimize=True,
        )
        if abs(real_space.imag).max(initial=0.0) > SMALLEST_IMAGINARY:
            raise RuntimeError("density matrices without time-reversal symmetry")
        flat = np.ascontiguousarray(real_space.real.reshape(self.cell.nao, -1))
        parts = compiled.grid_collocate("LDA", flat, *self._arguments())
        density = np.zeros(self.mesh, dtype=complex)
        for level, mesh in enumerate(self.levels.mesh):
            weight = self.cell.vol / np.prod(mesh)
            values = np.array(parts[level]).reshape(mesh)
            density[_frequencies(mesh)] += np.fft.fftn(values) * weight
        return density

    def _matrices(self, kpts: Any, potential: np.ndarray) -> np.ndarray:  # noqa: ANN401
        """V(k) at the irreducible k-points, of a potential V(G)."""
        first, *others = self._arguments()
        total = np.zeros((self.cell.nao, len(self.translations) * self.cell.nao))
        for level, mesh in enumerate(self.levels.mesh):
            values = np.fft.ifftn(potential[_frequencies(mesh)]).real.reshape(1, -1)
            total += compiled.grid_integrate(
                "LDA", values, first, 1, others[0], level, *others[1:]
            )
        real_space = total.reshape(self.cell.nao, -1, self.cell.nao)
        phases = np.exp(1j * kpts.kpts_ibz @ self.translations.T)
        matrices = np.einsum(
            "kt,itj->kij", 0.5 * self.multiplicities * phases, real_space, optimize=True
        )
        return np.ascontiguousarray(matrices + matrices.conj().transpose(0, 2, 1))

    def _exchange_correlation(
        self, functional: str, density: np.ndarray
    ) -> tuple[float, float, np.ndarray]:
        """Energy, electrons and V(G) of a density ρ(G); its gradient is i G ρ(G)."""
        weight = self.cell.vol / np.prod(self.mesh)
        waves = self.cell.get_Gv(self.mesh).T.reshape(3, *self.mesh)
        kind = self._xc_type(functional)
        fields = [density] if kind == "LDA" else [density, *(1j * waves * density)]
        values = np.array([np.fft.ifftn(f).real / weight for f in fields])
        values = values.reshape(len(fields), -1)
        per_electron, slopes = self.eval_xc_eff(
            functional, values, deriv=1, xctype=kind
        )[:2]
        spectra = [np.fft.fftn(s.reshape(self.mesh)) * weight for s in slopes]
        potential = spectra[0]
        if kind != "LDA":
            potential = potential - 1j * sum(
                g * s for g, s in zip(waves, spectra[1:], strict=True)
            )
        energy = float(values[0] @ per_electron) * weight
        return energy, float(values[0].sum()) * weight, potential

    def _arguments(self) -> tuple[Any, ...]:
        """What both compiled functions want of the two sets of Gaussians."""
        cell, images = self.cell, self.images
        for system in (cell, images):
            system._env[PTR_EXPDROP] = cell.precision * EXTRA_PREC
        vectors = cell.lattice_vectors()
        return (
            self.pairs,
            0,
            (0, cell.nbas, 0, images.nbas),
            moleintor.make_loc(cell._bas, "sph"),
            moleintor.make_loc(images._bas, "sph"),
            3,
            vectors,
            np.linalg.inv(vectors.T),
            cell._atm,
            cell._bas,
            cell._env,
            images._atm,
            images._bas,
            images._env,
            False,
        )


def _frequencies(mesh: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where the frequencies of a coarse grid lie in a finer one."""
    return np.ix_(*[np.fft.fftfreq(n, 1.0 / n).astype(int) for n in mesh])
