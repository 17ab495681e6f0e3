"""Which molecules a formula unit holds, as the settings name them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from csp.conformers.reading import names_hand
from csp.conformers.settings import MoleculeSettings

ACID, WATER = "OC(=O)C(=O)O", "O"
SOURCES = st.lists(st.sampled_from("ABCD"), min_size=1, max_size=6)


def settings(**keys):
    return MoleculeSettings(**{"name": "some compound", **keys})


def test_one_source_is_one_kind():
    ((kind, count),) = settings(source=ACID, monomers="m.json").kinds
    assert (kind.source, count, kind.monomers) == (ACID, 1, "m.json")
    assert kind.charge is None


@given(SOURCES)
def test_sources_written_alike_are_one_kind_in_the_order_of_their_first(sources):
    kinds = settings(source=sources).kinds
    assert [kind.source for kind, _ in kinds] == list(dict.fromkeys(sources))
    assert [count for _, count in kinds] == [
        sources.count(kind.source) for kind, _ in kinds
    ]


@given(SOURCES, st.data())
def test_files_belong_to_the_kinds_in_their_order(sources, data):
    n_kinds = len(set(sources))
    files = tuple(f"{k}.json" for k in range(n_kinds))
    punches = tuple(f"{k}.punch" for k in range(n_kinds))
    found = settings(
        source=sources, monomers=files, multipoles=punches, conformers="as_given"
    ).kinds
    assert [kind.monomers for kind, _ in found] == list(files)
    assert [kind.multipoles for kind, _ in found] == [(name,) for name in punches]
    number = data.draw(st.integers(0, 8).filter(lambda n: n not in (0, n_kinds)))
    with pytest.raises(
        ValidationError, match=f"names {number} files for {n_kinds} kinds of molecules"
    ):
        settings(source=sources, monomers=[f"{k}.json" for k in range(number)])


@given(SOURCES, st.data())
def test_charges_are_for_all_or_for_each(sources, data):
    charges = [{"A": 1, "B": -1, "C": 0, "D": 2}[name] for name in sources]
    found = settings(source=sources, charge=charges).kinds
    if len(charges) > 1:
        assert {kind.source: kind.charge for kind, _ in found} == dict(
            zip(sources, charges, strict=True)
        )
    found = settings(source=sources, charge=2).kinds
    assert {kind.charge for kind, _ in found} == {2}
    found = settings(source=sources).kinds
    assert {kind.charge for kind, _ in found} == {None}
    number = data.draw(st.integers(1, 8).filter(lambda n: n != len(sources)))
    with pytest.raises(
        ValidationError,
        match=f"charge has {number} values for {len(sources)} molecules: give one",
    ):
        settings(source=sources, charge=[0] * number)


def test_one_source_with_two_charges_is_two_kinds():
    kinds = settings(source=("a.xyz", "a.xyz"), charge=(1, -1)).kinds
    assert [(kind.charge, count) for kind, count in kinds] == [(1, 1), (-1, 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": ()}, "at least 1 item"),
        ({"source": ("O", "")}, "at least 1 character"),
        ({"source": "O", "charge": 11}, "less than or equal to 10"),
        ({"source": "O", "charge": (-11,)}, "greater than or equal to -10"),
        ({"source": "O", "hands": "left"}, "'auto', 'both' or 'one'"),
        ({"source": ("O", "N"), "monomers": "a.json"}, "names 1 files for 2 kinds"),
    ],
)
def test_settings_without_meaning_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        settings(**change)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("C[C@H](N)C(=O)O", True),
        ("C[C@@H](N)C(=O)O", True),
        ("CC(N)C(=O)O", False),
        # a centre that is none, and a double bond: no hands
        ("C[C@H](C)O", False),
        ("C/C=C/C", False),
        ("alanine.cif", False),
        ("no molecule", False),
        ("", False),
    ],
)
def test_a_smiles_string_may_name_the_hand(source, expected):
    assert names_hand(source) is expected
