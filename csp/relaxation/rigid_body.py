"""The relaxation of a search's packings, in three steps.

The press pushes overlaps apart; point charges with short sums then lead most packings
to where their minimum will be; the full model relaxes what is left when duplicates are
out.
"""

from dataclasses import dataclass, replace

import numpy as np

from csp.potentials.bodies import Body, RigidMolecule
from csp.potentials.exp6 import parameter_set
from csp.potentials.force_field import images_from
from csp.potentials.kernels.tables import Pairs
from csp.potentials.rigid_crystal import (
    RigidCrystal,
    Tables,
    expanded,
    tables_of,
)
from csp.potentials.settings import PotentialSettings
from csp.records import FreePacking, Relaxation, RigidPacking, Status
from csp.relaxation.descent import settled
from csp.relaxation.minimisation import (
    Minimisation,
    limits_of,
    minimised,
    minimised_with,
)
from csp.relaxation.press import contact_table, press_cutoffs
from csp.relaxation.settings import RelaxationSettings
from csp.spacegroups import (
    Operations,
    cartesian_rotations,
    space_group,
    strain_basis,
)


@dataclass(frozen=True, eq=False, slots=True)
class ForceFieldModel:
    """One conformer with its tables, made once and used for every packing.

    Attributes:
        molecule: The conformer as the force field sees it.
        contacts: Pair parameters of the press: soft spheres.
        charges: The sites with point charges, and sums that end early.
        full: The sites and sums of the settings.
    """

    molecule: RigidMolecule
    contacts: Pairs
    charges: tuple[Body, Tables]
    full: tuple[Body, Tables]


def force_field_model(
    molecule: RigidMolecule,
    potential: PotentialSettings,
    relaxation: RelaxationSettings,
) -> ForceFieldModel:
    """Tables of one conformer."""
    parameters = parameter_set(potential.force_field)
    charges = molecule.with_charges()
    has_multipoles = potential.electrostatics == "multipoles"
    full = molecule.with_multipoles() if has_multipoles else charges
    short = tables_of([charges], parameters, relaxation.shortened(potential))
    return ForceFieldModel(
        molecule,
        contact_table(short.pairs),
        (charges, short),
        (full, tables_of([full], parameters, potential)),
    )


def crystal_of_bodies(packing: RigidPacking, body: Body) -> RigidCrystal:
    """A packing as the sums see it."""
    group = space_group(packing.key.space_group)
    site = group.site(packing.key.site)
    cartesian = cartesian_rotations(group, packing.cell)
    return RigidCrystal(
        (body,),
        packing.cell,
        packing.centre[None],
        packing.rotation[None],
        images_from(group.rotations, cartesian, group.translations, [site.images]),
        (cartesian[site.stabiliser],),
        strain_basis(group.lattice),
        Operations(group.rotations, group.translations),
    )


def press(
    packing: RigidPacking, model: ForceFieldModel, settings: RelaxationSettings
) -> RigidPacking:
    """Push overlaps apart and close gaps, under the symmetry.

    The sites are soft spheres under a pressure; the force field is not asked.
    """
    body, tables = model.charges
    crystal = crystal_of_bodies(packing, body)
    end = minimised_with(
        (tables.sites, model.contacts, press_cutoffs(model.contacts)),
        crystal,
        limits_of(crystal, settings)._replace(
            gradient=settings.press_gradient, evaluations=settings.press_evaluations
        ),
    )
    return _at(packing, end)


def approach(
    packing: RigidPacking, model: ForceFieldModel, settings: RelaxationSettings
) -> Relaxation:
    """Press a packing together, then minimise it with point charges and short sums.

    Returns:
        The end with its status; never raises for a bad packing.
    """
    pressed = press(packing, model, settings)
    body, tables = model.charges
    crystal = crystal_of_bodies(pressed, body)
    limits = limits_of(crystal, settings)._replace(gradient=settings.first_gradient)
    sums = tables.with_reach(crystal.images)
    end = minimised_with(sums, crystal, limits, sums)
    return _relaxation(_at(pressed, end), end, model)


def refine(
    start: Relaxation, model: ForceFieldModel, settings: RelaxationSettings
) -> Relaxation:
    """Minimise the end of an earlier relaxation with the full model."""
    packing = start.packing
    if not isinstance(packing, RigidPacking):
        raise TypeError("a packing without symmetry is refined already")
    body, tables = model.full
    guide = model.charges[1]
    end = minimised(crystal_of_bodies(packing, body), tables, settings, guide)
    found = _relaxation(_at(packing, end), end, model)
    return replace(found, draws=start.draws)


def settle(
    start: Relaxation, model: ForceFieldModel, settings: RelaxationSettings
) -> Relaxation:
    """Check that a refined packing is a true minimum; leave it downhill if not.

    What is left downhill keeps the symmetry that the way down has; its molecules are
    then written out one by one.
    """
    packing = start.packing
    if not isinstance(packing, RigidPacking):
        raise TypeError("a packing without symmetry is settled already")
    if start.status is not Status.CONVERGED:
        return start
    body, tables = model.full
    below, found = settled(crystal_of_bodies(packing, body), tables, settings)
    curvature = float(found.curvatures[0])
    if below is None:
        return replace(start, lowest_curvature=curvature)
    return replace(
        _relaxation(_free(packing, below.crystal, body), below, model),
        draws=start.draws,
        lowest_curvature=curvature,
        n_evaluations=start.n_evaluations + below.n_evaluations,
    )


def _free(packing: RigidPacking, end: RigidCrystal, body: Body) -> FreePacking:
    """All molecules of a crystal; mirror images of the body get improper rotations."""
    whole = expanded(end)
    rotations = [
        rotation if np.array_equal(own.sites, body.sites) else -rotation
        for own, rotation in zip(whole.bodies, whole.rotations, strict=True)
    ]
    return FreePacking(
        packing.key,
        packing.conformer,
        whole.cell,
        np.mod(whole.centres, 1.0),
        np.array(rotations),
    )


def _relaxation(
    packing: RigidPacking | FreePacking, end: Minimisation, model: ForceFieldModel
) -> Relaxation:
    """What a minimisation that ended in a packing has come to."""
    relative_energy = model.molecule.conformer.relative_energy
    return Relaxation(
        packing=packing,
        status=end.status,
        lattice_energy=end.energy / end.crystal.n_molecules + relative_energy,
        largest_gradient=end.largest_gradient,
        n_evaluations=end.n_evaluations,
        draws=(str(packing.key),),
    )


def _at(packing: RigidPacking, end: Minimisation) -> RigidPacking:
    crystal = end.crystal
    centre = np.mod(crystal.centres[0], 1.0)
    return RigidPacking(
        packing.key, packing.conformer, crystal.cell, centre, crystal.rotations[0]
    )
