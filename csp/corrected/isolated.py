"""What crystals differ by between two levels because their molecules do.

Conformers have other relative energies at another level. That part of a correction is
known of every crystal as soon as the isolated conformers are computed, a few small
calculations: it is taken from them, and only what is left is learned.
"""

from collections.abc import Sequence

import numpy as np

from csp.arrays import Matrix, Scalars
from csp.crystal import Crystal
from csp.molecule import Molecule
from csp.reference.engine import Energy
from csp.reference.records import Results
from csp.reference.subjects import Subject, isolated_molecules
from csp.reference_source import Source, is_same_shape, shape_of


def molecule_counts(source: Source) -> Matrix | None:
    """How often each isolated molecule is in a formula unit of each crystal.

    Returns:
        One row a crystal, one column a molecule; None if a molecule of a crystal has
        none of these geometries.
    """
    molecules = [item.system for item in source.molecules]
    shapes = [shape_of(item) for item in molecules if isinstance(item, Molecule)]
    counts = np.zeros((len(source.candidates), len(shapes)))
    for row, candidate in enumerate(source.candidates):
        crystal = candidate.subject.system
        assert isinstance(crystal, Crystal)  # candidates are crystals
        for molecule in isolated_molecules(crystal):
            own = shape_of(molecule)
            column = next(
                (k for k, shape in enumerate(shapes) if is_same_shape(own, shape)), None
            )
            if column is None:
                return None
            counts[row, column] += 1.0 / crystal.n_formula_units
    return counts


def molecule_energies(molecules: Sequence[Subject], results: Results) -> Scalars:
    """Energies of isolated molecules at a level, kJ/mol; NaN where there is none."""
    found = [results.find(item) for item in molecules]
    return np.array(
        [
            item.outcome.energy if item and isinstance(item.outcome, Energy) else np.nan
            for item in found
        ]
    )


def isolated_change(counts: Matrix, below: Scalars, here: Scalars) -> Scalars | None:
    """Difference of two levels for the molecules of each crystal, apart.

    Args:
        counts: Of each molecule in a formula unit of each crystal.
        below: Energies of the molecules at the level below, kJ/mol.
        here: At this level.

    Returns:
        kJ/mol per formula unit, zero on the average of the crystals; None if an energy
        is missing.
    """
    used = counts.any(axis=0)
    change = counts[:, used] @ (here - below)[used]
    return change - change.mean() if np.isfinite(change).all() else None
