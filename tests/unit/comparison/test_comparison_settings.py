import pytest
from pydantic import ValidationError

from csp.comparison.settings import ComparisonSettings


def test_the_defaults_are_those_of_the_field():
    settings = ComparisonSettings()
    assert settings.n_molecules == 15
    assert (settings.tolerances.distance, settings.tolerances.angle) == (0.20, 20.0)
    observed = settings.observed_tolerances
    assert (observed.distance, observed.angle) == (0.25, 25.0)


def test_every_setting_is_described():
    for name, field in ComparisonSettings.model_fields.items():
        assert field.description, name


def test_unknown_settings_and_disordered_thresholds_are_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        ComparisonSettings(rmsd=0.3)
    with pytest.raises(ValidationError, match="must not exceed"):
        ComparisonSettings(surely_same_angstrom=0.3)
    with pytest.raises(ValidationError, match="n_molecules"):
        ComparisonSettings(n_molecules=1)
