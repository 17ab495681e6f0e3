import json
import math
import re
import tomllib
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from csp.errors import InputError
from csp.packing.presets import PRESETS
from csp.settings import Settings, differences, load_settings, template

SECTIONS: dict[str, type[BaseModel]] = {
    name: field.annotation for name, field in Settings.model_fields.items()
}
KEYS = [(s, key) for s, model in SECTIONS.items() for key in model.model_fields]
NUMBERS = (int, float)
REQUIRED = {"molecule": {"source": "NC(N)=O", "name": "urea"}}
OTHERS = {
    "runner": "dask",
    "stop_when": "90 % of minima within 3 kJ/mol seen",
    "charge": 1,
    "independent": [1, 2],
}
"""Values of keys that a change of their default does not give."""
UNSEEN = ("monomers", "preset", "stop_when")
"""Keys that no stored result depends on."""
IDENTITY = ("molecule", "packing", "potential", "relaxation")


@pytest.fixture
def urea(tmp_path) -> Path:
    path = tmp_path / "urea.toml"
    path.write_text(template(["NC(N)=O"], "urea"), encoding="utf-8")
    return path


def is_number(annotation: Any) -> bool:
    return annotation in NUMBERS or any(map(is_number, get_args(annotation)))


def another(section: str, key: str) -> Any:
    """An allowed value that is not the default."""
    entry = SECTIONS[section].model_fields[key]
    default = REQUIRED.get(section, {}).get(key, entry.default)
    if isinstance(default, bool):
        return not default
    if isinstance(default, Enum):
        return next(item.value for item in type(default) if item is not default)
    if get_origin(entry.annotation) is Literal:
        return next(item for item in get_args(entry.annotation) if item != default)
    if key in OTHERS:
        return OTHERS[key]
    if isinstance(default, tuple):
        return list(default[:1]) * (2 if isinstance(default[0], float) else 1)
    changes = {
        int: lambda x: x + 1,
        float: lambda x: x * 1.01 or 0.5,
        str: lambda x: x + "C",
    }
    return changes.get(type(default), lambda _: "other.json")(default)


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_is_described(section, key):
    assert len(SECTIONS[section].model_fields[key].description) > len("is a key")


@pytest.mark.parametrize(
    ("section", "key"),
    [(s, k) for s, k in KEYS if is_number(SECTIONS[s].model_fields[k].annotation)],
)
def test_no_number_goes_without_bounds(section, key):
    model = SECTIONS[section]
    is_list = get_origin(model.model_fields[key].annotation) is tuple
    refused = 0
    for value in (-(10**12), 10**12):
        wrong = [value, value] if is_list else value
        try:
            model.model_validate({**REQUIRED.get(section, {}), key: wrong})
        except ValidationError:
            refused += 1
    assert refused > 0


def test_the_template_has_every_key_its_meaning_and_its_bounds():
    text = template(["NC(N)=O"], "urea")
    joined = " ".join(text.replace("\n#", " ").split())
    section = ""
    seen = []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        key, equals, _ = line.removeprefix("# ").partition(" = ")
        if equals and key in SECTIONS[section].model_fields:
            seen.append((section, key))
    assert seen == KEYS
    for section, key in KEYS:
        meaning = SECTIONS[section].model_fields[key].description.rstrip(".")
        assert " ".join(meaning.split()) in joined
    assert "(≥ -10, ≤ 10)" in joined  # molecule.charge
    assert "(> 0.0, < 100.0)" in joined  # comparison.distance_tolerance_percent
    assert "(≥ 1, ≤ 230)" in joined  # packing.space_groups
    assert "(d4 | d3bj | none)" in joined  # molecule.dispersion


def test_the_template_is_read_as_the_defaults(urea):
    assert load_settings(urea) == Settings(molecule=REQUIRED["molecule"])


def test_values_shown_in_comments_are_the_defaults(urea):
    lines = [
        line if "left out" in line else re.sub(r"^# (\w+ = )", r"\1", line)
        for line in urea.read_text(encoding="utf-8").splitlines()
    ]
    urea.write_text("\n".join(lines), encoding="utf-8")
    written = tomllib.loads("\n".join(lines))
    assert set(written["comparison"]) == set(SECTIONS["comparison"].model_fields)
    assert load_settings(urea) == Settings(molecule=REQUIRED["molecule"])


@given(st.text(st.characters(codec="utf-8"), min_size=1))
@example('"\\\x00\x7f\u2028\U0001f48e')
def test_any_name_survives_the_template(name):
    table = tomllib.loads(template(["NC(N)=O"], name))
    assert table["molecule"]["name"] == name


def test_an_unknown_key_is_told_with_the_nearest_one(urea):
    with pytest.raises(
        InputError, match=r"packing\.n_minimaz: did you mean .*n_minima\?"
    ):
        load_settings(urea, ["packing.n_minimaz=3"])


def test_an_unknown_section_is_told_with_the_nearest_one(urea):
    with pytest.raises(InputError, match=r"pakking: did you mean packing\?"):
        load_settings(urea, ["pakking.n_minima=3"])


def test_a_key_like_no_other_is_told_with_all_known_ones(urea):
    with pytest.raises(
        InputError, match=r"run\.zzz: known here are workers, runner, output"
    ):
        load_settings(urea, ["run.zzz=3"])


def test_a_missing_key_is_named(tmp_path):
    path = tmp_path / "empty.toml"
    path.touch()
    with pytest.raises(InputError, match=r"molecule is missing: add it"):
        load_settings(path)


def test_a_wrong_item_of_a_list_is_one_mistake(urea):
    with pytest.raises(InputError, match=r"space_groups.*230, got 231$"):
        load_settings(urea, ["packing.space_groups=[231]"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("molecule.charge=x", "molecule.charge: .*valid integer.*, got 'x'$"),
        ("molecule.charge=11", "molecule.charge: .*equal to 10, got 11$"),
        ("molecule.charge=[1, 20]", "molecule.charge.1: .*equal to 10, got 20$"),
        ('molecule.source=""', "molecule.source: .*at least 1 character, got ''$"),
        ('molecule.source=["O", ""]', "molecule.source.1: .*1 character, got ''$"),
        ("molecule.source=5", "molecule.source: .*valid string, got 5$"),
        ("packing.preset=fast", "packing.preset: .*'quick', 'standard'.*, got 'fast'$"),
        ("packing.preset=[1]", "packing.preset: .*'quick', 'standard'[^,]*, "),
    ],
)
def test_a_key_of_several_kinds_is_one_sentence(urea, override, message):
    with pytest.raises(InputError, match=message) as caught:
        load_settings(urea, [override])
    assert ";" not in str(caught.value)
    assert (
        str(caught.value).count("molecule.") + str(caught.value).count("packing.") == 1
    )


def test_the_template_shows_the_presets_and_what_they_fill(urea):
    text = urea.read_text(encoding="utf-8")
    assert '# preset = "standard"' in text
    joined = " ".join(text.replace("\n#", " ").split())
    for name in ("quick", "thorough", "efficient-z2", "chiral"):
        assert f"{name}: " in joined
    changed = text.replace('# preset = "standard"', 'preset = "quick"')
    urea.write_text(changed, encoding="utf-8")
    quick = load_settings(urea).packing
    assert (quick.preset, quick.n_minima, quick.rounds) == (
        "quick",
        PRESETS["quick"].n_minima,
        4,
    )
    over = load_settings(urea, ["packing.n_minima=7"]).packing
    assert (over.n_minima, over.space_groups) == (7, quick.space_groups)


def test_several_mistakes_are_told_at_once(urea):
    with pytest.raises(InputError, match=r"n_minima.*; potential\.cutoff.*got 1000"):
        load_settings(urea, ["packing.n_minima=-1", "potential.cutoff=1000"])


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_are_finite(urea, value):
    with pytest.raises(InputError, match="largest_aspect"):
        load_settings(urea, [f"packing.largest_aspect={value}"])


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("packing.n_minima=7", 7),
        ("packing.n_minima = 7", 7),
        ("packing.space_groups=[1, 2]", (1, 2)),
        ("potential.force_field=fit", "fit"),
        ('potential.force_field="fit"', "fit"),
        ('landscape.observed={a = "b.cif"}', {"a": "b.cif"}),
        ("landscape.observed.a=b.cif", {"a": "b.cif"}),
        ("molecule.name=a = b", "a = b"),
    ],
)
def test_an_override_reads_like_a_line_of_the_file(urea, override, expected):
    settings = load_settings(urea, [override])
    section, key = override.partition("=")[0].strip().split(".")[:2]
    assert getattr(getattr(settings, section), key) == expected


def test_the_last_override_counts(urea):
    assert load_settings(urea, ["run.workers=1", "run.workers=2"]).run.workers == 2


@pytest.mark.parametrize(
    "override", ["packing", "packing.n_minima", "=3", "n_minima=3", ".=3", "packing.=3"]
)
def test_a_malformed_override_is_refused_with_an_example(urea, override):
    with pytest.raises(InputError, match=r"write it like --set packing\.n_minima=5000"):
        load_settings(urea, [override])


def test_an_override_inside_a_value_is_refused(urea):
    with pytest.raises(InputError, match="name is not a section"):
        load_settings(urea, ["molecule.name.x=3"])


def test_a_missing_file_is_told_with_the_command_that_writes_one(tmp_path):
    with pytest.raises(InputError, match=r"No such file.*csp init"):
        load_settings(tmp_path / "nothing.toml")


@pytest.mark.parametrize("content", [b"[molecule\nx =", b"\xff\xfe\x00", b"a = 1\na=2"])
def test_a_file_that_is_no_toml_is_told_so(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.toml is not valid TOML.*correct it"):
        load_settings(path)


@pytest.mark.parametrize(
    ("section", "key"),
    [(s, k) for s, k in KEYS if s in IDENTITY and k not in ("name", "multipoles")],
)
def test_any_setting_of_the_search_is_part_of_the_identity(section, key):
    """But names of presets, and the path of the monomers, whose content counts."""
    before = Settings.model_validate(REQUIRED)
    table = {name: dict(before.model_dump()[name]) for name in SECTIONS}
    table[section][key] = another(section, key)
    after = Settings.model_validate(table)
    assert after != before
    changes = differences(before.identity(), after.identity())
    if key in UNSEEN:
        assert changes == []
    else:
        assert len(changes) == 1
        old = json.dumps(before.model_dump(mode="json")[section][key])
        new = json.dumps(table[section][key])
        assert changes == [f"{section}.{key} was {old} and is now {new}"]


@pytest.mark.parametrize(
    ("section", "key"), [*[(s, k) for s, k in KEYS if s not in IDENTITY]]
)
def test_what_reads_the_stored_results_is_no_part_of_the_identity(section, key):
    before = Settings.model_validate(REQUIRED)
    value = {"a": "b.cif"} if key == "observed" else another(section, key)
    after = Settings.model_validate({**REQUIRED, section: {key: value}})
    assert after != before
    assert after.identity() == before.identity()


def test_the_path_of_a_punch_file_is_no_part_of_the_identity():
    """Its content counts: see the tests of stages."""
    given = {"source": "a.xyz", "name": "a", "conformers": "as_given"}
    before = Settings.model_validate({"molecule": given})
    after = Settings.model_validate({"molecule": {**given, "multipoles": ["a.punch"]}})
    assert after.identity() == before.identity()


def test_the_name_is_no_part_of_the_identity():
    first = Settings(molecule={"source": "NC(N)=O", "name": "urea"})
    second = Settings(molecule={"source": "NC(N)=O", "name": "carbamide"})
    assert first.identity() == second.identity()


def test_the_identity_is_the_same_after_a_round_trip_through_json():
    identity = Settings.model_validate(REQUIRED).identity()
    assert json.loads(json.dumps(identity)) == identity


@given(
    st.dictionaries(st.text(), st.integers()), st.dictionaries(st.text(), st.integers())
)
def test_differences_name_exactly_what_differs(before, after):
    expected = sum(
        before.get(key, math.nan) != after.get(key, math.nan) for key in before | after
    )
    assert len(differences(before, after)) == expected
    assert differences(before, before) == []
