from dataclasses import dataclass

import numpy as np
import pytest

from csp.crystal import Crystal
from csp.geometry import volume
from csp.molecule import Molecule
from csp.reference.convergence import supercell_difference
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources

CRYSTAL = Crystal(
    np.diag([6.0, 4.0, 5.0]),
    np.array([1, 1, 1, 1]),
    np.array([[0.0, 0, 0], [0, 0, 0.74], [3, 2, 2], [3, 2, 2.74]]),
    np.array([0, 0, 1, 1]),
    2,
)


@dataclass
class ByWidth:
    """Energies with an error that falls with the narrowest width."""

    error: float
    fails_above: float = 1e9

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        assert list(resources.scratch.iterdir()) == []
        (resources.scratch / "file").write_text("x")
        if volume(crystal.cell) > self.fails_above:
            return Failure(Reason.OUT_OF_MEMORY, "too large")
        error = self.error / np.linalg.norm(crystal.cell, axis=1).min()
        return Energy(crystal.n_formula_units * (-100.0 + error))

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        raise AssertionError


@pytest.mark.parametrize("error", [0.0, 2.0])
def test_difference_is_per_formula_unit(tmp_path, error):
    resources = Resources(1, 1.0, tmp_path)
    difference = supercell_difference(ByWidth(error), CRYSTAL, resources)
    # the shortest vector becomes 8 Å, so the next, of 5 Å, is the narrowest
    assert difference == pytest.approx(error * (1.0 / 4.0 - 1.0 / 5.0))


def test_a_cell_that_cannot_be_computed_is_a_failure(tmp_path):
    resources = Resources(1, 1.0, tmp_path)
    outcome = supercell_difference(ByWidth(1.0, fails_above=200.0), CRYSTAL, resources)
    assert outcome == Failure(Reason.OUT_OF_MEMORY, "too large")
