"""Atomic charges that reproduce a molecule's electrostatic potential."""

import numpy as np

from csp.arrays import Positions, Scalars
from csp.molecule import ElectrostaticPotential
from csp.units import COULOMB_CONSTANT


def fitted_charges(
    potential: ElectrostaticPotential, sites: Positions, total_charge: float
) -> Scalars:
    """Charges on ``sites`` that fit the potential best, their sum fixed.

    Minimise Σ_p (V_p − Σ_i k q_i / |r_p − r_i|)² subject to Σ q_i = Q (Lagrange
    multiplier).

    Returns:
        One charge a site, e.

    References:
        Besler, Merz & Kollman, J. Comput. Chem. 11, 431 (1990).
    """
    design = _coulomb(potential, sites)
    n = len(sites)
    matrix = np.ones((n + 1, n + 1))
    matrix[:n, :n] = design.T @ design
    matrix[n, n] = 0.0
    right = np.append(design.T @ potential.values, total_charge)
    scale = np.append(np.full(n, np.trace(matrix[:n, :n]) / n), 1.0)
    solution, *_ = np.linalg.lstsq(matrix / scale[:, None], right / scale, rcond=1e-12)
    return np.asarray(solution[:n])


def fit_error(
    potential: ElectrostaticPotential, sites: Positions, charges: Scalars
) -> float:
    """Relative root mean square error of the charges' potential (0: perfect)."""
    residual = potential.values - _coulomb(potential, sites) @ charges
    return float(np.sqrt(np.sum(residual**2) / np.sum(potential.values**2)))


def _coulomb(potential: ElectrostaticPotential, sites: Positions) -> np.ndarray:
    distances = np.linalg.norm(potential.points[:, None] - sites[None], axis=2)
    return np.asarray(COULOMB_CONSTANT / distances)
