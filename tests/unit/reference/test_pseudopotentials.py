"""Pseudopotentials are copied where they are installed, and made where they are not."""

import re

import numpy as np
import pytest

from csp.errors import InputError
from csp.reference.engine import Failure, Reason, Resources
from csp.reference.levels import EspressoLevel, built_in_levels
from csp.reference.pseudopotentials import gathered, readable, recipe

OXYGEN = "O.pbe-n-kjpaw_csp.1.UPF"


def program(folder, name, text):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


@pytest.fixture
def resources(tmp_path, monkeypatch):
    installed = tmp_path / "installed"
    installed.mkdir()
    monkeypatch.setenv("CSP_PSEUDO_DIR", str(installed))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Resources(1, 4.0, scratch)


def test_installed_files_are_gathered(resources, tmp_path):
    (tmp_path / "installed" / "H.UPF").write_text("hydrogen")
    folder = gathered(["H.UPF"], resources)
    assert (folder / "H.UPF").read_text() == "hydrogen"
    with pytest.raises(InputError, match=r"no pseudopotential C\.UPF.*CSP_PSEUDO_DIR"):
        gathered(["C.UPF"], resources)


def test_an_installed_file_is_taken_before_a_recipe(resources, tmp_path):
    (tmp_path / "installed" / OXYGEN).write_text("somebody's own")
    folder = gathered([OXYGEN], resources)
    assert (folder / OXYGEN).read_text() == "somebody's own"


def test_a_program_that_fails_is_a_failure(resources, tmp_path, monkeypatch):
    program(tmp_path, "ld1.x", "echo no bound state; exit 3\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    failure = gathered([OXYGEN], resources)
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.PROGRAM_FAILED
    assert "no bound state" in failure.message


def test_every_recipe_makes_the_file_that_a_level_names():
    named = {
        (symbol, file)
        for level in built_in_levels().values()
        if isinstance(level, EspressoLevel)
        for symbol, file in level.pseudopotentials.items()
    }
    made = [(symbol, file) for symbol, file in named if recipe(file) is not None]
    assert ("O", OXYGEN) in made
    for symbol, file in made:
        text = recipe(file)
        assert f"file_pseudopw='{file}'" in text
        assert f"title='{symbol}'" in text


def test_long_lines_are_broken_and_nothing_else_is_changed():
    numbers = np.random.default_rng(0).normal(size=50)
    long = " ".join(f"{x:.17e}" for x in numbers)
    tag = f'<PP_HEADER comment="{"x" * 300}">'
    text = f"<UPF>\n{tag}\n  1.0  2.0\n{long}\n</UPF>\n"
    result = readable(text)
    assert result.splitlines()[:3] == text.splitlines()[:3]
    broken = result.splitlines()[3:-1]
    assert max(map(len, broken)) < 120
    assert np.array_equal([float(x) for x in " ".join(broken).split()], numbers)
    assert readable(result) == result


@pytest.mark.external
def test_the_oxygen_has_the_electrons_of_oxygen(tmp_path, monkeypatch):
    """Two projectors for each of s and p, a core, and six valence electrons."""
    monkeypatch.setenv("CSP_PSEUDO_DIR", str(tmp_path))
    folder = gathered([OXYGEN], Resources(1, 4.0, tmp_path))
    text = (folder / OXYGEN).read_text()
    header = text[text.index("<PP_HEADER") :].split("/>")[0]
    values = dict(re.findall(r'(\w+)="([^"]*)"', header))
    assert float(values["z_valence"]) == 6.0
    assert values["number_of_proj"] == "4"
    assert values["core_correction"] == "true"
    density = text[text.index("<PP_RHOATOM") :].split(">", 1)[1].split("<")[0]
    radii = text[text.index("<PP_R>") :].split(">", 1)[1].split("<")[0]
    electrons = np.trapezoid(
        np.array(density.split(), dtype=float), np.array(radii.split(), dtype=float)
    )
    assert electrons == pytest.approx(6.0, abs=1e-3)
