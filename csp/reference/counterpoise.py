"""Counterpoise correction of crystals in Gaussian bases.

Every molecule of a crystal borrows the basis functions of its neighbours, an isolated
one has none to borrow: the crystal seems bound too strongly (basis set superposition).
The correction is what the molecules gain, each alone in the geometry that it has in
the crystal, with the functions of all atoms closer than a radius as ghosts::

    Δ = Σ_molecules [E(own functions) − E(own and ghost functions)]

The second energy is taken to first order from the density of the first. With one Fock
operator F of the isolated molecule in both bases::

    E(own) − E(own and ghost) = 2 Σ_occupied (ε_own − ε_own+ghost)

so there is no self-consistent field among a thousand functions.

References:
    Boys & Bernardi, Mol. Phys. 19, 553 (1970), for the correction; Liang &
    Head-Gordon, J. Phys. Chem. A 108, 3206 (2004), for the first order (dual bases).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyscf
import scipy.linalg
from pyscf import df, dft, gto
from pyscf.dft import numint
from pyscf.gto import pp_int
from scipy.spatial.distance import cdist
from scipy.special import erf

from csp.arrays import Matrix, Scalars
from csp.crystal import Crystal
from csp.errors import InputError
from csp.reference.dimers import Repeated, distinct, molecules_of, translations
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.fragment import AtomsInPlace, Fragment, fragment_of
from csp.reference.levels import Cp2kLevel, Gaussians, PySCFLevel
from csp.reference.pyscf_crystals import is_hybrid_functional
from csp.reference.pyscf_solver import solved
from csp.reference.pyscf_systems import bounded, molecule_of
from csp.units import KJ_PER_MOL_PER_HARTREE

FITTING_BASIS = "def2-universal-jfit"
GRID_LEVEL = 1
TOLERANCE_HARTREE = 1e-7
LEAST_OVERLAP = 1e-7
"""Eigenvectors of the overlap matrix with less are no functions of their own."""

_POINTS = 4000
"""Of the grid at a time."""


@dataclass(frozen=True, slots=True)
class Counterpoise:
    """How the correction is computed.

    Attributes:
        functional: One of the density and its gradient, without exact exchange.
        gaussians: Basis and pseudopotential of the crystal's energy.
        radius: Atoms closer than this to one of the molecule lend their functions, Å.
    """

    functional: str
    gaussians: Gaussians
    radius: float

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        """What is to be added to the energy of a crystal, kJ/mol of cells."""
        begin = time.process_time()
        surrounded = surrounded_molecules(crystal, self.radius)
        total = 0.0
        try:
            for repeated in surrounded:
                gain = self.of_molecule(repeated.fragment, resources)
                if isinstance(gain, Failure):
                    return gain
                total += repeated.count * gain
        except InputError as error:
            return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
        return Energy(
            total,
            {"counterpoise": total},
            {
                "program": f"PySCF {pyscf.__version__}",
                "radius_angstrom": self.radius,
                "distinct_molecules": len(surrounded),
                "ghost_atoms": [repeated.fragment.sizes[1] for repeated in surrounded],
                "cpu_seconds": round(time.process_time() - begin, 1),
            },
        )

    def of_molecule(
        self, surrounded: Fragment, resources: Resources
    ) -> float | Failure:
        """E(own functions) − E(own and ghost functions), kJ/mol, not negative.

        Args:
            surrounded: A molecule, and as a second one all ghost atoms.
            resources: Within these.

        Raises:
            InputError: If the functional is another, an element has no such basis or
                pseudopotential, or the molecule has an odd number of electrons.
        """
        _check(self.functional)
        atoms = (surrounded.numbers, surrounded.positions)
        is_real = np.arange(len(surrounded.numbers)) < surrounded.sizes[0]
        own = (surrounded.numbers[is_real], surrounded.positions[is_real])
        with bounded(resources):
            molecule = molecule_of(own, self.gaussians, resources)
            field = dft.RKS(molecule, xc=self.functional)
            field = field.density_fit(auxbasis=FITTING_BASIS)
            field.grids.level = GRID_LEVEL
            field.conv_tol = TOLERANCE_HARTREE
            solution = solved(field, None, resources, resources.seconds)
            if isinstance(solution, Failure):
                return solution
            both = molecule_of(atoms, self.gaussians, resources, is_real=is_real)
            fock, overlap = _fock(both, molecule, field), both.intor("int1e_ovlp")
            n, n_occupied = molecule.nao, molecule.nelectron // 2
            gain = _band_energy(fock[:n, :n], overlap[:n, :n], n_occupied)
            gain -= _band_energy(fock, overlap, n_occupied)
        return gain * KJ_PER_MOL_PER_HARTREE


def counterpoised(
    compute: Callable[[], Outcome],
    crystal: Crystal,
    level: PySCFLevel | Cp2kLevel,
    resources: Resources,
) -> Outcome:
    """The energy of a crystal with the correction, if its level has one.

    The correction comes first: what cannot have one fails before the long computation.
    """
    if level.counterpoise_angstrom is None:
        return compute()
    correction = Counterpoise(
        level.functional, level.gaussians, level.counterpoise_angstrom
    ).of_crystal(crystal, resources)
    if isinstance(correction, Failure):
        return correction
    energy = compute()
    if isinstance(energy, Failure):
        return energy
    return Energy(
        energy.energy + correction.energy,
        {**energy.parts, **correction.parts},
        {**energy.provenance, "counterpoise": dict(correction.provenance)},
    )


def surrounded_molecules(crystal: Crystal, radius: float) -> tuple[Repeated, ...]:
    """Every distinct molecule of a crystal with the atoms that lie around it.

    Args:
        crystal: Its molecules are unbroken.
        radius: Of an atom's distance from the closest one of the molecule, Å.

    Returns:
        Pairs of a molecule and of all those atoms together; molecules that have none
        are left out.
    """
    return distinct(_surrounded(crystal, radius))


def _surrounded(crystal: Crystal, radius: float) -> Iterator[Fragment]:
    molecules = molecules_of(crystal)
    for i, (numbers, positions) in enumerate(molecules):
        ghosts: list[AtomsInPlace] = []
        for j, (others, places) in enumerate(molecules):
            for step in translations(positions, places, crystal.cell, radius):
                there = places + np.array(step) @ crystal.cell
                is_near = cdist(there, positions).min(axis=1) < radius
                if is_near.any() and (i != j or any(step)):
                    ghosts.append((others[is_near], there[is_near]))
        if ghosts:
            around = (
                np.concatenate([others for others, _ in ghosts]),
                np.concatenate([there for _, there in ghosts]),
            )
            yield fragment_of([(numbers, positions), around])


def _check(functional: str) -> None:
    is_hybrid = is_hybrid_functional(functional)
    if is_hybrid or dft.libxc.xc_type(functional) != "GGA":
        raise InputError(
            f"there is no counterpoise correction of crystals for {functional!r}, only "
            "for functionals of the density and its gradient without exact exchange: "
            "choose 'pbe', or a level without counterpoise_angstrom"
        )


def _band_energy(fock: Matrix, overlap: Matrix, n_occupied: int) -> float:
    """Twice the sum of the lowest eigenvalues, hartree."""
    weights, vectors = scipy.linalg.eigh(overlap)
    is_own = weights > LEAST_OVERLAP
    basis = vectors[:, is_own] / np.sqrt(weights[is_own])
    energies = scipy.linalg.eigh(
        basis.T @ fock @ basis,
        eigvals_only=True,
        subset_by_index=[0, n_occupied - 1],
    )
    return 2.0 * float(energies.sum())


def _fock(both: gto.Mole, molecule: gto.Mole, field: Any) -> Matrix:  # noqa: ANN401
    """Fock matrix of the isolated molecule in its own and the ghosts' functions.

    The local potentials together are of short range, and are integrated on the grid of
    the molecule.
    """
    integrator = numint.NumInt()
    points, weights = field.grids.coords, field.grids.weights
    density = field.make_rdm1()
    local = _nuclear(molecule, points) + _coulomb(molecule, density, points)
    total = np.zeros((both.nao, both.nao))
    for low in range(0, len(points), _POINTS):
        part = slice(low, low + _POINTS)
        functions = integrator.eval_ao(both, points[part], deriv=1)
        own = functions[:, :, : molecule.nao]
        values = integrator.eval_rho(molecule, own, density, xctype="GGA")
        slopes = integrator.eval_xc_eff(field.xc, values, deriv=1, xctype="GGA")[1]
        slopes[0] += local[part]
        slopes[0] *= 0.5
        weighted = np.einsum("kpf,kp->pf", functions, slopes * weights[part])
        total += functions[0].T @ weighted
    kinetic = both.intor("int1e_kin")
    return np.asarray(total + total.T + kinetic + _nonlocal(both))


def _coulomb(molecule: gto.Mole, density: Matrix, points: Matrix) -> Scalars:
    """Potential of the electrons at some points, hartree, by density fitting."""
    fit = df.addons.make_auxmol(molecule, FITTING_BASIS)
    integrals = df.incore.aux_e2(molecule, fit, "int3c2e")
    charges = np.einsum("ijP,ij->P", integrals, density)
    charges = scipy.linalg.solve(fit.intor("int2c2e"), charges, assume_a="pos")
    potentials = [
        gto.intor_cross("int2c2e", gto.fakemol_for_charges(some), fit) @ charges
        for some in np.array_split(points, max(1, len(points) // _POINTS))
    ]
    return np.concatenate(potentials)


def _nuclear(molecule: gto.Mole, points: Matrix) -> Scalars:
    """Local part of the pseudopotentials at some points (bohr), hartree.

    V(r) = −Z/r erf(x/√2) + exp(−x²/2) Σ_i C_i x^(2i−2) with x = r / r_loc.

    References:
        Goedecker, Teter & Hutter, Phys. Rev. B 54, 1703 (1996), equation 1.
    """
    total = np.zeros(len(points))
    for atom in range(molecule.natm):
        _, length, _, coefficients, *_ = molecule._pseudo[molecule.atom_symbol(atom)]
        distances = np.linalg.norm(points - molecule.atom_coord(atom), axis=1)
        x = distances / length
        charge = molecule.atom_charge(atom)
        total -= charge * erf(x / np.sqrt(2.0)) / distances
        total += np.exp(-0.5 * x**2) * np.polynomial.polynomial.polyval(
            x**2, np.array([*coefficients, 0.0])
        )
    return total


def _nonlocal(system: gto.Mole) -> Matrix:
    """Matrix of the projectors: the pseudopotential without its local part."""
    local = system.copy(deep=False)
    local._pseudo = {
        symbol: [*potential[:4], 0] for symbol, potential in system._pseudo.items()
    }
    return np.asarray(pp_int.get_gth_pp(system) - pp_int.get_gth_pp(local))
