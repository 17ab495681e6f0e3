"""Relaxation of a packing of rigid molecules within its space group."""

from dataclasses import dataclass

import numpy as np

from csp.arrays import Cell
from csp.geometry import volume
from csp.point_groups import axial, invariant_directions
from csp.potentials.exp6 import parameter_set
from csp.potentials.force_field import (
    RigidMolecule,
    cutoffs_for,
    images_of,
    pair_table,
    site_table,
)
from csp.potentials.kernels.energy import TERMS
from csp.potentials.kernels.tables import Images, Pairs, Sites
from csp.potentials.settings import PotentialSettings
from csp.records import Relaxation, RigidPacking, Status
from csp.relaxation.kernels import (
    CONVERGED,
    FELL_APART,
    Freedom,
    Limits,
    State,
    minimise,
)
from csp.relaxation.press import contact_table, press_cutoffs
from csp.relaxation.settings import RelaxationSettings
from csp.spacegroups import (
    Site,
    SpaceGroup,
    cartesian_rotations,
    space_group,
    strain_basis,
)

_LARGEST_EXPANSION = 4.0
_OVERLAP_ENERGY = 1.0
"""kJ/mol of wall energy per molecule above which a minimum is an overlap."""


@dataclass(frozen=True, eq=False, slots=True)
class ForceFieldModel:
    """One conformer with its tables, made once and used for every packing.

    Attributes:
        molecule: The conformer as the force field sees it.
        sites: Its site table.
        pairs: Pair parameters with walls.
        contacts: Pair parameters of the press: soft spheres.
        settings: How far the sums go.
    """

    molecule: RigidMolecule
    sites: Sites
    pairs: Pairs
    contacts: Pairs
    settings: PotentialSettings


def force_field_model(
    molecule: RigidMolecule, settings: PotentialSettings
) -> ForceFieldModel:
    """Tables of one conformer."""
    parameters = parameter_set(settings.force_field)
    sites = site_table([molecule])
    pairs = pair_table([molecule], parameters)
    return ForceFieldModel(molecule, sites, pairs, contact_table(pairs), settings)


def freedom_of(
    group: SpaceGroup, site: Site, cell: Cell, molecule: RigidMolecule
) -> Freedom:
    """The directions in which a molecule on a site, and the cell, may move."""
    rotations = cartesian_rotations(group, cell)[site.stabiliser]
    translations = invariant_directions(rotations)
    turns = invariant_directions(axial(rotations))
    gyration = float(np.sqrt(np.mean(np.sum(molecule.sites**2, axis=1))))
    return Freedom(
        strains=strain_basis(group.lattice),
        size=float(np.cbrt(volume(cell))),
        translations=np.ascontiguousarray(translations),
        translation_owner=np.zeros(len(translations), np.int64),
        rotations=np.ascontiguousarray(turns),
        rotation_owner=np.zeros(len(turns), np.int64),
        radius=np.array([max(gyration, 0.5)]),
    )


def press(
    packing: RigidPacking, model: ForceFieldModel, settings: RelaxationSettings
) -> RigidPacking:
    """Push overlaps apart and close gaps, under the symmetry.

    The sites are soft spheres under a pressure; the force field is not asked.
    """
    images, freedom = _symmetry_of(packing, model)
    tables = (model.sites, model.contacts, press_cutoffs(model.contacts))
    end, *_ = minimise(
        _state_of(packing),
        (images, tables, freedom),
        Limits(
            settings.press_gradient,
            settings.press_evaluations,
            settings.longest_step,
            _LARGEST_EXPANSION * volume(packing.cell),
        ),
    )
    return _at(packing, end)


def relax(
    packing: RigidPacking, model: ForceFieldModel, settings: RelaxationSettings
) -> Relaxation:
    """Press a packing together, then minimise its lattice energy.

    Returns:
        The end with its status; never raises for a bad packing.
    """
    pressed = press(packing, model, settings)
    images, freedom = _symmetry_of(pressed, model)
    cutoffs = cutoffs_for(model.sites, model.pairs, images, model.settings)
    end, energy, terms, gradient, evaluations, code = minimise(
        _state_of(pressed),
        (images, (model.sites, model.pairs, cutoffs), freedom),
        Limits(
            settings.largest_gradient_kj_per_mol_per_angstrom,
            settings.n_evaluations,
            settings.longest_step,
            _LARGEST_EXPANSION * volume(packing.cell),
        ),
    )
    n_molecules = len(images.body)
    conformer = model.molecule.conformer
    return Relaxation(
        packing=_at(packing, end),
        status=_status(int(code), float(terms[TERMS.index("wall")]) / n_molecules),
        lattice_energy=float(energy) / n_molecules + conformer.relative_energy,
        largest_gradient=float(gradient),
        n_evaluations=int(evaluations),
    )


def _symmetry_of(
    packing: RigidPacking, model: ForceFieldModel
) -> tuple[Images, Freedom]:
    group = space_group(packing.key.space_group)
    site = group.site(packing.key.site)
    return (
        images_of(group, [site], packing.cell),
        freedom_of(group, site, packing.cell, model.molecule),
    )


def _state_of(packing: RigidPacking) -> State:
    return (
        np.array(packing.cell),
        np.array(packing.centre)[None],
        np.array(packing.rotation)[None],
    )


def _at(packing: RigidPacking, state: State) -> RigidPacking:
    cell, centres, rotations = state
    return RigidPacking(
        packing.key, packing.conformer, cell, np.mod(centres[0], 1.0), rotations[0]
    )


def _status(code: int, wall_energy: float) -> Status:
    """How a relaxation ended, from the minimiser's code and the walls' kJ/mol."""
    if wall_energy > _OVERLAP_ENERGY:
        return Status.OVERLAP
    if code == CONVERGED:
        return Status.CONVERGED
    return Status.FELL_APART if code == FELL_APART else Status.STEP_LIMIT
