"""csp from Python: what a notebook shows, and a prediction in a few lines."""

import base64
import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import csp
from csp.comparison.reading import read_crystal
from csp.errors import InputError, StoreError
from csp.report.tables import read_csv

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"
PNG = b"\x89PNG\r\n"
SECTIONS = {
    "molecule": {"monomers": str(DATA / "monomers.json")},
    "packing": {"space_groups": [14], "n_minima": 5, "special_share": 2.0},
    "landscape": {"observed": {"beta": str(DATA / "beta.cif")}},
    "run": {"workers": 1},
}


def document_of(crystal) -> str:
    """The document inside the frame that a notebook shows."""
    found = re.fullmatch(
        r'<iframe srcdoc="([^"]*)" .*></iframe>', crystal._repr_html_()
    )
    assert found is not None
    return unescape(found[1])


def test_importing_csp_imports_none_of_what_is_slow():
    heavy = "[name for name in ('numpy', 'torch', 'prefect') if name in sys.modules]"
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, csp; dir(csp); print({heavy})"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"


def test_what_the_package_offers_is_there():
    offered = {"predict", "load", "Results", "read_crystal", "compare_crystals"}
    assert offered <= set(dir(csp))
    for name in offered:
        assert callable(getattr(csp, name))
    with pytest.raises(AttributeError, match="no attribute 'predcit'"):
        _ = csp.predcit


def test_a_crystal_is_a_scene_that_asks_the_network_for_nothing():
    crystal = read_crystal(DATA / "alpha.cif")
    text = document_of(crystal)
    assert "default-src 'none'" in text
    assert not re.search(r"<(script|link|img)[^>]*\b(src|href)=", text)
    assert "4 formula units" in text
    assert f"{crystal.density:.3f} g/cm³" in text


def test_the_scene_holds_the_crystal(tmp_path):
    crystal = read_crystal(DATA / "alpha.cif")
    found = re.search(
        r'<script id="crystal" type="application/json">(.*?)</script>',
        document_of(crystal),
    )
    assert found is not None
    shown = json.loads(found[1])
    assert set(shown["elements"]) == {"C", "H", "O"}
    path = tmp_path / "shown.cif"
    path.write_text(shown["cif"], encoding="utf-8")
    again = read_crystal(path)
    assert len(again.atomic_numbers) == len(crystal.atomic_numbers)
    assert csp.compare_crystals(again, crystal).packing.rmsd == pytest.approx(
        0, abs=1e-4
    )


def test_a_landscape_is_loaded_by_the_energies_that_count(plain_folder):
    loaded = csp.load(plain_folder)
    rows = read_csv(plain_folder / "landscape.csv")
    assert len(loaded) == len(rows)
    assert loaded.level == "force-field"
    assert list(loaded.table["id"]) == [row.id for row in rows]
    assert list(loaded.table.index) == [row.rank for row in rows]
    assert loaded.report == plain_folder / "report.html"


def test_a_corrected_landscape_has_its_order_and_errors(corrected_folder):
    loaded = csp.load(corrected_folder)
    assert loaded.level == "corrected"
    energies = loaded.table["corrected_relative_energy_kj_per_mol"]
    assert np.all(np.diff(energies) > 0)
    assert loaded.table["observed_form"].iloc[0]
    assert loaded.table["corrected_sigma_kj_per_mol"].min() > 0


def test_it_is_shown_as_a_picture_and_a_table(corrected_folder):
    path = corrected_folder / "landscape.csv"
    path.write_text(path.read_text().replace(",beta", ",<b>beta</b>"))
    shown = csp.load(corrected_folder)._repr_html_()
    picture = re.search(r"data:image/png;base64,([^\"]+)", shown)
    assert picture is not None
    assert base64.b64decode(picture[1]).startswith(PNG)
    assert "&lt;b&gt;beta&lt;/b&gt;" in shown
    assert "<b>" not in shown
    assert "± σ" in shown


def test_structures_are_had_by_rank_or_id(corrected_folder):
    loaded = csp.load(corrected_folder)
    first = loaded.table["id"].iloc[0]
    one, same = loaded.crystal(1), loaded.crystal(first)
    assert np.array_equal(one.positions, same.positions)
    with pytest.raises(InputError, match="no structure 0: give a rank from 1"):
        loaded.crystal(0)


def test_nothing_to_load_is_said(tmp_path):
    with pytest.raises(InputError, match="there is no landscape"):
        csp.load(tmp_path)


@pytest.fixture(scope="module")
def predicted(tmp_path_factory) -> csp.Results:
    folder = tmp_path_factory.mktemp("notebook") / "oxalic"
    return csp.predict("OC(=O)C(=O)O", folder, name="oxalic acid", **SECTIONS)


def test_a_prediction_in_a_few_lines(predicted):
    assert predicted.report.exists()
    assert "beta" in set(predicted.table["observed_form"])
    assert predicted.crystal(1).n_formula_units == 2


def test_the_same_call_goes_on_and_another_is_refused(predicted):
    stored = sorted((predicted.folder / "store").rglob("*"))
    times = [path.stat().st_mtime_ns for path in stored]
    again = csp.predict(
        "OC(=O)C(=O)O", predicted.folder, name="oxalic acid", **SECTIONS
    )
    assert again.table.equals(predicted.table)
    assert [path.stat().st_mtime_ns for path in stored] == times
    other = SECTIONS | {"potential": {"force_field": "fit"}}
    with pytest.raises(StoreError, match=r"potential\.force_field"):
        csp.predict("OC(=O)C(=O)O", predicted.folder, name="oxalic acid", **other)


def test_wrong_settings_are_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"did you mean packing\.n_minima"):
        csp.predict("O", tmp_path / "water", packing={"n_minma": 3})
    with pytest.raises(InputError, match="unknown key pakcing"):
        csp.predict("O", tmp_path / "water", pakcing={"n_minima": 3})
    assert not (tmp_path / "water").exists()
