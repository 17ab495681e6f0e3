"""Settings written as a file of their own mean the same."""

from pathlib import Path

import pytest

from csp.packing.settings import PackingSettings
from csp.settings import Settings, load_settings
from csp.settings_copy import anchored, settings_text

SETTINGS = Settings.model_validate(
    {
        "molecule": {
            "source": ["acid.xyz", "O"],
            "name": 'oxalic acid "dihydrate"',
            "monomers": ["monomers_A.json", "/abs/monomers_B.json"],
        },
        "packing": {"preset": "quick", "space_groups": [14, 2]},
        "landscape": {"observed": {"α form": "forms/alpha.cif"}},
        "correction": {"energies": "energies.jsonl"},
        "run": {"output": "somewhere", "workers": 3},
    }
)


def test_paths_become_absolute_and_smiles_stay():
    placed = anchored(SETTINGS, Path("/data/acid"))
    assert placed.molecule.source == ("/data/acid/acid.xyz", "O")
    assert placed.molecule.monomers == (
        "/data/acid/monomers_A.json",
        "/abs/monomers_B.json",
    )
    assert placed.landscape.observed == {"α form": "/data/acid/forms/alpha.cif"}
    assert placed.correction.energies == "/data/acid/energies.jsonl"
    assert anchored(placed, Path("/elsewhere")) == placed


@pytest.mark.parametrize("settings", [SETTINGS, anchored(SETTINGS, Path("/data"))])
def test_the_text_reads_back_as_the_same_settings(settings, tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(settings_text(settings), encoding="utf-8")
    assert load_settings(path) == settings


def test_a_preset_counts_although_a_form_fills_in_every_default(tmp_path):
    """Forms send all values; those of the standard preset were not chosen."""
    everything = PackingSettings().model_dump()
    form = Settings.model_validate(
        {
            "molecule": {"source": "O", "name": "water"},
            "packing": {**everything, "preset": "quick", "n_minima": 77},
        }
    )
    path = tmp_path / "settings.toml"
    path.write_text(settings_text(form), encoding="utf-8")
    read = load_settings(path)
    quick = PackingSettings(preset="quick")
    assert read.packing.n_minima == 77
    assert read.packing.space_groups == quick.space_groups
    assert read.packing.space_groups != tuple(everything["space_groups"])


def test_a_form_has_the_sections_in_the_order_of_the_file():
    properties = Settings.model_json_schema()["properties"]
    by_position = sorted(properties, key=lambda name: properties[name]["position"])
    assert by_position == list(Settings.model_fields)
    assert by_position[0] == "molecule"
