"""The settings reference, from the models that read the settings file."""

from inspect import getdoc
from itertools import groupby
from typing import get_args

from csp.packing.presets import PresetName
from csp.settings import LEFT_OUT, Settings, settings_keys, toml_value

_INTRODUCTION = """\
# Settings

The settings file is TOML; `csp init` writes one with every key. A key that is left out
has its default. Unknown keys are refused, with a suggestion. Single keys can be changed
on the command line: `--set packing.n_minima=5000`.
"""


def settings_page() -> str:
    """Markdown of every key with its meaning, bounds and default."""
    lines = [_INTRODUCTION]
    for section, keys in groupby(settings_keys(), key=lambda key: key.section):
        model = Settings.model_fields[section].annotation
        lines += [f"## [{section}]", "", getdoc(model) or "", ""]
        lines += ["| key | meaning | default |", "| --- | --- | --- |"]
        lines += [
            f"| `{key.name}` | {_cell(key.meaning)} | {_code(key.default)} |"
            for key in keys
        ]
        lines.append("")
    return "\n".join([*lines, *_presets()]) + "\n"


def _presets() -> list[str]:
    """What each preset says of the keys in which presets differ."""
    presets = get_args(PresetName)
    columns = [
        {
            key.name: key.default
            for key in settings_keys(preset)
            if key.section == "packing"
        }
        for preset in presets
    ]
    names = [name for name in columns[0] if len({c[name] for c in columns}) > 1]
    rows = [
        f"| `{name}` | {' | '.join(_code(column[name]) for column in columns)} |"
        for name in names
        if name != "preset"
    ]
    heading = ["", *(f"`{preset}`" for preset in presets)]
    return [
        "## Presets",
        "",
        "What `packing.preset` says of keys of `[packing]` that the file does not set.",
        "",
        f"| {' | '.join(heading)} |",
        f"|{' --- |' * len(heading)}",
        *rows,
    ]


def _code(value: str) -> str:
    if not value:
        return "to be given"
    return "–" if value == toml_value(LEFT_OUT) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
