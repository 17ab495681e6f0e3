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
from csp.potentials.kernels.tables import Pairs, Sites
from csp.potentials.settings import PotentialSettings
from csp.records import Relaxation, RigidPacking, Status
from csp.relaxation.kernels import (
    CONVERGED,
    FELL_APART,
    STALLED,
    Freedom,
    Limits,
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


def relax(
    packing: RigidPacking, model: ForceFieldModel, settings: RelaxationSettings
) -> Relaxation:
    """Press a packing together, then minimise its lattice energy.

    The press makes soft spheres of the sites and squeezes them, so that overlaps are
    pushed apart under the symmetry and gaps close before the force field is asked.

    Returns:
        The end with its status; never raises for a bad packing.
    """
    group = space_group(packing.key.space_group)
    site = group.site(packing.key.site)
    images = images_of(group, [site], packing.cell)
    freedom = freedom_of(group, site, packing.cell, model.molecule)
    largest = _LARGEST_EXPANSION * volume(packing.cell)
    start = (
        np.array(packing.cell),
        np.array(packing.centre)[None],
        np.array(packing.rotation)[None],
    )
    soft = (model.sites, model.contacts, press_cutoffs(model.contacts))
    pressed, *_ = minimise(
        start,
        (images, soft, freedom),
        Limits(
            settings.press_gradient,
            settings.press_evaluations,
            settings.longest_step,
            largest,
        ),
    )
    cutoffs = cutoffs_for(model.sites, model.pairs, images, model.settings)
    end, energy, terms, gradient, evaluations, code = minimise(
        pressed,
        (images, (model.sites, model.pairs, cutoffs), freedom),
        Limits(
            settings.largest_gradient_kj_per_mol_per_angstrom,
            settings.n_evaluations,
            settings.longest_step,
            largest,
        ),
    )
    cell, centres, rotations = end
    n_molecules = len(images.body)
    overlap = terms[TERMS.index("wall")] / n_molecules > _OVERLAP_ENERGY
    return Relaxation(
        packing=RigidPacking(
            packing.key, packing.conformer, cell, np.mod(centres[0], 1.0), rotations[0]
        ),
        status=_status(int(code), overlap=bool(overlap)),
        lattice_energy=float(energy / n_molecules)
        + model.molecule.conformer.relative_energy,
        largest_gradient=float(gradient),
        n_evaluations=int(evaluations),
    )


def _status(code: int, *, overlap: bool) -> Status:
    if overlap:
        return Status.OVERLAP
    return {
        CONVERGED: Status.CONVERGED,
        FELL_APART: Status.FELL_APART,
        STALLED: Status.STEP_LIMIT,
    }.get(code, Status.STEP_LIMIT)
