import pytest

from csp.errors import InputError
from csp.reference.levels import (
    EmbeddingLevel,
    built_in_levels,
    digest_of,
    level_named,
    levels_from,
    read_levels,
)

PAIRS = "[a.b]\nengine = 'embedding'\nbase = 'c'\nmonomer_basis = 'def2-svp'\n"


def test_a_name_without_preset_is_the_production_preset():
    levels = built_in_levels()
    assert level_named("pbe0-d4", levels) is levels["pbe0-d4/production"]
    with pytest.raises(InputError, match=r"no level 'b3lyp'.*pbe0-d4/production"):
        level_named("b3lyp", levels)


def test_every_level_has_both_presets_and_an_existing_base():
    levels = built_in_levels()
    names = {name.split("/")[0] for name in levels}
    presets = ("production", "fast")
    assert set(levels) == {f"{name}/{preset}" for name in names for preset in presets}
    for level in levels.values():
        if isinstance(level, EmbeddingLevel):
            assert level.base in levels


def test_the_digest_knows_what_decides_a_number():
    levels = built_in_levels()
    level = level_named("pbe-d4-qe", levels)
    digest = digest_of(level, levels)
    renamed = level.model_copy(update={"name": "other"})
    finer = level.model_copy(update={"k_spacing": 0.1})
    assert digest_of(renamed, levels) == digest
    assert digest_of(finer, levels) != digest


def test_the_digest_of_an_embedding_follows_its_base():
    levels = dict(built_in_levels())
    level = level_named("pbe0-d4-qe", levels)
    before = digest_of(level, levels)
    base = levels[level.base]
    levels[level.base] = base.model_copy(update={"k_spacing": 0.1})
    assert digest_of(level, levels) != before


def test_what_a_level_does_not_say_is_not_in_its_digest():
    """Energies of before a field existed stay energies of their level."""
    levels = built_in_levels()
    plain = level_named("pbe-d4-molecules", levels).model_dump(mode="json")
    assert not {"dimer_basis", "dimer_cutoff_angstrom", "distant_pairs"} & set(plain)
    assert plain["low_monomers"] == "base"
    by_fragments = levels_from({"a": plain | {"low_monomers": "fragments"}})["a"]
    assert "low_monomers" not in by_fragments.model_dump(mode="json")


def test_levels_survive_their_way_to_a_worker():
    levels = built_in_levels()
    documents = {name: item.model_dump(mode="json") for name, item in levels.items()}
    assert levels_from(documents) == levels


def test_a_file_adds_and_replaces_levels(tmp_path):
    path = tmp_path / "levels.toml"
    path.write_text(
        "[mine.production]\nengine = 'ase'\n"
        "calculator = 'ase.calculators.lj:LennardJones'\n"
    )
    assert "mine/production" in read_levels(path)
    assert "pbe0-d4/production" in read_levels(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a.b]\nengine = 'nwchem'", "the level a/b in .* is wrong"),
        ("[a.b]\nengine = 'quantum-espresso'\ncutoff_rydberg = -1", "cutoff_rydberg"),
        ("[a]\nb = 1", "the level a/b"),
        ("a = ", "cannot be read"),
        (PAIRS + "dimer_basis = 'def2-svp'", "belong together"),
        (PAIRS + "dimer_cutoff_angstrom = 3.0", "belong together"),
        (PAIRS + "distant_pairs = 'multipoles'", "give that too"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, text, words):
    path = tmp_path / "levels.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_levels(path)
