"""From total energies to lattice energies, by gas energies of the same level."""

from collections import Counter
from collections.abc import Mapping, Sequence

from csp.arrays import AtomicNumbers
from csp.crystal import Crystal
from csp.reference.calculation import Calculation
from csp.reference.engine import Energy

Composition = tuple[int, ...]
"""Sorted atomic numbers of a molecule: what tells kinds of molecules apart."""


def composition(numbers: AtomicNumbers) -> Composition:
    """The kind of a molecule."""
    return tuple(sorted(numbers.tolist()))


def gas_energies(molecules: Sequence[Calculation]) -> dict[Composition, float]:
    """Energy of the lowest isolated conformer of each kind of molecule, kJ/mol."""
    lowest: dict[Composition, float] = {}
    for item in molecules:
        if isinstance(item.outcome, Energy):
            kind = composition(item.subject.system.atomic_numbers)
            lowest[kind] = min(item.outcome.energy, lowest.get(kind, float("inf")))
    return lowest


def energy_per_formula_unit(calculation: Calculation) -> float | None:
    """Total energy, kJ/mol per formula unit; None where the calculation failed."""
    outcome = calculation.outcome
    if not isinstance(outcome, Energy):
        return None
    return outcome.energy / calculation.subject.n_formula_units


def lattice_energy(
    calculation: Calculation, gas: Mapping[Composition, float]
) -> float | None:
    """E(cell) / Z − E(gas), kJ/mol per formula unit, negative = bound.

    Returns:
        None where the crystal's or a molecule's energy is missing.
    """
    crystal = calculation.subject.system
    total = energy_per_formula_unit(calculation)
    if total is None or not isinstance(crystal, Crystal):
        return None
    kinds = Counter(
        composition(crystal.atomic_numbers[crystal.molecule_of_atom == index])
        for index in range(crystal.n_molecules)
    )
    if any(kind not in gas for kind in kinds):
        return None
    units = crystal.n_formula_units
    return total - sum(count * gas[kind] for kind, count in kinds.items()) / units
