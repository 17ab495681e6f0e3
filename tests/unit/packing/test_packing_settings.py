"""Settings of the trial packings that mean nothing are refused."""

import pytest
from pydantic import ValidationError

from csp.packing.settings import COMMON_SPACE_GROUPS, PackingSettings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space_groups": (14, 2, 14)}, "names a space group twice"),
        ({"space_groups": ()}, "at least 1 item"),
        ({"space_groups": (231,)}, "less than or equal to 230"),
        ({"volume_factors": (1.5, 1.0)}, "two rising factors"),
        ({"volume_factors": (0.1, 1.0)}, "between 0.5 and 10"),
        ({"n_draws": 0}, "greater than or equal to 1"),
        ({"n_draw": 10}, "Extra inputs are not permitted"),
        ({"largest_aspect": 0.5}, "greater than or equal to 1"),
    ],
)
def test_settings_without_meaning_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        PackingSettings(**change)


def test_common_space_groups_are_searched_when_nothing_is_said():
    settings = PackingSettings()
    assert settings.space_groups == COMMON_SPACE_GROUPS
    assert len(set(COMMON_SPACE_GROUPS)) == len(COMMON_SPACE_GROUPS)
    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 2
