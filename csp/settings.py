"""The one settings file: read, checked, overridden, and written as a template."""

import difflib
import json
import re
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from csp.comparison.settings import ComparisonSettings
from csp.conformers.settings import MoleculeSettings
from csp.errors import InputError
from csp.packing.presets import PresetName
from csp.packing.settings import STANDARD_PRESET, PackingSettings
from csp.potentials.settings import PotentialSettings
from csp.relaxation.settings import STEEPEST, RelaxationSettings

RUNNER_PATTERN = r"^(threads|processes|dask|ray|(tcp|tls)://\S+:\d+)$"
"""Names of what does pieces of work; addresses are those of Dask schedulers."""

LEFT_OUT = "… (left out)"
"""What stands for the default of a key that has no value unless one is given."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OF_NO_RESULT = ("preset", "stop_when")
"""Keys of ``[packing]`` that decide how far a search goes, not what a draw gives."""
_WHERE_ABSENT: Mapping[str, Any] = {"relaxation.ways_down": STEEPEST}
"""What runs that were made before a key existed have done; it leaves identities as they
were."""
_KIND = re.compile(r"constrained-\w+|tuple\[.*\]")
"""What pydantic adds to the place of a mistake in a key of several kinds."""


class LandscapeSettings(BaseModel):
    """The ``[landscape]`` section: what of the search is kept and marked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    energy_window_kj_per_mol: float = Field(
        25.0,
        gt=0.0,
        le=500.0,
        description="structures within this energy of the lowest are kept",
    )
    observed: dict[str, str] = Field(
        default_factory=dict,
        description="known crystal forms to look for: name and CIF file, "
        'like { alpha = "alpha.cif" }',
    )


class CorrectionSettings(BaseModel):
    """The ``[correction]`` section: reference energies that correct the landscape."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    energies: str | None = Field(
        None,
        description="file of reference energies (csp reference export) from which the "
        "landscape is corrected; none are computed",
    )
    level: str = Field(
        "pbe0-d4",
        min_length=1,
        description="level of theory of the corrected energies (csp reference levels)",
    )


class RunSettings(BaseModel):
    """The ``[run]`` section: where and on how many cores; changes no number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(
        0, ge=0, le=4096, description="pieces of work at a time (0: one a core)"
    )
    runner: str = Field(
        "threads",
        pattern=RUNNER_PATTERN,
        description="who does the pieces of work: threads or processes of this "
        "machine, dask or ray on this machine, or a running Dask scheduler by its "
        "address, like tcp://host:8786",
    )
    output: str = Field(
        "run",
        min_length=1,
        description="output folder, relative to where csp is started",
    )


def _in_order(schema: dict[str, Any]) -> None:
    """Number the sections, so that a form made from the schema has their order."""
    for position, section in enumerate(schema["properties"].values()):
        section["position"] = position


class Settings(BaseModel):
    """All settings of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_order)

    molecule: MoleculeSettings
    packing: PackingSettings = PackingSettings()
    potential: PotentialSettings = PotentialSettings()
    relaxation: RelaxationSettings = RelaxationSettings()
    comparison: ComparisonSettings = ComparisonSettings()
    landscape: LandscapeSettings = LandscapeSettings()
    correction: CorrectionSettings = CorrectionSettings()
    run: RunSettings = RunSettings()

    def identity(self) -> dict[str, Any]:
        """The settings on which stored results depend, as plain JSON values.

        Sections that only read the stored results, and where the run takes place, are
        left out: they may change between one run and the next.
        """
        whole = self.model_dump(mode="json")
        whole["molecule"].pop("name")
        whole["molecule"].pop("monomers")
        whole["molecule"].pop("multipoles")
        for key in _OF_NO_RESULT:
            whole["packing"].pop(key)
        if self.relaxation.ways_down == _WHERE_ABSENT["relaxation.ways_down"]:
            whole["relaxation"].pop("ways_down")
        return {
            section: whole[section]
            for section in ("molecule", "packing", "potential", "relaxation")
        }


def load_settings(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """Read a settings file.

    Args:
        path: A TOML file.
        overrides: ``section.key=value``, the value as it would stand in the file (text
            may go without quotes).

    Raises:
        InputError: In one sentence for each mistake: what, value, bound, remedy.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise InputError(
            f"the settings file {path} cannot be read ({error.strerror}): "
            "write one with: csp init SMILES"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{path} is not valid TOML ({error}): correct it, or write a new file with "
            "csp init SMILES"
        ) from error
    for override in overrides:
        _apply(table, override)
    return checked(table, f"in {path}: ")


def checked(table: Mapping[str, Any], where: str = "") -> Settings:
    """Settings from sections of keys and values.

    Args:
        table: As in a settings file.
        where: Said before what is wrong.

    Raises:
        InputError: In one sentence for each mistake: what, value, bound, remedy.
    """
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        mistakes = _one_of_each(error.errors())
        sentences = [
            _sentence(mistake)
            for mistake in mistakes
            if not any(_is_inside(other["loc"], mistake["loc"]) for other in mistakes)
        ]
        raise InputError(where + "; ".join(sentences)) from error


def _apply(table: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys) or len(keys) < 2:  # noqa: PLR2004
        raise InputError(
            f"--set takes section.key=value, got {override!r}: "
            "write it like --set packing.n_minima=5000"
        )
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise InputError(f"--set {override}: {key} is not a section")
    try:
        table[keys[-1]] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[keys[-1]] = text.strip()


def _sentence(error: Mapping[str, Any]) -> str:
    where = [str(part) for part in error["loc"]]
    name = ".".join(where)
    if error["type"] == "extra_forbidden":
        return f"unknown key {name}{_suggestion(where)}"
    if error["type"] == "missing":
        return f"{name} is missing: add it (csp init writes a file with every key)"
    message = str(error["msg"]).removeprefix("Value error, ")
    value = error["input"]
    shown = "" if isinstance(value, dict | list) else f", got {value!r}"
    return f"{name}: {message[0].lower()}{message[1:]}{shown}"


def _one_of_each(mistakes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of a key that takes values of several kinds one mistake alone.

    It is the one that says more than that the value is of another kind.
    """
    found: dict[tuple[int | str, ...], Mapping[str, Any]] = {}
    for mistake in mistakes:
        whole = tuple(mistake["loc"])
        where = tuple(part for part in whole if not _KIND.fullmatch(str(part)))
        key = whole if where == whole else where[:2]
        says_more = not mistake["type"].endswith("_type")
        if key not in found or (says_more and found[key]["type"].endswith("_type")):
            found[key] = {**mistake, "loc": where}
    return list(found.values())


def _is_inside(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    """Whether a mistake lies inside a list or section that is wrong for it as well."""
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _suggestion(where: Sequence[str]) -> str:
    model: type[BaseModel] | None = Settings
    for part in where[:-1]:
        field = model.model_fields.get(part) if model is not None else None
        model = _section(field)
    known = list(model.model_fields) if model is not None else []
    close = difflib.get_close_matches(where[-1], known, n=1)
    if close:
        return f": did you mean {'.'.join([*where[:-1], close[0]])}?"
    return f": known here are {', '.join(known)}"


def _section(field: FieldInfo | None) -> type[BaseModel] | None:
    annotation = field.annotation if field is not None else None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Which settings differ, one phrase each.

    >>> differences({"packing": {"seed": 1}}, {"packing": {"seed": 2}})
    ['packing.seed was 1 and is now 2']
    """
    before, after = ({**_WHERE_ABSENT, **dict(_flat(own))} for own in (stored, wanted))
    return [
        f"{name} was {json.dumps(before.get(name), ensure_ascii=False)} "
        f"and is now {json.dumps(after.get(name), ensure_ascii=False)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def template(
    sources: Sequence[str], name: str, preset: PresetName = STANDARD_PRESET
) -> str:
    """A settings file with every key, what it means and its default.

    Keys at their default are commented out, so that the file says what differs.

    Args:
        sources: The molecules of the formula unit.
        name: Of the compound.
        preset: Whose values the search has.
    """
    lines = [
        "# Settings of a crystal structure prediction. Every key is here; those that",
        "# are commented out have the value shown. Run it with: csp run THIS_FILE",
    ]
    source = sources[0] if len(sources) == 1 else tuple(sources)
    given = {("molecule", "source"): source, ("molecule", "name"): name}
    if preset != STANDARD_PRESET:
        given["packing", "preset"] = preset
    for section, keys in groupby(settings_keys(preset), lambda key: key.section):
        lines += ["", f"[{section}]"]
        for key in keys:
            lines += textwrap.wrap(
                key.meaning, 88, initial_indent="# ", subsequent_indent="# "
            )
            if (section, key.name) in given:
                lines.append(f"{key.name} = {toml_value(given[section, key.name])}")
            else:
                lines.append(f"# {key.name} = {key.default}")
    return "\n".join(lines) + "\n"


class SettingsKey(NamedTuple):
    """A key of the settings file.

    Attributes:
        section: Where it stands.
        name: Of the key.
        meaning: In words, with bounds and choices.
        default: As TOML; empty where the key must be given.
    """

    section: str
    name: str
    meaning: str
    default: str


def settings_keys(preset: PresetName = STANDARD_PRESET) -> Iterator[SettingsKey]:
    """Every key of the settings file, in its order.

    Args:
        preset: Whose values are the defaults of ``[packing]``.
    """
    searched = PackingSettings(preset=preset)
    for section, field in Settings.model_fields.items():
        model = _section(field)
        if model is None:
            continue
        schemas = model.model_json_schema()["properties"]
        for name, entry in model.model_fields.items():
            meaning = str(entry.description).rstrip(".") + _bounds(schemas[name])
            is_searched = section == "packing"
            default = (
                toml_value(getattr(searched, name)) if is_searched else _default(entry)
            )
            yield SettingsKey(section, name, meaning, default)


def _default(entry: FieldInfo) -> str:
    if entry.is_required():
        return ""
    default = entry.get_default(call_default_factory=True)
    return toml_value(LEFT_OUT if default is None else default)


def _bounds(schema: Mapping[str, Any]) -> str:
    """Bounds of a number or of the numbers of a list, choices of a text."""
    signs = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
    }
    kind = schema.get("items", schema.get("anyOf", [schema])[0])
    parts = [f"{sign} {kind[name]}" for name, sign in signs.items() if name in kind]
    choices = schema.get("enum", [])
    if not all(choice in schema["description"] for choice in choices):
        parts.append(" | ".join(choices))
    return f" ({', '.join(parts)})" if parts else ""


def toml_value(value: Any) -> str:  # noqa: ANN401
    """A value of JSON as it stands in a TOML file.

    >>> toml_value({"alpha": "a.cif", "n": [1, 2.5]})
    '{ alpha = "a.cif", n = [1, 2.5] }'
    """
    if isinstance(value, dict):
        inner = ", ".join(
            f"{key if _BARE_KEY.fullmatch(key) else toml_value(key)} = "
            f"{toml_value(item)}"
            for key, item in value.items()
        )
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")  # the one character that JSON leaves raw
