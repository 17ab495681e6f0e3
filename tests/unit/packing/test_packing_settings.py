"""Settings of the trial packings: presets, and what means nothing is refused."""

from dataclasses import asdict
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from csp.packing.presets import (
    COMMON_SPACE_GROUPS,
    PRESETS,
    SOHNCKE_SPACE_GROUPS,
    SPACE_GROUP_FREQUENCIES,
    STANDARD_SPACE_GROUPS,
)
from csp.packing.settings import PackingSettings
from csp.settings import Settings
from csp.spacegroups import space_group

NAMES = st.sampled_from(sorted(PRESETS))
GIVEN = {
    "space_groups": st.lists(
        st.integers(1, 230), min_size=1, max_size=4, unique=True
    ).map(tuple),
    "n_minima": st.integers(1, 10**6),
    "special_share": st.floats(0.0, 10.0),
    "independent": st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True).map(
        tuple
    ),
    "largest_z_prime": st.floats(0.1, 16.0),
    "rounds": st.integers(1, 1000),
}
MOLECULE = {"source": "NC(N)=O", "name": "urea"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space_groups": (14, 2, 14)}, "names a number twice"),
        ({"space_groups": ()}, "at least 1 item"),
        ({"space_groups": (231,)}, "less than or equal to 230"),
        ({"volume_factors": (1.5, 1.0)}, "two rising factors"),
        ({"volume_factors": (0.1, 1.0)}, "between 0.5 and 10"),
        ({"n_minima": 0}, "greater than or equal to 1"),
        ({"n_draw": 10}, "Extra inputs are not permitted"),
        ({"n_draws": 10}, "Extra inputs are not permitted"),
        ({"largest_aspect": 0.5}, "greater than or equal to 1"),
        ({"independent": ()}, "at least 1 item"),
        ({"independent": (1, 1)}, "names a number twice"),
        ({"independent": (0,)}, "greater than or equal to 1"),
        ({"independent": (9,)}, "less than or equal to 8"),
        ({"largest_z_prime": 0.0}, "greater than 0"),
        ({"most_units_in_cell": 0}, "greater than or equal to 1"),
        ({"special_share": -0.1}, "greater than or equal to 0"),
        ({"rounds": 0}, "greater than or equal to 1"),
        ({"most_draws_per_minimum": 0.5}, "greater than or equal to 1"),
        ({"preset": "fast"}, "Input should be 'quick', 'standard'"),
        ({"preset": "fast", "n_minima": 3}, "Input should be 'quick', 'standard'"),
        ({"preset": ["quick"]}, "Input should be 'quick', 'standard'"),
        ({"preset": {"a": 1}}, "Input should be 'quick', 'standard'"),
    ],
)
def test_settings_without_meaning_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        PackingSettings(**change)


def test_standard_is_searched_when_nothing_is_said():
    settings = PackingSettings()
    assert settings == PackingSettings(preset="standard")
    assert settings.space_groups == STANDARD_SPACE_GROUPS
    assert settings.n_minima == PRESETS["standard"].n_minima
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 2


@given(name=NAMES, data=st.data())
def test_a_preset_fills_the_keys_that_are_not_given(name, data):
    keys = data.draw(st.sets(st.sampled_from(sorted(GIVEN))))
    given = {key: data.draw(GIVEN[key]) for key in sorted(keys)}
    settings = PackingSettings(preset=name, **given)
    expected = asdict(PRESETS[name]) | given
    for key in GIVEN:
        assert getattr(settings, key) == expected[key]
    assert settings.preset == name


@given(name=NAMES, data=st.data())
def test_a_preset_is_its_values_and_nothing_else(name, data):
    """Written out under another name it is the same search, with the same identity."""
    written = asdict(PRESETS[name])
    del written["description"]
    other = data.draw(NAMES)
    first = Settings(molecule=MOLECULE, packing={"preset": name})
    second = Settings(molecule=MOLECULE, packing={"preset": other, **written})
    third = Settings(molecule=MOLECULE, packing=written)
    assert first.identity() == second.identity() == third.identity()
    assert "preset" not in first.identity()["packing"]
    assert "stop_when" not in first.identity()["packing"]


@given(NAMES)
def test_settings_with_a_preset_survive_a_round_trip(name):
    settings = PackingSettings(preset=name, n_minima=3)
    assert PackingSettings(**settings.model_dump()) == settings
    assert PackingSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_are_told_with_the_key(name):
    description = PackingSettings.model_fields["preset"].description
    assert f"{name}: {PRESETS[name].description}" in description


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_name_each_space_group_once_and_all_are_there(name):
    preset = PRESETS[name]
    assert len(set(preset.space_groups)) == len(preset.space_groups)
    assert set(preset.space_groups) <= set(range(1, 231))


def test_space_groups_of_the_presets_are_those_that_their_names_say():
    assert set(COMMON_SPACE_GROUPS) < set(STANDARD_SPACE_GROUPS)
    assert all(space_group(number).is_chiral for number in SOHNCKE_SPACE_GROUPS)
    assert PRESETS["chiral"].space_groups == SOHNCKE_SPACE_GROUPS
    assert not all(space_group(number).is_chiral for number in STANDARD_SPACE_GROUPS)
    assert set(SPACE_GROUP_FREQUENCIES) <= set(range(1, 231))
    # the commonest are among those searched first
    for number, share in SPACE_GROUP_FREQUENCIES.items():
        if share > 1.2:
            assert number in COMMON_SPACE_GROUPS


def test_the_extent_is_that_of_the_settings():
    extent = PackingSettings(
        independent=(2, 3), largest_z_prime=1.5, most_units_in_cell=7
    ).extent
    assert extent.independent == (2, 3)
    assert extent.largest_z_prime == Fraction(3, 2)
    assert extent.most_units == 7


@pytest.mark.parametrize("z_prime", [1.0 / 3.0, 0.3333333, 1.0 / 6.0, 1.0 / 12.0])
def test_a_third_that_is_written_as_a_number_is_a_third(z_prime):
    extent = PackingSettings(largest_z_prime=z_prime).extent
    assert extent.largest_z_prime in {Fraction(1, n) for n in (3, 6, 12)}
