"""The relaxation of a search's packings, in three steps.

The press pushes overlaps apart; point charges with short sums then lead most packings
to where their minimum will be; the full model relaxes what is left when duplicates are
out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from csp.potentials.bodies import Body, FormulaUnit
from csp.potentials.exp6 import parameter_set
from csp.potentials.force_field import images_from
from csp.potentials.kernels.tables import Pairs
from csp.potentials.rigid_crystal import (
    RigidCrystal,
    Tables,
    expanded,
    inverted,
    tables_of,
)
from csp.potentials.settings import PotentialSettings
from csp.records import Packing, Relaxation, Status
from csp.relaxation.descent import settled
from csp.relaxation.minimisation import (
    Minimisation,
    limits_of,
    minimised,
    minimised_with,
)
from csp.relaxation.press import contact_table, press_cutoffs
from csp.relaxation.settings import RelaxationSettings
from csp.relaxation.ways_down import SAME_ENERGY, minima_below
from csp.spacegroups import (
    Operations,
    cartesian_rotations,
    space_group,
    strain_basis,
)

Hand = tuple[str, bool]
"""Label of a conformer, and whether its mirror image is meant."""


@dataclass(frozen=True, eq=False, slots=True)
class BodyModel:
    """The bodies of an asymmetric unit with one kind of electrostatics.

    Attributes:
        bodies: One for each independent molecule.
        tables: Their force field.
    """

    bodies: tuple[Body, ...]
    tables: Tables


@dataclass(frozen=True, eq=False, slots=True)
class ContentModel:
    """The force field of the molecules of an asymmetric unit.

    Attributes:
        contacts: Pair parameters of the press: soft spheres.
        charges: The sites with point charges, and sums that end early.
        full: The sites and sums of the settings.
    """

    contacts: Pairs
    charges: BodyModel
    full: BodyModel


@dataclass(frozen=True, eq=False, slots=True)
class ForceFieldModel:
    """The force field of all that may be in a crystal, made once for every packing.

    Attributes:
        unit: The formula unit.
        charges: All conformers with point charges.
        full: All conformers with the electrostatics of the settings.
        made: Models of asymmetric units, kept when they are made first.
    """

    unit: FormulaUnit
    charges: BodyModel
    full: BodyModel
    made: dict[tuple[Hand, ...], ContentModel] = field(default_factory=dict)

    def of(self, packing: Packing) -> ContentModel:
        """The model of a packing's molecules."""
        hands = tuple(
            (label, bool(np.linalg.det(rotation) < 0.0))
            for label, rotation in zip(
                packing.conformers, packing.rotations, strict=True
            )
        )
        if hands not in self.made:
            self.made[hands] = self._made(hands)
        return self.made[hands]

    def _made(self, hands: Sequence[Hand]) -> ContentModel:
        order = list(self.unit.molecules)
        owners = np.array([order.index(label) for label, _ in hands])

        def chosen(everything: BodyModel) -> BodyModel:
            bodies = tuple(
                inverted(everything.bodies[owner])
                if is_mirrored
                else everything.bodies[owner]
                for owner, (_, is_mirrored) in zip(owners, hands, strict=True)
            )
            return BodyModel(bodies, everything.tables.of_copies(bodies, owners))

        charges = chosen(self.charges)
        contacts = contact_table(charges.tables.pairs)
        return ContentModel(contacts, charges, chosen(self.full))


def force_field_model(
    unit: FormulaUnit,
    potential: PotentialSettings,
    relaxation: RelaxationSettings,
) -> ForceFieldModel:
    """Tables of all conformers of a formula unit."""
    parameters = parameter_set(potential.force_field)
    molecules = unit.molecules.values()
    charges = tuple(molecule.with_charges() for molecule in molecules)
    has_multipoles = potential.electrostatics == "multipoles"
    full = (
        tuple(molecule.with_multipoles() for molecule in molecules)
        if has_multipoles
        else charges
    )
    short = tables_of(charges, parameters, relaxation.shortened(potential))
    return ForceFieldModel(
        unit,
        BodyModel(charges, short),
        BodyModel(full, tables_of(full, parameters, potential)),
    )


def crystal_of_bodies(packing: Packing, bodies: Sequence[Body]) -> RigidCrystal:
    """A packing as the sums see it; bodies of mirror images are mirrored already."""
    group = space_group(packing.space_group)
    sites = [group.site(letter) for letter in packing.sites]
    cartesian = cartesian_rotations(group, packing.cell)
    hands = np.sign(np.linalg.det(packing.rotations))
    return RigidCrystal(
        tuple(bodies),
        packing.cell,
        packing.centres,
        packing.rotations * hands[:, None, None],
        images_from(
            group.rotations,
            cartesian,
            group.translations,
            [site.images for site in sites],
        ),
        tuple(cartesian[site.stabiliser] for site in sites),
        strain_basis(group.lattice),
        Operations(group.rotations, group.translations),
    )


def press(
    packing: Packing, model: ForceFieldModel, settings: RelaxationSettings
) -> Packing:
    """Push overlaps apart and close gaps, under the symmetry.

    The sites are soft spheres under a pressure; the force field is not asked.
    """
    content = model.of(packing)
    crystal = crystal_of_bodies(packing, content.charges.bodies)
    contacts = content.contacts
    end = minimised_with(
        (content.charges.tables.sites, contacts, press_cutoffs(contacts)),
        crystal,
        limits_of(crystal, settings)._replace(
            gradient=settings.press_gradient, evaluations=settings.press_evaluations
        ),
    )
    return _at(packing, end)


def approach(
    packing: Packing, model: ForceFieldModel, settings: RelaxationSettings
) -> Relaxation:
    """Press a packing together, then minimise it with point charges and short sums.

    Returns:
        The end with its status; never raises for a bad packing.
    """
    pressed = press(packing, model, settings)
    charges = model.of(packing).charges
    crystal = crystal_of_bodies(pressed, charges.bodies)
    limits = limits_of(crystal, settings)._replace(gradient=settings.first_gradient)
    sums = charges.tables.with_reach(crystal.images)
    end = minimised_with(sums, crystal, limits, sums)
    return _relaxation(_at(pressed, end), end, model)


def refine(
    start: Relaxation, model: ForceFieldModel, settings: RelaxationSettings
) -> Relaxation:
    """Minimise the end of an earlier relaxation with the full model."""
    packing = start.packing
    content = model.of(packing)
    crystal = crystal_of_bodies(packing, content.full.bodies)
    end = minimised(crystal, content.full.tables, settings, content.charges.tables)
    return replace(_relaxation(_at(packing, end), end, model), draws=start.draws)


def settle(
    start: Relaxation, model: ForceFieldModel, settings: RelaxationSettings
) -> Relaxation:
    """Check that a refined packing is a true minimum; leave it downhill if not.

    What is left downhill keeps the symmetry that the way down has; its molecules are
    then written out one by one.
    """
    if start.status is not Status.CONVERGED:
        return start
    packing = start.packing
    full = model.of(packing).full
    crystal = crystal_of_bodies(packing, full.bodies)
    below, found = settled(crystal, full.tables, settings)
    curvature = float(found.curvatures[0])
    if below is None:
        return replace(start, lowest_curvature=curvature)
    left = _written_out(packing, below.crystal, crystal)
    return replace(
        _relaxation(left, below, model),
        draws=start.draws,
        lowest_curvature=curvature,
        n_evaluations=start.n_evaluations + below.n_evaluations,
    )


def settle_all_ways(
    start: Relaxation, model: ForceFieldModel, settings: RelaxationSettings
) -> list[Relaxation]:
    """All minima below a refined packing, that of the steepest way first.

    The others have keys and draws of their own: those of the packing, and which way.
    """
    steepest = settle(start, model, settings)
    curvature = steepest.lowest_curvature
    if curvature is None or not steepest.packing.has_left_symmetry:
        return [steepest]
    packing = start.packing
    full = model.of(packing).full
    crystal = crystal_of_bodies(packing, full.bodies)
    found = [steepest]
    for end, found_there in minima_below(crystal, full.tables, settings):
        key = replace(packing.key, way=len(found))
        left = replace(_written_out(packing, end.crystal, crystal), key=key)
        below = replace(
            _relaxation(left, end, model),
            draws=tuple(f"{draw}-{key.way}" for draw in start.draws),
            lowest_curvature=float(found_there.curvatures[0]),
        )
        if all(
            abs(below.lattice_energy - other.lattice_energy) > SAME_ENERGY
            for other in found
        ):
            found.append(below)
    return found


def _written_out(
    packing: Packing, below: RigidCrystal, before: RigidCrystal
) -> Packing:
    """All molecules of a crystal that has left the symmetry of a packing.

    Args:
        packing: What it came from.
        below: The crystal now; its bodies are copies or mirror images of those before.
        before: The crystal of the packing.
    """
    whole = expanded(below)
    hands = np.sign(np.linalg.det(packing.rotations))
    conformers, rotations = [], []
    for body, rotation in zip(whole.bodies, whole.rotations, strict=True):
        owner, sign = _origin(body, before.bodies)
        conformers.append(packing.conformers[owner])
        rotations.append(sign * hands[owner] * rotation)
    return Packing(
        packing.key,
        1,
        "a" * len(conformers),
        tuple(conformers),
        whole.cell,
        np.mod(whole.centres, 1.0),
        np.array(rotations),
    )


def _origin(body: Body, bodies: Sequence[Body]) -> tuple[int, float]:
    """Which of the bodies another is, and −1 if it is its mirror image."""
    for index, own in enumerate(bodies):
        if own.types != body.types:
            continue
        for sign in (1.0, -1.0):
            if np.array_equal(sign * own.sites, body.sites):
                return index, sign
    raise AssertionError("every body of a crystal comes from one of its packing")


def _relaxation(
    packing: Packing, end: Minimisation, model: ForceFieldModel
) -> Relaxation:
    """What a minimisation that ended in a packing has come to."""
    n_units = end.crystal.n_molecules / model.unit.n_molecules
    molecules = model.unit.molecules
    own = [molecules[label].conformer.relative_energy for label in packing.conformers]
    group = space_group(packing.space_group)
    copies = [group.site(letter).multiplicity for letter in packing.sites]
    gas_energy = float(np.dot(own, copies))
    return Relaxation(
        packing=packing,
        status=end.status,
        lattice_energy=(end.energy + gas_energy) / n_units,
        largest_gradient=end.largest_gradient,
        n_evaluations=end.n_evaluations,
        draws=(str(packing.key),),
    )


def _at(packing: Packing, end: Minimisation) -> Packing:
    crystal = end.crystal
    hands = np.sign(np.linalg.det(packing.rotations))
    return replace(
        packing,
        cell=crystal.cell,
        centres=np.mod(crystal.centres, 1.0),
        rotations=crystal.rotations * hands[:, None, None],
    )
