"""What was computed of a landscape, as labels to learn from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from csp.correction.fidelity import LevelData
from csp.errors import InputError
from csp.reference.campaign import Campaign
from csp.reference.convergence import LARGEST_DIFFERENCE, SUFFIX
from csp.reference.lattice_energies import (
    energy_per_formula_unit,
    gas_energies,
    lattice_energy,
)
from csp.reference.levels import EmbeddingLevel, Level, level_named
from csp.reference_source import Source

UNTOLD_ERROR = 0.1
"""Standard error of a label, kJ/mol: what k-points and cutoffs leave, half of what two
cells of a crystal may differ by."""


@dataclass(frozen=True, eq=False, slots=True)
class LevelKnowledge:
    """Energies of one level.

    Attributes:
        level: Its full name.
        data: Rows of the structures in the landscape, and their energies, kJ/mol per
            formula unit.
        are_lattice_energies: Whether gas energies were taken away; otherwise energies
            are relative to the lowest computed.
        cpu_seconds: What they cost.
        doubts: What is not known of them, one sentence each.
    """

    level: str
    data: LevelData
    are_lattice_energies: bool
    cpu_seconds: float
    doubts: tuple[str, ...]


def chain_of(level: Level, levels: Mapping[str, Level]) -> list[Level]:
    """A level and those it builds on, the lowest first.

    Each is learned as a correction of the one below, so that cheap energies of many
    structures help with the few expensive ones.
    """
    if isinstance(level, EmbeddingLevel):
        return [*chain_of(level_named(level.base, levels), levels), level]
    return [level]


def known_level(source: Source, levels: Mapping[str, Level]) -> Level | None:
    """The level that a landscape can be corrected to by what is known of it.

    Of the levels with energies of crystals, the one that builds on most others; of
    those, the one with most energies. None if nothing was computed.
    """
    known = []
    for name, level in levels.items():
        results = Campaign(source.folder, level, levels).results
        n = sum(results.find(item.subject) is not None for item in source.candidates)
        if n:
            known.append((len(chain_of(level, levels)), n, name))
    return levels[max(known)[2]] if known else None


def knowledge_of(campaign: Campaign, source: Source) -> LevelKnowledge | None:
    """What is known of a landscape at one level; None if nothing is.

    Raises:
        InputError: If the level's energies were found to depend on the cell.
    """
    molecules = [campaign.results.find(item) for item in source.molecules]
    gas = gas_energies([item for item in molecules if item is not None])
    rows, totals, lattice, cpu = [], [], [], 0.0
    for row, candidate in enumerate(source.candidates):
        found = campaign.results.find(candidate.subject)
        total = None if found is None else energy_per_formula_unit(found)
        if found is None or total is None:
            continue
        rows.append(row)
        totals.append(total)
        lattice.append(lattice_energy(found, gas))
        cpu += found.cost.cpu_seconds if found.cost is not None else 0.0
    if not rows:
        return None
    are_lattice = all(value is not None for value in lattice)
    lowest = min(totals)
    energies = [
        value if are_lattice and value is not None else total - lowest
        for value, total in zip(lattice, totals, strict=True)
    ]
    return LevelKnowledge(
        campaign.level.name,
        LevelData(
            np.array(rows, dtype=int),
            np.array(energies),
            np.full(len(rows), UNTOLD_ERROR),
        ),
        are_lattice,
        cpu,
        _doubts(campaign),
    )


def _doubts(campaign: Campaign) -> tuple[str, ...]:
    """Refuse a level whose energies depend on the cell; say so if nobody looked.

    Raises:
        InputError: If a cell and its double differ by more than 0.2 kJ/mol.
    """
    known = {item.subject.id: item for item in campaign.results.all()}
    differences = []
    for identity, double in known.items():
        single = known.get(identity.removesuffix(SUFFIX))
        if not identity.endswith(SUFFIX) or single is None:
            continue
        energies = energy_per_formula_unit(single), energy_per_formula_unit(double)
        if energies[0] is not None and energies[1] is not None:
            differences.append((abs(energies[0] - energies[1]), single.subject.id))
    if differences and max(differences)[0] > LARGEST_DIFFERENCE:
        largest, identity = max(differences)
        raise InputError(
            f"nothing is learned from {campaign.level.name}: its energies of "
            f"{identity} in a single and a doubled cell differ by {largest:.2f} "
            f"kJ/mol, more than {LARGEST_DIFFERENCE}; choose a level with denser "
            "k-points"
        )
    if differences or isinstance(campaign.level, EmbeddingLevel):
        return ()
    return (
        f"whether energies at {campaign.level.name} depend on the cell was not looked "
        f"at: csp reference check DIR --level {campaign.level.name}",
    )
