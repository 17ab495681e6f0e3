from pathlib import Path

import pytest

from csp.conformers.reading import read_molecule
from csp.errors import InputError
from csp.lattice.force_fields import force_field_of
from csp.potentials.exp6 import Exp6, ForceFieldName, parameter_set

OWN = """
title = "mine"
reference = "a notebook"
foreshortening = 0.05
[types]
O_W1 = [2500.0, 0.25, 13.0]
C_W3 = [2800.0, 0.28, 17.0]
H_W4 = [8.0, 0.28, 0.0]
N_W4 = [4200.0, 0.29, 58.0]
[pairs]
"H_W4 O_W1" = [56.0, 0.27, 0.0]
"""


@pytest.fixture
def write(tmp_path):
    def make(text: str) -> str:
        path = tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return make


@pytest.fixture(scope="module")
def urea():
    return read_molecule("NC(N)=O", Path(), "urea", 0)


@pytest.mark.parametrize("name", [name.value for name in ForceFieldName])
def test_published_sets_go_by_their_names(name):
    assert force_field_of(name).parameters is parameter_set(ForceFieldName(name))


@pytest.mark.parametrize("section", ["", "[mine]"])
def test_a_table_of_ones_own(write, urea, section):
    text = OWN
    if section:
        text = section + OWN.replace("[types]", "[mine.types]")
        text = text.replace("[pairs]", "[mine.pairs]")
    found = force_field_of(write(text))
    assert found.parameters.title == "mine"
    assert found.parameters.foreshortening == 0.05
    assert sorted(set(found.types_of(urea))) == ["C_W3", "H_W4", "N_W4", "O_W1"]
    special = found.parameters.pair("O_W1", "H_W4")
    assert special == Exp6.from_published(56.0, 0.27, 0.0)
    mixed = found.parameters.pair("O_W1", "C_W3")
    assert mixed.repulsion**2 == pytest.approx(
        Exp6.from_published(2500.0, 0.25, 0.0).repulsion
        * Exp6.from_published(2800.0, 0.28, 0.0).repulsion
    )


def test_missing_types_are_named(write, urea):
    text = "\n".join(line for line in OWN.splitlines() if "W4" not in line)
    found = force_field_of(write(text))
    with pytest.raises(InputError, match=r"'mine' has no .* types H_W4, N_W4 of urea"):
        found.types_of(urea)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has no \[types\]"),
        ("[types", "is not valid TOML"),
        ("[types]\nX = 1", r"X must be \[A eV.*got 1"),
        ("[types]\nX = [1.0, 0.0, 1.0]", r"X must be \[A eV"),
        ("[types]\nX = [1.0, -1.0, 1.0]", r"X must be \[A eV"),
        ("[types]\nX = [1.0, 0.3]", r"X must be \[A eV"),
        ("[types]\nX = [1.0, 0.3, 1.0]", "has none of the types"),
        (OWN.replace("0.05", "5"), "foreshortening must lie between 0 and 0.5.*got 5"),
        (OWN.replace('"H_W4 O_W1"', '"H_W4 O_W9"'), r"pairs of O_W9, which are not"),
    ],
)
def test_a_broken_table_is_refused(write, text, message):
    with pytest.raises(InputError, match=message):
        force_field_of(write(text))


@pytest.mark.parametrize("name", ["amber", "FIT", "no.toml"])
def test_what_is_not_there_is_refused(name):
    with pytest.raises(InputError, match=r"--force-field"):
        force_field_of(name)
