"""What a flow run is asked for: a settings file, or settings as a form is filled in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from csp.errors import InputError
from csp.settings import Settings, load_settings
from csp.settings_copy import kept
from flows.pieces import Order


def order_of(
    settings_file: str,
    settings: Settings | None,
    output: str,
    overrides: Sequence[str],
) -> Order:
    """A run as plain values, from which any process opens it.

    Settings that came without a file are written into the output folder, with absolute
    paths, under a name that tells them apart from others.

    Raises:
        InputError: If neither a file nor settings are given, or both.
    """
    if bool(settings_file) == (settings is not None):
        raise InputError(
            "a prediction needs settings_file or settings, one of the two: the path of "
            "a file that csp init wrote, or the settings themselves"
        )
    changes = tuple(overrides)
    if settings is None:
        path = Path(settings_file).absolute()
        folder = Path(output or load_settings(path, changes).run.output)
        return str(path), str(folder.absolute()), changes
    folder = Path(output or settings.run.output).absolute()
    return str(kept(settings, folder)), str(folder), changes


def settings_of(parameters: Mapping[str, Any]) -> Settings:
    """The settings that a flow run's parameters ask for."""
    overrides = parameters.get("overrides") or ()
    if parameters.get("settings_file"):
        return load_settings(Path(parameters["settings_file"]), overrides)
    settings = parameters["settings"]
    return (
        settings
        if isinstance(settings, Settings)
        else Settings.model_validate(settings)
    )


def tags_of(settings: Settings) -> list[str]:
    """Tags of a run by which it is found again."""
    return [settings.molecule.name, settings.packing.preset]
