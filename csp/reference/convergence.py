"""Whether a level's energies depend on the cell that a crystal is described in."""

from dataclasses import replace

from csp.crystal import Crystal
from csp.reference.engine import Failure, ReferenceEngine, Resources
from csp.reference.subjects import doubled

LARGEST_DIFFERENCE = 0.2
"""kJ/mol per formula unit; a level beyond it is not learned from."""


def supercell_difference(
    engine: ReferenceEngine, crystal: Crystal, resources: Resources
) -> float | Failure:
    """Energy of a cell minus that of the cell doubled along its shortest vector.

    Returns:
        kJ/mol per formula unit; or the failure, if one of the two gave no energy.
    """
    energies = []
    for name, system in (("single", crystal), ("doubled", doubled(crystal))):
        scratch = resources.scratch / name
        scratch.mkdir()
        outcome = engine.of_crystal(system, replace(resources, scratch=scratch))
        if isinstance(outcome, Failure):
            return outcome
        energies.append(outcome.energy / system.n_formula_units)
    single, double = energies
    return single - double
