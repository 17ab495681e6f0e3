"""Minimisation of the energy of a crystal of rigid bodies within its symmetry."""

from dataclasses import dataclass

import numpy as np

from csp.geometry import volume
from csp.point_groups import axial, invariant_directions
from csp.potentials.kernels.energy import TERMS
from csp.potentials.kernels.tables import Cutoffs, Pairs, Sites
from csp.potentials.rigid_crystal import RigidCrystal, Tables
from csp.records import Status
from csp.relaxation.hessian_kernels import inverse_hessian
from csp.relaxation.kernels import (
    CONVERGED,
    FELL_APART,
    Freedom,
    Limits,
    State,
    minimise,
)
from csp.relaxation.moves import radii_of
from csp.relaxation.settings import RelaxationSettings

_LARGEST_EXPANSION = 4.0
Sums = tuple[Sites, Pairs, Cutoffs]
_NO_GUESS = np.zeros((0, 0))
_OVERLAP_ENERGY = 1.0
"""kJ/mol of wall energy per molecule above which a minimum is an overlap."""


@dataclass(frozen=True, eq=False, slots=True)
class Minimisation:
    """Where a minimisation ended.

    Attributes:
        crystal: The crystal there.
        energy: kJ/mol per cell (enthalpy, if there is a pressure).
        terms: Its parts, by the names of ``TERMS``.
        status: How it ended.
        largest_gradient: Largest component of the gradient, kJ/mol/Å per molecule.
        n_evaluations: Energies and gradients computed.
    """

    crystal: RigidCrystal
    energy: float
    terms: dict[str, float]
    status: Status
    largest_gradient: float
    n_evaluations: int


def freedom_of(crystal: RigidCrystal) -> Freedom:
    """The directions in which the bodies and the cell may move."""
    translations, turns, owners, turn_owners = [], [], [], []
    for body, stabiliser in enumerate(crystal.stabilisers):
        moves = invariant_directions(stabiliser)
        axes = invariant_directions(axial(stabiliser))
        if len(crystal.bodies[body].types) == 1:
            axes = axes[:0]
        translations.append(moves)
        turns.append(axes)
        owners += [body] * len(moves)
        turn_owners += [body] * len(axes)
    return Freedom(
        strains=np.ascontiguousarray(crystal.strains),
        size=float(np.cbrt(volume(crystal.cell))),
        translations=np.ascontiguousarray(np.concatenate(translations)),
        translation_owner=np.array(owners, np.int64),
        rotations=np.ascontiguousarray(np.concatenate(turns)),
        rotation_owner=np.array(turn_owners, np.int64),
        radius=radii_of(crystal),
    )


def limits_of(crystal: RigidCrystal, settings: RelaxationSettings) -> Limits:
    """When a minimisation of this crystal stops."""
    return Limits(
        settings.largest_gradient_kj_per_mol_per_angstrom,
        settings.n_evaluations,
        settings.longest_step,
        _LARGEST_EXPANSION * volume(crystal.cell),
    )


def minimised(
    crystal: RigidCrystal,
    tables: Tables,
    settings: RelaxationSettings,
    guide: Tables | None = None,
) -> Minimisation:
    """The energy minimum below a crystal, its symmetry kept.

    Args:
        crystal: Where to start.
        tables: The force field.
        settings: When to stop.
        guide: A cheaper force field whose Hessian at the start is nearly the same; it
            saves the minimiser half of its steps.
    """
    return minimised_with(
        tables.with_reach(crystal.images),
        crystal,
        limits_of(crystal, settings),
        None if guide is None else guide.with_reach(crystal.images),
    )


def minimised_with(
    sums: Sums,
    crystal: RigidCrystal,
    limits: Limits,
    guide: Sums | None = None,
) -> Minimisation:
    """The minimum of any energy that the sums can express.

    With a guide, the minimiser starts from the inverse Hessian of these sums.
    """
    start, freedom = state_of(crystal), freedom_of(crystal)
    guess = _NO_GUESS
    if guide is not None:
        guess = inverse_hessian(start, (crystal.images, guide, freedom))
    state, energy, terms, gradient, evaluations, code = minimise(
        start, (crystal.images, sums, freedom), limits, guess
    )
    parts = dict(zip(TERMS, terms.tolist(), strict=True))
    return Minimisation(
        crystal=crystal.at(*state),
        energy=float(energy),
        terms=parts,
        status=_status(int(code), parts["wall"] / crystal.n_molecules),
        largest_gradient=float(gradient),
        n_evaluations=int(evaluations),
    )


def state_of(crystal: RigidCrystal) -> State:
    """Cell, centres and orientations as arrays that may be written."""
    return (
        np.array(crystal.cell),
        np.array(crystal.centres),
        np.array(crystal.rotations),
    )


def _status(code: int, wall_energy: float) -> Status:
    """How a minimisation ended, from its code and the walls' kJ/mol per molecule."""
    if wall_energy > _OVERLAP_ENERGY:
        return Status.OVERLAP
    if code == CONVERGED:
        return Status.CONVERGED
    return Status.FELL_APART if code == FELL_APART else Status.STEP_LIMIT
