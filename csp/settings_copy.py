"""Settings as a file of their own, that means the same wherever it lies."""

import hashlib
from pathlib import Path

from csp.conformers.reading import is_file_name
from csp.conformers.settings import MoleculeSettings
from csp.files import write_atomically
from csp.settings import Settings, toml_value


def anchored(settings: Settings, folder: Path) -> Settings:
    """The same settings with absolute paths.

    Args:
        settings: Whose paths are relative to a folder.
        folder: That folder.
    """
    observed = {
        name: _absolute(file, folder)
        for name, file in settings.landscape.observed.items()
    }
    energies = settings.correction.energies
    return settings.model_copy(
        update={
            "molecule": _anchored_molecule(settings.molecule, folder),
            "landscape": settings.landscape.model_copy(update={"observed": observed}),
            "correction": settings.correction.model_copy(
                update={"energies": energies and _absolute(energies, folder)}
            ),
        }
    )


def _anchored_molecule(molecule: MoleculeSettings, folder: Path) -> MoleculeSettings:
    sources = (
        (molecule.source,) if isinstance(molecule.source, str) else molecule.source
    )
    placed = tuple(
        _absolute(source, folder) if is_file_name(source) else source
        for source in sources
    )
    return molecule.model_copy(
        update={
            "source": placed[0] if isinstance(molecule.source, str) else placed,
            "monomers": _all_absolute(molecule.monomers, folder),
            "multipoles": _all_absolute(molecule.multipoles, folder),
        }
    )


def _all_absolute(
    paths: str | tuple[str, ...] | None, folder: Path
) -> str | tuple[str, ...] | None:
    if paths is None or isinstance(paths, str):
        return paths and _absolute(paths, folder)
    return tuple(_absolute(path, folder) for path in paths)


def _absolute(path: str, folder: Path) -> str:
    return str((folder / path).absolute())


def settings_text(settings: Settings) -> str:
    """A settings file with every key that differs from its default."""
    lines = []
    content = settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    for section, values in content.items():
        lines += [f"[{section}]"]
        lines += [f"{key} = {toml_value(value)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines)


def kept(settings: Settings, folder: Path) -> Path:
    """Settings that came without a file, written into the output folder of their run.

    Args:
        settings: Whose paths are relative to where the process works.
        folder: Where to; the name of the file tells it apart from other settings.
    """
    text = settings_text(anchored(settings, Path.cwd()))
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    path = folder / f"settings-{digest}.toml"
    if not path.exists():
        write_atomically(path, text)
    return path
