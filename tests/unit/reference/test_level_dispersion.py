"""The dispersion that levels add."""

import numpy as np
import pytest
from pydantic import ValidationError

from csp.comparison.molecules import molecular_bonds
from csp.crystal import Crystal
from csp.errors import ConvergenceError, InputError
from csp.molecule import Molecule
from csp.reference import embedding
from csp.reference.dispersion import dispersion_energy
from csp.reference.engine import Energy, Failure, Resources
from csp.reference.fragment import fragment_of
from csp.reference.fragment_store import FragmentStore
from csp.reference.hirshfeld import volume_ratios_of_molecule
from csp.reference.level_dispersion import level_dispersion
from csp.reference.levels import built_in_levels, level_named, levels_from
from csp.reference.many_body_dispersion import many_body_dispersion

SYMBOLS = np.array([8, 1, 1])
WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.468], [0.0, -0.757, -0.468]])
LEVELS = built_in_levels()
MBD = level_named("pbe0-mbd", LEVELS)


def water(charge=0):
    bonds = molecular_bonds(SYMBOLS, WATER)
    return Molecule(SYMBOLS, WATER, bonds, charge, "water")


def crystal(width):
    owner = np.zeros(3, dtype=int)
    return Crystal(width * np.eye(3), SYMBOLS, WATER, owner, 1)


def test_charges_and_cells_reach_the_models_of_atoms():
    level = level_named("pbe0-d4", LEVELS)
    atoms = (SYMBOLS, WATER)
    for charge in (0, 2):
        expected = dispersion_energy("d4", "pbe0", atoms, charge=charge)
        assert level_dispersion(level, water(charge)) == expected
    expected = dispersion_energy("d4", "pbe0", atoms, 4.0 * np.eye(3))
    assert level_dispersion(level, crystal(4.0)) == expected


def test_many_body_dispersion_is_of_the_molecules_own_volumes():
    ratios = volume_ratios_of_molecule(fragment_of([(SYMBOLS, WATER)]))
    expected = many_body_dispersion("pbe0", (SYMBOLS, WATER), ratios)
    assert level_dispersion(MBD, water()) == pytest.approx(expected, abs=1e-9)


def test_a_crystal_is_bound_by_it_and_a_sparse_one_is_not():
    alone = level_dispersion(MBD, water())
    assert level_dispersion(MBD, crystal(3.5)) < alone - 1.0
    assert level_dispersion(MBD, crystal(60.0)) == pytest.approx(alone, abs=1e-3)


def test_ions_and_other_functionals_are_refused():
    with pytest.raises(InputError, match="water has a charge of 2"):
        level_dispersion(MBD, water(2))
    other = MBD.model_copy(update={"functional": "b3lyp"})
    with pytest.raises(InputError, match="'b3lyp'"):
        level_dispersion(other, water())


def test_only_embeddings_have_it():
    for name, level in LEVELS.items():
        if level.engine == "embedding":
            continue
        changed = {**level.model_dump(mode="json"), "dispersion": "mbd"}
        with pytest.raises(ValidationError, match="dispersion"):
            levels_from({name: changed})


class Periodic:
    """A base with a dispersion of its own, which must not be counted."""

    def of_crystal(self, crystal, resources):
        return Energy(-105.0, {"electronic": -100.0, "dispersion": -5.0}, {})

    def of_molecule(self, molecule, resources):
        return self.of_crystal(molecule, resources)


@pytest.mark.parametrize("name", ["pbe0-mbd", "pbe0-d4"])
def test_an_embedding_has_it_once_and_says_whose_volumes(name, tmp_path, monkeypatch):
    nothing = Energy(0.0, {}, {})
    monkeypatch.setattr(embedding.Embedding, "correction_of", lambda *_: nothing)
    level = level_named(name, LEVELS)
    engine = embedding.Embedding(level, Periodic(), "pbe", FragmentStore(tmp_path))
    found = engine.of_crystal(crystal(3.5), Resources(1, 2.0, tmp_path))
    expected = level_dispersion(level, crystal(3.5))
    assert found.parts == {"electronic": -100.0, "dispersion": pytest.approx(expected)}
    assert found.energy == pytest.approx(expected - 100.0)
    assert ("hirshfeld_method" in found.provenance) == (name == "pbe0-mbd")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConvergenceError("no end"), "NOT_CONVERGED"),
        (InputError("a radical"), "UNSUPPORTED"),
    ],
)
def test_an_embedding_fails_before_its_base_is_computed(
    error, reason, tmp_path, monkeypatch
):
    class Late:
        def of_crystal(self, crystal, resources):
            pytest.fail("late")

        def of_molecule(self, molecule, resources):
            pytest.fail("late")

    def failing(*_):
        raise error

    monkeypatch.setattr(embedding, "level_dispersion", failing)
    nothing = Energy(0.0, {}, {})
    monkeypatch.setattr(embedding.Embedding, "correction_of", lambda *_: nothing)
    engine = embedding.Embedding(MBD, Late(), "pbe", FragmentStore(tmp_path))
    found = engine.of_crystal(crystal(9.0), Resources(1, 2.0, tmp_path))
    assert isinstance(found, Failure)
    assert found.reason.name == reason
    assert found.is_final
    assert str(error) in found.message
