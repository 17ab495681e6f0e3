"""The reference energies that csp ships belong to its levels, and can be made again."""

from pathlib import Path

import pytest

from csp.crystal import Crystal
from csp.reference.convergence import LARGEST_DIFFERENCE, SUFFIX
from csp.reference.engine import Energy, Resources
from csp.reference.lattice_energies import energy_per_formula_unit
from csp.reference.levels import built_in_levels, digest_of
from csp.reference.quantum_espresso import QuantumEspresso
from csp.reference.sharing import read_records

SHIPPED = (
    Path(__file__).parents[3] / "data" / "oxalic_acid" / "reference_energies.jsonl"
)
LEVELS = built_in_levels()
CALCULATIONS = read_records(SHIPPED)


def test_they_are_of_the_levels_as_they_are():
    for name in {item.level for item in CALCULATIONS}:
        digests = {item.digest for item in CALCULATIONS if item.level == name}
        assert digests == {digest_of(LEVELS[name], LEVELS)}


def test_all_have_an_energy_its_parts_and_where_it_came_from():
    assert len(CALCULATIONS) >= 90
    for item in CALCULATIONS:
        assert isinstance(item.outcome, Energy)
        parts = sum(item.outcome.parts.values())
        assert item.outcome.energy == pytest.approx(parts, abs=1e-6)
        assert item.cost is not None
        assert item.cost.cpu_seconds > 0.0
        assert {"host", "date", "csp"} <= set(item.origin)


def test_cells_and_their_doubles_have_one_energy():
    energies = {
        item.subject.id: energy_per_formula_unit(item)
        for item in CALCULATIONS
        if item.level == "pbe-d4-qe/production"
    }
    doubles = [name for name in energies if name.endswith(SUFFIX)]
    assert len(doubles) >= 4
    for name in doubles:
        difference = energies[name] - energies[name.removesuffix(SUFFIX)]
        assert abs(difference) < LARGEST_DIFFERENCE / 10.0


@pytest.mark.slow
@pytest.mark.external
def test_the_smallest_is_made_again(tmp_path):
    item = min(
        (
            item
            for item in CALCULATIONS
            if item.level == "pbe-d4-qe/production"
            and isinstance(item.subject.system, Crystal)
        ),
        key=lambda item: (item.subject.n_atoms, item.cost.cpu_seconds),
    )
    engine = QuantumEspresso(LEVELS[item.level])
    again = engine.of_crystal(item.subject.system, Resources(1, 4.0, tmp_path))
    assert isinstance(again, Energy)
    assert again.energy == pytest.approx(item.outcome.energy, abs=0.02)
